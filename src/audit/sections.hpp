// The parts of the report. Internal to this module.
#pragma once
#include "report.hpp"
#include "words.hpp"

namespace concordat::audit {

struct Report {
    Html& html;
    const Facts& facts;
    const About& about;
};

class Section {
  public:
    Section(Html& html, Markup id, Markup title) : element_(html.in("section", {{"id", std::string(id.view())}})) {
        html.line();
        html.put("h2", title.view());
    }

  private:
    Html::Element element_;
};

void put_summary(const Report& report);
void put_limits(const Report& report);    // what was not verified
void put_problems(const Report& report);  // what does not hold; nothing where all does
void put_parties(const Report& report);
void put_versions(const Report& report);
void put_platform(const Report& report);  // enclaves and record ledger
void put_timeline(const Report& report);
void put_transactions(const Report& report);
void put_costs(const Report& report);
void put_anchors(const Report& report);
void put_disputes(const Report& report);
void put_verdict(const Report& report);  // the verifier's word on the last entry
void put_method(const Report& report);

}  // namespace concordat::audit
