#include "entry.hpp"

#include <algorithm>
#include <array>
#include <base/json_text.hpp>
#include <charconv>
#include <crypto/hash.hpp>
#include <crypto/merkle.hpp>

#include "names.hpp"
#include "sealing.hpp"

namespace concordat::contract {
namespace {

constexpr std::array<std::string_view, 12> type_names{"bind",       "amend",   "execute",   "prepare",
                                                      "cancelling", "outcome", "terminate", "disputed",
                                                      "propose",    "close",   "step",      "resolve"};
constexpr std::size_t max_items = 1024;  // effects or events of one entry
constexpr std::int64_t max_calls = std::int64_t{1} << 31;

// Appends members in the order in which they are called, which the caller makes the sorted one. Numbers and digests are
// written without a JSON tree in between: an entry is written for every message.
class MemberWriter {
  public:
    explicit MemberWriter(std::string& out) : out_(out) { out_ += '{'; }
    void text(std::string_view name, std::string_view value) {
        begin(name);
        json::append_string(out_, value);
    }
    void text_if(std::string_view name, std::string_view value) {
        if (!value.empty()) text(name, value);
    }
    void hash(std::string_view name, const Hash256& value) {
        static constexpr std::string_view digits = "0123456789abcdef";
        begin(name);
        std::array<char, 73> digest{'"', 's', 'h', 'a', '2', '5', '6', ':'};
        std::size_t at = 8;
        for (const std::uint8_t byte : value.bytes) {
            digest[at++] = digits[byte >> 4];
            digest[at++] = digits[byte & 15];
        }
        digest[at] = '"';
        out_.append(digest.data(), digest.size());
    }
    void hash_if(std::string_view name, const std::optional<Hash256>& value) {
        if (value) hash(name, *value);
    }
    void integer(std::string_view name, std::uint64_t value) {
        begin(name);
        std::array<char, 20> digits{};
        out_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
    }
    void integer_if(std::string_view name, std::uint64_t value) {
        if (value != 0) integer(name, value);
    }
    void time_if(std::string_view name, TimeMs value) {
        if (value != 0) text(name, format_time(value));
    }
    void array_if(std::string_view name, const json::Array& value) {
        if (value.empty()) return;
        array(name, value);
    }
    void array(std::string_view name, const json::Array& value) {
        begin(name);
        out_ += '[';
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (i != 0) out_ += ',';
            json::append_canonical(out_, value[i]);
        }
        out_ += ']';
    }
    void object(std::string_view name, const json::Object& value) {
        begin(name);
        out_ += json::canonical(value);
    }
    void end() { out_ += '}'; }
    std::string& begin(std::string_view name) {
        if (!first_) out_ += ',';
        first_ = false;
        out_ += '"';
        out_ += name;
        out_ += "\":";
        return out_;
    }

