// Where a binding's requests go, how many enclaves there are, and which of them have stopped answering.
#include <algorithm>
#include <base/log.hpp>
#include <boost/asio/post.hpp>

#include "slot.hpp"

namespace concordat::enclave {

namespace {
constexpr int watch_every_ms = 500;
constexpr std::int64_t ns_per_ms = 1'000'000;
}  // namespace

EnclavePool::Slot& EnclavePool::place(const Route& route) {
    if (stopping_) throw Error(Code::unavailable, "/enclave", "the node is stopping");
    if (route.dedicated) return place_dedicated(route.group);
    if (const auto known = affinity_.find(route.group); known != affinity_.end()) {
        if (const auto slot = slots_.find(known->second->slot); slot != slots_.end()) {
            recent_.splice(recent_.begin(), recent_, known->second);
            return *slot->second;
        }
        recent_.erase(known->second);
        affinity_.erase(known);
    }
    Slot& slot = least_loaded();
    recent_.push_front({route.group, slot.id});
    affinity_[route.group] = recent_.begin();
    ++slot.bindings;
    // Who is forgotten here may come to another enclave next time: the ledger's compare-and-swap keeps that harmless.
    if (recent_.size() > options_.max_affinity) {
        affinity_.erase(recent_.back().group);
        recent_.pop_back();
    }
    return slot;
}

EnclavePool::Slot& EnclavePool::least_loaded() {
    Slot* best = nullptr;
    const auto rank = [](const Slot& slot) {
        return std::tuple(slot.state != Slot::State::ready, slot.load(), slot.bindings);
    };
    for (auto& [id, slot] : slots_)
        if (!slot->dedicated && (best == nullptr || rank(*slot) < rank(*best))) best = slot.get();
    if (best == nullptr) throw Error(Code::unavailable, "/enclave", "no enclave runs");
    return *best;
}

EnclavePool::Slot& EnclavePool::place_dedicated(const Hash256& binding) {
    if (const auto known = dedicated_.find(binding); known != dedicated_.end()) return *slots_.at(known->second);
    if (dedicated_.size() >= options_.maximum_dedicated) {
        const auto idle = std::find_if(dedicated_.begin(), dedicated_.end(),
                                       [this](const auto& one) { return slots_.at(one.second)->load() == 0; });
        if (idle == dedicated_.end()) throw Error(Code::busy, "/enclave", "every dedicated enclave is in use");
        remove_slot(idle->second);
    }
    Slot& slot = add_slot(true, binding);
    try {
        spawn(slot);
    } catch (const Error&) {
        slots_.erase(slot.id);
        throw;
    }
    dedicated_[binding] = slot.id;
    slot.bindings = 1;
    return slot;
}

void EnclavePool::watch() {
    watch_timer_.expires_after(std::chrono::milliseconds(watch_every_ms));
    watch_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error || stopping_) return;
        const std::int64_t now = monotonic_ns();
        for (auto& [id, slot] : slots_) watch_slot(*slot, now);
        fit_size(now);
        watch();
    });
}

void EnclavePool::watch_slot(Slot& slot, std::int64_t now) {
    const auto late = [now](const Request& request) { return request.deadline_ns < now; };
    while (!slot.waiting.empty() && late(slot.waiting.front())) {
        const auto then = std::move(slot.waiting.front().then);
        slot.waiting.pop_front();
        --requests_;
        // Posted: who is told may ask again at once, and that may change the slots that are being walked through.
        boost::asio::post(loop_,
                          [then] { then(Error(Code::unavailable, "/enclave", "no enclave became ready in time")); });
    }
    if (!slot.link || slot.state == Slot::State::down) return;
    const bool stuck =
        std::any_of(slot.sent.begin(), slot.sent.end(), [&](const auto& one) { return late(one.second); });
    const bool silent =
        slot.ping_open && now - std::max(slot.last_frame_ns, slot.ping_ns) > options_.ping_timeout_ms * ns_per_ms;
    if (stuck || silent) {
        log::error(
            "enclave_stuck",
            {{"slot", slot.id}, {"pid", slot.link->pid()}, {"silent_ms", (now - slot.last_frame_ns) / ns_per_ms}});
        return slot.link->kill();
    }
    if (slot.state != Slot::State::ready || slot.ping_open || now - slot.ping_ns < options_.ping_every_ms * ns_per_ms)
        return;
    slot.ping_open = true;
    slot.ping_ns = now;
    send(slot, {FrameType::ping,
                {},
                [&slot](const process::Outcome<Bytes>&) { slot.ping_open = false; },
                now + options_.request_timeout_ms * ns_per_ms});
}

// Grows by one when the shared enclaves have too much to do; ends what has had nothing to do for long.
void EnclavePool::fit_size(std::int64_t now) {
    std::size_t shared = 0, load = 0;
    Slot* idle = nullptr;
    for (auto& [id, slot] : slots_) {
        const bool unused = slot->load() == 0 && now - slot->last_used_ns > options_.idle_ms * ns_per_ms;
        if (unused) idle = slot->dedicated || idle == nullptr ? slot.get() : idle;
        if (slot->dedicated) continue;
        ++shared;
        load += slot->load();
    }
    if (load > options_.grow_queue * shared && shared < options_.maximum) {
        log::info("enclave_pool_grows", {{"to", shared + 1}, {"requests", load}});
        Slot& slot = add_slot(false, {});
        try {
            spawn(slot);
        } catch (const Error& error) {
            log::error("enclave_start_failed", {{"rule", error.what()}});
            slots_.erase(slot.id);
        }
        return;
    }
    if (idle != nullptr && (idle->dedicated || shared > options_.minimum)) {
        log::info("enclave_pool_shrinks", {{"slot", idle->id}, {"dedicated", idle->dedicated}});
        remove_slot(idle->id);
    }
}

}  // namespace concordat::enclave
