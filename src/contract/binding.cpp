#include "binding.hpp"

#include <algorithm>
#include <crypto/hash.hpp>

#include "names.hpp"

namespace concordat::contract {
namespace {

using json::Reader;

std::string index_path(const std::string& path, std::size_t index) { return path + "/" + std::to_string(index); }

std::vector<crypto::PublicKey> read_keys(Reader& in) {
    const json::Array& items = in.array("keys", max_keys);
    if (items.empty()) in.fail("keys", "must hold at least one key");
    std::vector<crypto::PublicKey> keys;
    keys.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        keys.push_back(read_key(items[i], index_path(in.at("keys"), i)));
    }
    return keys;
}

std::vector<crypto::EncryptionPublicKey> read_encryption_keys(Reader& in) {
    const json::Array& items = in.array("encryption", max_keys);
    std::vector<crypto::EncryptionPublicKey> keys;
    std::set<Hash256> seen;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const std::string at = index_path(in.at("encryption"), i);
        keys.push_back(read_encryption_key(items[i], at));
        if (!seen.insert(keys.back().thumbprint()).second) throw Error(Code::bad_format, at, "must not be repeated");
    }
    return keys;
}

std::vector<Party> read_parties(Reader& in) {
    std::vector<Party> parties;
    std::set<std::string> ids;
    for (const auto& role : in.object("parties")) {
        const std::string path = in.at("parties") + "/" + std::string(role.key());
        check_name(role.key(), path);
        const auto* members = role.value().if_array();
        if (members == nullptr || members->empty()) throw Error(Code::bad_format, path, "must be an array of parties");
        for (std::size_t i = 0; i < members->size(); ++i) {
            if (parties.size() == max_parties) throw Error(Code::too_large, path, "must be at most 64 parties in all");
            Reader party((*members)[i], index_path(path, i));
            Party one;
            one.role = std::string(role.key());
            one.id = std::string(party.string("id"));
            check_id(one.id, party.at("id"));
            if (!ids.insert(one.id).second) party.fail("id", "must be the only party or source of this id");
            one.keys = read_keys(party);
            one.encryption = read_encryption_keys(party);
            party.finish();
            parties.push_back(std::move(one));
        }
    }
    if (parties.empty()) in.fail("parties", "must hold at least one party");
    return parties;
}

std::vector<SourceOrigin> read_sources(Reader& in, const std::vector<Party>& parties) {
    std::vector<SourceOrigin> sources;
    const json::Object& object = in.object("sources");
    if (object.size() > max_sources) throw Error(Code::too_large, in.at("sources"), "must be at most 64 sources");
    std::set<std::string> ids;
    for (const auto& member : object) {
        const std::string path = in.at("sources") + "/" + std::string(member.key());
        check_name(member.key(), path);
        Reader source(member.value(), path);
        SourceOrigin one{std::string(member.key()), std::string(source.string("id")), read_keys(source)};
        check_id(one.id, source.at("id"));
        source.finish();
        // An id names one signer: "who sent this" must have one answer.
        const bool known = std::ranges::any_of(parties, [&](const Party& p) { return p.id == one.id; });
        if (known || !ids.insert(one.id).second) source.fail("id", "must be the only party or source of this id");
        if (std::ranges::any_of(parties, [&](const Party& p) { return p.role == one.name; })) {
            throw Error(Code::bad_format, path, "must not have the name of a role");
        }
        sources.push_back(std::move(one));
    }
    return sources;
}

std::int64_t count_of_m(Reader& in, const std::vector<Party>& parties) {
    return in.integer("m", 1, static_cast<std::int64_t>(parties.size()));
}

std::vector<std::string> read_rule_roles(Reader& in, const std::vector<Party>& parties) {
    std::vector<std::string> roles;
    for (const json::Value& item : in.array("roles", max_parties)) {
        const auto* role = item.if_string();
        const auto has_it = [&](const Party& p) { return role != nullptr && p.role == std::string_view(*role); };
        if (std::ranges::none_of(parties, has_it)) in.fail("roles", "must name roles that have a party");
        if (!roles.empty() && roles.back() >= std::string_view(*role)) {
            in.fail("roles", "must be in ascending order, each once");
        }
        roles.emplace_back(*role);
    }
    if (roles.empty()) in.fail("roles", "must name at least one role");
    return roles;
}

