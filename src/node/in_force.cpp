#include "in_force.hpp"

namespace concordat::node {

std::string InForce::account(const std::string& ledger, const contract::LedgerTarget& target) const {
    const json::Value& named = accounts.at(ledger);
    const json::Value& one = named.is_object() ? named.get_object().at(target.chain) : named;
    return std::string(one.as_string());
}

void find_in_force(Chronicle& chronicle, const Hash256& binding, Then<InForce> then) {
    chronicle.index().barrier([&chronicle, binding, then = std::move(then)] {
        const BindingState* state = chronicle.binding(binding);
        Index& index = chronicle.index();
        const auto version = state == nullptr ? std::nullopt : index.version(state->row.local, state->row.number);
        const auto row = version ? index.entry_at(version->index) : std::nullopt;
        if (!row) return then(Error(Code::not_found, "/binding", "no such binding runs here"));
        chronicle.find(*row, [version, then](Outcome<CommitPtr> commit) {
            process::complete<InForce>(then, [&] {
                const auto jws = crypto::GeneralJws::parse(
                    json::parse(text_of(version->jws), "binding", {.bytes = 2 * contract::max_binding_bytes}), "");
                return InForce{.binding = contract::Binding::parse(jws.payload),
                               .accounts = contract::Entry::parse(commit.get()->document).accounts};
            });
        });
    });
}

}  // namespace concordat::node
