#include "pool.hpp"

#include <algorithm>
#include <base/log.hpp>
#include <boost/asio/post.hpp>
#include <crypto/key.hpp>

#include "slot.hpp"

namespace concordat::enclave {

EnclavePool::EnclavePool(boost::asio::io_context& loop, PoolOptions options, ChannelRelay relay,
                         std::function<void(const std::string&, const HelloReply&)> on_ready,
                         std::function<void()> on_lost)
    : loop_(loop),
      options_(std::move(options)),
      relay_(std::move(relay)),
      on_ready_(std::move(on_ready)),
      on_lost_(std::move(on_lost)),
      watch_timer_(loop) {
    options_.minimum = std::max<std::size_t>(options_.minimum, 1);
    options_.maximum = std::max(options_.maximum, options_.minimum);
}

EnclavePool::~EnclavePool() = default;

void EnclavePool::start() {
    while (slots_.size() < options_.minimum) spawn(add_slot(false, {}));
    watch();
}

void EnclavePool::stop() {
    stopping_ = true;
    watch_timer_.cancel();
    auto slots = std::exchange(slots_, {});
    for (auto& [id, slot] : slots) {
        close_channel(*slot);
        slot->link.reset();
        fail_all(*slot, Error(Code::unavailable, "/enclave", "the node is stopping"), true);
    }
}

void EnclavePool::restart_all() {
    for (auto& [id, slot] : slots_)
        if (slot->link) slot->link->kill();
}

EnclavePool::Slot& EnclavePool::add_slot(bool dedicated, const Hash256& binding) {
    const std::uint64_t id = next_slot_++;
    auto& slot = *(slots_[id] = std::make_unique<Slot>(loop_, id));
    slot.dedicated = dedicated;
    slot.binding = binding;
    slot.last_used_ns = monotonic_ns();
    return slot;
}

void EnclavePool::spawn(Slot& slot) {
    process::ChildOptions child{
        .program = options_.program,
        .arguments = {"--attestation", options_.attestation.string(), "--log-level", options_.log_level},
        .environment = {},
        .extra_fds = {}};
    if (slot.dedicated) child.arguments.push_back("--dedicated");
    slot.link = std::make_unique<process::ChildLink>(
        loop_, child,
        process::ChildLink::Events{[this, &slot](Frame frame) { on_frame(slot, std::move(frame)); },
                                   [this, &slot](const std::string& why) { on_ended(slot, why); }});
    slot.state = Slot::State::starting;
    slot.started_ns = slot.last_frame_ns = monotonic_ns();
    slot.ping_open = false;
    send(slot, {FrameType::hello,
                {},
                [this, &slot](process::Outcome<Bytes> reply) { on_hello(slot, std::move(reply)); },
                slot.started_ns + options_.start_timeout_ms * 1'000'000LL});
}

void EnclavePool::on_hello(Slot& slot, process::Outcome<Bytes> reply) {
    if (!reply.ok()) return slot.link->kill();
    try {
        slot.hello = decode_hello_reply(reply.get());
        slot.kid = crypto::PublicKey::from_jwk(json::parse(slot.hello.key, "enclave key"), "/enclave/key").kid();
        connect(slot);
    } catch (const Error& error) {
        log::warning("enclave_start_failed", {{"slot", slot.id}, {"rule", error.what()}});
        slot.link->kill();
    }
}

void EnclavePool::connect(Slot& slot) {
    slot.channel = relay_.open({[&slot](Bytes bytes) {
                                    if (slot.link)
                                        slot.link->send(static_cast<std::uint16_t>(FrameType::channel), 0, bytes);
                                },
                                [&slot](const std::string& why) {
                                    // Without its channel an enclave can commit nothing: a new one takes its place.
                                    log::warning("enclave_channel_closed", {{"slot", slot.id}, {"why", why}});
                                    slot.channel.reset();
                                    if (slot.link) slot.link->kill();
                                }});
    send(slot, {FrameType::connect,
                {},
                [this, &slot](process::Outcome<Bytes> reply) { on_connected(slot, std::move(reply)); },
                monotonic_ns() + options_.start_timeout_ms * 1'000'000LL});
}

void EnclavePool::on_connected(Slot& slot, process::Outcome<Bytes> reply) {
    if (!reply.ok()) {
        if (!stopping_) log::warning("enclave_not_accepted", {{"slot", slot.id}, {"rule", reply.error().what()}});
        if (slot.link) slot.link->kill();
        return;
    }
    slot.state = Slot::State::ready;
    slot.failures = 0;
    slot.ping_ns = monotonic_ns();
    log::info("enclave_ready",
              {{"slot", slot.id}, {"pid", slot.link->pid()}, {"kid", slot.kid}, {"dedicated", slot.dedicated}});
    on_ready_(slot.kid, slot.hello);
    for (auto waiting = std::exchange(slot.waiting, {}); auto& request : waiting) send(slot, std::move(request));
}

void EnclavePool::on_frame(Slot& slot, Frame frame) {
    slot.last_frame_ns = monotonic_ns();
    const auto type = static_cast<FrameType>(frame.type);
    if (type == FrameType::channel) {
        if (slot.channel) relay_.send(*slot.channel, frame.payload);
        return;
    }
    const auto found = slot.sent.find(frame.id);
    if (found == slot.sent.end()) return;
    const auto then = std::move(found->second.then);
    slot.sent.erase(found);
    --requests_;
    if (type != FrameType::error) return then(std::move(frame.payload));
    const ErrorReply error = decode_error(frame.payload);
    then(Error(code_from_name(error.code), error.field, error.rule));
}

void EnclavePool::on_ended(Slot& slot, const std::string& why) {
    if (stopping_) return;
    const bool was_ready = slot.state == Slot::State::ready;
    log::warning("enclave_ended", {{"slot", slot.id}, {"why", why}});
    slot.state = Slot::State::down;
    slot.bindings = 0;
    close_channel(slot);
    retry_later(slot);
    if (was_ready) on_lost_();
    fail_all(slot, Error(Code::unavailable, "/enclave", "the enclave ended: " + why), false);
}

void EnclavePool::close_channel(Slot& slot) {
    if (const auto channel = std::exchange(slot.channel, std::nullopt)) relay_.close(*channel);
}

void EnclavePool::retry_later(Slot& slot) {
    const int delay = std::min(options_.restart_delay_max_ms, options_.restart_delay_ms << std::min(slot.failures, 10));
    ++slot.failures;
    ++slot.restarts;
    slot.restart_timer.expires_after(std::chrono::milliseconds(delay));
    slot.restart_timer.async_wait([this, id = slot.id](const boost::system::error_code& error) {
        const auto found = slots_.find(id);
        if (error || stopping_ || found == slots_.end()) return;
        try {
            spawn(*found->second);
        } catch (const Error& problem) {
            log::error("enclave_start_failed", {{"rule", problem.what()}});
            retry_later(*found->second);
        }
    });
}

void EnclavePool::fail_all(Slot& slot, const Error& error, bool also_waiting) {
    auto sent = std::exchange(slot.sent, {});
    std::deque<Request> waiting;
    if (also_waiting) waiting = std::exchange(slot.waiting, {});
    requests_ -= sent.size() + waiting.size();
    // In the order in which they were asked: who asks again keeps the order of a binding's messages.
    std::map<std::uint64_t, Request> ordered;
    for (auto& [id, request] : sent) ordered[id] = std::move(request);
    for (auto& [id, request] : ordered)
        if (request.then) request.then(error);
    for (auto& request : waiting) request.then(error);
}

void EnclavePool::remove_slot(std::uint64_t id) {
    const auto found = slots_.find(id);
    Slot& slot = *found->second;
    close_channel(slot);
    if (slot.dedicated) dedicated_.erase(slot.binding);
    slots_.erase(found);
}

void EnclavePool::send(Slot& slot, Request request) {
    const bool starts = request.type == FrameType::hello || request.type == FrameType::connect;
    if (slot.state != Slot::State::ready && !starts) {
        ++requests_;
        slot.waiting.push_back(std::move(request));
        return;
    }
    const std::uint64_t id = next_request_++;
    slot.link->send(static_cast<std::uint16_t>(request.type), id, request.payload);
    request.payload = {};
    ++requests_;
    slot.sent.emplace(id, std::move(request));
}

void EnclavePool::ask(const Route& route, FrameType type, Bytes payload, Then<Bytes> then) {
    Slot* slot = nullptr;
    try {
        if (requests_ >= options_.max_requests)
            throw Error(Code::busy, "/enclave", "too many requests wait for the enclaves");
        slot = &place(route);
    } catch (const Error& error) {
        return boost::asio::post(loop_, [then, error] { then(error); });
    }
    slot->last_used_ns = monotonic_ns();
    send(*slot,
         {type, std::move(payload), std::move(then), slot->last_used_ns + options_.request_timeout_ms * 1'000'000LL});
}

void EnclavePool::execute(const Route& route, const Execute& request, Then<Bytes> then) {
    ask(route, FrameType::execute, encode(request), std::move(then));
}

void EnclavePool::act(const Route& route, const Act& request, Then<Bytes> then) {
    ask(route, FrameType::act, encode(request), std::move(then));
}

void EnclavePool::sign(const Route& route, const Sign& request, Then<Bytes> then) {
    ask(route, FrameType::sign, encode(request), std::move(then));
}

void EnclavePool::load_package(const Route& route, const LoadPackage& package, Then<Nothing> then) {
    ask(route, FrameType::load_package, encode(package), [then = std::move(then)](process::Outcome<Bytes> reply) {
        process::complete<Nothing>(then, [&] { return reply.get(), Nothing{}; });
    });
}

void EnclavePool::load_binding(const Route& route, const LoadBinding& binding, Then<Nothing> then) {
    ask(route, FrameType::load_binding, encode(binding), [then = std::move(then)](process::Outcome<Bytes> reply) {
        process::complete<Nothing>(then, [&] { return reply.get(), Nothing{}; });
    });
}

std::vector<EnclaveStatus> EnclavePool::status() const {
    std::vector<EnclaveStatus> out;
    for (const auto& [id, slot] : slots_) {
        static constexpr std::array<const char*, 3> names{"down", "starting", "ready"};
        out.push_back({.slot = id,
                       .pid = slot->link ? slot->link->pid() : -1,
                       .state = names[static_cast<std::size_t>(slot->state)],
                       .kid = slot->kid,
                       .key = slot->hello.key,
                       .evidence = slot->hello.evidence,
                       .sandbox = slot->hello.sandbox,
                       .measurement = slot->hello.measurement,
                       .dedicated = slot->dedicated,
                       .requests = slot->load(),
                       .bindings = slot->bindings,
                       .restarts = slot->restarts});
    }
    return out;
}

std::size_t EnclavePool::ready_count() const {
    return static_cast<std::size_t>(std::count_if(slots_.begin(), slots_.end(), [](const auto& one) {
        return !one.second->dedicated && one.second->state == Slot::State::ready;
    }));
}

}  // namespace concordat::enclave
