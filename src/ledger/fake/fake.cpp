#include "fake.hpp"

#include <algorithm>
#include <charconv>
#include <crypto/hash.hpp>
#include <memory>

namespace concordat::ledger::fake {

namespace {

constexpr unsigned pool_raise_percent = 10;  // a transaction replaces another only if it pays that much more
constexpr Price usual_price = 100;

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::uint64_t amount_of(const Transaction& transaction) {
    return transaction.purpose == Purpose::call ? number(transaction.call.at("pay").as_string()) : 0;
}

bool fails(const Transaction& transaction, std::uint64_t block) {
    const std::string_view fail = transaction.call.at("fail").as_string();
    return fail == "always" || (fail == "sometimes" && block % 2 == 1);
}

}  // namespace

FakeLedger::FakeLedger(Timeline& timeline, std::uint64_t seed, Options options)
    : timeline_(timeline), options_(std::move(options)), kind_(options_.chain), random_(seed) {
    blocks_.push_back(
        std::make_shared<const Block>(Block{.number = 0, .id = "genesis of " + options_.chain, .placed = {}}));
    if (options_.block_ms > 0) timeline_.after(options_.block_ms, [this] { tick(); });
}

bool FakeLedger::chance(unsigned per_thousand) { return per_thousand > 0 && random_() % 1000 < per_thousand; }

std::uint64_t FakeLedger::pick(std::uint64_t below) { return below == 0 ? 0 : random_() % below; }

std::vector<Health> FakeLedger::health() const { return {{.url = "memory:", .usable = true}}; }

Description FakeLedger::describe() const {
    return {.kind = "fake",
            .chain = options_.chain,
            .genesis = blocks_.front()->id,
            .witnesses = {"host", "seal"},
            .events = true};
}

// ------------------------------------------------------------------------------------------- a request's way

// Exactly one answer: the work's, or `unknown` when the request, or its answer, is lost or late.
template <class T>
void FakeLedger::answer(std::function<T()> work, T unknown, Then<T> then) {
    const Faults& faults = options_.faults;
    const auto once = std::make_shared<Then<T>>(std::move(then));
    const auto finish = [once](T value) {
        if (!*once) return;
        const Then<T> last = std::exchange(*once, nullptr);
        last(std::move(value));
    };
    const auto delay = [&] { return static_cast<TimeMs>(pick(static_cast<std::uint64_t>(faults.delay_ms) + 1)); };
    timeline_.after(options_.timeout_ms, [finish, unknown = std::move(unknown)] { finish(unknown); });
    if (chance(faults.lose_request)) return;
    const bool lost = chance(faults.lose_answer);
    const TimeMs back = delay();
    timeline_.after(delay(), [this, work, finish, lost, back] {
        if (silent_) return;
        T value = work();
        if (!lost) timeline_.after(back, [finish, value = std::move(value)] { finish(value); });
    });
    if (chance(faults.repeat_request)) {
        timeline_.after(delay() + 1, [this, work] {
            if (!silent_) (void)work();
        });
    }
}

void FakeLedger::conditions(const std::string& account, Then<std::optional<Conditions>> then) {
    answer<std::optional<Conditions>>(
        [this, account] {
            const auto found = accounts_.find(account);
            const bool known = found != accounts_.end();
            return Conditions{.height = height(),
                              .price = price_,
                              .balance = std::to_string(known ? found->second.balance : 0),
                              .next = known ? found->second.next : 0};
        },
        std::nullopt, std::move(then));
}

void FakeLedger::pace(Then<std::optional<Pace>> then) {
    answer<std::optional<Pace>>(
        [this] {
            // Blocks on demand come as fast as anything can be told to.
            return Pace{
                .block_seconds = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(options_.block_ms + 999) / 1000),
                .newest = static_cast<std::uint64_t>(timeline_.now() / 1000)};
        },
        std::nullopt, std::move(then));
}

void FakeLedger::plan(const std::string&, const json::Object& call, Then<std::optional<Plan>> then) {
    answer<std::optional<Plan>>(
        [this, call] {
            Plan plan{.call = call, .ceiling = price_ * 4, .problem = {}};
            if (call.at("fail").as_string() == "always") plan.problem = "it fails always";
            return plan;
        },
        std::nullopt, std::move(then));
}

void FakeLedger::submit(const Bytes& transaction, Then<Submission> then) {
    answer<Submission>([this, transaction] { return take(transaction); }, Submission{}, std::move(then));
}

void FakeLedger::look(const Pin& pin, const Finality& finality, Then<View> then) {
    answer<View>([this, pin, finality] { return view(pin, finality); }, View{}, std::move(then));
}

void FakeLedger::prove(const Pin& pin, const Finality& finality, Then<std::optional<Proven>> then) {
    answer<std::optional<Proven>>([this, pin, finality] { return prove_at(blocks_, pin, finality); }, std::nullopt,
                                  std::move(then));
}

