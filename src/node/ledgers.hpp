// The other ledgers that this node reaches, and how. Kept in the journal; a change takes effect at once. Nothing here
// is trusted: who lies about an endpoint keeps transactions from ending, no more. Loop thread only.
#pragma once
#include <boost/asio/io_context.hpp>
#include <ledger/ledger.hpp>
#include <map>
#include <memory>
#include <process/link/outcome.hpp>

#include "journal.hpp"

namespace concordat::node {

class Ledgers {
  public:
    Ledgers(boost::asio::io_context& loop, Journal& journal);
    // Called around each change; what find() gave before it may be gone after it. To be set before any change.
    void on_change(std::function<void()> before, std::function<void()> after);
    void load();  // what the journal has

    // Adds, or replaces. `settings`: {"kind": "evm", "endpoints": [url, …], "genesis": "0x…", "ca": PEM}. The genesis
    // may be missing: then the first endpoint's counts; `ca` too: certificates of authorities that count for the
    // endpoints besides the system's. Of the kind "http" there is one endpoint, and the genesis is the thumbprint of
    // the participant's key ("sha256:…"). Throws naming the member; `then` comes once it is kept.
    void put(const std::string& chain, const json::Value& settings, process::Then<process::Nothing> then);
    void remove(const std::string& chain, process::Then<process::Nothing> then);  // throws Error(not_found)

    // The bindings that this node runs are ledgers to each other: nobody has to add them.
    using MakeOwn = std::function<std::unique_ptr<ledger::Ledger>(const std::string& chain)>;
    void serve_own(MakeOwn make) { make_own_ = std::move(make); }

    ledger::Ledger* find(const std::string& chain);  // null where none is known
    struct Known {
        json::Object settings;
        std::unique_ptr<ledger::Ledger> ledger;
    };
    const std::map<std::string, Known>& all() const { return known_; }

  private:
    Known make(const std::string& chain, const json::Value& settings) const;

    boost::asio::io_context& loop_;
    Journal& journal_;
    std::map<std::string, Known> known_;
    MakeOwn make_own_;
    std::map<std::string, std::unique_ptr<ledger::Ledger>> own_;  // one for each that was asked for
    std::function<void()> before_, after_;
};

}  // namespace concordat::node
