// The report's first page: the verdict, what is covered, what does not hold, and what nobody has shown.
#include <algorithm>

#include "sections.hpp"

namespace concordat::audit {
namespace {

constexpr std::string_view dash = "–";

struct Headline {
    const char* look;
    std::string word, text;
};

Headline headline(const Facts& facts) {
    const std::string all = count_text(facts.receipts, "receipt", "receipts");
    if (!facts.holds()) {
        std::string text;
        const auto add = [&](std::size_t number, const std::string& what) {
            if (number > 0) text += (text.empty() ? "" : "; ") + what;
        };
        add(facts.failing, std::to_string(facts.failing) + " of " + all + " do not hold");
        add(facts.missing, count_text(facts.missing, "receipt", "receipts") + " could not be had");
        const std::size_t findings = facts.problems.size() + facts.problems_left_out;
        add(findings, count_text(findings, "finding", "findings") + " below");
        if (!facts.trust) text += "; no trust file was given: nothing was verified";
        return {"bad", "Does not hold", text + ". Do not rely on this report before each finding is explained."};
    }
    if (!facts.trust) {
        return {
            "none", "Not verified",
            "No trust file was given, so nothing was verified: this report tells what the documents say, and proves "
            "nothing. `concordat audit --trust` has the verifier judge each receipt."};
    }
    return {"good", "Verified",
            "The verifier took " + (facts.receipts == 1 ? "the only receipt" : "each of " + all) +
                " under the trust file named below. What rests on somebody’s word is listed under “What was not "
                "verified”."};
}

void put_headline(Html& html, const Facts& facts) {
    const Headline one = headline(facts);
    const auto box = html.in("div", {{"class", std::string("verdict ") + one.look}, {"role", "status"}});
    html.put("p", one.word, {{"class", "word"}});
    html.put("p", one.text);
}

void row(Html& html, Markup name, std::string_view value) {
    html.put("dt", name.view());
    html.put("dd", value);
}

std::string entries_text(const Facts& facts) {
    const std::size_t read = facts.receipts - std::min(facts.receipts, facts.missing);
    std::string out = count_text(read, "entry", "entries") + ", from " + std::to_string(facts.first) + " to " +
                      std::to_string(facts.last);
    if (facts.gaps > 0)
        out += "; " + count_text(facts.gaps, "entry", "entries") + " between them are not in this report";
    return out;
}

std::string completeness_text(const Facts& facts) {
    if (!facts.head) return "not known: the record ledger was not asked for its last entry";
    const std::string head =
        "entry " + std::to_string(facts.head->sequence) + ", at " + time_text(facts.head->time) + " UTC";
    if (!facts.trust) return "the record ledger, asked with a nonce, named " + head + " as its last; not verified";
    if (facts.head->reached) {
        return facts.first == 0 && facts.gaps == 0
                   ? "complete: the record ledger signed that its last is " + head + ", the last one here"
                   : "up to the end: the record ledger signed that its last is " + head + ", the last one here";
    }
    return "the record ledger signed that its last is " + head + "; this report ends before it";
}

std::string transactions_text(const Facts& facts) {
    const TransactionTotals& all = facts.totals;
    if (all.total() == 0) return "none";
    std::string out = std::to_string(all.committed) + " committed, " + std::to_string(all.aborted) + " aborted";
    if (all.open > 0) out += ", " + std::to_string(all.open) + " open";
    return out + ", " + std::to_string(all.disputed) + " disputed";
}

std::string state_word(const Facts& facts) {
    if (facts.types.contains(contract::EntryType::terminate)) return "terminated";
    return facts.totals.disputed > 0 ? "halted, or continued after a dispute: see “Disputes”"
                                     : "in force, as of the last entry here";
}

}  // namespace

void put_summary(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "summary", "Summary");
    put_headline(html, facts);
    const auto list = html.in("dl");
    row(html, "Period covered",
        facts.receipts == 0 ? std::string(dash)
                            : time_text(facts.begin) + " to " + time_text(facts.end) + " UTC (the host’s clock)");
    row(html, "Entries", entries_text(facts));
    row(html, "Completeness", completeness_text(facts));
    row(html, "Agreement", state_word(facts));
    row(html, "Transactions", transactions_text(facts));
    html.put("dt", "Receipts");
    {
        const auto value = html.in("dd");
        if (!facts.trust) {
            put(html, Word{"unchecked", "not verified", std::to_string(facts.receipts) + " read"});
        } else {
            html.text(std::to_string(facts.held) + " hold, " + std::to_string(facts.failing) + " do not");
        }
    }
    html.put("dt", "Trust file");
    {
        const auto value = html.in("dd");
        if (!facts.trust) {
            html.text("none");
        } else {
            if (!about.trust_name.empty()) html.text(cut(about.trust_name, 200) + ", ");
            html.put("code", facts.trust->text());
        }
    }
    row(html, "Read from", about.source.empty() ? std::string(dash) : cut(about.source, 300));
    if (facts.sealed_fields + facts.opened_fields > 0) {
        row(html, "Confidential fields",
            std::to_string(facts.opened_fields) + " opened with the reader’s key, " +
                std::to_string(facts.sealed_fields) + " sealed");
    }
}