void FakeLedger::events(const json::Object&, const std::string& cursor, std::size_t limit,
                        Then<std::optional<EventPage>> then) {
    answer<std::optional<EventPage>>([this, cursor, limit] { return page(cursor, limit); }, std::nullopt,
                                     std::move(then));
}

// --------------------------------------------------------------------------------------------- pool and chain

Submission FakeLedger::take(const Bytes& bytes) {
    using Status = Submission::Status;
    const auto refused = [](Status status, std::string detail) {
        return Submission{.status = status, .detail = std::move(detail), .transaction = {}};
    };
    Transaction transaction;
    try {
        const json::Value outer = json::parse(text_of(bytes), "transaction");
        json::Reader reader(outer, "");
        const std::string_view body = reader.string("body");
        const Hash256 mac = reader.hash("mac");
        const json::Value parsed = json::parse(body, "body");
        json::Reader members(parsed, "/body");
        if (members.string("chain") != options_.chain) return refused(Status::rejected, "it is for another chain");
        transaction = {.id = crypto::sha256(bytes).hex(),
                       .account = std::string(members.string("account")),
                       .slot = number(members.string("slot")),
                       .purpose = members.string("purpose") == "call" ? Purpose::call : Purpose::cancel,
                       .call = members.object("call"),
                       .price = number(members.string("price"))};
        const auto signer = accounts_.find(transaction.account);
        if (signer == accounts_.end() || crypto::hmac_sha256(signer->second.key.expose(), {bytes_of(body)}) != mac) {
            return refused(Status::rejected, "the signature is not the account's");
        }
    } catch (const Error& error) {
        return refused(Status::rejected, error.what());
    }
    const Account& account = accounts_.at(transaction.account);
    const SlotKey key{transaction.account, transaction.slot};
    if (transaction.slot < account.next) return refused(Status::filled, "the slot is filled");
    if (account.balance < transaction.price + amount_of(transaction)) {
        return refused(Status::funds, "the balance is " + std::to_string(account.balance));
    }
    const auto waiting = pool_.find(key);
    if (waiting != pool_.end() && waiting->second.id != transaction.id) {
        const Price needed = waiting->second.price + waiting->second.price * pool_raise_percent / 100;
        if (transaction.price < std::max(needed, waiting->second.price + 1)) {
            return refused(Status::priced, std::to_string(needed));
        }
    }
    auto& versions = seen_[key];
    if (std::ranges::none_of(versions, [&](const Transaction& one) { return one.id == transaction.id; })) {
        versions.push_back(transaction);
    }
    const std::string id = transaction.id;
    pool_[key] = std::move(transaction);
    return {.status = Status::accepted, .detail = {}, .transaction = id};
}

void FakeLedger::tick() {
    append_block();
    if (chance(options_.faults.reorg)) reorganise(1 + pick(options_.faults.reorg_depth));
    timeline_.after(options_.block_ms, [this] { tick(); });
}

void FakeLedger::append_block() {
    const Faults& faults = options_.faults;
    if (chance(faults.price_jump)) price_ = usual_price / 2 + pick(usual_price * 5);
    Block block{.number = height() + 1,
                .id = crypto::sha256(blocks_.back()->id + std::to_string(random_())).hex(),
                .placed = {}};
    std::vector<SlotKey> gone;
    for (const auto& [key, transaction] : pool_) {  // by account and slot, so slots fill in order
        if (block.placed.size() >= options_.block_room) break;
        const bool dropped = chance(faults.drop_from_pool) || key.second < accounts_.at(key.first).next;
        if (dropped || (transaction.price >= price_ && place(block, transaction))) gone.push_back(key);
    }
    for (const SlotKey& key : gone) pool_.erase(key);
    blocks_.push_back(std::make_shared<const Block>(std::move(block)));
}

bool FakeLedger::place(Block& block, const Transaction& transaction) {
    Account& account = accounts_.at(transaction.account);
    if (transaction.slot != account.next || account.balance < transaction.price + amount_of(transaction)) return false;
    Fate fate = Fate::cancelled;
    if (transaction.purpose == Purpose::call) fate = fails(transaction, block.number) ? Fate::failed : Fate::called;
    account.balance -= transaction.price + (fate == Fate::called ? amount_of(transaction) : 0);
    ++account.next;
    block.placed.push_back({transaction, fate, block.number});
    return true;
}

void FakeLedger::take_back(const Block& block) {
    for (const Placed& placed : block.placed) {
        Account& account = accounts_.at(placed.transaction.account);
        account.balance += placed.transaction.price + (placed.fate == Fate::called ? amount_of(placed.transaction) : 0);
        account.next = std::min(account.next, placed.transaction.slot);
        // Any version that was ever seen for the slot may come back, or none.
        const SlotKey key{placed.transaction.account, placed.transaction.slot};
        const std::vector<Transaction>& versions = seen_[key];
        if (const std::uint64_t which = pick(versions.size() + 1); which < versions.size())
            pool_[key] = versions[which];
    }
}

