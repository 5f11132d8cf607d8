// Showing answers: JSON for scripts; tables and indented JSON for people.
#pragma once
#include <base/json.hpp>
#include <string>
#include <vector>

namespace concordat::cli {

// A table whose columns are as wide as their content; the first row is the heading.
class Table {
  public:
    explicit Table(std::vector<std::string> heading) : rows_{std::move(heading)} {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    std::string text() const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

// Two spaces a level, short values on one line.
std::string pretty(const json::Value& value);
// A member as text: strings bare, others canonical; "" when absent.
std::string text_at(const json::Value& object, std::string_view name);
std::string text_of_value(const json::Value& value);
// The first 12 digits of a digest, for tables.
std::string shortened(const std::string& digest);
std::string joined(const std::vector<std::string>& all, std::string_view separator = ", ");

void print(const std::string& text);        // to standard output
void print_json(const json::Value& value);  // canonical, one line
void note(const std::string& text);         // to standard error, so that pipes see results only

// Writes `content` to `file`, or to standard output when it is "" or "-".
void write_result(const std::string& file, const std::string& content);

}  // namespace concordat::cli
