// How the report says things: times, numbers, verdicts. Internal to this module.
#pragma once
#include "facts.hpp"
#include "html.hpp"

namespace concordat::audit {

std::string time_text(TimeMs time);  // "2026-01-31 09:30:00.000", UTC
std::string count_text(std::size_t number, std::string_view one, std::string_view many);
std::string grouped(const std::string& digits);  // "30 097 838", with narrow spaces
std::string wei_text(const U256& wei);
// The name of a function without its parameters.
std::string function_name(const std::string& function);
std::string call_name(const TransactionFact& transaction, std::size_t call);  // "deliver: commit"
std::string fate_text(const CallFact& call);

// A verdict in a word, its look (a class of style.cpp), and by whom or why.
struct Word {
    std::string look, word, why;
};
Word word_of(Standing standing);
Word word_of(const proof::Line& line);
// Nothing about a call is shown by a receipt that does not hold elsewhere.
Word word_of_call(const TransactionFact& transaction, std::size_t call);
// Of the whole step: the weakest of its calls.
Word word_of_step(const TransactionFact& transaction, std::size_t step);
std::string became_of_step(const TransactionFact& transaction, std::size_t step);
std::string status_of(const TransactionFact& transaction);  // "committed", "aborted", "committing" …

void put(Html& html, const Word& word);
void put(Html& html, const std::vector<Field>& fields);
void put_id(Html& html, const std::string& id);
void put_tree(Html& html, const std::vector<proof::Line>& lines, bool below = false);

// A table whose cells say what they are where a narrow screen makes cards of its rows.
class TableOf {
  public:
    struct Column {
        Markup name;
        bool right = false;
        Markup width = "";  // CSS; "" for as it comes
    };
    // `by_row`: each row a line of its own; else rows stand in bodies, one for each thing (body()).
    TableOf(Html& html, Markup caption, std::initializer_list<Column> columns, bool by_row = true);

    Html::Element body(bool fails);
    Html::Element row();
    // The next cell; `wide` ones have their name above them on a narrow screen.
    Html::Element cell(bool wide = false);
    void put(std::string_view text) {
        const auto one = cell();
        html_.text(text);
    }

  private:
    Html& html_;
    std::vector<Column> columns_;
    std::size_t next_ = 0;
    Html::Element scroll_, table_;
    std::optional<Html::Element> only_body_;
};

}  // namespace concordat::audit
