#include "binding_ledger.hpp"

#include <crypto/key.hpp>

namespace concordat::ledger::binding {

namespace {

// Deeper than any finality asks for, and than an outcome is watched.
constexpr std::uint64_t for_ever = std::uint64_t{1} << 32;
constexpr std::size_t max_receipt_bytes = std::size_t{4} << 20;  // as an entry may have evidence

Hash256 key_of(const Pin& pin) {
    return crypto::PublicKey::from_jwk(account_jwk(pin.account, "/account"), "/account").thumbprint();
}

}  // namespace

BindingLedger::BindingLedger(std::string chain, const Kind& kind, std::shared_ptr<Peer> peer)
    : chain_(std::move(chain)), kind_(kind), peer_(std::move(peer)) {
    check_chain(chain_, "/chain");
}

BindingLedger::~BindingLedger() {
    *alive_ = false;
    peer_->close();
}

Description BindingLedger::describe() const {
    const std::optional<Hash256> id = peer_->binding();
    return {.kind = std::string(kind_.name()),
            .chain = chain_,
            .genesis = id ? id->text() : "",
            .witnesses = {std::string(receipt_witness)},
            .events = false};
}

std::vector<Health> BindingLedger::health() const {
    Health health = peer_->health();
    if (health.problem.empty() && !problem_.empty()) health = {health.url, false, problem_};
    return {health};
}

void BindingLedger::conditions(const std::string&, Then<std::optional<Conditions>> then) {
    peer_->find([alive = alive_, then = std::move(then)](bool there) {
        if (!*alive) return;
        then(there ? std::optional(Conditions{.height = 1, .price = 0, .balance = "0", .next = 0}) : std::nullopt);
    });
}

void BindingLedger::pace(Then<std::optional<Pace>> then) {
    peer_->find([alive = alive_, then = std::move(then)](bool) {
        if (*alive) then(Pace{});
    });
}

// Whether the call has the kind's form. Whether it will succeed nobody knows before it is made.
void BindingLedger::plan(const std::string& account, const json::Object& call, Then<std::optional<Plan>> then) {
    Plan plan{.call = call, .ceiling = 0, .problem = {}};
    try {
        kind_.check(Pin{.chain = chain_, .account = account, .slot = 0, .call = call});
    } catch (const Error& error) {
        plan = {.call = {}, .ceiling = 0, .problem = error.what()};
    }
    peer_->find([alive = alive_, plan, then = std::move(then)](bool) {
        if (*alive) then(plan);
    });
}

void BindingLedger::submit(const Bytes& transaction, Then<Submission> then) {
    peer_->submit(std::string(text_of(transaction)), [alive = alive_, then = std::move(then)](Submission done) {
        if (*alive) then(std::move(done));
    });
}

// What the receipt of a settled call says, judged as everybody else will.
void BindingLedger::settled(const Pin& pin, const Finality& finality, std::uint64_t sequence,
                            Then<std::optional<std::pair<Judgement, json::Value>>> then) {
    peer_->receipt(sequence, [this, alive = alive_, pin, finality,
                              then = std::move(then)](const std::optional<std::string>& text) {
        if (!*alive) return;
        try {
            if (!text) return then(std::nullopt);
            json::Value evidence =
                json::Object{{"receipt", json::parse(*text, "receipt", {.bytes = max_receipt_bytes})}};
            Judgement judgement = kind_.judge(pin, finality, evidence);
            problem_.clear();
            then(std::pair(std::move(judgement), std::move(evidence)));
        } catch (const Error& error) {
            problem_ = error.field() + ": " + error.rule();
            then(std::nullopt);
        }
    });
}

void BindingLedger::look(const Pin& pin, const Finality& finality, Then<View> then) {
    peer_->look(key_of(pin), number_of(pin.slot),
                [this, alive = alive_, pin, finality, then = std::move(then)](const std::optional<Shown>& shown) {
                    if (!*alive) return;
                    View view;
                    if (!shown) return then(view);
                    view.status = shown->status == Shown::Status::open ? View::Status::open : View::Status::pending;
                    if (shown->status == Shown::Status::pending) view.fate = Fate::called;
                    if (shown->status != Shown::Status::settled) return then(view);
                    settled(pin, finality, shown->sequence, [then](const auto& judged) {
                        View found;
                        if (!judged) return then(found);
                        found.status = View::Status::final;
                        found.fate = judged->first.fate;
                        found.depth = for_ever;
                        found.transaction = judged->first.transaction;
                        then(found);
                    });
                });
}

void BindingLedger::prove(const Pin& pin, const Finality& finality, Then<std::optional<Proven>> then) {
    peer_->look(key_of(pin), number_of(pin.slot),
                [this, alive = alive_, pin, finality, then = std::move(then)](const std::optional<Shown>& shown) {
                    if (!*alive) return;
                    if (!shown || shown->status != Shown::Status::settled) return then(std::nullopt);
                    settled(pin, finality, shown->sequence, [then](const auto& judged) {
                        then(judged ? std::optional(Proven{judged->second, judged->first.block}) : std::nullopt);
                    });
                });
}

void BindingLedger::events(const json::Object&, const std::string&, std::size_t, Then<std::optional<EventPage>> then) {
    peer_->find([alive = alive_, then = std::move(then)](bool) {
        if (*alive) then(std::nullopt);
    });
}

}  // namespace concordat::ledger::binding
