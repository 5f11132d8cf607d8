#include "report.hpp"

#include <ostream>

#include "sections.hpp"
#include "style.hpp"

namespace concordat::audit {
namespace {

std::string title_of(const Facts& facts) {
    if (!facts.versions.empty()) {
        const auto found = facts.packages.find(facts.versions.back().binding.package);
        if (found != facts.packages.end()) return found->second.name + " " + found->second.version;
    }
    return "Binding " + facts.binding.hex().substr(0, 12);
}

// Page headings: digests and times only, which cannot end a CSS string.
void put_page_rules(Html& html, const Facts& facts, const About& about) {
    html.raw(
        "@page{margin:19mm 17mm 18mm;@top-left{content:\"Audit report\";font:7.5pt "
        "sans-serif;color:#545d68}@top-right{content:\"Binding ");
    html.text(facts.binding.text());
    html.raw("\";font:6.5pt monospace;color:#545d68}@bottom-left{content:\"Made ");
    html.text(time_text(about.made));
    html.raw(
        " UTC\";font:7.5pt sans-serif;color:#545d68}@bottom-right{content:\"Page \" counter(page) \" of \" "
        "counter(pages);"
        "font:7.5pt sans-serif;color:#545d68}}");
}

void put_head(Html& html, const Facts& facts, const About& about) {
    const auto head = html.in("head");
    html.empty("meta", {{"charset", "utf-8"}});
    html.empty("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
    // Nothing outside this file is ever asked for, and nothing in it runs.
    html.empty("meta",
               {{"http-equiv", "Content-Security-Policy"},
                {"content", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"}});
    html.empty("meta", {{"name", "referrer"}, {"content", "no-referrer"}});
    html.put("title", "Audit report: " + cut(title_of(facts), 200));
    const auto style_element = html.in("style");
    html.raw(style());
    put_page_rules(html, facts, about);
}

void put_title(Html& html, const Facts& facts, const About& about) {
    const auto header = html.in("header", {{"class", "title"}});
    html.put("p", "Concordat · Audit report", {{"class", "kicker"}});
    html.put("h1", cut(title_of(facts), 200));
    if (!facts.versions.empty()) {
        const auto found = facts.packages.find(facts.versions.back().binding.package);
        if (found != facts.packages.end() && !found->second.description.empty())
            html.put("p", cut(found->second.description, 400), {{"class", "lead"}});
    }
    const auto line = html.in("p", {{"class", "lead small"}});
    html.text("Binding ");
    html.put("code", facts.binding.text());
    html.empty("br");
    html.text("Made " + time_text(about.made) + " UTC by " + about.program);
}

void put_contents(Html& html, const Facts& facts) {
    const auto nav = html.in("nav", {{"aria-label", "Contents"}});
    const auto list = html.in("ol");
    const auto item = [&](Markup target, Markup text) {
        const auto one = html.in("li");
        html.put("a", text.view(), {{"href", std::string(target.view())}});
    };
    item("#summary", "Summary");
    if (!facts.holds()) item("#problems", "What does not hold");
    item("#limits", "What was not verified");
    item("#parties", "Parties");
    item("#versions", "Versions of the contract");
    item("#platform", "Enclaves and record ledger");
    item("#transactions", "Transactions");
    item("#costs", "Calls and costs by ledger");
    item("#disputes", "Disputes");
    item("#anchors", "Anchors");
    item("#timeline", "Timeline");
    item("#verdict", "The verifier’s word on the last entry");
    item("#method", "How to check this report");
}

}  // namespace

void write_report(std::ostream& out, const Facts& facts, const About& about) {
    Html html(out);
    html.raw("<!DOCTYPE html>\n");
    const auto root = html.in("html", {{"lang", "en"}});
    put_head(html, facts, about);
    const auto body = html.in("body");
    const auto main = html.in("main");
    put_title(html, facts, about);
    const Report report{html, facts, about};
    put_summary(report);
    put_contents(html, facts);
    put_problems(report);
    put_limits(report);
    put_parties(report);
    put_versions(report);
    put_platform(report);
    put_transactions(report);
    put_costs(report);
    put_disputes(report);
    put_anchors(report);
    put_timeline(report);
    put_verdict(report);
    put_method(report);
    html.line();
}

}  // namespace concordat::audit
