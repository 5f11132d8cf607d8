// An entry's private state as bytes, as far as others than context.cpp need it: its transactions.
#pragma once
#include "context.hpp"

namespace concordat::enclave {

inline constexpr std::uint8_t private_format = 6;

void write_salts(wire::Writer& out, const std::map<std::string, Salt>& salts);
std::map<std::string, Salt> read_salts(wire::Reader& in);

std::size_t size_of(const std::map<std::string, Salt>& salts);

// A head's transactions as bytes: those that have ended first, each sort oldest first.
class TransactionsForm {
  public:
    explicit TransactionsForm(const Head& head);  // which must outlive it
    std::size_t size() const { return size_; }
    void write(wire::Writer& out) const;

  private:
    const Head& head_;
    std::vector<Bytes> open_;  // all of them but what is confidential
    std::size_t size_ = 0;
};
// Of any format that has transactions.
void read_transactions(wire::Reader& in, std::uint8_t format, Head& head);

}  // namespace concordat::enclave
