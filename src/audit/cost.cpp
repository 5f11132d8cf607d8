#include "cost.hpp"

#include <crypto/jws.hpp>
#include <ledger/evm/protocol/inclusion.hpp>
#include <ledger/evm/protocol/transaction.hpp>

namespace concordat::audit {
namespace {

namespace evm = ledger::evm;

constexpr std::size_t max_evidence_bytes = std::size_t{4} << 20;

Shown shown_on_chain(const json::Value& evidence) {
    json::Reader reader(evidence, "/evidence");
    const auto proof = evm::InclusionProof::parse(reader.any("inclusion"), "/evidence/inclusion");
    const evm::Inclusion inclusion = evm::check_inclusion(proof, "/evidence/inclusion");
    Shown out{.transaction = evm::to_0x(inclusion.transaction_hash.view()),
              .block = inclusion.chain.front().number,
              .cost = {},
              .detail = {}};
    out.cost = evm::cost_of(inclusion, evm::decode_transaction(proof.transaction).transaction);
    return out;
}

// The signature is the verifier's to check.
Shown said_by_participant(const json::Value& evidence) {
    json::Reader reader(evidence, "/evidence");
    const std::string text(reader.string("answer"));
    const crypto::Jws jws = crypto::parse_compact(text, "/evidence/answer");
    const json::Value answer = json::parse(text_of(jws.payload), "/evidence/answer");
    return {.transaction = {},
            .block = {},
            .cost = {},
            .detail = std::string(json::Reader(answer, "/evidence/answer").string_or("detail", ""))};
}

}  // namespace

Shown shown_by(std::string_view chain, std::string_view evidence) {
    const bool on_chain = chain.starts_with("eip155:");
    if (!on_chain && !chain.starts_with("http:")) return {};
    try {
        const json::Value parsed = json::parse(evidence, "/evidence", {.bytes = max_evidence_bytes});
        return on_chain ? shown_on_chain(parsed) : said_by_participant(parsed);
    } catch (const Error&) {
        return {};  // the verifier says what is wrong with it
    }
}

std::string coins(const U256& wei) {
    constexpr std::size_t decimals = 18;
    std::string digits = evm::decimal(wei);
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    std::string fraction = digits.substr(digits.size() - decimals);
    digits.resize(digits.size() - decimals);
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
    return fraction.empty() ? digits : digits + "." + fraction;
}

}  // namespace concordat::audit
