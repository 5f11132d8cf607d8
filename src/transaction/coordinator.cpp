#include "coordinator.hpp"

#include <algorithm>
#include <limits>

namespace concordat::transaction {

namespace {

using contract::EntryType;
using ledger::Fate;
using ledger::Price;
using ledger::Purpose;
using ledger::Submission;
using ledger::View;

// A call that cannot be given up is made again after a while, each time a longer one; up to a quarter more, so that
// calls which were refused together, or in step with something, do not stay so.
TimeMs retry_after_ms(const Journal& journal) {
    constexpr TimeMs first = 1'000, most = 300'000;
    const TimeMs wait = journal.tries > 8 ? most : std::min(most, first << journal.tries);
    const std::uint64_t spread = journal.pin.slot * 0x9E3779B97F4A7C15 >> 32;
    return wait + static_cast<TimeMs>(spread % static_cast<std::uint64_t>(wait / 4));
}

bool in_a_block(const View& view) {
    return view.status == View::Status::included || view.status == View::Status::final;
}

bool holds(const Journal& journal, const View& view) {
    return in_a_block(view) && (view.fate == Fate::called) == (journal.ending == Ending::committed);
}

// After the outcome: it holds until it is deep, or the ledger has gone back on it.
Step watch(const Journal& journal, const Facts& facts, const Policy& policy) {
    const View& view = facts.view;
    if (view.status == View::Status::unknown || !facts.conditions) {
        return Wait{policy.look_every_ms, "the ledger does not answer"};
    }
    if (facts.conditions->height < facts.reached) {
        return Wait{policy.look_every_ms, "the ledger is behind where it has been"};
    }
    if (contradicts(journal, view)) {
        const TimeMs since = facts.contradicts_since.value_or(facts.passed);
        if (facts.passed - since >= policy.dispute_after_ms) return Append{EntryType::disputed};
        return Wait{policy.look_every_ms, "the ledger contradicts the outcome"};
    }
    if (!holds(journal, view)) {
        return Wait{policy.look_every_ms, "another branch of the chain shows another outcome"};
    }
    if (view.depth >= journal.finality.blocks + policy.watch_blocks) return Done{};
    return Wait{policy.look_every_ms, {}};
}

Price raised(Price price, const Policy& policy) {
    const Price more = price / 100 * policy.raise_percent + price % 100 * policy.raise_percent / 100;
    const Price room = std::numeric_limits<Price>::max() - price;
    return price + std::min(room, std::max<Price>(more, 1));
}

// A price that gets it into a block, above that of what waits already, as far as allowed; nothing when what waits
// cannot be outbid.
std::optional<Price> offer(const Journal& journal, Purpose purpose, const Facts& facts, const Policy& policy) {
    const Price limit = ledger::price_limit(journal.pin, purpose);
    Price waiting = facts.view.status == View::Status::pending ? facts.view.price : 0;
    // Refused for its price: something waits there that this endpoint's view did not show.
    if (facts.last && facts.last->status == Submission::Status::priced) waiting = std::max(waiting, facts.last->price);
    // Some ledgers take nothing, and are bound with a ceiling of nothing.
    const Price first = std::min<Price>(1, std::max(limit, facts.conditions->price));
    const Price lowest = waiting == 0 ? first : raised(waiting, policy);
    if (lowest > limit) return std::nullopt;
    return std::clamp(facts.conditions->price, lowest, limit);
}

Step send(const Journal& journal, Purpose purpose, const Facts& facts, const Policy& policy) {
    if (!facts.conditions) return Wait{policy.look_every_ms, "the ledger does not answer"};
    const std::optional<Price> price = offer(journal, purpose, facts, policy);
    if (!price) return Wait{policy.look_every_ms, "the price on the ledger is above the ceiling"};
    return Send{purpose, *price};
}

// The right transaction waits at a good price: whatever holds it up (an earlier slot, a full block), paying more does
// not help.
bool waits_well(Purpose purpose, const Facts& facts) {
    const Fate wanted = purpose == Purpose::call ? Fate::called : Fate::cancelled;
    return facts.view.status == View::Status::pending && facts.view.fate == wanted && facts.conditions &&
           facts.view.price >= facts.conditions->price;
}

bool just_tried(const Facts& facts, Purpose purpose, const Policy& policy) {
    if (!facts.last || facts.last->purpose != purpose) return false;
    switch (facts.last->status) {
        case Submission::Status::accepted:
            return facts.passed - facts.last->at < policy.replace_after_ms;
        case Submission::Status::priced:
            return false;  // now with a higher one
        default:
            return facts.passed - facts.last->at < policy.look_every_ms;
    }
}

}  // namespace

std::string_view trouble(Submission::Status status) {
    if (status == Submission::Status::funds) return "the account cannot pay";
    if (status == Submission::Status::rejected) return "the ledger rejects it";
    return {};
}

bool contradicts(const Journal& journal, const View& view) {
    if (!journal.ending || view.status == View::Status::unknown) return false;
    return !in_a_block(view) || (!holds(journal, view) && view.status == View::Status::final);
}

bool failed(const Journal& journal, const View& view) {
    return journal.must_succeed() && !journal.ending && view.status == View::Status::final && view.fate != Fate::called;
}

Step next(const Journal& journal, const Facts& facts, const Policy& policy) {
    if (journal.ending && !journal.disputed) return watch(journal, facts, policy);
    const Purpose purpose = purpose_of(journal);
    switch (facts.view.status) {
        case View::Status::unknown:
            return Wait{policy.look_every_ms, "the ledger does not answer"};
        case View::Status::final:
            if (journal.disputed) return Done{};
            // Another try costs as much as this one did.
            if (failed(journal, facts.view)) {
                const TimeMs until = facts.failed_since.value_or(facts.passed) + retry_after_ms(journal);
                if (facts.passed < until)
                    return Wait{until - facts.passed, "the ledger refused it: it will be tried again"};
            }
            return Append{EntryType::outcome};
        case View::Status::included:
            return Wait{policy.look_every_ms, {}};
        case View::Status::open:
        case View::Status::pending:
            break;
    }
    if (!journal.cancelling && !journal.ending && facts.now >= journal.deadline) return Append{EntryType::cancelling};
    if (waits_well(purpose, facts) || just_tried(facts, purpose, policy)) {
        return Wait{policy.look_every_ms, facts.last ? trouble(facts.last->status) : std::string_view{}};
    }
    return send(journal, purpose, facts, policy);
}

}  // namespace concordat::transaction
