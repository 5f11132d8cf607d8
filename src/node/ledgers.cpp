#include "ledgers.hpp"

#include <array>
#include <base/log.hpp>
#include <ledger/binding/binding_ledger.hpp>
#include <ledger/binding/http_peer.hpp>
#include <ledger/evm/evm_ledger.hpp>
#include <ledger/evm/protocol/address.hpp>
#include <ledger/evm/protocol/amount.hpp>
#include <ledger/http/http_ledger.hpp>
#include <ledger/kinds/kinds.hpp>

namespace concordat::node {

namespace {

constexpr std::size_t max_ledgers = 64;
constexpr std::size_t max_url = 2048;
constexpr std::size_t max_ca = 32'768;

using Make = std::unique_ptr<ledger::Ledger> (*)(boost::asio::io_context&, const std::string& chain, json::Reader&);

std::unique_ptr<ledger::Ledger> make_evm(boost::asio::io_context& loop, const std::string& chain,
                                         json::Reader& settings) {
    ledger::evm::EvmOptions options;
    options.chain_id = ledger::evm::ChainId::parse(chain, "/chain").value;
    if (settings.find("genesis") != nullptr) {
        options.genesis = ledger::evm::parse_hash_0x(settings.string("genesis"), settings.at("genesis"));
    }
    if (settings.find("ca") != nullptr) options.ca = settings.string("ca", max_ca);
    for (const json::Value& url : settings.array("endpoints", 16)) {
        if (!url.is_string() || url.get_string().size() > max_url) {
            settings.fail("endpoints", "must be URLs of at most 2048 characters");
        }
        options.endpoints.emplace_back(url.get_string());
    }
    if (options.endpoints.empty()) settings.fail("endpoints", "must have at least one");
    return std::make_unique<ledger::evm::EvmLedger>(loop, std::move(options));
}

std::string only_url(json::Reader& settings, const char* rule) {
    const json::Array& urls = settings.array("endpoints", 1);
    if (urls.size() != 1 || !urls[0].is_string() || urls[0].get_string().size() > max_url) {
        settings.fail("endpoints", rule);
    }
    return std::string(urls[0].get_string());
}

std::unique_ptr<ledger::Ledger> make_http(boost::asio::io_context& loop, const std::string& chain,
                                          json::Reader& settings) {
    ledger::http::HttpOptions options;
    options.participant.chain = chain;
    if (settings.find("genesis") != nullptr) options.participant.genesis = settings.hash("genesis");
    if (settings.find("ca") != nullptr) options.participant.ca = settings.string("ca", max_ca);
    options.participant.url = only_url(settings, "must be one URL of at most 2048 characters: a participant has one");
    return std::make_unique<ledger::http::HttpLedger>(loop, std::move(options));
}

const ledger::Kind& binding_kind() { return *ledger::kind_of_chain(ledger::all_kinds(), "binding:"); }

// One of another node.
std::unique_ptr<ledger::Ledger> make_binding(boost::asio::io_context& loop, const std::string& chain,
                                             json::Reader& settings) {
    ledger::binding::HttpPeerOptions options;
    options.binding = settings.hash("genesis");
    if (chain != ledger::binding::chain_of(options.binding)) {
        settings.fail("genesis", "must be the id of the binding that " + chain + " is named after");
    }
    if (settings.find("ca") != nullptr) options.ca = settings.string("ca", max_ca);
    options.url = only_url(settings, "must be one URL of at most 2048 characters: that of the binding's node");
    return std::make_unique<ledger::binding::BindingLedger>(chain, binding_kind(),
                                                            ledger::binding::make_http_peer(loop, std::move(options)));
}

// The kinds of ledgers that there are adapters for.
constexpr std::array kinds{std::pair<std::string_view, Make>{"binding", make_binding},
                           std::pair<std::string_view, Make>{"evm", make_evm},
                           std::pair<std::string_view, Make>{"http", make_http}};

}  // namespace

Ledgers::Ledgers(boost::asio::io_context& loop, Journal& journal) : loop_(loop), journal_(journal) {}

void Ledgers::on_change(std::function<void()> before, std::function<void()> after) {
    before_ = std::move(before);
    after_ = std::move(after);
}

void Ledgers::load() {
    for (const LedgerRow& row : journal_.ledgers()) {
        try {
            known_.emplace(row.chain, make(row.chain, json::parse(row.settings, "settings")));
        } catch (const Error& error) {
            log::error("ledger_not_loaded", {{"chain", row.chain}, {"field", error.field()}, {"rule", error.rule()}});
        }
    }
}

Ledgers::Known Ledgers::make(const std::string& chain, const json::Value& settings) const {
    json::Reader reader(settings, "");
    const std::string kind(reader.string("kind"));
    const auto found = std::ranges::find(kinds, kind, &std::pair<std::string_view, Make>::first);
    if (found == kinds.end()) reader.fail("kind", "must be binding, evm or http");
    Known out;
    try {
        out.ledger = found->second(loop_, chain, reader);
    } catch (const Error& error) {
        if (error.code() != Code::config) throw;
        throw Error(Code::bad_format, error.field(), error.rule());  // it is the caller's, not this node's
    }
    reader.finish();
    out.settings = settings.as_object();
    return out;
}

void Ledgers::put(const std::string& chain, const json::Value& settings, process::Then<process::Nothing> then) {
    auto made = std::make_shared<Known>(make(chain, settings));
    if (known_.size() >= max_ledgers && !known_.contains(chain)) {
        throw Error(Code::too_large, "/chain", "a node reaches at most 64 other ledgers");
    }
    journal_.put_ledger({chain, json::canonical(settings)},
                        [this, chain, made, then = std::move(then)](const std::optional<Error>& error) {
                            if (error) return then(*error);
                            before_();
                            known_[chain] = std::move(*made);
                            after_();
                            then(process::Nothing{});
                        });
}

void Ledgers::remove(const std::string& chain, process::Then<process::Nothing> then) {
    if (!known_.contains(chain)) throw Error(Code::not_found, "/chain", "this node does not know that ledger");
    journal_.remove_ledger(chain, [this, chain, then = std::move(then)](const std::optional<Error>& error) {
        if (error) return then(*error);
        before_();
        known_.erase(chain);
        after_();
        then(process::Nothing{});
    });
}

ledger::Ledger* Ledgers::find(const std::string& chain) {
    if (const auto found = known_.find(chain); found != known_.end()) return found->second.ledger.get();
    if (!make_own_ || ledger::kind_of_chain(ledger::all_kinds(), chain) != &binding_kind()) return nullptr;
    std::unique_ptr<ledger::Ledger>& own = own_[chain];
    if (!own) own = make_own_(chain);
    return own.get();
}

}  // namespace concordat::node
