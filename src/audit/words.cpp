#include "words.hpp"

#include <algorithm>

#include "cost.hpp"
#include "gather.hpp"

namespace concordat::audit {

using proof::How;

std::string time_text(TimeMs time) {
    std::string out = format_time(time);
    std::ranges::replace(out, 'T', ' ');
    if (out.ends_with('Z')) out.pop_back();
    return out;
}

std::string count_text(std::size_t number, std::string_view one, std::string_view many) {
    return grouped(std::to_string(number)) + " " + std::string(number == 1 ? one : many);
}

std::string grouped(const std::string& digits) {
    std::string out;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) out += "\xe2\x80\xaf";  // narrow no-break space
        out += digits[i];
    }
    return out;
}

std::string wei_text(const U256& wei) { return coins(wei); }

std::string function_name(const std::string& function) { return function.substr(0, function.find('(')); }

std::string call_name(const TransactionFact& transaction, std::size_t call) {
    const CallFact& one = transaction.calls.at(call);
    const std::string& effect = transaction.steps.at(one.step).effect;
    return one.role == ledger::Role::call ? effect : effect + ": " + std::string(ledger::role_name(one.role));
}

std::string fate_text(const CallFact& call) {
    if (!call.ended) return "open";
    if (call.effective) return "succeeded";
    if (!call.fate) return "did not happen";
    return *call.fate == ledger::Fate::failed ? "failed: the ledger undid it"
                                              : "cancelled: another transaction filled its slot";
}

// ---------------------------------------------------------------------------------------------------------- verdicts

namespace {

constexpr const char* no_trust_file = "no trust file was given";
constexpr const char* elsewhere = "its receipt does not hold elsewhere";

// The verifier's words on a witness, without its parameters: they stand where the version's ledgers do.
std::string without_parameters(const std::string& text) {
    const auto begin = text.find(" {");
    const auto end = text.rfind('}');
    if (begin == std::string::npos || end == std::string::npos || end < begin) return text;
    return text.substr(0, begin) + text.substr(end + 1);
}

const proof::Line* first_bad(const std::vector<proof::Line>& lines) {
    for (const proof::Line& line : lines) {
        if (const proof::Line* below = first_bad(line.below)) return below;
        if (!line.ok) return &line;
    }
    return nullptr;
}

}  // namespace

Word word_of(Standing standing) {
    switch (standing) {
        case Standing::unchecked:
            return {"unchecked", "not verified", no_trust_file};
        case Standing::holds:
            return {"proved", "holds", ""};
        case Standing::fails:
            return {"bad", "does not hold", ""};
    }
    panic("no such standing");
}

Word word_of(const proof::Line& line) {
    if (!line.ok) return {"bad", "does not hold", line.problem};
    const std::string name(proof::how_name(line.how));
    return {name, name, ""};
}

Word word_of_call(const TransactionFact& transaction, std::size_t number) {
    const CallFact& call = transaction.calls.at(number);
    if (call.lines.empty()) {
        return call.ended ? Word{"unchecked", "not verified", no_trust_file}
                          : Word{"open", "open", "nothing to check yet"};
    }
    if (const proof::Line* bad = first_bad(call.lines))
        return {"bad", "does not hold", bad->layer + ": " + bad->problem};
    if (transaction.standing == Standing::fails) return {"bad", "does not hold", elsewhere};
    const proof::Line* finality = line_of(call.lines, "finality");
    if (finality == nullptr) return {"open", "open", "the pinned call is proved; what becomes of it is not there yet"};
    const std::string why = without_parameters(finality->text);
    return finality->how == How::proved ? Word{"proved", "proved", why} : Word{"asserted", "asserted", why};
}

Word word_of_step(const TransactionFact& transaction, std::size_t step) {
    static const std::vector<std::string> order{"bad", "unchecked", "open", "asserted", "proved"};
    std::optional<Word> weakest;
    const auto rank = [](const Word& word) { return std::ranges::find(order, word.look) - order.begin(); };
    for (std::size_t i = 0; i < transaction.calls.size(); ++i) {
        if (transaction.calls[i].step != step) continue;
        Word word = word_of_call(transaction, i);
        if (!weakest || rank(word) < rank(*weakest)) weakest = std::move(word);
    }
    if (weakest) return *weakest;
    return {"open", "not called", "there is nothing to check"};
}

