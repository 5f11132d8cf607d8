// The state diagrams in docs/transactions.md are what the rules do, found by trying all of them.
// CONCORDAT_WRITE_DOCS=1 writes them anew.
#include <gtest/gtest.h>

#include <base/file.hpp>
#include <map>
#include <set>

#include "saga.hpp"

namespace concordat::transaction {
namespace {

using contract::EffectKind;
using contract::EntryType;
using contract::Step;
using ledger::Fate;

const std::string page = CONCORDAT_SOURCE_DIR "/docs/transactions.md";

// From state to state, by what.
class Diagram {
  public:
    void add(const std::string& from, const std::string& to, const std::string& by) { moves_[{from, to}].insert(by); }
    std::string text() const {
        std::string out = "```mermaid\nstateDiagram-v2\n";
        for (const auto& [ends, by] : moves_) {
            std::string label;
            for (const std::string& one : by) label += (label.empty() ? "" : ", ") + one;
            out += "    " + ends.first + " --> " + ends.second + " : " + label + "\n";
        }
        return out + "```\n";
    }

  private:
    std::map<std::pair<std::string, std::string>, std::set<std::string>> moves_;
};

Step step_of(EffectKind kind, std::vector<std::uint8_t> after = {}) {
    Step step{
        .effect = "effect", .ledger = "ledger", .kind = kind, .arguments = {}, .commit = {}, .undo = {}, .after = {}};
    if (kind == EffectKind::compensatable) step.commit = step.undo = json::Object{};
    step.after = std::move(after);
    return step;
}

std::string state_of(const Saga& saga) {
    if (saga.disputed()) return "disputed";
    if (saga.ending()) return std::string(ending_name(*saga.ending()));
    if (saga.decision()) return saga.decision() == Decision::commit ? "committing" : "aborting";
    return saga.cancelling() ? "cancelling" : "prepared";
}

void pin_all(Saga& saga) {
    for (const Due& due : saga.due()) saga.pin(due, {}, {}, 1);
}

// Every history of a transaction with these steps, in which what must succeed fails once at most, or is given up then.
void explore(const Saga& saga, Diagram& diagram) {
    const std::string from = state_of(saga);
    const auto move = [&](Saga next, const std::string& by) {
        if (!next.ending()) pin_all(next);
        const std::string to = state_of(next);
        diagram.add(from, to, next.ending() && !next.disputed() ? "outcome" : by);
        if (to != "disputed") explore(next, diagram);
    };
    if (saga.ending()) {
        Saga next = saga;
        next.dispute(0);
        return move(next, "disputed");
    }
    if (!saga.decision() && !saga.cancelling()) {
        Saga next = saga;
        next.cancel();
        move(next, "cancelling");
    }
    for (std::size_t call = 0; call < saga.calls().size(); ++call) {
        const Journal& journal = saga.call(call).journal;
        if (journal.ending) continue;
        for (const Fate fate : {Fate::called, Fate::failed}) {
            if (fate == Fate::failed && journal.must_succeed() && journal.tries > 0) continue;
            Saga next = saga;
            next.settle(call, fate);
            move(next, "step");
        }
        if (journal.must_succeed() && journal.tries > 0) {
            Saga next = saga;
            next.give_up(call);
            move(next, "resolve");
        }
    }
}

std::string transactions() {
    using enum EffectKind;
    Diagram diagram;
    for (const std::vector<Step>& steps :
         {std::vector{step_of(pivot)}, std::vector{step_of(compensatable)}, std::vector{step_of(retriable)},
          std::vector{step_of(compensatable), step_of(pivot), step_of(retriable)},
          std::vector{step_of(compensatable), step_of(compensatable, {0}), step_of(retriable)}}) {
        Saga saga(steps, 60'000);
        pin_all(saga);
        diagram.add("[*]", state_of(saga), "prepare");
        explore(saga, diagram);
    }
    for (const Ending ending : {Ending::committed, Ending::aborted}) {
        diagram.add(std::string(ending_name(ending)), "[*]", "the ledgers are deep enough");
    }
    return diagram.text();
}

std::string state_of(const Journal& journal) {
    if (journal.disputed) return "disputed";
    if (journal.ending) return journal.ending == Ending::committed ? "called" : "failed";
    if (journal.given_up) return "given_up";
    return journal.cancelling ? "cancelling" : "pinned";
}

std::string calls() {
    Diagram diagram;
    diagram.add("[*]", "pinned", "prepare, cancelling or step");
    std::vector<Journal> to_try(1);
    std::set<std::string> tried;
    while (!to_try.empty()) {
        const Journal journal = to_try.back();
        to_try.pop_back();
        if (!tried.insert(state_of(journal)).second) continue;
        for (const auto& [type, name] :
             {std::pair{EntryType::cancelling, "cancelling, or step that aborts"},
              std::pair{EntryType::outcome, "step or outcome"}, std::pair{EntryType::disputed, "disputed"},
              std::pair{EntryType::resolve, "resolve"}}) {
            for (const Fate fate : {Fate::called, Fate::failed}) {
                try {
                    to_try.push_back(advance(journal, type, ledger::Judgement{.fate = fate}));
                    diagram.add(state_of(journal), state_of(to_try.back()), name);
                } catch (const Error&) {
                    continue;  // that entry may not follow
                }
            }
        }
    }
    return diagram.text();
}

void is_on_the_page(const std::string& name, const std::string& diagram) {
    const std::string begin = "<!-- states of a " + name + " -->\n", end = "<!-- end -->\n";
    std::string text = read_text_file(page, 1 << 20);
    const std::size_t from = text.find(begin), to = text.find(end, from);
    ASSERT_NE(from, std::string::npos) << begin;
    ASSERT_NE(to, std::string::npos) << end;
    const std::size_t inner = from + begin.size();
    if (std::getenv("CONCORDAT_WRITE_DOCS") != nullptr) {
        text.replace(inner, to - inner, diagram);
        write_file_atomic(page, bytes_of(text));
        return;
    }
    EXPECT_EQ(text.substr(inner, to - inner), diagram) << "CONCORDAT_WRITE_DOCS=1 writes it anew";
}

TEST(States, TheDiagramOfATransactionIsWhatItDoes) { is_on_the_page("transaction", transactions()); }
TEST(States, TheDiagramOfACallIsWhatItDoes) { is_on_the_page("call", calls()); }

}  // namespace
}  // namespace concordat::transaction
