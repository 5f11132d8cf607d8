// Another binding as a kind of ledger: a contract calls its actions, and its receipts are the evidence
// (docs/sub-contracts.md). What enclave and verifier know of it.
//
// The chain is "binding:" and the first 32 hex digits of the binding's id; its genesis and its address are the whole
// id. An account is an ES256K key of the enclaves, "x.y" as its JWK has them: a party of the called binding gives it to
// its keys, and it acts there in that party's role. A slot is one less than the number of a call. There is no price and
// nothing to pay; `work` is the fuel that a call may use, with all that it calls in turn.
//
// A call is contract::SubCall. Evidence is { "receipt": a receipt of the called binding }: of the entry that the call
// made, or of its transaction's outcome. The witness is "receipt", with parameters { "trust": a trust file }: what the
// receipt must satisfy. Nobody's bare word counts: there is no witness "host".
#pragma once
#include <contract/call.hpp>
#include <ledger/kind.hpp>
#include <memory>
#include <vector>

namespace concordat::ledger::binding {

inline constexpr std::string_view receipt_witness = "receipt";
// Receipts within receipts; calls do not go deeper.
inline constexpr unsigned max_depth = contract::max_callers;

std::string chain_of(const Hash256& binding);
// Throws Error(bad_format) at `field` unless it is the name of a binding's chain.
void check_chain(std::string_view chain, const std::string& field);
// The public key that an account's name stands for. Throws Error(bad_format) at `field`.
json::Object account_jwk(std::string_view account, const std::string& field);
// The number of the call that fills a slot.
std::int64_t number_of(std::uint64_t slot);

class BindingKind final : public Kind {
  public:
    // `others`: the kinds that a receipt may have evidence of, besides this one; they must outlive it.
    explicit BindingKind(Kinds others, unsigned depth = max_depth);
    ~BindingKind() override;
    std::string_view name() const override { return contract::binding_kind; }
    std::string_view chains() const override { return "binding"; }
    void check(const Pin& pin) const override;
    void check(const Target& target, const Finality& finality) const override;
    json::Object call(const Target& target, const json::Object& arguments, const std::string& field) const override;
    std::string account(const SecretKey& key) const override;
    // A compact JWS (ES256K) with the typ concordat/call/1: the same for every price.
    Bytes sign(const Pin& pin, Purpose purpose, Price price, const SecretKey& key) const override;
    Judgement judge(const Pin& pin, const Finality& finality, const json::Value& evidence) const override;
    std::optional<Nested> nested(const json::Value& evidence) const override;

  private:
    std::unique_ptr<BindingKind> inner_;  // of receipts within; null where there may be none
    std::vector<const Kind*> kinds_;
};

}  // namespace concordat::ledger::binding
