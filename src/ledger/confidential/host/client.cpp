#include "client.hpp"

#include <algorithm>
#include <base/log.hpp>
#include <boost/asio/post.hpp>

namespace concordat::ledger::confidential {

namespace {
constexpr int watch_every_ms = 500;
constexpr int probe_every_ms = 2000;
std::int64_t ms(std::int64_t value) { return value * 1'000'000; }
}  // namespace

LedgerClient::LedgerClient(boost::asio::io_context& loop, LedgerOptions options, LedgerEvents events)
    : loop_(loop), options_(std::move(options)), events_(std::move(events)), restart_timer_(loop), watch_timer_(loop) {}

LedgerClient::~LedgerClient() = default;

void LedgerClient::start() {
    spawn();
    watch();
}

void LedgerClient::spawn() {
    process::ChildOptions child{.program = options_.program,
                                .arguments = {"--data", options_.data.string(), "--attestation",
                                              options_.attestation.string(), "--log-level", options_.log_level},
                                .environment = {},
                                .extra_fds = {}};
    link_ = std::make_unique<process::ChildLink>(
        loop_, child,
        process::ChildLink::Events{[this](Frame frame) { on_frame(std::move(frame)); },
                                   [this](const std::string& why) { on_ended(why); }});
    last_frame_ns_ = last_ask_ns_ = monotonic_ns();
    ask(
        FrameType::identity, {}, [this](process::Outcome<Bytes> reply) { on_identity(std::move(reply)); },
        options_.start_timeout_ms);
}

void LedgerClient::on_identity(process::Outcome<Bytes> reply) {
    if (!reply.ok()) {
        log::error("ledger_start_failed", {{"code", code_name(reply.error().code())},
                                           {"field", reply.error().field()},
                                           {"rule", reply.error().rule()}});
        if (link_) link_->kill();
        return;
    }
    IdentityReply identity;
    try {
        identity = decode_identity(reply.get());
    } catch (const Error& error) {
        log::error("ledger_start_failed", {{"rule", error.what()}});
        link_->kill();
        return;
    }
    ready_ = true;
    failures_ = 0;
    events_.ready(identity);
}

void LedgerClient::on_frame(Frame frame) {
    last_frame_ns_ = monotonic_ns();
    const auto type = static_cast<FrameType>(frame.type);
    if (type == FrameType::channel_data || type == FrameType::channel_close) return on_channel_frame(std::move(frame));
    const auto found = pending_.find(frame.id);
    if (found == pending_.end()) return;  // its time was out
    const auto then = std::move(found->second.then);
    pending_.erase(found);
    if (type != FrameType::error) return then(std::move(frame.payload));
    const Refused refused = decode_error(frame.payload);
    then(Error(code_from_name(refused.code), refused.field, refused.rule));
}

void LedgerClient::on_channel_frame(Frame frame) {
    const auto found = channels_.find(frame.id);
    if (found == channels_.end()) return;
    if (static_cast<FrameType>(frame.type) == FrameType::channel_data)
        return found->second.data(std::move(frame.payload));
    const auto closed = std::move(found->second.closed);
    channels_.erase(found);
    closed(std::string(text_of(frame.payload)));
}

void LedgerClient::on_ended(const std::string& why) {
    const bool was_ready = ready_;
    ready_ = false;
    if (!stopping_) log::error("ledger_ended", {{"why", why}});
    drop_everything(why);
    if (stopping_) {
        if (stopped_) std::exchange(stopped_, nullptr)();
        return;
    }
    was_ready ? events_.lost(why) : events_.start_failed(why);
    if (!stopping_) schedule_restart();
}

void LedgerClient::drop_everything(const std::string& why) {
    auto pending = std::exchange(pending_, {});
    auto channels = std::exchange(channels_, {});
    for (auto& [id, one] : pending) one.then(Error(Code::unavailable, "/ledger", "the ledger ended: " + why));
    for (auto& [id, one] : channels) one.closed("the ledger ended");
}

void LedgerClient::schedule_restart() {
    const int delay = std::min(options_.restart_delay_max_ms, options_.restart_delay_ms << std::min(failures_, 10));
    ++failures_;
    restart_timer_.expires_after(std::chrono::milliseconds(delay));
    restart_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error || stopping_) return;
        try {
            spawn();
        } catch (const Error& problem) {
            log::error("ledger_start_failed", {{"rule", problem.what()}});
            schedule_restart();
        }
    });
}

