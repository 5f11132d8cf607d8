// Receipts with an anchor on a clique chain, made as TransactionMaker makes others.
#pragma once
#include "transaction_fixture.hpp"

namespace concordat::test {

class AnchorMaker : public ReceiptMaker {
  public:
    static constexpr const char* contract = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    static constexpr const char* chain_name = "eip155:31337";
    evm::test::Chain chain;

    AnchorMaker() { chain.seal_with(3); }

    json::Object signers() const {
        json::Array out;
        for (const auto& [address, key] : chain.sealers) out.emplace_back(address.text());
        return {{"signers", std::move(out)}};
    }
    ledger::AnchorClaim claim() const {
        return proof::Anchor{.chain = chain_name, .contract = contract, .root = signed_root(), .evidence = {}}.claim(
            world.ledger.public_key());
    }
    // What the chain shows of a transaction that had these logs, `depth` blocks deep.
    json::Value evidence(std::vector<evm::Log> logs, bool succeeded = true, std::size_t depth = 2) {
        const ledger::Pin pin{
            .chain = chain_name,
            .account = kind_.account(evm::test::secret_of(1)),
            .slot = 4,
            .call = json::Object{{"to", contract}, {"data", "0x1234"}, {"value", "0"}, {"gas", "90000"}},
            .ceiling = 1000};
        chain.transactions.clear();
        chain.receipts.clear();
        chain.add(kind_.sign(pin, ledger::Purpose::cancel, 10, evm::test::secret_of(1)));
        chain.add(kind_.sign(pin, ledger::Purpose::call, 10, evm::test::secret_of(1)), succeeded, std::move(logs));
        chain.build(depth);
        return chain.evidence(1);
    }
    // Of the tree as it is now, recorded together with another ledger's.
    proof::ReceiptAnchor anchor(const std::string& where = contract) {
        ledger::AnchorClaim ours = claim(), other = claim();
        ours.contract = where;
        other.ledger = hash_of("another ledger");
        const std::vector<evm::Log> logs{evm::anchored_log(other), evm::anchored_log(ours)};
        return {.anchor = {.chain = chain_name, .contract = where, .root = signed_root(), .evidence = evidence(logs)},
                .consistency = consistency(appended.back().receipt.size)};
    }
    proof::Receipt anchored() {
        proof::Receipt out = receipt();
        out.anchor = anchor();
        return out;
    }
    // A trust file that relies on the contract, without a word on the chain's blocks.
    proof::TrustFile trust() const {
        proof::TrustFile out = ReceiptMaker::trust();
        out.anchors = {{chain_name, contract}};
        return out;
    }
    proof::TrustFile trust_signers() const {
        proof::TrustFile out = trust();
        out.allow_asserted = {"clock"};
        out.chains[chain_name] = {.witness = "clique", .parameters = signers()};
        return out;
    }

  private:
    evm::EvmKind kind_;
};

}  // namespace concordat::test
