#include "setting.hpp"

#include <fmt/core.h>

#include <crypto/hash.hpp>

namespace concordat::simulation {

namespace {

constexpr std::uint64_t wealth = 1'000'000;

SecretKey key_of(std::size_t account) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[0] = static_cast<std::uint8_t>(account + 1);
    return SecretKey(std::move(bytes));
}

// Of the call of a step in a role.
std::string call_tag(const std::string& message, std::size_t step, ledger::Role role) {
    return fmt::format("{}/{}/{}", message, step, ledger::role_name(role));
}

}  // namespace

void Counts::add(const Counts& other) {
    committed += other.committed;
    aborted += other.aborted;
    disputed += other.disputed;
    resolved += other.resolved;
    node_crashes += other.node_crashes;
    ledger_crashes += other.ledger_crashes;
    reorgs += other.reorgs;
    conflicts += other.conflicts;
    freezes += other.freezes;
    cuts += other.cuts;
    clock_jumps += other.clock_jumps;
    full_disks += other.full_disks;
    bad_endpoints += other.bad_endpoints;
    evidence_refused += other.evidence_refused;
}

Hash256 Message::id() const { return crypto::sha256("transaction " + tag()); }

std::string tag_of(const ledger::Pin& pin) { return std::string(pin.call->at("tag").as_string()); }

Setting::Setting(const Options& asked) : options(asked), random(asked.seed), record(bindings, asked.fences) {
    moods.deep = options.skip == EntryType::disputed || options.seed % 8 == 0;
    moods.people = options.skip == EntryType::resolve || options.seed % 4 == 1;
    moods.confidential = options.leaks || options.seed % 4 == 3;
    moods.nodes = 1 + pick(2);
    moods.lies = pick(4) == 0 && !moods.deep;
    moods.wrong_clocks = pick(4) == 0;
    finality = {.blocks = 1 + pick(4), .witness = pick(2) == 0 ? "host" : "seal"};
    const ledger::fake::Faults faults{.lose_request = static_cast<unsigned>(pick(100)),
                                      .lose_answer = static_cast<unsigned>(pick(100)),
                                      .repeat_request = static_cast<unsigned>(pick(100)),
                                      .drop_from_pool = static_cast<unsigned>(pick(100)),
                                      .price_jump = static_cast<unsigned>(pick(150)),
                                      .reorg = static_cast<unsigned>(pick(150)),
                                      .reorg_depth = moods.deep ? finality.blocks + 4 : finality.blocks - 1,
                                      .delay_ms = pick_ms(2000)};
    for (std::size_t i = 0; i < accounts; ++i) keys.push_back(key_of(i));
    for (std::size_t i = 1; i <= chains; ++i) {
        ledger::fake::Options chain;
        chain.chain = fmt::format("fake:{}", i);
        chain.block_ms = static_cast<TimeMs>(500 * i);
        chain.faults = faults;
        if (faults.reorg_depth == 0) chain.faults.reorg = 0;
        auto& made = fakes[chain.chain] = std::make_unique<ledger::fake::FakeLedger>(loop, random(), chain);
        for (const SecretKey& key : keys) made->open_account(key, wealth);
    }
    for (const SecretKey& key : keys) addresses.push_back(chain("fake:1").kind().account(key));
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        Client client;
        for (std::size_t number = 0; number < messages_each; ++number) {
            Message message{.binding = binding, .number = number, .steps = {}};
            message.steps = any_steps(message.tag());
            if (moods.confidential) {
                message.words = "whisper" + crypto::sha256(message.tag()).hex().substr(0, 24);
                message.forms = forms_of(message.words);
            }
            client.messages.push_back(std::move(message));
        }
        clients.push_back(std::move(client));
        if (moods.confidential) sealed.emplace_back(binding);
    }
}

void Setting::check_leaving(ByteView bytes) const {
    const std::string_view text = text_of(bytes);
    for (const Client& client : clients) {
        for (const Message& message : client.messages) {
            for (const std::string& form : message.forms) {
                if (text.find(form) != std::string_view::npos) {
                    throw Violation(fmt::format("confidential words of {} have left an enclave", message.tag()));
                }
            }
        }
    }
}

std::string Setting::any_chain() { return fmt::format("fake:{}", 1 + pick(chains)); }

void Setting::trace(const std::string& what) {
    if (traced()) fmt::print("{:>9} ms  {}\n", loop.now() - 1'000'000'000, what);
}

// One to four steps, each on some chain; every third transaction is a single call that cannot be taken back. What is
// decided by then succeeds sooner or later, or people give it up.
std::vector<contract::Step> Setting::any_steps(const std::string& tag) {
    using contract::EffectKind;
    static constexpr std::array<const char*, 4> moods_of_calls{"never", "never", "sometimes", "always"};
    const std::array<const char*, 3> good_moods{"never", moods.people ? "always" : "never", "sometimes"};
    const auto call = [&](std::size_t step, ledger::Role role, const char* fail) {
        return json::Object{{"pay", std::to_string(1 + pick(100))}, {"tag", call_tag(tag, step, role)}, {"fail", fail}};
    };
    std::vector<contract::Step> steps;
    const std::size_t count = pick(3) == 0 ? 1 : 1 + pick(4);
    bool pivot = false;
    for (std::size_t i = 0; i < count; ++i) {
        contract::Step step;
        step.effect = "effect";
        step.ledger = any_chain();
        step.kind = count == 1 ? EffectKind::pivot : static_cast<EffectKind>(pick(3));
        if (step.kind == EffectKind::pivot && std::exchange(pivot, true)) step.kind = EffectKind::compensatable;
        const bool must = step.kind == EffectKind::retriable;
        step.arguments = call(i, ledger::Role::call, must ? good_moods[pick(3)] : moods_of_calls[pick(4)]);
        if (step.kind == EffectKind::compensatable) {
            step.undo = call(i, ledger::Role::undo, good_moods[pick(3)]);
            if (pick(2) == 0) step.commit = call(i, ledger::Role::commit, good_moods[pick(3)]);
        }
        for (std::uint8_t before = 0; before < i; ++before) {
            if (steps[before].kind <= step.kind && pick(4) == 0) step.after.push_back(before);
        }
        steps.push_back(std::move(step));
    }
    return steps;
}

}  // namespace concordat::simulation
