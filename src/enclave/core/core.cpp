#include "core.hpp"

#include <crypto/hash.hpp>
#include <crypto/merkle.hpp>

#include "transact.hpp"

namespace concordat::enclave {

namespace {

constexpr std::size_t max_waiting = 4096;
constexpr std::string_view ledger_product = "concordat-ledger";

Hash256 report_data_of(const crypto::PublicKey& key) {
    return crypto::sha256({bytes_of("concordat/enclave-key/1"), ByteView(Bytes{0}), key.thumbprint().view()});
}

Error not_loaded(std::string_view what) {
    return Error(Code::unavailable, "/" + std::string(what), "not loaded in this enclave");
}

Error not_connected() { return Error(Code::unavailable, "/ledger", "the channel to the record ledger is not open"); }

Code code_of(const ccl::Refused& refused) { return code_from_name(refused.code); }

}  // namespace

Core::Core(CoreOptions options, const runtime::Engine& engine, attest::EvidenceProvider& evidence, std::string sandbox,
           const Hash256& measurement, Random& random, Kinds kinds)
    : options_(options),
      engine_(engine),
      evidence_(evidence),
      sandbox_(std::move(sandbox)),
      measurement_(measurement),
      random_(random),
      kinds_(kinds),
      key_(crypto::PrivateKey::generate(crypto::Alg::es256k, random)),
      key_evidence_(json::canonical(evidence.make(report_data_of(key_.public_key())))),
      jobs_(options.helpers, options.limits, options.max_unsent_bytes) {}

void Core::handle(const Frame& frame) {
    try {
        dispatch(frame);
    } catch (const Error& error) {
        fail(frame.id, error);
    } catch (const std::exception& error) {
        fail(frame.id, Error(Code::internal, "", error.what()));
    }
}

void Core::dispatch(const Frame& frame) {
    switch (static_cast<FrameType>(frame.type)) {
        case FrameType::hello:
            return hello(frame);
        case FrameType::connect:
            return connect(frame);
        case FrameType::channel:
            return channel_input(frame.payload);
        case FrameType::load_package:
            return load_package(frame);
        case FrameType::load_binding:
            return load_binding(frame);
        case FrameType::execute:
            return begin(frame);
        case FrameType::act:
            return act(frame);
        case FrameType::sign:
            return sign(frame);
        case FrameType::ping:
            return reply(FrameType::ping, frame.id, {});
        case FrameType::error:
            break;
    }
    throw Error(Code::protocol, "/type", "must be a frame type that an enclave takes");
}

void Core::hello(const Frame& frame) {
    HelloReply out;
    out.key = json::canonical(key_.public_key().jwk());
    out.evidence = key_evidence_;
    out.sandbox = sandbox_;
    out.measurement = measurement_;
    out.dedicated = options_.dedicated;
    reply(FrameType::hello, frame.id, encode(out));
}

// ------------------------------------------------------------------------------------------------ the ledger

void Core::connect(const Frame& frame) {
    if (channel_) throw Error(Code::conflict, "/channel", "is open already");
    channel_ = std::make_unique<attest::AttestedChannel>(attest::Side::enclave, evidence_, key_);
    reply(FrameType::channel, 0, channel_->start());
    const std::uint64_t request = frame.id;
    ccl::Hello hello;
    hello.enclave.key = json::canonical(key_.public_key().jwk());
    hello.enclave.evidence = key_evidence_;
    waiting_.push_back([this, request](ccl::Reply&& answer) {
        if (const auto* refused = std::get_if<ccl::Refused>(&answer)) {
            connected_ = false;
            ended_ = true;
            return fail(request, Error(code_of(*refused), refused->field, refused->rule));
        }
        reply(FrameType::connect, request, {});
    });
    first_message_ = encode(ccl::Request(std::move(hello)));
    relay();
}

void Core::relay() {
    const Bytes out = channel_->take_output();
    if (!out.empty()) reply(FrameType::channel, 0, out);
}

// Whatever goes wrong here ends the channel: TLS does not go on after a byte too many, and an answer that was not
// understood leaves open what the ledger did.
void Core::channel_input(ByteView bytes) {
    if (!channel_ || ended_) throw Error(Code::protocol, "/channel", "is not open");
    try {
        take_answers(bytes);
        relay();
    } catch (const std::exception& error) {
        end(error.what());
        throw;
    }
}

void Core::take_answers(ByteView bytes) {
    channel_->receive(bytes);
    if (channel_->ready() && !connected_) {
        if (channel_->peer_claims().product != ledger_product) {
            throw Error(Code::bad_evidence, "/channel/evidence/product", "must be " + std::string(ledger_product));
        }
        connected_ = true;
        channel_->send(first_message_);
    }
    while (std::optional<Bytes> message = channel_->next_message()) {
        if (waiting_.empty()) throw Error(Code::protocol, "/channel", "an answer that nothing asked for");
        ccl::Reply reply = ccl::decode_reply(*message);
        Answer answer = std::move(waiting_.front());
        waiting_.pop_front();
        answer(std::move(reply));
    }
}

// Everybody who waits is told at once: what became of their entries only the ledger knows.
void Core::end(const std::string& why) {
    ended_ = true;
    connected_ = false;
    if (const Bytes alert = channel_->take_output(); !alert.empty()) reply(FrameType::channel, 0, alert);
    for (auto waiting = std::exchange(waiting_, {}); const Answer& answer : waiting) {
        answer(ccl::Refused{"unavailable", "/ledger", "the channel to the record ledger has ended: " + why});
    }
    send_batches();
    bindings_.clear();
    use_.clear();
}

void Core::ask_ledger(const ccl::Request& request, Answer answer) {
    if (!connected_) throw not_connected();
    if (waiting_.size() >= max_waiting)
        throw Error(Code::busy, "/ledger", "too many requests wait for the record ledger");
    channel_->send(encode(request));
    waiting_.push_back(std::move(answer));
    relay();
}

// ------------------------------------------------------------------------------------------- packages, bindings

void Core::load_package(const Frame& frame) {
    LoadPackage in = decode_load_package(frame.payload);
    contract::Package package = contract::Package::check(std::move(in.manifest), std::move(in.config),
                                                         std::move(in.module), std::move(in.provenance));
    const Hash256 id = package.id();
    if (!packages_.contains(id)) {
        if (packages_.size() >= options_.max_packages) {
            std::erase_if(packages_, [](const auto& item) { return item.second.use_count() == 1; });
        }
        if (packages_.size() >= options_.max_packages)
            throw Error(Code::busy, "/package", "too many packages are in use");
        packages_.emplace(id, std::make_shared<LoadedPackage>(std::move(package), engine_));
    }
    reply(FrameType::load_package, frame.id, {});
}

std::shared_ptr<const LoadedPackage> Core::package_of(const Hash256& id) {
    const auto found = packages_.find(id);
    if (found == packages_.end()) throw not_loaded("package");
    return found->second;
}

void Core::load_binding(const Frame& frame) {
    LoadBinding in = decode_load_binding(frame.payload);
    auto version = std::make_shared<SignedVersion>(SignedVersion::parse(std::move(in.binding_jws)));
    const Hash256 binding = version->binding.id;
    if (acting_.contains(binding) || bindings_.contains(binding)) return reply(FrameType::load_binding, frame.id, {});
    check_served(version->binding);
    std::shared_ptr<const LoadedPackage> package = package_of(version->binding.package);
    auto record = std::make_shared<contract::EntryRecord>(std::move(in.head));
    const std::uint64_t request = frame.id;
    ask_for_key(request, binding, ccl::Request(ccl::ReleaseKey{binding}), [=, this](ccl::KeyReleased&& released) {
        Keychain keys(std::move(released.key));
        Head head = open_head(*record, binding, keys);
        // The private state is sealed by an enclave that had checked this version's signatures when it came into force.
        if (head.version != version->binding.hash) {
            throw Error(Code::wrong_version, "/version", "the version in force is " + head.version.text());
        }
        keys.use_version(head.version, package->audiences);
        Accounts accounts = accounts_of(version->binding, *package, kinds_, released.accounts);
        hold(binding, std::make_shared<Context>(Context{
                          std::move(version->binding), package, std::move(keys), std::move(accounts), {}, {}, 0, 0}));
        bindings_.at(binding).context->advance(std::move(head));
        reply(FrameType::load_binding, request, {});
    });
}

void Core::ask_for_key(std::uint64_t request, const Hash256& binding, const ccl::Request& question,
                       std::function<void(ccl::KeyReleased&&)> then) {
    ask_ledger(question, [this, request, binding, then = std::move(then)](ccl::Reply&& answer) {
        acting_.erase(binding);
        try {
            if (const auto* refused = std::get_if<ccl::Refused>(&answer)) {
                throw Error(code_of(*refused), refused->field, refused->rule);
            }
            auto* released = std::get_if<ccl::KeyReleased>(&answer);
            if (released == nullptr) throw Error(Code::protocol, "/ledger", "an answer of another kind");
            if (options_.dedicated) only_ = binding;  // what has held one binding's key serves no other
            then(std::move(*released));
        } catch (const Error& error) {
            fail(request, error);
        } catch (const std::exception& error) {
            fail(request, Error(Code::internal, "", error.what()));
        }
    });
    acting_.insert(binding);  // only now: a question that could not be sent blocks nothing
}

void Core::check_served(const contract::Binding& binding) const {
    if (!connected_) throw not_connected();
    // Another ledger could hand out a key of its own making and pretend to record.
    if (!(binding.service_key == channel_->peer_key())) {
        throw Error(Code::wrong_ledger, "/record/service_key", "must be the key of the ledger that serves here");
    }
    if (binding.dedicated != options_.dedicated) {
        throw Error(Code::forbidden, "/enclaves/isolation",
                    binding.dedicated ? "needs an enclave of its own" : "this enclave is dedicated to another binding");
    }
    if (!options_.dedicated) return;
    const bool another_begins = !acting_.empty() && !acting_.contains(binding.id);
    if ((only_ && *only_ != binding.id) || another_begins) {
        throw Error(Code::forbidden, "/binding", "this enclave is dedicated to another binding");
    }
}

// The node may hold the ledger's answers back for as long as it likes; what piles up here meanwhile is bounded.
void Core::check_room() const {
    if (pending_bytes_ >= options_.max_unsent_bytes) {
        throw Error(Code::busy, "/ledger", "too many entries wait for the record ledger");
    }
}

const std::shared_ptr<Context>& Core::held(const Hash256& binding) {
    if (acting_.contains(binding)) throw Error(Code::busy, "/binding", "waits for the key authority; ask again");
    const auto found = bindings_.find(binding);
    if (found == bindings_.end()) throw not_loaded("binding");
    use_.splice(use_.begin(), use_, found->second.use);
    return found->second.context;
}

void Core::hold(const Hash256& binding, std::shared_ptr<Context> context) {
    for (auto oldest = use_.end(); bindings_.size() >= options_.max_bindings && oldest != use_.begin();) {
        --oldest;
        if (bindings_.at(*oldest).context->in_flight > 0) continue;
        bindings_.erase(*oldest);
        oldest = use_.erase(oldest);
    }
    context->generation = ++generations_;
    use_.push_front(binding);
    bindings_[binding] = Held{std::move(context), use_.begin()};
}

Context* Core::still_held(const Hash256& binding, std::uint64_t generation) {
    const auto found = bindings_.find(binding);
    if (found == bindings_.end() || found->second.context->generation != generation) return nullptr;
    return found->second.context.get();
}

// ------------------------------------------------------------------------------------------------- inputs

void Core::act(const Frame& frame) {
    Act in = decode_act(frame.payload);
    if (std::optional<Make> make = make_of(in)) return begin(frame.id, std::move(in), std::move(*make));
    run_all();  // it keeps its place among the inputs that came before it
    check_room();
    const Asked asked{frame.id, std::move(in.trace)};
    switch (in.type) {
        case contract::EntryType::bind:
            return begin_bind(asked, SignedVersion::parse(std::move(in.input)), in.time);
        case contract::EntryType::amend:
            return begin_amend(asked, SignedVersion::parse(std::move(in.input)), context_of(in.binding), in.time);
        case contract::EntryType::propose: {
            Context& context = context_of(in.binding);
            SignedVersion version = SignedVersion::parse(std::move(in.input));
            return on_head(asked, context, [&] { return propose(context, std::move(version), in.time); });
        }
        case contract::EntryType::close: {
            Context& context = context_of(in.binding);
            return on_head(asked, context, [&] { return close(context, std::move(in.input), in.time); });
        }
        case contract::EntryType::terminate: {
            Context& context = context_of(in.binding);
            return on_head(asked, context, [&] { return terminate(context, std::move(in.input), in.time); });
        }
        case contract::EntryType::resolve: {
            Context& context = context_of(in.binding);
            return on_head(asked, context, [&] { return resolve(context, std::move(in.input), in.time); });
        }
        default:
            break;
    }
    throw Error(Code::protocol, "/type", "must be the type of an entry that no message makes");
}

// What carries a transaction on; nothing for another act.
std::optional<Core::Make> Core::make_of(const Act& in) const {
    using enum contract::EntryType;
    const Hash256 transaction = in.transaction;
    const std::size_t call = in.call;
    const TimeMs time = in.time;
    if (in.type == cancelling) {
        return
            [=](const Context& context, ByteView, Slots& slots) { return cancel(context, transaction, time, slots); };
    }
    if (in.type == step || in.type == outcome) {
        return [=, limits = options_.limits](const Context& context, ByteView evidence, Slots& slots) {
            return conclude(context, transaction, call, to_bytes(evidence), time, limits, slots);
        };
    }
    if (in.type == disputed) {
        return [=](const Context& context, ByteView private_state, Slots&) {
            return dispute(context, transaction, call, private_state, time);
        };
    }
    return std::nullopt;
}

// The signature waits for the ledger to say that the head is the newest: so the prepare entry is recorded, and so is
// 'cancelling' before anything is signed that takes the call's place.
void Core::sign(const Frame& frame) {
    const Sign in = decode_sign(frame.payload);
    std::unique_ptr<Job> job = fresh_job(frame.id);
    job->in = Execute{in.binding, 0, {}, {}};
    job->sign = [in](const Context& context) {
        return enclave::sign(context, in.transaction, in.call, in.purpose, in.price);
    };
    begin(std::move(job));
}

void Core::begin_bind(const Asked& asked, SignedVersion&& given, TimeMs time) {
    auto version = std::make_shared<SignedVersion>(std::move(given));
    const Hash256 binding = version->binding.id;
    if (bindings_.contains(binding) || acting_.contains(binding)) {
        throw Error(Code::conflict, "/binding", "is locked already");
    }
    check_served(version->binding);
    std::shared_ptr<const LoadedPackage> package = package_of(version->binding.package);
    check_bind(*version, *package, kinds_, channel_->peer_key(), time);
    ask_for_key(
        asked.request, binding, ccl::Request(ccl::CreateKey{version->bytes}), [=, this](ccl::KeyReleased&& released) {
            Keychain keys(std::move(released.key));
            Accounts accounts = accounts_of(version->binding, *package, kinds_, released.accounts);
            Link link =
                enclave::bind(*version, *package, keys, accounts, released.terms, time, options_.limits, random_);
            hold(binding,
                 std::make_shared<Context>(Context{
                     std::move(version->binding), package, std::move(keys), std::move(accounts), {}, {}, 0, 0}));
            add(asked, *bindings_.at(binding).context, std::move(link));
        });
}

void Core::begin_amend(const Asked& asked, SignedVersion&& given, Context& context, TimeMs time) {
    auto version = std::make_shared<SignedVersion>(std::move(given));
    const Hash256 binding = context.binding.id;
    check_served(version->binding);
    std::shared_ptr<const LoadedPackage> package = package_of(version->binding.package);
    try {
        check_amend(context, *version, *package, kinds_, time);
    } catch (const Error& error) {
        return refuse(asked, context, error);
    }
    const std::uint64_t generation = context.generation;
    ask_for_key(
        asked.request, binding, ccl::Request(ccl::OpenTerms{version->bytes}), [=, this](ccl::KeyReleased&& released) {
            const auto found = bindings_.find(binding);
            // Evicted, or lost with an entry before this one.
            if (found == bindings_.end() || found->second.context->generation != generation) {
                throw Error(Code::conflict, "/previous", "reload the binding");
            }
            Context& now = *found->second.context;
            Keychain keys(std::move(released.key));
            Accounts accounts;
            Link link;
            try {
                accounts = accounts_of(version->binding, *package, kinds_, released.accounts);
                link = amend(now, *version, *package, keys, accounts, released.terms, time, options_.limits, random_);
            } catch (const Error& error) {
                return refuse(asked, now, error);
            }
            now.binding = std::move(version->binding);
            now.package = package;
            now.keys = std::move(keys);
            now.accounts = std::move(accounts);
            add(asked, now, std::move(link));
        });
}

// ---------------------------------------------------------------------------------------------------- output

void Core::reply(FrameType type, std::uint64_t id, ByteView payload) {
    append_frame(output_, static_cast<std::uint16_t>(type), id, payload);
}

void Core::fail(std::uint64_t id, const Error& error) {
    reply(FrameType::error, id, encode(ErrorReply{std::string(code_name(error.code())), error.field(), error.rule()}));
}

Bytes Core::take_output() { return std::exchange(output_, {}); }

}  // namespace concordat::enclave