std::string became_of_step(const TransactionFact& transaction, std::size_t step) {
    std::string out;
    std::size_t tries = 0;
    const auto say = [&](std::string_view text) { out += (out.empty() ? "" : ", then ") + std::string(text); };
    for (const CallFact& call : transaction.calls) {
        if (call.step != step) continue;
        if (!call.ended) {
            say(call.role == ledger::Role::call ? "called, still open"
                                                : std::string(ledger::role_name(call.role)) + " open");
        } else if (!call.effective) {
            ++tries;
            if (call.role == ledger::Role::call && !out.ends_with("failed")) say("failed");
        } else if (call.role == ledger::Role::call) {
            say("done");
        } else {
            say(call.role == ledger::Role::commit ? "made to hold" : "undone");
        }
        if (call.given_up && !call.effective) say("given up by the parties");
        if (call.disputed) say("disputed");
    }
    if (out.empty()) return tries > 0 ? "failed" : "never called";
    if (tries > 0) out += " (" + count_text(tries, "call", "calls") + " in vain)";
    return out;
}

std::string status_of(const TransactionFact& transaction) {
    if (!transaction.ending.empty()) return transaction.ending;
    if (transaction.decision == "commit") return "committing";
    if (transaction.decision == "abort") return "aborting";
    return "open";
}

// --------------------------------------------------------------------------------------------------------- elements

void put(Html& html, const Word& word) {
    html.put("span", word.word, {{"class", "v " + word.look}});
    if (word.why.empty()) return;
    html.text(" ");
    html.put("span", cut(word.why, max_field_bytes), {{"class", word.look == "bad" ? "small bad-text" : "small soft"}});
}

void put(Html& html, const std::vector<Field>& fields) {
    for (const Field& field : fields) {
        const auto one = html.in("span", {{"class", "f"}});
        if (field.sealed) {
            html.put("span", field.name + " " + field.value, {{"class", "sealed"}});
            continue;
        }
        html.put("b", field.name);
        html.text(" ");
        // Digests, addresses and the like, which have no place to be broken at.
        const bool is_long = field.value.size() > 24 && field.value.find(' ') == std::string::npos;
        if (field.opened) {
            html.put("i", field.value, {{"class", "opened"}, {"title", "confidential, opened with the reader's key"}});
        } else if (is_long) {
            html.put("span", field.value, {{"class", "long"}});
        } else {
            html.text(field.value);
        }
    }
}

void put_id(Html& html, const std::string& id) { html.put("code", id); }

void put_tree(Html& html, const std::vector<proof::Line>& lines, bool below) {
    if (lines.empty()) return;
    const auto list = html.in("ul", {{"class", below ? "" : "tree"}});
    for (const proof::Line& line : lines) {
        const auto item = html.in("li");
        const Word word = word_of(line);
        html.put("span", word.word, {{"class", "w " + word.look}});
        html.text(" · ");
        html.put("b", line.layer);
        html.text(": " + cut(line.text, max_line_bytes));
        if (!line.ok && !line.problem.empty() && line.below.empty())
            html.put("span", " – " + cut(line.problem, max_line_bytes), {{"class", "bad-text"}});
        put_tree(html, line.below, true);
    }
}

TableOf::TableOf(Html& html, Markup caption, std::initializer_list<Column> columns, bool by_row)
    : html_(html),
      columns_(columns),
      scroll_(html.in("div", {{"class", "scroll"}})),
      table_(html.in("table", {{"class", by_row ? "cards rows" : "cards"}, {"role", "table"}})) {
    html.put("caption", caption.view());
    {
        const auto head = html.in("thead");
        const auto row = html.in("tr", {{"role", "row"}});
        for (const Column& column : columns_) {
            html.put("th", column.name.view(),
                     {{"scope", "col"},
                      {"role", "columnheader"},
                      {"class", column.right ? "right" : ""},
                      {"style", column.width.view().empty() ? "" : "width:" + std::string(column.width.view())}});
        }
    }
    if (by_row) only_body_.emplace(html, Markup("tbody")), html.raw("<tbody>");
}

Html::Element TableOf::body(bool fails) { return html_.in("tbody", {{"class", fails ? "one fails" : "one"}}); }

Html::Element TableOf::row() {
    next_ = 0;
    html_.line();
    return html_.in("tr", {{"role", "row"}});
}

Html::Element TableOf::cell(bool wide) {
    const Column& column = columns_.at(next_++);
    const std::string look = std::string(column.right ? "right" : "") + (wide ? " block" : "");
    return html_.in("td", {{"role", "cell"}, {"data-l", std::string(column.name.view())}, {"class", look}});
}

}  // namespace concordat::audit
