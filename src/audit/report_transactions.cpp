// Transactions across ledgers: what was asked, what each ledger did, and how that is known.
#include <algorithm>

#include "cost.hpp"
#include "picture.hpp"
#include "sections.hpp"

namespace concordat::audit {
namespace {

Word word_of_ending(const TransactionFact& fact) {
    const std::string status = status_of(fact);
    if (status == "committed" || status == "aborted") return {status, status, ""};
    return {"open", status, ""};
}

// The entry from which on the transaction's end was certain.
std::string decision_text(const TransactionFact& fact) {
    for (const TransactionEntry& entry : fact.entries) {
        if (!entry.decision.empty()) return entry.decision + ", by entry " + std::to_string(entry.sequence);
    }
    if (fact.ending.empty()) return "none yet";
    return std::string(fact.ending == "committed" ? "commit" : "abort") + ", with its outcome";
}

std::string outcome_text(const TransactionFact& fact) {
    std::string out;
    for (const TransactionEntry& entry : fact.entries) {
        if (entry.ending.empty()) continue;
        out = entry.ending + ", by entry " + std::to_string(entry.sequence) + " at " + time_text(entry.time) + " UTC";
        if (!entry.action.empty()) out += "; heard by " + entry.action;
        if (!entry.reason.empty()) out += "; no action heard it: " + entry.reason;
    }
    if (out.empty()) out = "none yet";
    const auto in_vain = [](const CallFact& call) { return call.given_up && call.ended && !call.effective; };
    if (std::ranges::any_of(fact.calls, in_vain)) out += "; not all of it: the parties gave a part up";
    return fact.disputed ? out + "; disputed since" : out;
}

Word word_of_transaction(const TransactionFact& fact) {
    if (fact.standing == Standing::unchecked) return word_of(Standing::unchecked);
    if (fact.lines.empty()) return {"unchecked", "not checked", "the verifier came to no line about it"};
    Word word = word_of(fact.lines.front());
    if (word.look != "bad" && fact.standing == Standing::fails)
        return {"bad", "does not hold", "its receipt does not hold elsewhere"};
    if (word.word == "proved") word.why = "its entries follow from contract, agreement and evidence";
    return word;
}

void put_facts(Html& html, const TransactionFact& fact) {
    const auto list = html.in("dl");
    html.put("dt", "Transaction");
    {
        const auto cell = html.in("dd");
        put_id(html, fact.id.text());
    }
    html.put("dt", "Asked for");
    html.put("dd", cut(fact.action, 100) + " by " + fact.sender_role + ", " + cut(fact.sender_id, 256) + ", " +
                       time_text(fact.time) + " UTC; given up after " + time_text(fact.deadline) + " UTC" +
                       (fact.early ? "; its state holds whatever the outcome" : ""));
    html.put("dt", "Decision");
    html.put("dd", decision_text(fact));
    html.put("dt", "Outcome");
    html.put("dd", outcome_text(fact));
    html.put("dt", "Rules followed");
    const auto cell = html.in("dd");
    put(html, word_of_transaction(fact));
}

std::string after_text(const TransactionFact& fact, const StepFact& step) {
    std::string out(contract::effect_kind_name(step.kind));
    for (std::size_t i = 0; i < step.after.size(); ++i) {
        if (step.after[i] < fact.steps.size()) out += (i == 0 ? ", after " : ", ") + fact.steps[step.after[i]].effect;
    }
    return out;
}

void put_steps(Html& html, const TransactionFact& fact) {
    const auto keep = html.in("div", {{"class", "keep"}});
    TableOf table(html, "Steps",
                  {{"Step", false, "20%"},
                   {"Ledger", false, "14%"},
                   {"Kind", false, "20%"},
                   {"What became of it", false, "28%"},
                   {"Verdict", false, "18%"}});
    for (std::size_t i = 0; i < fact.steps.size(); ++i) {
        const StepFact& step = fact.steps[i];
        const auto line = table.row();
        {
            const auto cell = table.cell();
            html.text(std::to_string(i) + " ");
            html.put("b", step.effect);
        }
        {
            const auto cell = table.cell(true);
            html.text(step.ledger);
            if (!step.route.empty()) html.put("div", step.route, {{"class", "soft"}});
        }
        table.put(after_text(fact, step));
        {
            const auto cell = table.cell(true);
            html.text(became_of_step(fact, i));
        }
        const auto cell = table.cell();
        Word word = word_of_step(fact, i);
        word.why.clear();
        put(html, word);
    }
}

void put_call(TableOf& table, Html& html, const TransactionFact& fact, std::size_t number) {
    const CallFact& call = fact.calls[number];
    const auto line = table.row();
    {
        const auto cell = table.cell(true);
        html.text(std::to_string(number) + " ");
        html.put("b", call_name(fact, number));
        html.empty("br");
        html.put("span", "on " + fact.steps[call.step].ledger, {{"class", "soft"}});
    }
    {
        const auto cell = table.cell(true);
        if (!call.function.empty()) {
            html.put("code", cut(call.function, 300));
            html.empty("br");
        }
        {
            const auto lines = html.in("div", {{"class", "lines"}});
            put(html, call.arguments);
        }
        const auto pin = html.in("div", {{"class", "soft"}});
        html.text("Pinned by entry " + std::to_string(call.pinned) + ": slot " + std::to_string(call.slot) + " of ");
        put_id(html, call.account);
        html.text(" on ");
        put_id(html, call.chain);
        if (call.ceiling > 0) html.text(", price at most " + grouped(std::to_string(call.ceiling)));
    }
    {
        const auto cell = table.cell(true);
        html.text(fate_text(call));
        if (call.ended) html.text(", entry " + std::to_string(*call.ended));
        if (call.block) html.text(", block " + grouped(std::to_string(*call.block)));
        if (!call.transaction.empty()) {
            html.empty("br");
            put_id(html, call.transaction);
        }
        if (!call.detail.empty()) html.put("div", "It said: “" + call.detail + "”", {{"class", "soft"}});
        if (call.given_up)
            html.put(
                "div",
                "The parties gave it up: entry " + std::to_string(*call.given_up) + ", “" + call.given_up_why + "”",
                {{"class", "bad-text"}});
        if (call.disputed)
            html.put("div", "The ledger went back on it: entry " + std::to_string(*call.disputed),
                     {{"class", "bad-text"}});
        if (call.cost) {
            const auto cost = html.in("div", {{"class", "soft"}});
            html.text("Cost " + wei_text(call.cost->wei) + " (gas " + grouped(std::to_string(call.cost->gas)) + " at " +
                      grouped(ledger::evm::decimal(call.cost->price)) + " wei)");
        }
    }
    const auto cell = table.cell(true);
    put(html, word_of_call(fact, number));
}

void put_transaction(const Report& report, const TransactionFact& fact) {
    Html& html = report.html;
    const auto article = html.in("article", {{"id", "t" + std::to_string(fact.sequence)}});
    {
        const auto head = html.in("h3");
        html.text("Transaction at entry " + std::to_string(fact.sequence) + ": " + cut(fact.action, 100) + " ");
        put(html, word_of_ending(fact));
        if (fact.disputed) {
            html.text(" ");
            html.put("span", "disputed", {{"class", "v bad"}});
        }
    }
    put_facts(html, fact);
    put_steps(html, fact);
    draw(html, fact);
    TableOf table(html, "Calls, in the order in which they were pinned",
                  {{"Call", false, "14%"},
                   {"What was pinned", false, "40%"},
                   {"What became of it", false, "27%"},
                   {"Verdict", false, "19%"}});
    for (std::size_t i = 0; i < fact.calls.size(); ++i) put_call(table, html, fact, i);
}

}  // namespace

void put_transactions(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "transactions", "Transactions");
    if (facts.totals.total() == 0) {
        html.put("p", "None: no entry of this report acts on another ledger.");
        return;
    }
    if (facts.transactions_left_out > 0) {
        html.put("p",
                 "The newest " + std::to_string(facts.transactions.size()) + " of " +
                     std::to_string(facts.totals.total()) +
                     " transactions are shown; the others were verified and counted. `--from` and `--to` show them.");
    }
    {
        TableOf table(html, "Overview",
                      {{"Entry", false, "9%"},
                       {"Asked for", false, "18%"},
                       {"By", false, "13%"},
                       {"When (UTC)", false, "27%"},
                       {"Outcome", false, "16%"},
                       {"Verdict", false, "17%"}});
        for (const TransactionFact& fact : facts.transactions) {
            const auto line = table.row();
            {
                const auto cell = table.cell();
                html.put("a", std::to_string(fact.sequence), {{"href", "#t" + std::to_string(fact.sequence)}});
            }
            table.put(fact.action);
            table.put(fact.sender_role);
            table.put(time_text(fact.time));
            {
                const auto cell = table.cell();
                put(html, word_of_ending(fact));
                if (fact.disputed) html.put("span", "disputed", {{"class", "v bad"}});
            }
            const auto cell = table.cell();
            Word weakest = word_of_transaction(fact);
            for (std::size_t i = 0; i < fact.steps.size() && weakest.look != "bad"; ++i) {
                const Word step = word_of_step(fact, i);
                if (step.look == "bad" || (step.look == "asserted" && weakest.look == "proved")) weakest = step;
            }
            weakest.why.clear();
            put(html, weakest);
        }
    }
    for (const TransactionFact& fact : facts.transactions) put_transaction(report, fact);
}

