// Who must sign a binding version, an amendment or a termination, and whether they did.
#include <algorithm>
#include <crypto/hash.hpp>

#include "binding.hpp"
#include "names.hpp"

namespace concordat::contract {
namespace {

using Ids = std::set<std::string>;

std::string signature_path(std::size_t index) { return "/signatures/" + std::to_string(index); }

// The sender, checked, behind one signature. `find` gives the key's sender or null.
template <class Find>
const Sender& check_signature(const crypto::GeneralJws& jws, std::size_t index, std::string_view typ, Find&& find) {
    const auto& one = jws.signatures[index];
    const std::string path = signature_path(index);
    if (one.header.typ != typ) {
        throw Error(Code::bad_signature, path + "/typ", "must be \"" + std::string(typ) + "\"");
    }
    const Sender* sender = find(thumbprint_of(one.header.kid, path + "/kid"));
    if (sender == nullptr || sender->is_source) {
        throw Error(Code::not_a_party, path, "must be by a party's key; this one is not: " + one.header.kid);
    }
    if (!jws.verify(index, sender->key)) {
        throw Error(Code::bad_signature, path, "by " + sender->id + " does not hold");
    }
    return *sender;
}

void add_once(Ids& ids, const std::string& id, std::size_t index) {
    if (!ids.insert(id).second)
        throw Error(Code::bad_signature, signature_path(index), "must be the only one by " + id);
}

void bound_signatures(const crypto::GeneralJws& jws) {
    if (jws.signatures.size() > max_parties) throw Error(Code::too_large, "/signatures", "must be at most 64");
}

void check_payload(const Binding& binding, const crypto::GeneralJws& jws) {
    if (crypto::sha256(jws.payload) != binding.hash) {
        throw Error(Code::bad_format, "/payload", "must be the bytes of the version that is checked");
    }
}

std::vector<std::string> unsigned_of(const Binding& binding, const Ids& signed_by, auto&& concerned) {
    std::vector<std::string> missing;
    for (const Party& party : binding.parties) {
        if (concerned(party) && !signed_by.contains(party.id)) missing.push_back(party.id);
    }
    return missing;
}

std::vector<std::string> missing_for_rule(const Binding& current, const Ids& signed_by) {
    const AmendmentRule& rule = current.amendment;
    const auto everyone = [](const Party&) { return true; };
    if (rule.kind == AmendmentRule::Kind::roles) {
        return unsigned_of(current, signed_by, [&](const Party& party) {
            return std::ranges::find(rule.roles, party.role) != rule.roles.end();
        });
    }
    if (rule.kind == AmendmentRule::Kind::m_of_n) {
        const auto count =
            std::ranges::count_if(current.parties, [&](const Party& party) { return signed_by.contains(party.id); });
        if (count >= rule.m) return {};
    }
    return unsigned_of(current, signed_by, everyone);
}

void require_nobody_missing(const std::vector<std::string>& missing) {
    if (missing.empty()) return;
    std::string names;
    for (const std::string& id : missing) names += (names.empty() ? "" : ", ") + id;
    throw Error(Code::bad_signature, "/signatures", "must still be signed by " + names);
}

bool has_account(const Binding& binding, const LedgerTarget& wanted) {
    const auto same = [&](const LedgerTarget& one) {
        return one.chain == wanted.chain && one.account == wanted.account && one.owner == wanted.owner;
    };
    return std::ranges::any_of(binding.ledgers,
                               [&](const auto& ledger) { return std::ranges::any_of(ledger.second.candidates, same); });
}

// Who shares an account may have it do whatever its contract says: so the owner's own key must have agreed, in this
// version or in the one before that already had the account.
void check_owners(const Binding* current, const Binding& next, const crypto::GeneralJws& jws) {
    for (const auto& [name, place] : next.ledgers) {
        for (const LedgerTarget& target : place.candidates) {
            if (!target.owner || (current != nullptr && has_account(*current, target))) continue;
            const auto by_owner = [&](const auto& one) {
                return thumbprint_of(one.header.kid, "/signatures/kid") == *target.owner;
            };
            if (std::ranges::none_of(jws.signatures, by_owner)) {
                throw Error(Code::bad_signature, "/signatures",
                            "must be signed by the key that /ledgers/" + name + " names as owner");
            }
        }
    }
}

// The document without what every next version changes, and without what one party may change about itself.
json::Object without_own(const Binding& binding, std::string_view party_id, std::string_view role) {
    json::Object document = binding.document;
    for (const char* name : {"version", "nonce", "binding", "previous", "expires"}) document.erase(name);
    for (json::Value& party : document.at("parties").as_object().at(role).as_array()) {
        if (std::string_view(party.as_object().at("id").as_string()) != party_id) continue;
        party.as_object().erase("keys");
        party.as_object().erase("encryption");
    }
    // Sealed terms name their readers' keys, so they follow when those change; only the party's own audiences may.
    for (auto& sealed : document.at("sealed_terms").as_object()) {
        const auto roles = audience_roles(sealed.key(), "/audience");
        if (std::ranges::find(roles, role) != roles.end()) sealed.value() = nullptr;
    }
    return document;
}

std::set<Hash256> key_set(const Party& party) {
    std::set<Hash256> keys;
    for (const auto& key : party.keys) keys.insert(key.thumbprint());
    for (const auto& key : party.encryption) keys.insert(key.thumbprint());
    return keys;
}

}  // namespace

std::set<std::string> signers(const Binding& keys_of, const crypto::GeneralJws& jws, std::string_view typ) {
    bound_signatures(jws);
    Ids ids;
    for (std::size_t i = 0; i < jws.signatures.size(); ++i) {
        const auto find = [&](const Hash256& key) { return keys_of.sender(key); };
        add_once(ids, check_signature(jws, i, typ, find).id, i);
    }
    return ids;
}

std::set<std::string> amendment_signers(const Binding& current, const Binding& next, const crypto::GeneralJws& jws) {
    bound_signatures(jws);
    Ids ids;
    for (std::size_t i = 0; i < jws.signatures.size(); ++i) {
        const auto added = [&](const Hash256& key) -> const Sender* {
            const Sender* sender = next.sender(key);
            return sender != nullptr && current.party(sender->id) == nullptr ? sender : nullptr;
        };
        const auto find = [&](const Hash256& key) -> const Sender* {
            const Sender* sender = current.sender(key);
            return sender != nullptr ? sender : added(key);
        };
        const Sender& sender = check_signature(jws, i, binding_typ, find);
        add_once(ids, sender.id, i);
        // One key may end one party's part and begin another's: the same holder consents to both with one signature.
        const Sender* begins = added(sender.key.thumbprint());
        if (begins != nullptr && !begins->is_source && begins->id != sender.id) add_once(ids, begins->id, i);
    }
    return ids;
}

std::string self_change(const Binding& current, const Binding& next) {
    for (const Party& party : current.parties) {
        const Party* other = next.party(party.id);
        if (other == nullptr || other->role != party.role) return {};
        if (key_set(party) == key_set(*other)) continue;
        const bool only_this = json::canonical(without_own(current, party.id, party.role)) ==
                               json::canonical(without_own(next, party.id, party.role));
        return only_this ? party.id : std::string();
    }
    return {};
}

std::vector<std::string> missing_for_first(const Binding& first, const std::set<std::string>& signed_by) {
    return unsigned_of(first, signed_by, [](const Party&) { return true; });
}

std::vector<std::string> missing_for_amendment(const Binding& current, const Binding& next,
                                               const std::set<std::string>& signed_by) {
    std::vector<std::string> missing = missing_for_rule(current, signed_by);
    const auto is_added = [&](const Party& party) { return current.party(party.id) == nullptr; };
    for (std::string& id : unsigned_of(next, signed_by, is_added)) missing.push_back(std::move(id));
    if (missing.empty() || !current.amendment.self) return missing;
    const std::string own = self_change(current, next);
    if (own.empty()) return missing;
    return signed_by.contains(own) ? std::vector<std::string>{} : std::vector<std::string>{own};
}

std::vector<std::string> missing_for_termination(const Binding& current, const std::set<std::string>& signed_by) {
    return missing_for_rule(current, signed_by);
}

void check_first(const Binding& first, const crypto::GeneralJws& jws) {
    if (first.number != 1) throw Error(Code::wrong_version, "/binding/version", "must be 1");
    check_payload(first, jws);
    require_nobody_missing(missing_for_first(first, signers(first, jws, binding_typ)));
    check_owners(nullptr, first, jws);
}

void check_successor(const Binding& current, const Binding& next) {
    if (next.number != current.number + 1) {
        throw Error(Code::wrong_version, "/binding/version", "must follow the version in force");
    }
    if (next.id != current.id) throw Error(Code::wrong_version, "/binding/binding", "must be the binding's id");
    if (next.previous != current.hash) {
        throw Error(Code::wrong_version, "/binding/previous", "must be the hash of the version in force");
    }
    if (next.service_key != current.service_key ||
        next.ledger_encryption_key.thumbprint() != current.ledger_encryption_key.thumbprint()) {
        throw Error(Code::wrong_ledger, "/binding/record", "must stay the binding's record ledger");
    }
}

void check_amendment(const Binding& current, const Binding& next, const crypto::GeneralJws& jws) {
    check_successor(current, next);
    check_payload(next, jws);
    require_nobody_missing(missing_for_amendment(current, next, amendment_signers(current, next, jws)));
    check_owners(&current, next, jws);
}

namespace {

// A document that is signed as an amendment is, and is about the version in force.
void check_agreed(const Binding& current, const Hash256& binding, const Hash256& version, const crypto::GeneralJws& jws,
                  std::string_view typ, const std::string& path) {
    if (binding != current.id) throw Error(Code::wrong_version, path + "/binding", "must be this binding");
    if (version != current.hash) throw Error(Code::wrong_version, path + "/version", "must be the version in force");
    require_nobody_missing(missing_for_termination(current, signers(current, jws, typ)));
}

}  // namespace

void check_termination(const Binding& current, const Hash256& payload_binding, const Hash256& payload_version,
                       const crypto::GeneralJws& jws) {
    check_agreed(current, payload_binding, payload_version, jws, "concordat/termination/1", "/termination");
}

void check_resolution(const Binding& current, const Hash256& payload_binding, const Hash256& payload_version,
                      const crypto::GeneralJws& jws) {
    check_agreed(current, payload_binding, payload_version, jws, "concordat/resolution/1", "/resolution");
}

}  // namespace concordat::contract