void FakeLedger::reorganise(std::uint64_t depth) {
    depth = std::min<std::uint64_t>(depth, blocks_.size() - 1);
    ++reorganisations_;
    for (std::uint64_t i = 0; i < depth; ++i) {
        const std::shared_ptr<const Block> top = blocks_.back();
        blocks_.pop_back();
        take_back(*top);
    }
    // The other branch is longer by one.
    for (std::uint64_t i = 0; i <= depth; ++i) append_block();
}

void FakeLedger::mine(std::size_t blocks) {
    for (std::size_t i = 0; i < blocks; ++i) append_block();
}

void FakeLedger::open_account(const SecretKey& key, std::uint64_t balance) {
    accounts_[kind_.account(key)] = {.key = key.copy(), .balance = balance, .next = 0};
}

// -------------------------------------------------------------------------------------------------- what it shows

std::vector<FakeLedger::Placed> FakeLedger::placed() const {
    std::vector<Placed> out;
    for (const auto& block : blocks_) out.insert(out.end(), block->placed.begin(), block->placed.end());
    return out;
}

std::uint64_t FakeLedger::height(const Branch& branch) { return branch.back()->number; }

const FakeLedger::Placed* FakeLedger::find(const Branch& branch, const Pin& pin) {
    for (auto block = branch.rbegin(); block != branch.rend(); ++block) {
        for (const Placed& placed : (*block)->placed) {
            if (placed.transaction.slot == pin.slot && placed.transaction.account == pin.account) return &placed;
        }
    }
    return nullptr;
}

namespace {

// Another call in the pin's slot is not the pinned one.
bool is_pinned(const Transaction& one, const Pin& pin) { return one.purpose == Purpose::call && one.call == *pin.call; }

}  // namespace

View FakeLedger::look_at(const Branch& branch, const Pin& pin, const Finality& finality) const {
    const Placed* placed = find(branch, pin);
    if (placed == nullptr) return {.status = View::Status::open, .fate = {}, .price = 0, .depth = 0, .transaction = {}};
    const std::uint64_t depth = height(branch) - placed->block + 1;
    return {.status = depth >= finality.blocks ? View::Status::final : View::Status::included,
            .fate = is_pinned(placed->transaction, pin) ? placed->fate : Fate::cancelled,
            .price = 0,
            .depth = depth,
            .transaction = placed->transaction.id};
}

std::optional<Proven> FakeLedger::prove_at(const Branch& branch, const Pin& pin, const Finality& finality) const {
    const View view = look_at(branch, pin, finality);
    if (view.status != View::Status::final) return std::nullopt;
    const std::uint64_t block = height(branch) + 1 - view.depth;
    const Judgement judgement{.fate = *view.fate, .proved = true, .transaction = view.transaction, .block = block};
    return Proven{kind_.evidence(pin, judgement, view.depth), block};
}

View FakeLedger::view(const Pin& pin, const Finality& finality) const {
    View view = look_at(blocks_, pin, finality);
    const auto waiting = pool_.find({pin.account, pin.slot});
    if (view.status != View::Status::open || waiting == pool_.end()) return view;
    return {.status = View::Status::pending,
            .fate = is_pinned(waiting->second, pin) ? Fate::called : Fate::cancelled,
            .price = waiting->second.price,
            .depth = 0,
            .transaction = waiting->second.id};
}

// A cursor is "number:id" of the last block that was told.
EventPage FakeLedger::page(const std::string& cursor, std::size_t limit) const {
    EventPage out;
    const auto mark = [](const Block& block) { return std::to_string(block.number) + ":" + block.id; };
    if (cursor.empty()) {
        out.cursor = mark(*blocks_.back());
        return out;
    }
    std::uint64_t from = number(cursor);
    if (from >= blocks_.size() || mark(*blocks_[from]) != cursor) {
        // It has left the branch: a real adapter walks back by the ids that it has; here everything is told again.
        from = 0;
        out.undone_above = 0;
    }
    out.cursor = mark(*blocks_[from]);
    for (std::uint64_t at = from + 1; at < blocks_.size(); ++at) {
        const Block& block = *blocks_[at];
        if (!out.events.empty() && out.events.size() + block.placed.size() > limit) break;
        std::uint64_t index = 0;
        for (const Placed& placed : block.placed) {
            if (placed.fate != Fate::called) continue;
            out.events.push_back({.block = block.number,
                                  .index = index++,
                                  .transaction = placed.transaction.id,
                                  .data = {{"tag", placed.transaction.call.at("tag")}}});
        }
        out.cursor = mark(block);
    }
    return out;
}

}  // namespace concordat::ledger::fake