// ------------------------------------------------------------------------------------------------ what does not hold

void put_problems(const Report& report) {
    const auto& [html, facts, about] = report;
    if (facts.holds()) return;
    const Section section(html, "problems", "What does not hold");
    {
        TableOf table(html, "Findings, in the order in which they were met",
                      {{"Entry", false, "9%"}, {"Layer", false, "13%"}, {"What", false, "32%"}, {"Why", false, "46%"}});
        for (const Problem& one : facts.problems) {
            const auto line = table.row();
            table.put(one.sequence ? std::to_string(*one.sequence) : std::string(dash));
            table.put(one.layer);
            table.put(cut(one.what, 400));
            const auto cell = table.cell(true);
            html.put("span", cut(one.problem, 600), {{"class", "bad-text"}});
        }
    }
    if (facts.problems_left_out > 0)
        html.put("p",
                 count_text(facts.problems_left_out, "more finding is", "more findings are") + " not listed here.");
}

// -------------------------------------------------------------------------------------------- what was not verified

namespace {

std::vector<std::string> platform_limits(const Facts& facts) {
    std::vector<std::string> out;
    std::size_t soft = 0;
    for (const auto& [kid, enclave] : facts.enclaves) soft += enclave.hardware ? 0 : 1;
    if (soft > 0) {
        out.push_back("That nobody could look into the enclaves or change what they do: the evidence of " +
                      count_text(soft, "enclave is", "enclaves is") +
                      " of kind development, which no hardware protects from the machine’s owner.");
    }
    if (facts.ledger && !facts.ledger->hardware) {
        out.push_back("The same of the record ledger: its evidence is of kind " +
                      (facts.ledger->kind.empty() ? std::string("unknown") : facts.ledger->kind) +
                      ", not protected by hardware.");
    }
    return out;
}

std::vector<std::string> word_limits(const Facts& facts) {
    std::vector<std::string> out;
    if (const auto clock = facts.asserted.find("clock"); clock != facts.asserted.end()) {
        out.push_back("Times: those of entries are the claim of whoever ran the node (" +
                      count_text(clock->second.receipts, "receipt", "receipts") + "). They never go back.");
    }
    if (const auto rollback = facts.asserted.find("rollback"); rollback != facts.asserted.end()) {
        out.push_back("Rollbacks (" + count_text(rollback->second.receipts, "receipt", "receipts") +
                      "): " + cut(rollback->second.text, 400) + ".");
    }
    for (const auto& [chain, totals] : facts.chains) {
        if (totals.asserted == 0) continue;
        out.push_back(
            "Finality on " + chain + ": that the blocks with " + count_text(totals.asserted, "call is", "calls are") +
            " on the chain, and stay there, is the host’s word. That the calls are in these blocks is proved.");
    }
    if (facts.totals.disputed > 0)
        out.push_back("Disputes: that a ledger went back on what was final is the host’s word.");
    return out;
}

std::vector<std::string> coverage_limits(const Facts& facts) {
    std::vector<std::string> out;
    std::string unknown;
    if (!facts.versions.empty()) {
        for (const contract::Party& party : facts.versions.back().binding.parties) {
            if (!facts.trusted_parties.contains(party.id))
                unknown += (unknown.empty() ? "" : ", ") + cut(party.id, 200);
        }
    }
    if (facts.trust && !unknown.empty()) {
        out.push_back("That the keys of " + unknown +
                      " are theirs: the trust file does not list them, so the agreement’s own word counts.");
    }
    if (facts.first > 0 || facts.gaps > 0)
        out.push_back("Entries before " + std::to_string(facts.first) + (facts.gaps > 0 ? ", and gaps" : "") +
                      ": they are not in this report.");
    if (!facts.head) out.push_back("That there are no later entries: the record ledger was not asked.");
    if (facts.head && !facts.head->reached)
        out.push_back("Later entries: this report ends before the record ledger’s last.");
    if (facts.totals.open > 0)
        out.push_back("The end of " + count_text(facts.totals.open, "transaction that was", "transactions that were") +
                      " open when this report was made.");
    if (facts.sealed_fields > 0)
        out.push_back("The content of " + count_text(facts.sealed_fields, "confidential field", "confidential fields") +
                      ": sealed here. Their digests are part of what was verified.");
    return out;
}

}  // namespace