  private:
    std::string& out_;
    bool first_ = true;
};

void write_sender(MemberWriter& out, const Entry& entry) {
    if (entry.sender_role.empty()) return;
    MemberWriter sender(out.begin("sender"));
    sender.text("id", entry.sender_id);
    sender.text("key", entry.sender_key);
    sender.text("role", entry.sender_role);
    sender.end();
}

void read_sender(json::Reader& in, Entry& entry) {
    const json::Value* value = in.find("sender");
    if (value == nullptr) return;
    json::Reader sender(*value, in.at("sender"));
    entry.sender_role = sender.string("role");
    entry.sender_id = sender.string("id");
    entry.sender_key = sender.string("key");
    sender.finish();
    check_name(entry.sender_role, sender.at("role"));
    check_id(entry.sender_id, sender.at("id"));
    thumbprint_of(entry.sender_key, sender.at("key"));
}

std::string read_optional_name(json::Reader& in, std::string_view name) {
    if (in.find(name) == nullptr) return {};
    const std::string_view value = in.string(name);
    check_name(value, in.at(name));
    return std::string(value);
}

std::string read_optional_text(json::Reader& in, std::string_view name) {
    if (in.find(name) == nullptr) return {};
    const std::string_view value = in.string(name, 4096);
    if (value.empty()) in.fail(name, "must not be empty where it is present");
    return std::string(value);
}

std::optional<Hash256> read_optional_hash(json::Reader& in, std::string_view name) {
    if (in.find(name) == nullptr) return std::nullopt;
    return in.hash(name);
}

void read_optional_array(json::Reader& in, std::string_view name, json::Array& out) {
    if (in.find(name) == nullptr) return;
    const json::Array& value = in.array(name, max_items);
    if (value.empty()) in.fail(name, "must not be empty where it is present");
    out = value;
}

json::Object read_audiences(json::Reader& in) {
    if (in.find("audiences") == nullptr) return {};
    const json::Object& value = in.object("audiences");
    if (value.empty()) in.fail("audiences", "must not be empty where it is present");
    for (const auto& member : value) {
        audience_roles(member.key(), in.at("audiences"));
        if (!member.value().is_object()) in.fail("audiences", "must hold a JWE for each audience");
    }
    return value;
}

void read_costs(json::Reader& in, Entry& entry) {
    if (in.find("costs") == nullptr) return;
    json::Reader costs(in.any("costs"), in.at("costs"));
    entry.costs = Usage::read(costs);
    if (costs.find("split") != nullptr) entry.cost_terms = CostTerms::read(costs);
    costs.finish();
}

void write_costs(MemberWriter& out, const Entry& entry) {
    if (!entry.costs) return;
    json::Object costs = entry.costs->to_json();
    if (entry.cost_terms) {
        for (auto& member : entry.cost_terms->to_json()) costs.insert(member);
    }
    out.object("costs", costs);
}

json::Object read_accounts(json::Reader& in) {
    if (in.find("accounts") == nullptr) return {};
    const json::Object& value = in.object("accounts");
    if (value.empty()) in.fail("accounts", "must not be empty where it is present");
    for (const auto& member : value) {
        const std::string path = in.at("accounts") + "/" + std::string(member.key());
        check_name(member.key(), path);
        const json::Object* candidates = member.value().if_object();
        const auto is_text = [](const auto& one) { return one.value().is_string(); };
        const bool right = candidates == nullptr ? member.value().is_string()
                                                 : !candidates->empty() && std::ranges::all_of(*candidates, is_text);
        if (!right) in.fail("accounts", "must hold the account on each ledger, as text, or that on each candidate");
    }
    return value;
}

std::vector<std::uint32_t> read_given_up(json::Reader& in) {
    if (in.find("given_up") == nullptr) return {};
    std::vector<std::uint32_t> out;
    for (const json::Value& call : in.array("given_up", max_items)) {
        const std::int64_t* number = call.if_int64();
        if (number == nullptr || *number < 0 || *number >= max_calls) in.fail("given_up", "must hold numbers of calls");
        if (!out.empty() && *number <= out.back()) in.fail("given_up", "must be in ascending order, each once");
        out.push_back(static_cast<std::uint32_t>(*number));
    }
    if (out.empty()) in.fail("given_up", "must not be empty where it is present");
    return out;
}

void read_optional_members(json::Reader& in, Entry& entry) {
    entry.action = read_optional_name(in, "action");
    entry.package = read_optional_hash(in, "package");
    entry.number = in.integer_or("number", 0, 1);
    if (in.find("result") != nullptr) entry.result.emplace() = in.object("result");
    read_optional_array(in, "effects", entry.effects);
    read_optional_array(in, "events", entry.events);
    entry.fuel = static_cast<std::uint64_t>(in.integer_or("fuel", 0, 1));
    entry.meter = read_optional_text(in, "meter");
    entry.accounts = read_accounts(in);
    entry.audiences = read_audiences(in);
    entry.proposal = read_optional_hash(in, "proposal");
    if (in.find("deadline") != nullptr) entry.deadline = read_time(in, "deadline");
    if (in.find("commit") != nullptr) {
        in.expect("commit", "early");
        entry.early = true;
    }
    entry.transaction = read_optional_hash(in, "transaction");
    entry.call = static_cast<std::uint32_t>(in.integer_or("call", 0, 1, max_calls - 1));
    if (in.find("fate") != nullptr) entry.fate = ledger::fate_from_name(in.string("fate", 16), in.at("fate"));
    entry.decision = read_optional_text(in, "decision");
    entry.ending = read_optional_text(in, "ending");
    entry.given_up = read_given_up(in);
    entry.reason = read_optional_text(in, "reason");
    read_costs(in, entry);
}

[[noreturn]] void fail(std::string field, std::string rule) {
    throw Error(Code::bad_format, "/entry/" + std::move(field), std::move(rule));
}

bool is_later_step(EntryType type) {
    return type == EntryType::cancelling || type == EntryType::step || type == EntryType::outcome ||
           type == EntryType::disputed || type == EntryType::resolve;
}

// What became of another binding's call, where the entry comes of one. One that did not happen leaves no trace but
// this.
void check_called_rules(const Entry& entry) {
    if (!entry.fate) return;
    const bool happened = entry.fate == ledger::Fate::called;
    if (!happened && entry.type == EntryType::prepare) fail("fate", "must be called for prepare");
    if ((entry.fate == ledger::Fate::failed) != !entry.reason.empty()) {
        fail("reason", "must be present for a call that failed, and only for such");
    }
    if (happened) return;
    if (entry.state_after != entry.state_before) fail("state_after", "must be the state before where a call failed");
    if (entry.result || !entry.events.empty() || !entry.effects.empty()) {
        fail("fate", "must be called where there is a result, an event or an effect");
    }
}

std::vector<PinnedCall> pinned_in(EntryType type, const json::Array& effects) {
    std::vector<PinnedCall> pins;
    if (type == EntryType::prepare) {
        parse_steps(effects, "/entry/effects", pins);
    } else if (is_later_step(type)) {
        pins = parse_pinned(effects, "/entry/effects");
    }
    return pins;
}

// What is said of one of the transaction's calls.
void check_call_rules(const Entry& entry) {
    const bool of_call = is_later_step(entry.type) && entry.type != EntryType::cancelling;
    if (!of_call && entry.call != 0) fail("call", "must be absent but for step, outcome, disputed and resolve");
    const bool runs = entry.type == EntryType::execute || entry.type == EntryType::prepare;
    if (entry.fate && entry.type != EntryType::step && entry.type != EntryType::outcome && !runs) {
        fail("fate", "must be absent but for step, outcome, and what comes of a call");
    }
    if (runs) check_called_rules(entry);
    if (!entry.fate && entry.type == EntryType::step) fail("fate", "must be present for step");
    const bool decides =
        entry.type == EntryType::prepare || entry.type == EntryType::cancelling || entry.type == EntryType::step;
    if (!entry.decision.empty() && !decides) fail("decision", "must be absent but for prepare, cancelling and step");
    if (!entry.decision.empty() && entry.decision != "commit" && entry.decision != "abort") {
        fail("decision", "must be \"commit\" or \"abort\"");
    }
}

// The entries of a transaction name each other, and nothing that only an execution has.
void check_transaction_rules(const Entry& entry, const json::Array& effects) {
    const bool later = is_later_step(entry.type);
    if (later != entry.transaction.has_value()) {
        fail("transaction", "must be present for cancelling, step, outcome, disputed and resolve, and only for them");
    }
    if ((entry.type == EntryType::outcome) != !entry.ending.empty()) {
        fail("ending", "must be present for outcome, and only for outcome");
    }
    if (!entry.ending.empty() && entry.ending != "committed" && entry.ending != "aborted") {
        fail("ending", "must be \"committed\" or \"aborted\"");
    }
    if (later && (!entry.sender_role.empty() || entry.result)) {
        fail("type", "must be prepare where there is a sender or a result");
    }
    const bool pins = entry.type == EntryType::cancelling || entry.type == EntryType::step;
    if (later && !pins && !entry.effects.empty()) fail("effects", "must be absent for outcome, disputed and resolve");
    if (later && entry.type != EntryType::outcome && !entry.action.empty()) {
        fail("action", "must be absent for cancelling, step, disputed and resolve");
    }
    if (!entry.given_up.empty() && entry.type != EntryType::outcome) fail("given_up", "must be absent but for outcome");
    if (entry.type == EntryType::resolve && entry.reason.empty()) fail("reason", "must be present for resolve");
    if (entry.early && entry.type != EntryType::prepare) fail("commit", "must be absent but for prepare");
    if (entry.type == EntryType::prepare && entry.deadline <= entry.time) {
        fail("deadline", "must be present for prepare, and later than its time");
    }
    check_call_rules(entry);
    const std::vector<PinnedCall> pinned = pinned_in(entry.type, effects);
    if (entry.type == EntryType::prepare && pinned.empty()) fail("effects", "must pin a call");
}

// What the type asks for, so that an entry cannot be read as more than it says. `effects`: its own, in memory that
// costs less to copy to.
void check_type_rules(const Entry& entry, const json::Array& effects) {
    const bool first = entry.type == EntryType::bind;
    if (first != (entry.sequence == 0)) fail("sequence", "must be 0 for bind and only for bind");
    if (first != entry.previous.is_zero()) fail("previous", "must be zeros for bind and only for bind");
    if (first && entry.version != entry.binding) fail("version", "must be the binding's id for bind");
    if (entry.type == EntryType::execute || entry.type == EntryType::prepare) {
        const std::string rule = "must be present for " + std::string(entry_type_name(entry.type));
        if (entry.sender_role.empty()) fail("sender", rule);
        if (entry.action.empty()) fail("action", rule);
    }
    if (entry.cost_terms && !first && entry.type != EntryType::amend) {
        fail("costs/split", "must be absent but for bind and amend");
    }
    if (entry.costs && entry.costs->bytes % byte_step != 0) fail("costs/bytes", "must be a multiple of 1024");
    check_transaction_rules(entry, effects);
}

Hash256 effects_digest(const json::Array& effects) {
    return effects.empty() ? Hash256{} : crypto::sha256(json::canonical(effects));
}

std::array<std::uint8_t, 32> u256(std::uint64_t value) {
    std::array<std::uint8_t, 32> out{};
    for (std::size_t i = 0; i < 8; ++i) out[31 - i] = static_cast<std::uint8_t>(value >> (8 * i));
    return out;
}

void check_digest(ByteView bytes, const Hash256& expected, std::string_view field) {
    if (crypto::sha256(bytes) != expected) {
        throw Error(Code::tampered, std::string(field), "must have the digest that the entry names");
    }
}

}  // namespace

