#include "enclave_driver.hpp"

#include <base/error.hpp>
#include <crypto/hash.hpp>

#include "result.hpp"

namespace concordat::bench {

namespace {
constexpr std::uint64_t channel_id = 1;
}

int& child_log() {
    static int fd = 2;
    return fd;
}

std::filesystem::path program_beside(const char* name) {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

Hash256 entry_id_of(const enclave::Committed& committed) {
    return contract::Entry::parse(committed.record.document).id(committed.record.document);
}

EnclaveDriver::EnclaveDriver(const std::filesystem::path& attestation, ccl::Disk& disk)
    : sealing_(attestation, random_) {
    vault::DevelopmentRoot root(attestation);
    platform_.root = root.public_key().thumbprint();
    evidence_ = std::make_unique<attest::DevelopmentProvider>(root.take_key(), crypto::sha256("concordat-bench"),
                                                              "concordat-ledger", 1, clock_);
    ledger_ = std::make_unique<ccl::RecordLedger>(
        ccl::Ports{disk, clock_, random_, [this](std::string_view purpose) { return sealing_.sealing_key(purpose); }});
    service_ = std::make_unique<ccl::Service>(*ledger_, *evidence_, ccl::Service::Options{"{}", "{}"});
    const auto identity = ccl::Identity::parse(ledger_->identity());
    platform_.chain = identity.chain;
    platform_.service_key = identity.service_key;
    platform_.encryption_key = identity.encryption_key;

    link_ = std::make_unique<process::ChildLink>(
        loop_,
        process::ChildOptions{.program = program_beside("concordat-enclave"),
                              .arguments = {"--attestation", attestation.string()},
                              .stderr_fd = child_log()},
        process::ChildLink::Events{[this](Frame frame) { on_frame(std::move(frame)); },
                                   [this](const std::string& why) { ended_ = why; }});
    platform_.measurement = enclave::decode_hello_reply(call(enclave::FrameType::hello, {})).measurement;
    service_->handle(Frame{static_cast<std::uint16_t>(ccl::FrameType::channel_open), channel_id, {}});
    call(enclave::FrameType::connect, {});
}

void EnclaveDriver::on_frame(Frame frame) {
    if (static_cast<enclave::FrameType>(frame.type) != enclave::FrameType::channel) {
        replies_.emplace(frame.id, std::move(frame));
        return;
    }
    service_->handle(
        Frame{static_cast<std::uint16_t>(ccl::FrameType::channel_data), channel_id, std::move(frame.payload)});
    serve_ledger();
}

void EnclaveDriver::serve_ledger() {
    service_->flush();
    FrameBuffer out;
    out.append(service_->take_output());
    while (const std::optional<Frame> frame = out.next()) {
        if (static_cast<ccl::FrameType>(frame->type) != ccl::FrameType::channel_data) continue;
        link_->send(static_cast<std::uint16_t>(enclave::FrameType::channel), 0, frame->payload);
    }
}

std::vector<Bytes> EnclaveDriver::call_all(enclave::FrameType type, const std::vector<Bytes>& payloads,
                                           std::size_t window) {
    std::vector<Bytes> out;
    out.reserve(payloads.size());
    const std::uint64_t first = next_id_;
    std::size_t sent = 0;
    while (out.size() < payloads.size()) {
        // In halves of the window, so that frames come in groups as they do from a node.
        if (sent - out.size() <= window / 2) {
            for (; sent < payloads.size() && sent - out.size() < window; ++sent)
                link_->send(static_cast<std::uint16_t>(type), next_id_++, payloads[sent]);
        }
        for (auto found = replies_.find(first + out.size()); found != replies_.end();
             found = replies_.find(first + out.size())) {
            Frame frame = std::move(found->second);
            replies_.erase(found);
            if (static_cast<enclave::FrameType>(frame.type) == enclave::FrameType::error) {
                const enclave::ErrorReply error = enclave::decode_error(frame.payload);
                throw Error(code_from_name(error.code), error.field, error.rule);
            }
            out.push_back(std::move(frame.payload));
        }
        if (out.size() == payloads.size()) break;
        if (!ended_.empty()) throw Error(Code::unavailable, "/enclave", ended_);
        if (sent - out.size() > window / 2 || sent == payloads.size()) loop_.run_one();
    }
    return out;
}

void EnclaveDriver::load(const contract::Package& package) {
    call(enclave::FrameType::load_package,
         enclave::encode(enclave::LoadPackage{package.manifest, package.config, package.module, package.provenance}));
}

std::vector<Agreement> EnclaveDriver::lock(std::size_t count, const Senders& senders, double limit_seconds) {
    std::vector<Agreement> out;
    std::vector<Bytes> acts;
    constexpr std::size_t portion = 2048;
    const std::int64_t began = monotonic_ns();
    while (out.size() < count && seconds_since(began) < limit_seconds) {
        const std::size_t first = out.size();
        acts.clear();
        for (; out.size() < count && acts.size() < portion;) {
            out.push_back(make_agreement(platform_, senders));
            acts.push_back(enclave::encode(enclave::Act{contract::EntryType::bind, {}, clock_.now(), out.back().jws}));
        }
        const std::vector<Bytes> replies = call_all(enclave::FrameType::act, acts, 256);
        for (std::size_t i = 0; i < replies.size(); ++i)
            out[first + i].seen = entry_id_of(enclave::decode_committed(replies[i]));
        for (std::size_t i = first; i < out.size(); ++i) out[i].jws.clear();
    }
    return out;
}

}  // namespace concordat::bench