void put_limits(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "limits", "What was not verified");
    const auto list = html.in("ul");
    if (!facts.trust)
        html.put("li", "Anything: no trust file was given. Every verdict in this report reads “not verified”.");
    for (const auto& part : {platform_limits(facts), word_limits(facts), coverage_limits(facts)}) {
        for (const std::string& one : part) html.put("li", one);
    }
    html.put("li",
             "Accounts: that only enclaves have the key of an account on another ledger is attested by an enclave, not "
             "proved.");
    html.put("li",
             "A chain may go back on an outcome after this report was made; the record ledger then has an entry "
             "“disputed”.");
    html.put("li",
             "Costs leave out what a rollup charges for its data on another chain, and what off-chain systems charge.");
}

void put_method(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "method", "How to check this report");
    html.put(
        "p",
        "This report repeats what receipts say; the receipts are the evidence. Each can be had and checked by anyone, "
        "without the node that kept it:");
    {
        const auto list = html.in("ul");
        for (const char* command : {"concordat receipt BINDING SEQUENCE -o receipt.json",
                                    "concordat verify receipt.json --trust trust.json"}) {
            const auto item = html.in("li");
            html.put("code", command);
        }
    }
    html.put(
        "p",
        "Beyond each receipt by itself, three things were compared over all of them: each entry names the one before "
        "it by its digest; all receipts tell of the same entries; the last one is the record ledger’s own.");
    const auto list = html.in("dl");
    const auto word = [&](const char* look, const char* name, const char* meaning) {
        {
            const auto term = html.in("dt");
            html.put("span", name, {{"class", std::string("v ") + look}});
        }
        html.put("dd", meaning);
    };
    word("proved", "proved", "It follows from signatures and hashes that the verifier checked.");
    word("attested", "attested",
         "An enclave, or the record ledger, says so, and its evidence is accepted by agreement and trust file.");
    word("asserted", "asserted",
         "Whoever ran the node says so and nobody can check it; it counts only where the trust file allows that.");
    word("bad", "does not hold", "The verifier refused it; the reason stands beside it.");
    word("unchecked", "not verified", "Nobody looked.");
    word("open", "open", "It has not ended yet.");
}

}  // namespace concordat::audit
