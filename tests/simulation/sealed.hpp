// What is confidential in a binding's state, and the form in which it leaves an enclave: the production code redacts,
// seals and opens. Each message puts words of its own into the state, which are looked for in all that leaves.
#pragma once
#include <enclave/core/execute.hpp>

#include "record.hpp"

namespace concordat::simulation {

// How words could be written.
std::vector<std::string> forms_of(const std::string& words);

class Sealed {
  public:
    explicit Sealed(std::size_t binding);

    // As an enclave has it before the first entry, and from a recorded one.
    enclave::Head first() const;
    enclave::Head open(const contract::EntryRecord& record) const;
    // What becomes of the head with the next entry, whose transaction has these steps and began with these words; the
    // entry's record is given to it. `leaks`: the state is put in as it is.
    enclave::Head seal(const enclave::Head& before, Entry& entry, const std::vector<contract::Step>& steps,
                       const std::string& words, bool leaks) const;

  private:
    Hash256 id_;
    schema::Schema schema_;
    enclave::Keychain keys_;
};

}  // namespace concordat::simulation
