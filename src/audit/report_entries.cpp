// What was recorded, in order.
#include <algorithm>

#include "sections.hpp"

namespace concordat::audit {
namespace {

std::string types_text(const std::map<contract::EntryType, std::size_t>& types) {
    std::string out;
    for (const auto& [type, number] : types)
        out += (out.empty() ? "" : ", ") + std::to_string(number) + " " + std::string(contract::entry_type_name(type));
    return out;
}

void put_blocks(Html& html, const Facts& facts) {
    if (facts.blocks.empty()) return;
    html.put("p",
             "The oldest entries are summed up in blocks; each was verified like the others. `--from`, `--to` and "
             "`--entries` list them one by one.");
    TableOf table(html, "Older entries, in blocks",
                  {{"Entries", false, "12%"},
                   {"Period (UTC)", false, "22%"},
                   {"Kinds", false, "18%"},
                   {"Digests of the first and the last", false, "34%"},
                   {"Verdict", false, "14%"}});
    for (const EntryBlock& block : facts.blocks) {
        const auto line = table.row();
        table.put(std::to_string(block.first) + " to " + std::to_string(block.last));
        table.put(time_text(block.begin) + " to " + time_text(block.end));
        table.put(types_text(block.types));
        {
            const auto cell = table.cell(true);
            put_id(html, block.first_id.text());
            html.empty("br");
            put_id(html, block.last_id.text());
        }
        const auto cell = table.cell();
        if (!facts.trust) {
            put(html, Word{"unchecked", "not verified", ""});
        } else if (block.failing > 0) {
            put(html, Word{"bad", std::to_string(block.failing) + " do not hold", ""});
        } else {
            put(html, Word{"proved", "all hold", ""});
        }
    }
}

void put_said(Html& html, const EntryRow& row) {
    const auto cell = html.in("td", {{"role", "cell"}, {"colspan", "5"}});
    if (!row.note.empty()) {
        const auto line = html.in("div");
        html.text(row.note);
    }
    if (!row.said.empty()) {
        const auto line = html.in("div");
        put(html, row.said);
    }
    if (!row.result.empty()) {
        const auto line = html.in("div");
        html.text("Answer: ");
        put(html, row.result);
    }
    const auto line = html.in("div");
    put_id(html, row.id.text());
}

void put_row(TableOf& table, Html& html, const EntryRow& row) {
    const auto body = table.body(row.standing == Standing::fails);
    {
        const auto line = table.row();
        {
            const auto cell = table.cell();
            html.put("b", std::to_string(row.sequence), {{"id", "e" + std::to_string(row.sequence)}});
        }
        table.put(time_text(row.time));
        table.put(contract::entry_type_name(row.type));
        table.put(row.action);
        {
            const auto cell = table.cell();
            if (!row.sender_id.empty()) html.text(row.sender_role + ", " + cut(row.sender_id, 256));
        }
        const auto cell = table.cell();
        Word word = word_of(row.standing);
        word.why.clear();
        put(html, word);
    }
    const auto line = html.in("tr", {{"class", "more"}, {"role", "row"}});
    html.put("td", "", {{"role", "cell"}});
    put_said(html, row);
}

}  // namespace

void put_timeline(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "timeline", "Timeline");
    html.put("p", "Kinds of entries: " + types_text(facts.types) + ".", {{"class", "soft"}});
    put_blocks(html, facts);
    TableOf table(html, "Every entry with what was said in it, and its digest: what its receipt proves",
                  {{"Entry", false, "8%"},
                   {"Time (UTC)", false, "24%"},
                   {"Kind", false, "13%"},
                   {"Action", false, "15%"},
                   {"Sender", false, "26%"},
                   {"Verdict", false, "14%"}},
                  false);
    for (const EntryRow& row : facts.rows) put_row(table, html, row);
}

void put_verdict(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "verdict", "The verifier’s word on the last entry");
    if (!facts.trust) {
        put(html, Word{"unchecked", "not verified", "no trust file was given"});
    } else {
        html.put("p", "As `concordat verify` has it, line by line; each line says how it is known.",
                 {{"class", "soft"}});
        const auto tree = html.in("div", {{"class", "small"}});
        put_tree(html, facts.verdict);
    }
    if (facts.state.empty()) return;
    html.put("h3", "The contract’s state after entry " + std::to_string(facts.last));
    const auto list = html.in("dl");
    for (const Field& field : facts.state) {
        html.put("dt", field.sealed ? "Confidential" : field.name);
        html.put("dd", field.sealed ? field.name + ", sealed"
                                    : field.value + (field.opened ? " (opened with the reader’s key)" : ""));
    }
}

void put_anchors(const Report& report) {
    const auto& [html, facts, about] = report;
    const Section section(html, "anchors", "Anchors");
    if (facts.anchors.empty()) {
        html.put("p", "None: no receipt shows that the record ledger’s root was recorded on another chain.");
        return;
    }
    for (const AnchorFact& fact : facts.anchors) {
        const auto article = html.in("article");
        html.put("h3",
                 fact.anchor.chain + ", " + count_text(fact.anchor.root.size, "entry", "entries") + " of the ledger");
        const auto list = html.in("dl");
        html.put("dt", "Contract");
        {
            const auto cell = html.in("dd");
            put_id(html, fact.anchor.contract);
        }
        html.put("dt", "Root");
        {
            const auto cell = html.in("dd");
            put_id(html, fact.anchor.root.root.text());
            html.text(", signed by the ledger at " + time_text(fact.anchor.root.time) + " UTC");
        }
        html.put("dt", "Covers");
        html.put("dd", count_text(fact.entries, "entry", "entries") + " of this report");
        html.put("dt", "Verdict");
        const auto cell = html.in("dd", {{"class", "small"}});
        if (fact.lines.empty()) {
            put(html, Word{"unchecked", "not verified", ""});
        } else {
            put_tree(html, fact.lines);
        }
    }
}

}  // namespace concordat::audit
