#include "lanes.hpp"

#include <algorithm>
#include <base/log.hpp>
#include <boost/asio/post.hpp>

namespace concordat::node {

using contract::EntryType;

struct Lanes::Lane {
    Hash256 binding;
    std::deque<WorkPtr> queue;
    std::size_t under_way = 0;
    bool exclusive = false;  // an act is under way: the enclave takes nothing else of this binding
    bool draining = false;   // nothing more is sent until all that is under way was answered
    bool recovering = false;
    std::uint64_t sent = 0;
    std::vector<std::pair<std::uint64_t, WorkPtr>> failed;  // to be asked again, with the order in which they were sent
    bool look_at_ledger = false;
    Hash256 package_wanted;
    int load_attempts = 0;
    std::size_t failed_count = 0;  // at the queue's front, during recovery
};

namespace {

bool is_about(const Error& error, Code code, std::string_view field) {
    return error.code() == code && error.field() == field;
}

bool is_message(const Work& work) { return work.type == EntryType::execute && !work.sign; }

bool changes_binding(const Work& work) { return work.type == EntryType::amend || work.type == EntryType::terminate; }

bool holds(Hold hold, const Work& work) {
    return hold == Hold::all || (hold == Hold::changes && changes_binding(work));
}

// Whether the input may have been committed before, so that this answer speaks of its second coming.
bool may_have_a_twin(const Error& error) {
    const int status = http_status(error.code());
    return status == 409 || status == 410 || error.code() == Code::action_refused;
}

}  // namespace

Lanes::Lanes(LaneHost& host, enclave::Enclaves& enclaves, Options options)
    : host_(host), enclaves_(enclaves), options_(options) {}

Lanes::~Lanes() { *alive_ = false; }

Lanes::Lane* Lanes::find(const Hash256& binding) {
    const auto found = lanes_.find(binding);
    return found == lanes_.end() ? nullptr : found->second.get();
}

void Lanes::submit(const Hash256& binding, std::shared_ptr<Work> work, Then<CommitPtr> then) {
    work->binding = binding;
    if (const auto twin = by_input_.find(key_of(*work)); twin != by_input_.end()) {
        if (twin->second->waiters.size() >= options_.max_waiters)
            return then(Error(Code::busy, "", "too many wait for this input"));
        twin->second->waiters.push_back(std::move(then));
        return;
    }
    // What ends a transaction must come through: the others wait for it.
    if (total_ >= options_.max_total && !work->of_transaction())
        return then(Error(Code::busy, "", "the node's queue is full"));
    auto& lane = lanes_[binding];
    if (!lane) {
        lane = std::make_unique<Lane>();
        lane->binding = binding;
    }
    if (lane->queue.size() >= options_.max_queued && !work->of_transaction())
        return then(Error(Code::busy, "/binding", "the binding's queue is full"));
    work->since = host_.now();
    work->waiters.push_back(std::move(then));
    by_input_[key_of(*work)] = work;
    ++total_;
    lane->queue.push_back(std::move(work));
    pump(*lane);
}

void Lanes::pump(Lane& lane) {
    while (!lane.draining && !lane.recovering && !lane.exclusive && lane.under_way < options_.window) {
        const WorkPtr work = take_next(lane);
        if (!work) return;
        lane.exclusive = !is_message(*work);
        send(lane, work);
    }
}

// What open transactions hold, in its order.
std::vector<Lanes::WorkPtr> Lanes::waiting(const Lane& lane) {
    std::vector<WorkPtr> out;
    const Hold hold = host_.held(lane.binding);
    bool waits = hold == Hold::all;
    for (const WorkPtr& work : lane.queue) {
        waits |= hold == Hold::changes && changes_binding(*work);
        if (waits && !work->passes()) out.push_back(work);
    }
    return out;
}

std::deque<Lanes::WorkPtr>::iterator Lanes::first_that_may_go(Lane& lane) {
    const Hold hold = host_.held(lane.binding);
    if (hold == Hold::nothing || lane.queue.empty()) return lane.queue.begin();
    if (hold == Hold::changes && !changes_binding(*lane.queue.front())) return lane.queue.begin();
    return std::ranges::find_if(lane.queue, [](const WorkPtr& work) { return work->passes(); });
}

// Null when none may go now.
Lanes::WorkPtr Lanes::take_next(Lane& lane) {
    const auto next = first_that_may_go(lane);
    if (next == lane.queue.end() || (!is_message(**next) && lane.under_way > 0)) return nullptr;
    WorkPtr work = *next;
    lane.queue.erase(next);
    return work;
}

void Lanes::wake(const Hash256& binding) {
    if (Lane* lane = find(binding)) pump(*lane);
}

void Lanes::refuse_waiting(TimeMs since, const Error& error, bool patient_too) {
    std::vector<WorkPtr> refused;
    for (auto& [binding, lane] : lanes_) {
        if (lane->recovering) continue;
        for (const WorkPtr& work : waiting(*lane)) {
            if ((work->patient && !patient_too) || work->since > since) continue;
            std::erase(lane->queue, work);
            refused.push_back(work);
        }
    }
    for (const WorkPtr& work : refused) {
        settle(work, error);
        wake(work->binding);  // what stood behind it may go now
        retire(work->binding);
    }
}

void Lanes::send(Lane& lane, const WorkPtr& work) {
    ++lane.under_way;
    const std::uint64_t order = lane.sent++;
    const Hash256 binding = lane.binding;
    auto reply = [this, alive = alive_, binding, work, order](Outcome<Bytes> outcome) {
        if (!*alive) return;
        if (Lane* now = find(binding); now != nullptr && !outcome.ok()) now->failed.emplace_back(order, work);
        on_reply(binding, work, std::move(outcome));
    };
    const enclave::Route route = work->type == EntryType::bind ? work->route : host_.route(binding);
    if (work->sign) return enclaves_.sign(route, *work->sign, std::move(reply));
    if (work->type == EntryType::execute)
        return enclaves_.execute(route,
                                 {.binding = binding,
                                  .time = host_.now(),
                                  .input = work->input,
                                  .ancestry = work->ancestry,
                                  .trace = work->trace,
                                  .routes = host_.choose(binding, *work)},
                                 std::move(reply));
    enclaves_.act(route,
                  {.type = work->type,
                   .binding = work->type == EntryType::bind ? Hash256{} : binding,
                   .time = std::max(host_.now(), work->not_before),
                   .input = to_bytes(bytes_of(work->input)),
                   .transaction = work->transaction,
                   .call = work->call,
                   .trace = work->trace},
                  std::move(reply));
}

void Lanes::on_reply(const Hash256& binding, const WorkPtr& work, Outcome<Bytes> reply) {
    Lane& lane = *lanes_.at(binding);
    --lane.under_way;
    if (!is_message(*work)) lane.exclusive = false;
    if (reply.ok()) {
        lane.load_attempts = 0;
        if (work->sign) {
            work->signature = std::move(reply.get());
            settle(work, CommitPtr());
        } else
            try {
                settle(work, host_.committed(std::move(reply.get())));
            } catch (const Error& error) {
                settle(work, error);
            }
    } else {
        on_error(lane, work, reply.error());
    }
    if (lane.draining && lane.under_way == 0 && !lane.recovering) return recover(lane);
    pump(lane);
    retire(binding);
}

void Lanes::on_error(Lane& lane, const WorkPtr& work, const Error& error) {
    const bool not_loaded =
        is_about(error, Code::unavailable, "/binding") || is_about(error, Code::unavailable, "/package");
    const bool lost_race = is_about(error, Code::conflict, "/previous") || is_about(error, Code::busy, "/binding");
    const bool unknown = error.code() == Code::unavailable || error.code() == Code::timeout;
    const bool needs_ancestry = error.code() == Code::seen_too_old && work->ancestry.empty();
    // It was sent before its predecessor opened a transaction: it waits like those that come now.
    const bool held = error.code() == Code::in_transaction && !work->of_transaction();
    const bool overtaken = held && holds(host_.held(lane.binding), *work);
    const bool unknown_transaction = held && !overtaken;
    const bool again = overtaken || ((not_loaded || lost_race || unknown || needs_ancestry || unknown_transaction) &&
                                     ++work->attempts < options_.max_attempts);
    if (!again) {
        lane.failed.pop_back();
        return may_have_a_twin(error) ? look_for_twin(work, error) : settle(work, error);
    }
    lane.draining = true;
    if ((unknown && !not_loaded) || lost_race || unknown_transaction) lane.look_at_ledger = true;
    if (is_about(error, Code::unavailable, "/package")) lane.package_wanted = work->package;
    if (needs_ancestry) work->ancestry.resize(1);  // a mark, until recovery has fetched it
}

void Lanes::settle(const WorkPtr& work, Outcome<CommitPtr> outcome) {
    by_input_.erase(key_of(*work));
    --total_;
    work->chosen.clear();
    if (!outcome.ok()) {
        log::info("refused", {{"trace", work->trace},
                              {"binding", work->binding.text()},
                              {"input", work->digest.text()},
                              {"code", code_name(outcome.error().code())},
                              {"field", outcome.error().field()}});
    } else if (outcome.get() != nullptr && log::enabled(log::Level::debug)) {  // a signature has no entry
        log::debug("done", {{"trace", work->trace},
                            {"binding", work->binding.text()},
                            {"sequence", outcome.get()->entry.sequence},
                            {"input", work->digest.text()}});
    }
    for (const auto waiters = std::exchange(work->waiters, {}); const auto& then : waiters) then(outcome);
}

void Lanes::look_for_twin(const WorkPtr& work, const Error& error) {
    host_.find_input(work->binding, work->digest, [this, alive = alive_, work, error](Outcome<CommitPtr> found) {
        if (!*alive) return;
        const bool is_twin = found.ok() && found.get() != nullptr && !work->input.empty();
        settle(work, is_twin ? std::move(found) : Outcome<CommitPtr>(error));
    });
}

// --- Asking again.

void Lanes::recover(Lane& lane) {
    lane.recovering = true;
    std::ranges::sort(lane.failed, {}, &std::pair<std::uint64_t, WorkPtr>::first);
    for (auto one = lane.failed.rbegin(); one != lane.failed.rend(); ++one) lane.queue.push_front(one->second);
    lane.failed_count = lane.failed.size();
    lane.failed.clear();
    const Hash256 binding = lane.binding;
    if (!std::exchange(lane.look_at_ledger, false)) return fetch_ancestry(binding, 0);
    host_.catch_up([this, alive = alive_, binding](Outcome<Nothing> done) {
        if (!*alive) return;
        if (!done.ok()) return give_up(*find(binding), done.error());
        settle_committed(binding, 0);
    });
}

// What was appended although its answer was lost is answered now, and not asked again.
void Lanes::settle_committed(const Hash256& binding, std::size_t at) {
    Lane& lane = *find(binding);
    if (at >= lane.failed_count) return fetch_ancestry(binding, 0);
    const WorkPtr work = lane.queue[at];
    if (work->input.empty()) return settle_committed(binding, at + 1);
    host_.find_input(binding, work->digest, [this, alive = alive_, binding, at, work](Outcome<CommitPtr> found) {
        if (!*alive) return;
        Lane& now = *find(binding);
        if (!found.ok()) return give_up(now, found.error());
        if (found.get() == nullptr) return settle_committed(binding, at + 1);
        now.queue.erase(now.queue.begin() + static_cast<std::ptrdiff_t>(at));
        --now.failed_count;
        settle(work, std::move(found));
        settle_committed(binding, at);
    });
}

void Lanes::fetch_ancestry(const Hash256& binding, std::size_t at) {
    Lane& lane = *find(binding);
    while (at < lane.failed_count && (lane.queue[at]->ancestry.size() != 1 || !lane.queue[at]->ancestry[0].empty()))
        ++at;
    if (at >= lane.failed_count) return load(binding);
    const WorkPtr work = lane.queue[at];
    host_.ancestry(binding, work->input,
                   [this, alive = alive_, binding, at, work](Outcome<std::vector<Bytes>> documents) {
                       if (!*alive) return;
                       if (documents.ok()) {
                           work->ancestry = std::move(documents.get());
                           return fetch_ancestry(binding, at + 1);
                       }
                       Lane& now = *find(binding);
                       now.queue.erase(now.queue.begin() + static_cast<std::ptrdiff_t>(at));
                       --now.failed_count;
                       settle(work, documents.error());
                       fetch_ancestry(binding, at);
                   });
}

void Lanes::load(const Hash256& binding) {
    Lane& lane = *find(binding);
    if (first_that_may_go(lane) == lane.queue.end()) return resume(lane);
    if (++lane.load_attempts > options_.max_attempts)
        return give_up(lane, Error(Code::unavailable, "/enclave", "no enclave could take the binding"));
    if (lane.queue.front()->type == EntryType::bind) {
        const Hash256 wanted = std::exchange(lane.package_wanted, {});
        if (wanted.is_zero()) return resume(lane);
        return load_package(binding, wanted, [this, binding](const Outcome<Nothing>&) { resume(*find(binding)); });
    }
    host_.material(binding, [this, alive = alive_, binding](Outcome<Material> material) {
        if (!*alive) return;
        if (!material.ok()) return give_up(*find(binding), material.error());
        load_into_enclave(binding, std::make_shared<Material>(std::move(material.get())), false);
    });
}

void Lanes::load_into_enclave(const Hash256& binding, std::shared_ptr<Material> material, bool package_sent) {
    enclaves_.load_binding(
        route_of(*find(binding)), material->binding, [=, this, alive = alive_](Outcome<Nothing> done) {
            if (!*alive) return;
            Lane& lane = *find(binding);
            if (done.ok()) {
                const Hash256 wanted = std::exchange(lane.package_wanted, {});
                if (wanted.is_zero()) return resume(lane);
                return load_package(binding, wanted,
                                    [this, binding](const Outcome<Nothing>&) { resume(*find(binding)); });
            }
            const Error& error = done.error();
            if (is_about(error, Code::unavailable, "/package") && !package_sent)
                return load_package(binding, material->package, [=, this](const Outcome<Nothing>& loaded) {
                    loaded.ok() ? load_into_enclave(binding, material, true) : give_up(*find(binding), loaded.error());
                });
            if (error.code() == Code::unavailable || error.code() == Code::timeout || error.code() == Code::conflict)
                return load(binding);
            give_up(lane, error);
        });
}

// Before a binding is known, its own document says which kind of enclave it asks for.
enclave::Route Lanes::route_of(const Lane& lane) {
    const bool first = !lane.queue.empty() && lane.queue.front()->type == EntryType::bind;
    return first ? lane.queue.front()->route : host_.route(lane.binding);
}

void Lanes::load_package(const Hash256& binding, const Hash256& package, Then<Nothing> then) {
    try {
        const enclave::LoadPackage parts = host_.package(package);
        enclaves_.load_package(route_of(*find(binding)), parts, [alive = alive_, then](Outcome<Nothing> done) {
            if (*alive) then(std::move(done));
        });
    } catch (const Error& error) {
        then(error);
    }
}

void Lanes::resume(Lane& lane) {
    lane.recovering = lane.draining = false;
    lane.failed_count = 0;
    const Hash256 binding = lane.binding;
    pump(lane);
    retire(binding);
}

void Lanes::give_up(Lane& lane, const Error& error) {
    log::warning("binding_not_served",
                 {{"binding", lane.binding.text()}, {"code", code_name(error.code())}, {"rule", error.what()}});
    const auto queue = std::exchange(lane.queue, {});
    lane.recovering = lane.draining = false;
    lane.load_attempts = 0;
    lane.failed_count = 0;
    const Hash256 binding = lane.binding;
    for (const WorkPtr& work : queue) settle(work, error);
    if (Lane* now = find(binding)) pump(*now);
    retire(binding);
}

void Lanes::retire(const Hash256& binding) {
    const Lane* lane = find(binding);
    if (lane != nullptr && lane->queue.empty() && lane->under_way == 0 && !lane->recovering) lanes_.erase(binding);
}

}  // namespace concordat::node
