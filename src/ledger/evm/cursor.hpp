// How far events were told: blocks by number and hash, so that a reorganisation shows and the last block that is still
// there can be found. Near the end every told block is kept, further back fewer.
#pragma once
#include <base/bytes.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace concordat::ledger::evm {

class Cursor {
  public:
    struct Mark {
        std::uint64_t number = 0;
        Hash256 hash;
        bool operator==(const Mark&) const = default;
    };
    static constexpr std::size_t max_marks = 24;

    explicit Cursor(Mark first) : marks_{first} {}
    // Throws Error(bad_format) at /cursor.
    static Cursor parse(std::string_view text);
    std::string text() const;

    const std::vector<Mark>& marks() const { return marks_; }  // ascending, at least one
    const Mark& last() const { return marks_.back(); }
    void advance(Mark mark);  // above the last one; aborts otherwise
    // Keeps the first `count` marks, at least one.
    void cut(std::size_t count);

  private:
    Cursor() = default;
    std::vector<Mark> marks_;
};

}  // namespace concordat::ledger::evm