// One timer for every request's deadline, and for a ledger that stands still.
void LedgerClient::watch() {
    watch_timer_.expires_after(std::chrono::milliseconds(watch_every_ms));
    watch_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        const std::int64_t now = monotonic_ns();
        std::vector<Then<Bytes>> late;
        for (auto one = pending_.begin(); one != pending_.end();) {
            if (one->second.deadline_ns > now) {
                ++one;
                continue;
            }
            late.push_back(std::move(one->second.then));
            one = pending_.erase(one);
        }
        for (auto& then : late) then(Error(Code::timeout, "/ledger", "the ledger did not answer in time"));
        if (ready_ && now - last_ask_ns_ > ms(probe_every_ms))
            ask(FrameType::identity, {}, [](process::Outcome<Bytes>) {});
        if (ready_ && last_ask_ns_ > last_frame_ns_ && now - last_frame_ns_ > ms(options_.silence_timeout_ms) &&
            link_) {
            log::error("ledger_stuck", {{"silent_ms", (now - last_frame_ns_) / 1'000'000}});
            link_->kill();
        }
        watch();
    });
}

void LedgerClient::ask(FrameType type, ByteView payload, Then<Bytes> then, int timeout_ms) {
    if (!link_ || (!ready_ && type != FrameType::identity))
        return then(Error(Code::unavailable, "/ledger", "the ledger is starting"));
    if (pending_.size() >= options_.max_requests)
        return then(Error(Code::busy, "/ledger", "too many requests wait for the ledger"));
    const std::uint64_t id = next_id_++;
    last_ask_ns_ = monotonic_ns();
    pending_[id] = {std::move(then), last_ask_ns_ + ms(timeout_ms != 0 ? timeout_ms : options_.answer_timeout_ms)};
    link_->send(static_cast<std::uint16_t>(type), id, payload);
}

template <class T, class Decode>
void LedgerClient::ask_for(FrameType type, ByteView payload, Then<T> then, Decode decode) {
    ask(type, payload, [then = std::move(then), decode](process::Outcome<Bytes> reply) {
        process::complete<T>(then, [&] { return decode(reply.get()); });
    });
}

void LedgerClient::read(std::uint64_t from, std::uint32_t limit, Then<ReadReply> then) {
    ask_for<ReadReply>(FrameType::read, encode(ReadRequest{from, limit}), std::move(then), decode_read_reply);
}

void LedgerClient::head(const Hash256& binding, const Hash256& nonce, Then<HeadStatement> then) {
    ask_for<HeadStatement>(FrameType::head, encode(HeadRequest{binding, nonce}), std::move(then), [](ByteView bytes) {
        wire::Reader in(bytes);
        HeadStatement statement = HeadStatement::read(in);
        in.finish();
        return statement;
    });
}

void LedgerClient::root(Then<SignedRoot> then) {
    ask_for<SignedRoot>(FrameType::root, {}, std::move(then), [](ByteView bytes) {
        wire::Reader in(bytes);
        SignedRoot root = SignedRoot::read(in);
        in.finish();
        return root;
    });
}

void LedgerClient::consistency(std::uint64_t from, std::uint64_t to, Then<std::vector<Hash256>> then) {
    ask_for<std::vector<Hash256>>(FrameType::consistency, encode(ConsistencyRequest{from, to}), std::move(then),
                                  decode_hashes);
}

void LedgerClient::snapshot(Then<Nothing> then) {
    ask_for<Nothing>(FrameType::snapshot, {}, std::move(then), [](ByteView) { return Nothing{}; });
}

void LedgerClient::stop(std::function<void()> then) {
    stopping_ = true;
    restart_timer_.cancel();
    if (!ready_) {
        link_.reset();
        drop_everything("stopped");
        return boost::asio::post(loop_, std::move(then));
    }
    stopped_ = std::move(then);
    // The end of the process answers; if the wish itself fails, the end is made.
    ask(FrameType::stop, {}, [this](process::Outcome<Bytes> reply) {
        if (!reply.ok() && link_) link_->kill();
    });
}

std::uint64_t LedgerClient::open_channel(ChannelEvents events) {
    if (!ready_) throw Error(Code::unavailable, "/ledger", "the ledger is starting");
    const std::uint64_t id = next_id_++;
    channels_[id] = std::move(events);
    link_->send(static_cast<std::uint16_t>(FrameType::channel_open), id, {});
    return id;
}

void LedgerClient::channel_data(std::uint64_t channel, ByteView bytes) {
    if (!channels_.contains(channel)) return;
    last_ask_ns_ = monotonic_ns();
    link_->send(static_cast<std::uint16_t>(FrameType::channel_data), channel, bytes);
}

void LedgerClient::close_channel(std::uint64_t channel) {
    if (channels_.erase(channel) != 0 && ready_)
        link_->send(static_cast<std::uint16_t>(FrameType::channel_close), channel, {});
}

}  // namespace concordat::ledger::confidential
