// What is locked on one chain is there on the other. The platform sees to both or neither; the contract says who, to
// whom and how much, and never lets more be released than was locked.
#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

namespace {

const std::string everything = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

// Of a lock, and of the mint or burn that belongs to it: random, so that nobody can have taken it before.
std::string new_id(Random& random) {
    std::string out = "0x";
    for (int i = 0; i < 64; ++i) out += "0123456789abcdef"[random.below(16)];
    return out;
}

std::string lower(std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

const Value& member_of(const Context& context, std::string_view id) {
    for (const Value& one : context.terms()["members"].as_array()) {
        if (string_of(one, "id") == id) return one;
    }
    abort_with("unknown_member", "the terms have no accounts for this party");
}

// The first version of the terms cannot name it: the vault is the account that the agreement has when it is bound.
const std::string& vault_of(const Context& context) {
    const Value* vault = context.terms().find("vault");
    require(vault != nullptr && context.terms().contains("token"), "not_named",
            "the terms name no vault and token yet");
    return vault->as_string();
}

const std::string& open_vault(const Context& context) {
    const std::string& vault = vault_of(context);
    require(string_of(context.state(), "vault") == vault, "not_open", "the terms' vault has not been opened");
    return vault;
}

// A lock without a deadline: one that came back by itself while its tokens are being minted would leave them without
// cover.
void hold(Context& context, const std::string& id, const Value& amount, const std::string& from,
          const std::string& to) {
    const Value name = Value::object({{"id", id}});
    context.emit_effect("hold",
                        Value::object({{"id", id},
                                       {"standard", "1"},  // ERC-20
                                       {"token", context.terms()["coin"]},
                                       {"tokenId", "0"},
                                       {"amount", amount},
                                       {"from", from},
                                       {"to", to},
                                       {"deadline", "0"}}),
                        name, name);
}

}  // namespace

struct Bridge {
    void init(Context& context) {
        const Array& members = context.terms()["members"].as_array();
        for (const Value& one : members) {
            require(&member_of(context, string_of(one, "id")) == &one, "bad_terms", "a member stands there twice");
        }
        const Value none = Value::object({{"amount", "0"}, {"id", ""}, {"to", ""}, {"token", ""}});
        context.state() = Value::object(
            {{"vault", ""}, {"bridged", 0}, {"deposits", 0}, {"withdrawals", 0}, {"transfers", 0}, {"locked", none}});
    }

    void open(Context& context) {
        const std::string& vault = vault_of(context);
        require(string_of(context.state(), "vault") != vault, "already_open", "the terms' vault has been opened");
        context.state()["vault"] = vault;
        context.emit_effect("allow", Value::object({{"spender", context.terms()["escrow"]}, {"amount", everything}}));
    }

    void deposit(Context& context) {
        const std::string id = lock_for(context);
        context.emit_effect(
            "mint",
            Value::object({{"lockId", id}, {"to", sender(context)["bridged"]}, {"amount", amount_text(context)}}));
    }

    // What the token asks to be shown (BridgedToken.lockedValue), in the public state.
    void lock(Context& context) {
        const std::string id = lock_for(context);
        context.state()["locked"] = Value::object({{"amount", amount_text(context)},
                                                   {"id", id},
                                                   {"to", lower(string_of(sender(context), "bridged"))},
                                                   {"token", context.terms()["token"]}});
    }

    void transfer(Context& context) {
        open_vault(context);
        const Value& to = member_of(context, string_of(context.message(), "to"));
        count(context, "transfers");
        context.emit_effect("move", Value::object({{"from", sender(context)["bridged"]},
                                                   {"to", to["bridged"]},
                                                   {"amount", amount_text(context)}}));
    }

    // Held for the member before anything is burned, so that what is burned can always be released.
    void withdraw(Context& context) {
        Value& state = context.state();
        const std::string& vault = open_vault(context);
        const Value& member = sender(context);
        const std::int64_t left = int_of(state, "bridged") - int_of(context.message(), "amount");
        require(left >= 0, "not_bridged", "more than there is on the other side");
        state["bridged"] = left;
        count(context, "withdrawals");
        const std::string id = new_id(context.random());
        hold(context, id, amount_text(context), vault, string_of(member, "original"));
        context.emit_effect("burn", Value::object({{"releaseId", id},
                                                   {"amount", amount_text(context)},
                                                   {"from", member["bridged"]},
                                                   {"receiver", member["original"]}}));
    }

  private:
    static const Value& sender(const Context& context) { return member_of(context, context.sender().id); }
    static Value amount_text(const Context& context) {
        return Value(std::to_string(int_of(context.message(), "amount")));
    }
    static void count(Context& context, const char* what) { context.state()[what] = int_of(context.state(), what) + 1; }

    // Into the vault; the id of the lock.
    static std::string lock_for(Context& context) {
        Value& state = context.state();
        const std::string& vault = open_vault(context);
        const std::int64_t total = int_of(state, "bridged") + int_of(context.message(), "amount");
        require(total <= int_of(context.terms(), "limit"), "over_limit", "more than the terms let across");
        state["bridged"] = total;
        count(context, "deposits");
        std::string id = new_id(context.random());
        hold(context, id, amount_text(context), string_of(sender(context), "original"), vault);
        return id;
    }
};

CONCORDAT_CONTRACT(Bridge, CONCORDAT_ACTION("open", open), CONCORDAT_ACTION("deposit", deposit),
                   CONCORDAT_ACTION("lock", lock), CONCORDAT_ACTION("transfer", transfer),
                   CONCORDAT_ACTION("withdraw", withdraw));