bool read_boolean(Reader& in, std::string_view name) {
    in.any(name);
    return in.boolean_or(name, false);
}

AmendmentRule read_amendment(Reader& document, const std::vector<Party>& parties) {
    Reader in(document.any("amendment"), document.at("amendment"));
    AmendmentRule rule;
    const std::string_view kind = in.string("rule");
    if (kind == "m-of-n") {
        rule.kind = AmendmentRule::Kind::m_of_n;
        rule.m = count_of_m(in, parties);
    } else if (kind == "roles") {
        rule.kind = AmendmentRule::Kind::roles;
        rule.roles = read_rule_roles(in, parties);
    } else if (kind != "all") {
        in.fail("rule", "must be \"all\", \"m-of-n\" or \"roles\"");
    }
    rule.self = read_boolean(in, "self");
    const std::string_view meanwhile = in.string("meanwhile");
    if (meanwhile != "pause" && meanwhile != "continue") in.fail("meanwhile", "must be \"pause\" or \"continue\"");
    rule.pause = meanwhile == "pause";
    rule.deadline_hours = in.integer("deadline_hours", 1, 24 * 366);
    in.finish();
    return rule;
}

void read_record(Reader& document, Binding& binding) {
    Reader in(document.any("record"), document.at("record"));
    binding.service_key = read_key(in.any("service_key"), in.at("service_key"));
    binding.ledger_encryption_key = read_encryption_key(in.any("encryption_key"), in.at("encryption_key"));
    binding.chain = std::string(in.string("chain"));
    if (binding.chain != "ccl:" + binding.service_key.thumbprint().hex().substr(0, 32)) {
        in.fail("chain", "must be \"ccl:\" and the first 32 hex digits of the service key's thumbprint");
    }
    in.finish();
}

void read_enclaves(Reader& document, Binding& binding) {
    binding.enclaves_json = document.any("enclaves");
    Reader in(binding.enclaves_json, document.at("enclaves"));
    const std::string_view isolation = in.string("isolation");
    if (isolation != "shared" && isolation != "dedicated") in.fail("isolation", "must be \"shared\" or \"dedicated\"");
    binding.dedicated = isolation == "dedicated";
    json::Value policy = binding.enclaves_json;
    policy.as_object().erase("isolation");
    binding.enclaves = attest::Policy::parse(policy, document.at("enclaves"));
}

void read_version(Reader& in, Binding& binding) {
    binding.number = in.integer("version", 1);
    if (binding.number == 1) {
        if (in.base64url("nonce", 64).size() != 16) in.fail("nonce", "must be 16 bytes");
        binding.id = binding.hash;
    } else {
        binding.id = in.hash("binding");
        binding.previous = in.hash("previous");
    }
}

std::set<std::string> expected_recipients(const Binding& binding, std::string_view audience) {
    std::set<std::string> kids{binding.ledger_encryption_key.kid()};
    for (const auto& key : binding.readers(audience)) kids.insert(key.kid());
    return kids;
}

// That a sealed term can be read by its audience and the ledger, and by nobody else, shows in the recipients' key ids.
void check_recipients(const json::Value& jwe, const std::set<std::string>& expected, const std::string& path) {
    const auto* object = jwe.if_object();
    const auto* list = object == nullptr ? nullptr : object->if_contains("recipients");
    const auto* recipients = list == nullptr ? nullptr : list->if_array();
    if (recipients == nullptr) throw Error(Code::bad_format, path, "must be a JWE in general JSON serialisation");
    std::set<std::string> kids;
    for (const json::Value& recipient : *recipients) {
        boost::system::error_code missing;
        const auto* kid = recipient.find_pointer("/header/kid", missing);
        if (kid != nullptr && kid->is_string()) kids.emplace(kid->get_string());
    }
    if (kids != expected || recipients->size() != expected.size()) {
        throw Error(Code::bad_format, path + "/recipients",
                    "must be the audience's encryption keys and the record ledger's, each once");
    }
}

