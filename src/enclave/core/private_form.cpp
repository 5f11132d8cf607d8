#include "private_form.hpp"

#include <algorithm>
#include <contract/names.hpp>

namespace concordat::enclave {

namespace {

// Format 5 had what has ended whole in every entry.
constexpr std::uint8_t private_format_5 = 5;
// Format 4 had no calls that people had given up.
constexpr std::uint8_t private_format_4 = 4;
// Format 3 had transactions with one call.
constexpr std::uint8_t private_format_3 = 3;
// Format 2 had no transactions that were committed early.
constexpr std::uint8_t private_format_2 = 2;
constexpr std::size_t max_parameters = 65536;

void write_call(wire::Writer& out, const transaction::Call& call) {
    const transaction::Journal& journal = call.journal;
    out.u8(call.what.step);
    out.u8(static_cast<std::uint8_t>(call.what.role));
    out.text(journal.pin.chain);
    out.text(journal.pin.account);
    out.u64(journal.pin.slot);
    out.text(json::canonical(*journal.pin.call));
    out.u64(journal.pin.ceiling);
    out.u64(journal.finality.blocks);
    out.text(journal.finality.witness);
    out.text(json::canonical(journal.finality.parameters));
    out.u64(static_cast<std::uint64_t>(journal.prepared));
    out.u64(static_cast<std::uint64_t>(journal.deadline));
    out.u8(journal.cancelling ? 1 : 0);
    out.u8(!journal.ending ? 0 : journal.ending == transaction::Ending::committed ? 1 : 2);
    out.u8(journal.disputed ? 1 : 0);
    out.u8(journal.given_up ? 1 : 0);
}

ledger::Pin read_pin(wire::Reader& in, std::uint8_t format) {
    if (format <= private_format_5) return ledger::Pin::parse(json::parse(in.text(), "/pin"), "/pin");
    ledger::Pin pin;
    pin.chain = in.text();
    pin.account = in.text();
    pin.slot = in.u64();
    pin.call = json::parse(in.text(), "/pin/call").as_object();
    pin.ceiling = in.u64();
    return pin;
}

void read_journal(wire::Reader& in, std::uint8_t format, transaction::Journal& journal) {
    journal.pin = read_pin(in, format);
    journal.finality.blocks = in.u64();
    journal.finality.witness = in.text(contract::max_name_bytes);
    journal.finality.parameters = json::parse(in.text(max_parameters), "/finality").as_object();
    journal.prepared = static_cast<TimeMs>(in.u64());
    journal.deadline = static_cast<TimeMs>(in.u64());
    journal.cancelling = in.u8() != 0;
    if (const std::uint8_t ending = in.u8(); ending != 0) {
        journal.ending = ending == 1 ? transaction::Ending::committed : transaction::Ending::aborted;
    }
    journal.disputed = in.u8() != 0;
    if (format > private_format_4) journal.given_up = in.u8() != 0;
}

// What entries say in the open: all of a transaction but the state before it.
Bytes open_part(const Transaction& transaction) {
    wire::Writer out;
    out.reserve(128 + transaction.steps.text().size() + 512 * transaction.saga.calls().size());
    out.hash(transaction.id);
    out.u64(static_cast<std::uint64_t>(transaction.sequence));
    out.text(transaction.steps.text());
    out.u64(static_cast<std::uint64_t>(transaction.saga.deadline()));
    out.u8(transaction.saga.cancelling() ? 1 : 0);
    out.u32(static_cast<std::uint32_t>(transaction.saga.calls().size()));
    for (const transaction::Call& call : transaction.saga.calls()) write_call(out, call);
    out.u8(transaction.early ? 1 : 0);
    return out.take();
}

void write_confidential_part(wire::Writer& out, const Transaction& transaction) {
    static const State nothing{};
    const State& before = transaction.before ? *transaction.before : nothing;
    out.text(before.text);
    write_salts(out, before.salts);
}

std::size_t size_of_confidential_part(const Transaction& transaction) {
    return 8 + (transaction.before ? transaction.before->text.size() + size_of(transaction.before->salts) : 0);
}

SharedState read_before(wire::Reader& in) {
    State state{.text = in.text()};
    state.salts = read_salts(in);
    return state.text.empty() ? nullptr : std::make_shared<const State>(std::move(state));
}

Transaction read_transaction(wire::Reader& in, std::uint8_t format) {
    Transaction out;
    out.id = in.hash();
    out.sequence = static_cast<std::int64_t>(in.u64());
    const json::Value steps = json::parse(in.text(), "/steps");
    std::vector<contract::PinnedCall> none;
    out.steps = Steps(contract::parse_steps(steps.as_array(), "/steps", none));
    const auto deadline = static_cast<TimeMs>(in.u64());
    const bool cancelling = in.u8() != 0;
    std::vector<transaction::Call> calls;
    for (std::uint32_t left = in.count(max_calls + 3 * contract::max_steps); left > 0; --left) {
        transaction::Call call;
        call.what.step = in.u8();
        call.what.role = static_cast<ledger::Role>(in.u8());
        read_journal(in, format, call.journal);
        calls.push_back(std::move(call));
    }
    out.saga = transaction::Saga(out.steps.list(), deadline, cancelling, std::move(calls));
    out.early = in.u8() != 0;
    out.before = read_before(in);
    return out;
}

// Of the formats before 4, where a transaction had one call.
Transaction read_single(wire::Reader& in, std::uint8_t format) {
    Transaction out;
    out.id = in.hash();
    contract::Step step;
    step.ledger = in.text(contract::max_name_bytes);
    transaction::Call call;
    read_journal(in, format, call.journal);
    out.before = read_before(in);
    if (format > private_format_2) {
        out.early = in.u8() != 0;
        step.effect = in.text(contract::max_name_bytes);
        out.sequence = static_cast<std::int64_t>(in.u64());
    }
    out.steps = Steps({std::move(step)});
    const TimeMs deadline = call.journal.deadline;
    const bool cancelling = call.journal.cancelling;
    out.saga = transaction::Saga(out.steps.list(), deadline, cancelling, {std::move(call)});
    return out;
}

constexpr std::uint8_t form_whole = 0, form_reference = 1;

void write_ended(wire::Writer& out, const EndedTransaction& ended) {
    if (ended.whole) {
        out.u8(form_whole);
        return out.raw(*ended.whole);
    }
    out.u8(form_reference);
    out.hash(ended.id);
    out.u8(ended.early ? 1 : 0);
    out.u64(static_cast<std::uint64_t>(ended.sequence));
    out.hash(ended.private_state);
}

EndedTransaction read_reference(wire::Reader& in) {
    EndedTransaction out;
    out.id = in.hash();
    out.early = in.u8() != 0;
    out.sequence = static_cast<std::int64_t>(in.u64());
    out.private_state = in.hash();
    return out;
}

}  // namespace

void write_salts(wire::Writer& out, const std::map<std::string, Salt>& salts) {
    out.u32(static_cast<std::uint32_t>(salts.size()));
    for (const auto& [path, salt] : salts) {
        out.text(path);
        out.raw(salt);
    }
}

std::map<std::string, Salt> read_salts(wire::Reader& in) {
    std::map<std::string, Salt> salts;
    for (std::uint32_t left = in.count(65536); left > 0; --left) {
        std::string path = in.text();
        Salt salt;
        std::ranges::copy(in.raw(salt.size()), salt.begin());
        salts.emplace(std::move(path), salt);
    }
    return salts;
}

std::size_t size_of(const std::map<std::string, Salt>& salts) {
    std::size_t size = 4;
    for (const auto& [path, salt] : salts) size += 4 + path.size() + salt.size();
    return size;
}

std::size_t Transaction::size() const { return open_part(*this).size() + size_of_confidential_part(*this); }

TransactionsForm::TransactionsForm(const Head& head) : head_(head) {
    for (const EndedTransaction& one : head.ended) size_ += one.whole ? 1 + one.whole->size() : 128;
    for (const Transaction& one : head.transactions) {
        open_.push_back(open_part(one));
        size_ += 1 + open_.back().size() + size_of_confidential_part(one);
    }
}

void TransactionsForm::write(wire::Writer& out) const {
    out.u32(static_cast<std::uint32_t>(head_.ended.size() + head_.transactions.size()));
    for (const EndedTransaction& one : head_.ended) write_ended(out, one);
    for (std::size_t i = 0; i < open_.size(); ++i) {
        out.u8(form_whole);
        out.raw(open_[i]);
        write_confidential_part(out, head_.transactions[i]);
    }
}

void read_transactions(wire::Reader& in, std::uint8_t format, Head& head) {
    for (std::uint32_t left = in.count(kept_early_transactions + transaction::max_open_early); left > 0; --left) {
        if (format > private_format_5 && in.u8() == form_reference) {
            head.ended.push_back(read_reference(in));
            continue;
        }
        Transaction one = format > private_format_3 ? read_transaction(in, format) : read_single(in, format);
        one.ended() ? head.ended.push_back(EndedTransaction::of(one)) : head.transactions.push_back(std::move(one));
    }
}

EndedTransaction EndedTransaction::of(const Transaction& transaction) {
    wire::Writer out;
    out.raw(open_part(transaction));
    write_confidential_part(out, transaction);
    return {.id = transaction.id,
            .early = transaction.early,
            .private_state = {},
            .disputed = transaction.saga.disputed(),
            .whole = std::make_shared<const Bytes>(out.take())};
}

Transaction EndedTransaction::read() const {
    wire::Reader in(*whole);
    Transaction out = read_transaction(in, private_format);
    in.finish();
    return out;
}

}  // namespace concordat::enclave
