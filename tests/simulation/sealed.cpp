#include "sealed.hpp"

#include <algorithm>
#include <crypto/hash.hpp>

namespace concordat::simulation {

namespace {

constexpr std::string_view readers = "giver+taker";
constexpr std::string_view schema_text =
    R"({"type":"object","properties":{"count":{"type":"integer"},
"words":{"type":"string","x-confidential":["giver","taker"]}},"required":["count","words"],"additionalProperties":false})";

SecretKey binding_key(const Hash256& id) {
    std::array<std::uint8_t, 32> bytes = crypto::sha256("key of " + id.text()).bytes;
    return SecretKey(std::move(bytes));
}

// Names of ledgers have no colon.
std::vector<contract::Step> named(std::vector<contract::Step> steps) {
    for (contract::Step& step : steps) std::ranges::replace(step.ledger, ':', '-');
    return steps;
}

json::Object state_of(std::int64_t count, const std::string& words) { return {{"count", count}, {"words", words}}; }

// An entry as it is signed, as far as its state goes.
contract::Entry document_of(const enclave::Head& before, const Entry& entry, const Hash256& id, ByteView input) {
    contract::Entry out;
    out.type = EntryType::execute;
    out.ledger = "ccl:" + std::string(32, '0');
    out.binding = out.version = id;
    out.sequence = before.sequence + 1;
    out.previous = before.id;
    out.time = entry.time;
    out.input = crypto::sha256(input);
    out.state_before = before.state->root;
    out.sender_role = "giver";
    out.sender_id = "did:web:giver.example";
    out.sender_key = to_base64url(id.view());
    out.action = "pledge";
    return out;
}

}  // namespace

std::vector<std::string> forms_of(const std::string& words) {
    std::vector<std::string> out{words, to_hex(bytes_of(words))};
    for (std::size_t shift = 0; shift < 3; ++shift) {  // wherever they stand in what is encoded
        const std::string text = to_base64url(bytes_of(std::string(shift, ' ') + words));
        out.push_back(text.substr(4, words.size() / 3 * 4 - 8));
    }
    return out;
}

Sealed::Sealed(std::size_t binding)
    : id_(crypto::sha256("binding " + std::to_string(binding))),
      schema_(schema::Schema::compile(json::parse(schema_text, "schema"), "/schema")),
      keys_(binding_key(id_)) {
    keys_.use_version(id_, {std::string(readers)});
}

enclave::Head Sealed::first() const {
    enclave::Head head;
    head.sequence = 0;
    head.id = head.version = id_;
    head.state = enclave::state_of({}, {}, {});
    head.terms = std::make_shared<const std::string>("{}");
    return head;
}

enclave::Head Sealed::open(const contract::EntryRecord& record) const { return enclave::open_head(record, id_, keys_); }

enclave::Head Sealed::seal(const enclave::Head& before, Entry& entry, const std::vector<contract::Step>& steps,
                           const std::string& words, bool leaks) const {
    enclave::Head head = before.next();
    json::Object state = before.state->plain;
    if (entry.type == EntryType::prepare) {
        const std::int64_t count = state.empty() ? 0 : state.at("count").as_int64();
        state = state_of(count + 1, words);
        head.transactions.push_back({.id = entry.transaction,
                                     .sequence = head.sequence,
                                     .steps = named(steps),
                                     .saga = {},
                                     .before = before.state});
    }
    const auto mine = std::ranges::find(head.transactions, entry.transaction, &enclave::Transaction::id);
    if (mine != head.transactions.end()) {
        // An abort is of one that has held the binding until now.
        if (entry.type == EntryType::outcome && entry.saga.ending() == transaction::Ending::aborted) {
            state = json::parse(mine->before->text, "state").as_object();
        }
        mine->saga = entry.saga;
        if (!mine->holds()) mine->before.reset();
        head.keep_ended();
        head.forget_ended();
    }
    if (state.empty()) state = state_of(0, "nothing yet");
    const std::string input = entry.transaction.text() + " " + std::to_string(head.sequence);
    contract::Entry document = document_of(before, entry, id_, bytes_of(input));
    enclave::SealedParts parts;
    take_state(head, *before.state, std::move(state), schema_, keys_, document.input, false, parts);
    entry.record = finish_entry(document, head, to_bytes(bytes_of(input)), parts, keys_);
    if (leaks) entry.record.state = to_bytes(bytes_of(head.state->text));
    return head;
}

}  // namespace concordat::simulation
