#include "endpoint.hpp"

namespace concordat::simulation {

using ledger::Conditions;
using ledger::Fate;
using ledger::Finality;
using ledger::Pin;
using ledger::Proven;
using ledger::Submission;
using ledger::View;

Endpoint::Endpoint(Setting& setting, Machine& machine, ledger::fake::FakeLedger& chain, ledger::fake::FakeLedger& other)
    : setting_(setting), machine_(machine), chain_(chain), other_(other) {}

void Endpoint::set(Mood mood) {
    mood_ = mood;
    branch_ = mood == Mood::behind ? chain_.branch() : ledger::fake::FakeLedger::Branch();
    if (mood == Mood::lying) {
        lie_ = static_cast<Lie>(std::min<std::uint64_t>(setting_.pick(4), 2));
        fate_ = static_cast<Fate>(setting_.pick(3));
    }
    if (mood == Mood::frozen) return;
    for (auto& what : std::exchange(held_, {})) setting_.loop.after(setting_.pick_ms(50), std::move(what));
}

// The driver that asked may be gone: then its own callback knows.
template <class T>
Endpoint::Then<T> Endpoint::to_node(Then<T> then) {
    return [this, then = std::move(then)](T value) {
        auto tell = [this, then, value = std::move(value)] { machine_.enter([then, value] { then(value); }); };
        mood_ == Mood::frozen ? held_.push_back(std::move(tell)) : tell();
    };
}

// A request waits, or its answer does.
void Endpoint::ask(std::function<void()> request) {
    mood_ == Mood::frozen&& setting_.pick(2) == 0 ? held_.push_back(std::move(request)) : request();
}

template <class T>
void Endpoint::answer(T value, Then<T> then) {
    setting_.loop.after(setting_.pick_ms(200),
                        [then = to_node<T>(std::move(then)), value = std::move(value)] { then(value); });
}

void Endpoint::conditions(const std::string& account, Then<std::optional<Conditions>> then) {
    if (mood_ == Mood::behind) {
        return answer<std::optional<Conditions>>(Conditions{.height = chain_.height(branch_), .price = chain_.price()},
                                                 std::move(then));
    }
    auto told = to_node<std::optional<Conditions>>(std::move(then));
    if (mood_ == Mood::lying) {
        told = [told](std::optional<Conditions> truth) {
            if (truth) truth->height += 1000;
            told(std::move(truth));
        };
    }
    ask([this, account, told = std::move(told)] { asked().conditions(account, told); });
}

void Endpoint::pace(Then<std::optional<ledger::Pace>> then) {
    chain_.pace(to_node<std::optional<ledger::Pace>>(std::move(then)));
}

void Endpoint::plan(const std::string& account, const json::Object& call, Then<std::optional<ledger::Plan>> then) {
    chain_.plan(account, call, to_node<std::optional<ledger::Plan>>(std::move(then)));
}

// Who is cut off from its peers, or lies, takes what it never passes on.
void Endpoint::submit(const Bytes& transaction, Then<Submission> then) {
    const bool swallows = (mood_ == Mood::behind || mood_ == Mood::lying) && setting_.pick(2) == 0;
    if (swallows) {
        return answer<Submission>({.status = Submission::Status::accepted, .detail = {}, .transaction = "taken"},
                                  std::move(then));
    }
    ask([this, transaction, told = to_node<Submission>(std::move(then))] { asked().submit(transaction, told); });
}

View Endpoint::lie(const View& truth) {
    switch (lie_) {
        case Lie::nothing_is_there:
            return {.status = View::Status::open, .fate = {}, .price = 0, .depth = 0, .transaction = {}};
        case Lie::it_is_final:
            return {.status = View::Status::final, .fate = fate_, .price = 0, .depth = 1000, .transaction = "none"};
        case Lie::it_waits:
            return {.status = View::Status::pending,
                    .fate = fate_ == Fate::failed ? Fate::called : fate_,
                    .price = truth.price + setting_.pick(1000),
                    .depth = 0,
                    .transaction = "none"};
    }
    panic("no such lie");
}

void Endpoint::look(const Pin& pin, const Finality& finality, Then<View> then) {
    if (mood_ == Mood::behind) return answer<View>(chain_.look_at(branch_, pin, finality), std::move(then));
    auto told = to_node<View>(std::move(then));
    if (mood_ == Mood::lying) {
        told = [this, told](const View& truth) { told(truth.status == View::Status::unknown ? truth : lie(truth)); };
    }
    ask([this, pin, finality, told = std::move(told)] { asked().look(pin, finality, told); });
}

// Another fate than the chain's, a greater depth, or what the chain says of another slot: nothing that its seal bears.
json::Value Endpoint::forge(const Pin& pin, const Finality& finality, const json::Value& evidence) {
    json::Object forged = evidence.as_object();
    switch (setting_.pick(3)) {
        case 0:
            forged["fate"] = forged.at("fate").as_string() == "called" ? "failed" : "called";
            break;
        case 1:
            forged["depth"] = "1000";
            break;
        default: {
            Pin before = pin;
            before.slot = pin.slot == 0 ? 1 : pin.slot - 1;
            const auto other = chain_.prove_at(chain_.branch(), before, finality);
            if (other) return other->evidence;
            forged["block"] = "1000000";
        }
    }
    return forged;
}

void Endpoint::prove(const Pin& pin, const Finality& finality, Then<std::optional<Proven>> then) {
    if (mood_ == Mood::behind) {
        return answer<std::optional<Proven>>(chain_.prove_at(branch_, pin, finality), std::move(then));
    }
    auto told = to_node<std::optional<Proven>>(std::move(then));
    if (mood_ == Mood::lying) {
        const Proven made_up{json::Object{{"fate", "called"},
                                          {"transaction", "none"},
                                          {"block", "1"},
                                          {"depth", "1000"},
                                          {"seal", Hash256{}.text()}},
                             chain_.height()};
        told = [this, told, pin, finality, made_up](const std::optional<Proven>& truth) {
            Proven lied = truth.value_or(made_up);
            lied.block += 1000;
            lied.evidence = forge(pin, finality, lied.evidence);
            told(std::move(lied));
        };
    }
    ask([this, pin, finality, told = std::move(told)] { asked().prove(pin, finality, told); });
}

void Endpoint::events(const json::Object& filter, const std::string& cursor, std::size_t limit,
                      Then<std::optional<ledger::EventPage>> then) {
    chain_.events(filter, cursor, limit, to_node<std::optional<ledger::EventPage>>(std::move(then)));
}

}  // namespace concordat::simulation