// Of each party, its part of all that the binding has used (docs/costs.md).
void put_shares(const Report& report) {
    const auto& [html, facts, about] = report;
    if (facts.shares.empty()) return;
    html.put("p",
             "What the agreement has used up to entry " + std::to_string(facts.last) +
                 ", and who bears it as the contract shares it. The command “concordat costs” states it for a period, "
                 "signed.",
             {{"class", "soft"}});
    TableOf table(html, "By party",
                  {{"Party", false, "26%"},
                   {"Bytes", true, "10%"},
                   {"Fuel", true, "12%"},
                   {"Signatures", true, "11%"},
                   {"Fees", true, "27%"},
                   {"Comes to", true, "14%"}});
    for (const statement::Share& share : facts.shares) {
        const auto line = table.row();
        table.put(share.party);
        for (const std::uint64_t figure : {share.used.bytes, share.used.fuel, share.used.signatures})
            table.put(grouped(std::to_string(figure)));
        std::string fees, amounts;
        for (const auto& [chain, fee] : share.used.fees) {
            const bool coin = chain.starts_with("eip155:");  // elsewhere the smallest unit is all that is known
            fees += (fees.empty() ? "" : ", ") +
                    (coin ? wei_text(ledger::evm::parse_u256(fee, "/fees")) : grouped(fee)) + " on " + chain;
        }
        for (const auto& [currency, amount] : share.amounts)
            amounts += (amounts.empty() ? "" : ", ") + amount + " " + currency;
        table.put(fees.empty() ? "–" : fees);
        table.put(amounts.empty() ? "–" : amounts);
    }
}