void read_terms(Reader& in, Binding& binding) {
    binding.terms = in.object("terms");
    binding.sealed_terms = in.object("sealed_terms");
    const auto is_role = [&](const std::string& role) {
        return std::ranges::any_of(binding.parties, [&](const Party& p) { return p.role == role; });
    };
    for (const auto& member : binding.sealed_terms) {
        const std::string path = in.at("sealed_terms") + "/" + std::string(member.key());
        if (!std::ranges::all_of(audience_roles(member.key(), path), is_role)) {
            throw Error(Code::bad_format, path, "must name roles that have a party");
        }
        check_recipients(member.value(), expected_recipients(binding, member.key()), path);
    }
}

void read_ledgers(Reader& document, Binding& binding) {
    const json::Object& ledgers = document.object("ledgers");
    if (ledgers.size() > max_ledgers) document.fail("ledgers", "must be at most 16 ledgers");
    for (const auto& member : ledgers) {
        const std::string path = document.at("ledgers") + "/" + std::string(member.key());
        check_name(member.key(), path);
        binding.ledgers.emplace(member.key(), read_place(member.value(), path));
    }
}

std::map<Hash256, Sender> index_senders(const Binding& binding) {
    std::map<Hash256, Sender> senders;
    const auto add = [&](const crypto::PublicKey& key, const std::string& role, const std::string& id, bool is_source) {
        const bool taken = key.thumbprint() == binding.service_key.thumbprint();
        if (taken || !senders.emplace(key.thumbprint(), Sender{role, id, is_source, key}).second) {
            throw Error(Code::bad_format, "/binding/" + std::string(is_source ? "sources/" : "parties/") + role,
                        "must hold no key (of " + id + ") that stands elsewhere in the document");
        }
    };
    for (const Party& party : binding.parties) {
        for (const auto& key : party.keys) add(key, party.role, party.id, false);
    }
    for (const SourceOrigin& source : binding.sources) {
        for (const auto& key : source.keys) add(key, source.name, source.id, true);
    }
    return senders;
}

}  // namespace

Binding Binding::parse(ByteView payload) {
    const json::Value value = json::parse(text_of(payload), "/binding", {.bytes = max_binding_bytes});
    Reader in(value, "/binding");
    Binding binding;
    in.expect("typ", binding_typ);
    binding.hash = crypto::sha256(payload);
    read_version(in, binding);
    binding.package = in.hash("package");
    read_record(in, binding);
    read_enclaves(in, binding);
    binding.parties = read_parties(in);
    binding.sources = read_sources(in, binding.parties);
    read_ledgers(in, binding);
    read_terms(in, binding);
    in.expect("suite", cipher_suite);
    binding.amendment = read_amendment(in, binding.parties);
    binding.expires = read_time(in, "expires");
    in.finish();
    binding.senders_ = index_senders(binding);
    binding.document = value.get_object();
    return binding;
}

Hash256 Binding::enclaves_hash() const { return crypto::sha256(json::canonical(enclaves_json)); }

const Sender* Binding::sender(const Hash256& key_thumbprint) const {
    const auto found = senders_.find(key_thumbprint);
    return found == senders_.end() ? nullptr : &found->second;
}

const Party* Binding::party(std::string_view party_id) const {
    const auto found = std::ranges::find_if(parties, [&](const Party& p) { return p.id == party_id; });
    return found == parties.end() ? nullptr : &*found;
}

const LedgerTarget* Binding::target(std::string_view ledger, std::string_view route) const {
    const auto found = ledgers.find(ledger);
    return found == ledgers.end() ? nullptr : found->second.on(route);
}

std::vector<crypto::EncryptionPublicKey> Binding::readers(std::string_view audience) const {
    const auto roles = audience_roles(audience, "/audience");
    std::vector<crypto::EncryptionPublicKey> keys;
    std::set<Hash256> seen;
    for (const Party& party : parties) {
        if (std::ranges::find(roles, party.role) == roles.end()) continue;
        for (const auto& key : party.encryption) {
            if (seen.insert(key.thumbprint()).second) keys.push_back(key);
        }
    }
    return keys;
}

}  // namespace concordat::contract