std::string_view entry_type_name(EntryType type) { return type_names.at(static_cast<std::size_t>(type) - 1); }

EntryType entry_type_from_name(std::string_view name, std::string_view field) {
    const auto found = std::ranges::find(type_names, name);
    if (found == type_names.end())
        throw Error(Code::bad_format, std::string(field), "must be the name of an entry type");
    return static_cast<EntryType>(found - type_names.begin() + 1);
}

std::string Entry::write() const {
    std::string text;
    text.reserve(1024);
    MemberWriter out(text);
    if (!accounts.empty()) out.object("accounts", accounts);
    out.text_if("action", action);
    if (!audiences.empty()) out.object("audiences", audiences);
    out.hash("binding", binding);
    out.integer_if("call", call);
    if (early) out.text("commit", "early");
    write_costs(out, *this);
    out.time_if("deadline", deadline);
    out.text_if("decision", decision);
    out.hash("disclosures", disclosures);
    out.array_if("effects", effects);
    out.text_if("ending", ending);
    out.array_if("events", events);
    if (fate) out.text("fate", ledger::fate_name(*fate));
    out.integer_if("fuel", fuel);
    if (!given_up.empty()) out.array("given_up", json::Array(given_up.begin(), given_up.end()));
    out.hash("input", input);
    out.text("ledger", ledger);
    out.text_if("meter", meter);
    out.integer_if("number", static_cast<std::uint64_t>(number));
    out.hash_if("package", package);
    out.hash("previous", previous);
    out.hash("private", private_state);
    out.hash_if("proposal", proposal);
    out.text_if("reason", reason);
    if (result) out.object("result", *result);
    write_sender(out, *this);
    out.integer("sequence", static_cast<std::uint64_t>(sequence));
    out.hash("state_after", state_after);
    out.hash("state_before", state_before);
    out.text("time", format_time(time));
    out.hash_if("transaction", transaction);
    out.text("typ", "concordat/entry/1");
    out.text("type", entry_type_name(type));
    out.hash("version", version);
    out.end();
    return text;
}

