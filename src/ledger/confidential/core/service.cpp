#include "service.hpp"

#include <base/error.hpp>
#include <base/log.hpp>

namespace concordat::ledger::confidential {
namespace {

Refused refused(const Error& error) { return {std::string(code_name(error.code())), error.field(), error.rule()}; }

template <class T>
Bytes written(const T& value) {
    wire::Writer out;
    value.write(out);
    return out.take();
}

}  // namespace

void Service::send(FrameType type, std::uint64_t id, ByteView payload) {
    append_frame(out_, static_cast<std::uint16_t>(type), id, payload);
}

void Service::send_error(std::uint64_t id, const Error& error) {
    send(FrameType::error, id, encode_error(refused(error)));
}

Bytes Service::take_output() { return std::exchange(out_, {}); }

void Service::handle(const Frame& frame) {
    const auto type = static_cast<FrameType>(frame.type);
    switch (type) {
        case FrameType::channel_open:
            return open_channel(frame.id);
        case FrameType::channel_data:
            return channel_data(frame.id, frame.payload);
        case FrameType::channel_close:
            return forget_channel(frame.id);
        default:
            break;
    }
    try {
        // Reads do not force a commit: a node that polls would break up the groups.
        if (type == FrameType::snapshot || type == FrameType::stop) flush();
        send(type, frame.id, answer(frame));
        if (type == FrameType::stop) stopped_ = true;
    } catch (const Error& error) {
        send_error(frame.id, error);
    }
}

Bytes Service::answer(const Frame& frame) {
    switch (static_cast<FrameType>(frame.type)) {
        case FrameType::identity:
            return encode(IdentityReply{ledger_.identity(), options_.evidence, options_.sandbox, ledger_.size()});
        case FrameType::read: {
            const ReadRequest request = decode_read_request(frame.payload);
            return encode(ledger_.read(request.from, request.limit));
        }
        case FrameType::head: {
            const HeadRequest request = decode_head_request(frame.payload);
            return written(ledger_.head(request.binding, request.nonce));
        }
        case FrameType::consistency: {
            const ConsistencyRequest request = decode_consistency_request(frame.payload);
            return encode_hashes(ledger_.consistency(request.from, request.to));
        }
        case FrameType::root:
            return written(ledger_.signed_root());
        case FrameType::snapshot:
            ledger_.snapshot();
            return {};
        case FrameType::stop: {
            try {
                ledger_.snapshot();
            } catch (const Error& error) {
                log::warning("ledger_snapshot_failed", {{"why", error.what()}});  // the log alone is enough
            }
            return {};
        }
        default:
            throw Error(Code::protocol, "frame.type", "must be one that this version knows");
    }
}

void Service::open_channel(std::uint64_t id) {
    if (channels_.contains(id)) return drop_channel(id, "the channel was opened twice");
    if (channels_.size() >= options_.max_channels) {
        return send(FrameType::channel_close, id, bytes_of("too many channels are open"));
    }
    channels_.emplace(id, std::make_unique<Channel>(provider_, ledger_.signing_key()));
}

void Service::channel_data(std::uint64_t id, ByteView bytes) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return;  // dropped, and the node has not heard of it yet
    Channel& channel = *found->second;
    try {
        channel.tls.receive(bytes);
        if (const Bytes out = channel.tls.take_output(); !out.empty()) send(FrameType::channel_data, id, out);
        if (!channel.tls.ready()) return;
        while (const auto message = channel.tls.next_message()) take_request(id, *message);
    } catch (const Error& error) {
        if (const Bytes alert = channel.tls.take_output(); !alert.empty()) send(FrameType::channel_data, id, alert);
        drop_channel(id, error.what());
    }
}

void Service::take_request(std::uint64_t id, ByteView message) {
    waiting_bytes_ += message.size();
    waiting_.push_back({id, decode_request(message)});
}

void Service::drop_channel(std::uint64_t id, std::string_view why) {
    log::warning("ledger_channel_dropped", {{"channel", id}, {"why", why}});
    send(FrameType::channel_close, id, bytes_of(why));
    forget_channel(id);
}

// Its requests that wait are still carried out: an append that has arrived may be committed whether or not anyone hears
// of it.
void Service::forget_channel(std::uint64_t id) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return;
    flush();
    if (channels_.contains(id)) {
        if (found->second->enclave) ledger_.leave(*found->second->enclave);
        channels_.erase(id);
    }
}

void Service::flush() {
    std::vector<Waiting> appends;
    std::deque<Waiting> waiting = std::exchange(waiting_, {});
    waiting_bytes_ = 0;
    for (Waiting& next : waiting) {
        const auto found = channels_.find(next.channel);
        if (found == channels_.end()) continue;
        Channel& channel = *found->second;
        if (std::holds_alternative<Append>(next.request)) {
            channel.waits_for_commit = true;
            appends.push_back(std::move(next));
            continue;
        }
        if (channel.waits_for_commit) {  // answers come in order
            commit(appends);
            if (!channels_.contains(next.channel)) continue;
        }
        reply(next.channel, answer_request(channel, next.request));
    }
    commit(appends);
    ledger_.snapshot_if_due();
}

void Service::commit(std::vector<Waiting>& appends) {
    std::vector<AppendRequest> requests;
    std::vector<std::uint64_t> asking;
    for (const Waiting& next : appends) {
        const auto found = channels_.find(next.channel);
        if (found == channels_.end()) continue;
        found->second->waits_for_commit = false;
        if (found->second->enclave) {
            requests.push_back({*found->second->enclave, &std::get<Append>(next.request)});
            asking.push_back(next.channel);
        } else {
            reply(next.channel, Refused{"protocol", "/append", "must follow a hello"});
        }
    }
    std::vector<AppendOutcome> outcomes = ledger_.append(requests);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        std::visit([&](auto& outcome) { reply(asking[i], std::move(outcome)); }, outcomes[i]);
    }
    appends.clear();
}

void Service::reply(std::uint64_t id, const Reply& reply) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) return;
    try {
        const SecretBytes message(encode(reply));  // it may hold a key
        found->second->tls.send(message.expose());
        send(FrameType::channel_data, id, found->second->tls.take_output());
    } catch (const Error& error) {
        log::warning("ledger_channel_dropped", {{"channel", id}, {"why", error.what()}});
        send(FrameType::channel_close, id, bytes_of(error.what()));
        if (found->second->enclave) ledger_.leave(*found->second->enclave);
        channels_.erase(found);
    }
}

Reply Service::answer_request(Channel& channel, const Request& request) {
    try {
        if (const auto* hello = std::get_if<Hello>(&request)) {
            if (channel.enclave) throw Error(Code::protocol, "/hello", "must come once");
            channel.enclave = ledger_.admit(*hello, channel.tls.peer_key());
            return Done{};
        }
        if (!channel.enclave) throw Error(Code::protocol, "/request", "must follow a hello");
        if (const auto* create = std::get_if<CreateKey>(&request)) {
            return ledger_.create_key(*channel.enclave, create->binding_jws);
        }
        if (const auto* release = std::get_if<ReleaseKey>(&request)) {
            return ledger_.release_key(*channel.enclave, release->binding);
        }
        return ledger_.open_terms(*channel.enclave, std::get<OpenTerms>(request).binding_jws);
    } catch (const Error& error) {
        return refused(error);
    }
}

}  // namespace concordat::ledger::confidential