void put_costs(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "costs", "Calls and costs by ledger");
    put_shares(report);
    if (facts.chains.empty()) {
        html.put("p", "None.");
        return;
    }
    html.put("p",
             "Costs are gas used times the price paid, from the transactions and receipts that the evidence shows to "
             "be in a "
             "block, in each chain’s own coin (10⁻¹⁸: wei). They were paid by the enclaves’ accounts.",
             {{"class", "soft"}});
    TableOf table(html, "By chain",
                  {{"Chain", false, "18%"},
                   {"Calls", true, "7%"},
                   {"Ended", true, "8%"},
                   {"Proved", true, "8%"},
                   {"Asserted", true, "10%"},
                   {"Refused", true, "10%"},
                   {"Gas", true, "13%"},
                   {"Cost", true, "26%"}});
    for (const auto& [chain, totals] : facts.chains) {
        const auto line = table.row();
        {
            const auto cell = table.cell(true);
            put_id(html, chain);
        }
        for (const std::size_t number : {totals.calls, totals.ended}) table.put(std::to_string(number));
        for (const std::size_t number : {totals.proved, totals.asserted, totals.refused})
            table.put(facts.trust ? std::to_string(number) : "not verified");
        table.put(totals.priced > 0 ? grouped(ledger::evm::decimal(totals.gas)) : "–");
        table.put(totals.priced > 0 ? wei_text(totals.wei) + (facts.trust ? "" : ", not verified") : "has no price");
    }
}

void put_disputes(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "disputes", "Disputes");
    if (facts.disputes.empty()) {
        html.put("p", "None: no entry of this report says that a ledger went back on what was final.");
        return;
    }
    html.put("p",
             "A ledger went back on what had been final. That is the host’s word; the agreement halts until its "
             "parties amend or "
             "terminate it.");
    TableOf table(html, "Disputed calls",
                  {{"Transaction at entry", false, "15%"},
                   {"Outcome before", false, "15%"},
                   {"Call", false, "25%"},
                   {"Disputed by entry", false, "15%"},
                   {"Verdict", false, "30%"}});
    for (const TransactionFact& fact : facts.disputes) {
        for (std::size_t i = 0; i < fact.calls.size(); ++i) {
            if (!fact.calls[i].disputed) continue;
            const auto line = table.row();
            table.put(std::to_string(fact.sequence));
            table.put(status_of(fact));
            table.put(std::to_string(i) + " " + call_name(fact, i) + " on " + fact.steps[fact.calls[i].step].ledger +
                      ": " + fate_text(fact.calls[i]));
            table.put(std::to_string(*fact.calls[i].disputed));
            const auto cell = table.cell(true);
            put(html, word_of_call(fact, i));
        }
    }
}

}  // namespace concordat::audit