Entry Entry::parse(ByteView document) {
    json::Scratch scratch;
    const json::Value value = json::parse(text_of(document), "/entry", {}, scratch.storage());
    json::Reader in(value, "/entry");
    Entry entry;
    in.expect("typ", "concordat/entry/1");
    entry.type = entry_type_from_name(in.string("type"), in.at("type"));
    entry.ledger = in.string("ledger");
    check_chain(entry.ledger, in.at("ledger"));
    entry.binding = in.hash("binding");
    entry.version = in.hash("version");
    entry.sequence = in.integer("sequence");
    entry.previous = in.hash("previous");
    entry.time = read_time(in, "time");
    entry.input = in.hash("input");
    entry.state_before = in.hash("state_before");
    entry.state_after = in.hash("state_after");
    entry.disclosures = in.hash("disclosures");
    entry.private_state = in.hash("private");
    read_sender(in, entry);
    read_optional_members(in, entry);
    in.finish();
    static const json::Array none;
    const json::Value* effects = in.find("effects");
    check_type_rules(entry, effects == nullptr ? none : effects->get_array());
    // One text for one entry: enclaves write JCS, and only what they could have written is an entry.
    if (entry.write() != text_of(document)) throw Error(Code::bad_format, "/entry", "must be in RFC 8785 form");
    return entry;
}

