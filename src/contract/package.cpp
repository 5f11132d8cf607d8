#include "package.hpp"

#include <algorithm>
#include <array>
#include <crypto/hash.hpp>
#include <set>

#include "names.hpp"

namespace concordat::contract {
namespace {

using json::Reader;

constexpr std::string_view manifest_type = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view config_type = "application/vnd.concordat.contract.v1+json";
constexpr std::string_view module_type = "application/wasm";
constexpr std::string_view provenance_type = "application/vnd.concordat.provenance.v1+json";
constexpr std::size_t max_actions = 256;
constexpr std::size_t max_effects = 64;
constexpr std::size_t max_call_bytes = 256;
constexpr std::array<std::string_view, 3> effect_kinds{"compensatable", "pivot", "retriable"};
constexpr std::size_t max_config_bytes = std::size_t{4} << 20;

[[noreturn]] void refuse(std::string field, std::string rule) {
    throw Error(Code::bad_package, std::move(field), std::move(rule));
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

std::vector<std::string> read_names(const json::Array& items, const std::string& path) {
    std::vector<std::string> names;
    for (const json::Value& item : items) {
        const auto* name = item.if_string();
        if (name == nullptr) refuse(path, "must be an array of names");
        check_name(*name, path);
        if (contains(names, *name)) refuse(path, "must not name anything twice");
        names.emplace_back(*name);
    }
    return names;
}

// Documents are objects at their root: their members are what state roots and redaction are made of.
schema::Schema read_object_schema(Reader& in, std::string_view name) {
    const json::Value& document = in.any(name);
    const auto* object = document.if_object();
    const auto* type = object == nullptr ? nullptr : object->if_contains("type");
    if (type == nullptr || !type->is_string() || type->get_string() != "object") {
        throw Error(Code::bad_schema, in.at(name) + "/type", "must be \"object\" at the root");
    }
    return schema::Schema::compile(document, in.at(name));
}

void check_audiences(const schema::Schema& schema, const Contract& contract, const std::string& path) {
    for (const auto& field : schema.confidential()) {
        for (const std::string& role : field.roles) {
            if (!contains(contract.roles, role)) {
                refuse(path, "must seal only to the contract's roles, which do not include " + role);
            }
        }
    }
}

void refuse_confidential(const schema::Schema& schema, const std::string& path) {
    if (!schema.confidential().empty()) refuse(path, "must hold no confidential field");
}

void read_sources(Reader& in, Contract& contract) {
    const json::Object& sources = in.object("sources");
    if (sources.size() > 64) refuse(in.at("sources"), "must be at most 64 sources");
    for (const auto& member : sources) {
        const std::string path = in.at("sources") + "/" + std::string(member.key());
        check_name(member.key(), path);
        if (contains(contract.roles, member.key())) refuse(path, "must not have the name of a role");
        Reader source(member.value(), path);
        schema::Schema observation = read_object_schema(source, "observation");
        source.finish();
        refuse_confidential(observation, path + "/observation");
        contract.sources.emplace(std::string(member.key()), std::move(observation));
    }
}

// A sender can seal a field only under a key that it can read, so each sender must be in each audience of its message.
void check_message(const Action& action, const Contract& contract, const std::string& path) {
    check_audiences(action.message, contract, path);
    for (const auto& field : action.message.confidential()) {
        for (const std::string& from : action.from) {
            if (!contains(field.roles, from)) {
                refuse(path, "must seal " + field.path.back() + " also to its sender " + from);
            }
        }
    }
}

void check_from(const Action& action, const Contract& contract, const std::string& path) {
    if (action.from.empty()) refuse(path, "must name who may send the message");
    for (const std::string& name : action.from) {
        if (contains(contract.roles, name)) continue;
        if (!contract.sources.contains(name) && !contract.ledgers.contains(name)) {
            refuse(path, "must name roles, or one source or ledger; unknown: " + name);
        }
        if (action.from.size() != 1) refuse(path, "must name roles, or one source or ledger, not both: " + name);
    }
}

bool hears_outcomes(const Action& action, const Contract& contract) {
    const std::string& from = action.from.front();
    return !contains(contract.roles, from) && !contract.sources.contains(from) && contract.ledgers.contains(from);
}

// Nobody waits for its result, and what it could be refused for would be lost.
void check_hears(const Action& action, const json::Value& message, const std::string& path) {
    const std::string why = ": it hears what became of effects on a ledger";
    if (message != outcome_schema()) refuse(path + "/message", "must be the schema of an outcome" + why);
    if (action.when) refuse(path + "/when", "must be absent" + why);
    if (action.result) refuse(path + "/result", "must be absent" + why);
    if (!action.effects.empty()) refuse(path + "/effects", "must be absent" + why);
    if (action.early) refuse(path + "/commit", "must be absent" + why);
}

Action read_action(const json::Value& value, const std::string& path, const Contract& contract) {
    Reader in(value, path);
    Action action;
    action.from = read_names(in.array("from", 256), in.at("from"));
    check_from(action, contract, in.at("from"));
    action.message = read_object_schema(in, "message");
    check_message(action, contract, in.at("message"));
    if (in.find("when") != nullptr) {
        action.when = read_object_schema(in, "when");
        refuse_confidential(*action.when, in.at("when"));
    }
    if (in.find("result") != nullptr) {
        action.result = read_object_schema(in, "result");
        check_audiences(*action.result, contract, in.at("result"));
    }
    if (in.find("effects") != nullptr) action.effects = read_names(in.array("effects", max_effects), in.at("effects"));
    if (in.find("commit") != nullptr) {
        in.expect("commit", "early");
        action.early = true;
        if (action.effects.empty()) refuse(in.at("commit"), "must be absent where there is no effect");
    }
    if (hears_outcomes(action, contract)) check_hears(action, in.any("message"), path);
    in.finish();
    return action;
}

void check_driven(const Contract& contract) {
    std::map<std::string, int, std::less<>> driven;
    for (const auto& [name, action] : contract.actions) {
        if (contract.sources.contains(action.from.front())) ++driven[action.from.front()];
    }
    for (const auto& [name, schema] : contract.sources) {
        if (driven[name] != 1) refuse("/contract/sources/" + name, "must drive exactly one action");
    }
    std::set<std::string> hearing;
    for (const auto& [name, action] : contract.actions) {
        if (hears_outcomes(action, contract) && !hearing.insert(action.from.front()).second) {
            refuse("/contract/actions/" + name + "/from", "must be a ledger that no other action hears of");
        }
    }
}

// Ledgers and effects are declared by what they are; a binding says where.
void read_ledgers(Reader& in, Contract& contract) {
    for (const auto& member : in.object("ledgers")) {
        const std::string path = in.at("ledgers") + "/" + std::string(member.key());
        check_name(member.key(), path);
        Reader ledger(member.value(), path);
        LedgerUse use{.kind = std::string(ledger.string("kind", max_name_bytes)), .interface = {}};
        check_name(use.kind, ledger.at("kind"));
        if (const json::Value* interface = ledger.find("interface")) use.interface = *interface;
        ledger.finish();
        contract.ledgers.emplace(member.key(), std::move(use));
    }
}

EffectKind read_kind(Reader& in) {
    try {
        return effect_kind_from_name(in.string("kind", 16), in.at("kind"));
    } catch (const Error& error) {
        refuse(error.field(), error.rule());
    }
}

// Each effect comes after what may come before it, and no effect after itself. `way`: from the effect that was asked
// for to this one; `done`: those that are known to be in order.
void check_after(const Contract& contract, const std::string& name, std::vector<std::string>& way,
                 std::set<std::string>& done) {
    if (done.contains(name)) return;
    const Effect& effect = contract.effects.find(name)->second;
    const std::string path = "/contract/effects/" + name + "/after";
    if (contains(way, name)) refuse(path, "must not lead back to the effect");
    way.push_back(name);
    for (const std::string& before : effect.after) {
        const auto found = contract.effects.find(before);
        if (found == contract.effects.end()) refuse(path, "must name the contract's effects; unknown: " + before);
        if (found->second.kind > effect.kind) {
            refuse(path, "must name no " + std::string(effect_kind_name(found->second.kind)) + " effect: what is " +
                             std::string(effect_kind_name(effect.kind)) + " comes before it");
        }
        check_after(contract, before, way, done);
    }
    way.pop_back();
    done.insert(name);
}

void read_effects(Reader& in, Contract& contract) {
    std::set<std::string> used;
    for (const auto& member : in.object("effects")) {
        const std::string path = in.at("effects") + "/" + std::string(member.key());
        check_name(member.key(), path);
        Reader reader(member.value(), path);
        Effect effect;
        effect.ledger = reader.string("ledger", max_name_bytes);
        if (!contract.ledgers.contains(effect.ledger)) {
            refuse(reader.at("ledger"), "must name one of the contract's ledgers");
        }
        used.insert(effect.ledger);
        effect.call = reader.string("call", max_call_bytes);
        effect.kind = read_kind(reader);
        for (const auto& [name, text] : {std::pair{"commit", &effect.commit}, std::pair{"undo", &effect.undo}}) {
            if (reader.find(name) == nullptr) continue;
            if (effect.kind != EffectKind::compensatable) {
                refuse(reader.at(name), "must be absent but for what is compensatable");
            }
            *text = reader.string(name, max_call_bytes);
            if (text->empty()) refuse(reader.at(name), "must not be empty where it is present");
        }
        if (reader.find("after") != nullptr) {
            effect.after = read_names(reader.array("after", max_effects), reader.at("after"));
            if (effect.after.empty()) refuse(reader.at("after"), "must not be empty where it is present");
        }
        reader.finish();
        contract.effects.emplace(member.key(), std::move(effect));
    }
    if (used.size() != contract.ledgers.size()) refuse(in.at("ledgers"), "must be named by an effect, each of them");
    if (contract.effects.size() > max_effects) refuse(in.at("effects"), "must be at most 64 effects");
    std::vector<std::string> way;
    std::set<std::string> done;
    for (const auto& [name, effect] : contract.effects) check_after(contract, name, way, done);
}

void check_effects(const Contract& contract) {
    for (const auto& [name, action] : contract.actions) {
        const std::string path = "/contract/actions/" + name + "/effects";
        int pivots = 0;
        for (const std::string& effect : action.effects) {
            const auto found = contract.effects.find(effect);
            if (found == contract.effects.end()) {
                refuse(path, "must be declared in the contract's effects: " + effect);
            }
            pivots += found->second.kind == EffectKind::pivot ? 1 : 0;
            if (action.early && contract.outcomes_of(found->second.ledger) == nullptr) {
                refuse("/contract/actions/" + name + "/commit",
                       "needs an action from the ledger " + found->second.ledger + ", which hears the outcome");
            }
        }
        if (pivots > 1) refuse(path, "must hold at most one pivot: two could not be made atomic");
    }
}

void read_actions(Reader& in, Contract& contract) {
    const json::Object& actions = in.object("actions");
    if (actions.empty() || actions.size() > max_actions) refuse(in.at("actions"), "must be 1 to 256 actions");
    for (const auto& member : actions) {
        const std::string path = in.at("actions") + "/" + std::string(member.key());
        check_name(member.key(), path);
        contract.actions.emplace(std::string(member.key()), read_action(member.value(), path, contract));
    }
}

void read_costs(Reader& in, Contract& contract) {
    if (in.find("costs") == nullptr) return;
    Reader costs(in.any("costs"), in.at("costs"));
    contract.costs = CostTerms::read(costs);
    costs.finish();
    for (const auto& [role, weight] : contract.costs->split) {
        if (contains(contract.roles, role)) continue;
        refuse(costs.at("split") + "/" + role, "must be one of the contract's roles");
    }
}

struct Descriptor {
    Hash256 digest;
    std::size_t size = 0;
};

Descriptor read_descriptor(const json::Value& value, std::string_view type, const std::string& path) {
    Reader in(value, path);
    in.expect("mediaType", type);
    Descriptor out{in.hash("digest"), static_cast<std::size_t>(in.integer("size"))};
    in.finish();
    return out;
}

json::Object descriptor(std::string_view type, ByteView blob) {
    return {
        {"mediaType", type}, {"digest", crypto::sha256(blob).text()}, {"size", static_cast<std::int64_t>(blob.size())}};
}

void check_blob(ByteView blob, const Hash256& digest, std::size_t size, std::string_view field) {
    if (blob.size() != size || crypto::sha256(blob) != digest) {
        refuse(std::string(field), "must have the digest and size that the manifest gives");
    }
}

}  // namespace

std::string_view effect_kind_name(EffectKind kind) { return effect_kinds.at(static_cast<std::size_t>(kind)); }

EffectKind effect_kind_from_name(std::string_view name, std::string_view field) {
    const auto found = std::ranges::find(effect_kinds, name);
    if (found == effect_kinds.end()) {
        throw Error(Code::bad_format, std::string(field), "must be \"compensatable\", \"pivot\" or \"retriable\"");
    }
    return static_cast<EffectKind>(found - effect_kinds.begin());
}

Contract Contract::parse(ByteView config) {
    const json::Value value = json::parse(text_of(config), "/contract", {.bytes = max_config_bytes, .depth = 64});
    Reader in(value, "/contract");
    Contract contract;
    in.expect("typ", "concordat/contract/1");
    in.integer("abi", 1, 1);
    contract.name = std::string(in.string("name", max_id_bytes));
    check_id(contract.name, in.at("name"));
    contract.version = std::string(in.string("version", max_name_bytes));
    check_id(contract.version, in.at("version"));
    contract.description = std::string(in.string("description", 4096));
    contract.language = std::string(in.string("language", max_name_bytes));
    contract.roles = read_names(in.array("roles", 256), in.at("roles"));
    if (contract.roles.empty()) refuse(in.at("roles"), "must hold at least one role");
    std::ranges::sort(contract.roles);
    contract.state = read_object_schema(in, "state");
    check_audiences(contract.state, contract, in.at("state"));
    contract.terms = read_object_schema(in, "terms");
    check_audiences(contract.terms, contract, in.at("terms"));
    read_sources(in, contract);
    read_ledgers(in, contract);
    read_actions(in, contract);
    check_driven(contract);
    read_effects(in, contract);
    check_effects(contract);
    read_costs(in, contract);
    in.finish();
    return contract;
}

const std::string& Contract::driven_by(std::string_view source) const {
    for (const auto& [name_of_action, action] : actions) {
        if (action.from.front() == source && sources.contains(source)) return name_of_action;
    }
    throw Error(Code::not_found, "/source", "no action is driven by " + std::string(source));
}

const std::string* Contract::outcomes_of(std::string_view ledger) const {
    for (const auto& [hears, action] : actions) {
        if (action.from.front() == ledger && hears_outcomes(action, *this)) return &hears;
    }
    return nullptr;
}

const json::Value& outcome_schema() {
    static const json::Value schema =
        json::parse(R"({"additionalProperties":false,"properties":{"effect":{"maxLength":64,"type":"string"},)"
                    R"("ending":{"enum":["committed","aborted"],"type":"string"},)"
                    R"("sequence":{"minimum":0,"type":"integer"},"transaction":{"maxLength":71,"type":"string"}},)"
                    R"("required":["effect","ending","sequence","transaction"],"type":"object"})",
                    "/outcome");
    return schema;
}

json::Object outcome_message(const Hash256& transaction, std::int64_t sequence, std::string_view effect,
                             std::string_view ending) {
    return {{"effect", effect}, {"ending", ending}, {"sequence", sequence}, {"transaction", transaction.text()}};
}

Manifest Manifest::parse(ByteView bytes) {
    try {
        const json::Value value = json::parse(text_of(bytes), "/manifest", {.bytes = 65536});
        Reader in(value, "/manifest");
        in.integer("schemaVersion", 2, 2);
        in.expect("mediaType", manifest_type);
        Manifest out;
        out.id = crypto::sha256(bytes);
        const auto take = [](const Descriptor& from, Hash256& digest, std::size_t& size) {
            digest = from.digest;
            size = from.size;
        };
        take(read_descriptor(in.any("config"), config_type, in.at("config")), out.config, out.config_bytes);
        const json::Array& layers = in.array("layers", 2);
        if (layers.size() != 2) in.fail("layers", "must be the module and its provenance");
        take(read_descriptor(layers[0], module_type, in.at("layers") + "/0"), out.module, out.module_bytes);
        take(read_descriptor(layers[1], provenance_type, in.at("layers") + "/1"), out.provenance, out.provenance_bytes);
        in.finish();
        return out;
    } catch (const Error& error) {
        refuse(error.field(), error.rule());
    }
}

Bytes Manifest::write(ByteView config, ByteView module, ByteView provenance) {
    json::Array layers{descriptor(module_type, module), descriptor(provenance_type, provenance)};
    return to_bytes(bytes_of(json::canonical(json::Object{{"schemaVersion", 2},
                                                          {"mediaType", manifest_type},
                                                          {"config", descriptor(config_type, config)},
                                                          {"layers", std::move(layers)}})));
}

Package Package::check(Bytes manifest, Bytes config, Bytes module, Bytes provenance) {
    Package out;
    out.parsed = Manifest::parse(manifest);
    check_blob(config, out.parsed.config, out.parsed.config_bytes, "/config");
    check_blob(module, out.parsed.module, out.parsed.module_bytes, "/module");
    check_blob(provenance, out.parsed.provenance, out.parsed.provenance_bytes, "/provenance");
    out.contract = Contract::parse(config);
    out.manifest = std::move(manifest);
    out.config = std::move(config);
    out.module = std::move(module);
    out.provenance = std::move(provenance);
    return out;
}

}  // namespace concordat::contract