std::vector<Step> Entry::steps() const {
    std::vector<PinnedCall> pins;
    return parse_steps(effects, "/entry/effects", pins);
}

std::vector<PinnedCall> Entry::pinned() const { return pinned_in(type, effects); }

Hash256 Entry::id(ByteView document) const {
    const std::array<std::uint8_t, 2> head{0x00, static_cast<std::uint8_t>(type)};
    const auto number_of_entry = u256(static_cast<std::uint64_t>(sequence));
    return crypto::sha256({head, binding.view(), version.view(), number_of_entry, previous.view(), input.view(),
                           state_after.view(), effects_digest(effects).view(), crypto::sha256(document).view()});
}

Hash256 state_root(const json::Object& redacted_state) {
    static constexpr std::array<std::uint8_t, 2> head{0x00, 0x53};
    std::vector<const json::Object::value_type*> members;
    members.reserve(redacted_state.size());
    for (const auto& member : redacted_state) members.push_back(&member);
    std::ranges::sort(members, [](const auto* a, const auto* b) { return json::utf16_less(a->key(), b->key()); });
    std::vector<Hash256> leaves;
    leaves.reserve(members.size());
    std::string text;
    for (const auto* member : members) {
        text.clear();
        json::append_canonical(text, member->value());
        leaves.push_back(crypto::sha256(
            {head, crypto::sha256(std::string_view(member->key())).view(), crypto::sha256(text).view()}));
    }
    return crypto::merkle_root(leaves);
}

json::Object parse_sealed_disclosures(ByteView bytes, std::string_view field) {
    if (text_of(bytes) == "{}") return {};
    json::Value value = json::parse(text_of(bytes), field, {.bytes = std::size_t{16} << 20});
    if (!value.is_object()) throw Error(Code::bad_format, std::string(field), "must be an object");
    for (const auto& member : value.get_object()) {
        const std::string at = std::string(field) + "/" + std::string(member.key());
        audience_roles(member.key(), at);
        Sealed::parse(member.value(), at);
    }
    if (json::canonical(value) != text_of(bytes)) {
        throw Error(Code::bad_format, std::string(field), "must be in RFC 8785 form");
    }
    return std::move(value.get_object());
}

json::Object parse_state(ByteView bytes, std::string_view field) {
    json::Value value = json::parse(text_of(bytes), field, {.bytes = std::size_t{16} << 20});
    if (!value.is_object()) throw Error(Code::bad_format, std::string(field), "must be an object");
    if (json::canonical(value) != text_of(bytes)) {
        throw Error(Code::bad_format, std::string(field), "must be in RFC 8785 form");
    }
    return std::move(value.get_object());
}

std::size_t EntryRecord::size() const {
    return document.size() + input.size() + state.size() + disclosures.size() + private_state.size();
}

void EntryRecord::write(wire::Writer& out) const {
    out.bytes(document);
    out.bytes(input);
    out.bytes(state);
    out.bytes(disclosures);
    out.bytes(private_state);
}

EntryRecord EntryRecord::read(wire::Reader& in) {
    EntryRecord record;
    record.document = to_bytes(in.bytes());
    record.input = to_bytes(in.bytes());
    record.state = to_bytes(in.bytes());
    record.disclosures = to_bytes(in.bytes());
    record.private_state = to_bytes(in.bytes());
    return record;
}

Entry EntryRecord::check() const {
    Entry entry = Entry::parse(document);
    check_digest(input, entry.input, "/input");
    if (state_root(parse_state(state, "/state")) != entry.state_after) {
        throw Error(Code::tampered, "/state", "must have the root that the entry names");
    }
    check_digest(disclosures, entry.disclosures, "/disclosures");
    parse_sealed_disclosures(disclosures, "/disclosures");
    check_digest(private_state, entry.private_state, "/private");
    return entry;
}

}  // namespace concordat::contract
