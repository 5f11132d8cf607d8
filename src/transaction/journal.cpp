#include "journal.hpp"

namespace concordat::transaction {

using contract::EntryType;

std::string_view ending_name(Ending ending) {
    switch (ending) {
        case Ending::committed:
            return "committed";
        case Ending::aborted:
            return "aborted";
    }
    panic("no such ending");
}

ledger::Purpose purpose_of(const Journal& journal) {
    const bool call = journal.ending ? journal.ending == Ending::committed : !journal.cancelling;
    return call ? ledger::Purpose::call : ledger::Purpose::cancel;
}

void check_signing(const Journal& journal, ledger::Purpose purpose, ledger::Price price) {
    if (journal.ending && !journal.disputed) {
        throw Error(Code::action_refused, "/transaction",
                    "the transaction is " + std::string(ending_name(*journal.ending)));
    }
    // A call may always be signed again before there is an outcome: it is one that may be under way anyhow.
    const bool again = purpose == ledger::Purpose::call && !journal.ending;
    if (!again && purpose != purpose_of(journal)) {
        throw Error(Code::action_refused, "/purpose",
                    journal.ending ? "only what the outcome has fills the slot again"
                                   : "a cancellation is signed only once 'cancelling' or 'resolve' is recorded");
    }
    if (const ledger::Price limit = ledger::price_limit(journal.pin, purpose); price > limit) {
        throw Error(Code::action_refused, "/price", "must be at most " + std::to_string(limit));
    }
}

Journal advance(const Journal& journal, EntryType type, const std::optional<ledger::Judgement>& judgement) {
    Journal next = journal;
    switch (type) {
        case EntryType::cancelling:
            if (journal.ending || journal.cancelling) {
                throw Error(Code::action_refused, "/type", "'cancelling' follows 'prepare' only");
            }
            next.cancelling = true;
            return next;
        case EntryType::outcome:
            if (journal.ending) throw Error(Code::action_refused, "/type", "the transaction has its outcome");
            if (!judgement) throw Error(Code::action_refused, "/evidence", "an outcome needs what filled the slot");
            next.ending = judgement->fate == ledger::Fate::called ? Ending::committed : Ending::aborted;
            return next;
        case EntryType::disputed:
            if (!journal.ending || journal.disputed) {
                throw Error(Code::action_refused, "/type", "'disputed' follows 'outcome' only");
            }
            next.disputed = true;
            return next;
        case EntryType::resolve:
            if (journal.ending) throw Error(Code::action_refused, "/type", "'resolve' is of a call that has not ended");
            if (journal.given_up) throw Error(Code::action_refused, "/type", "the call is given up already");
            if (!journal.must_succeed()) {
                throw Error(Code::action_refused, "/type", "'resolve' is of a call that has to succeed");
            }
            next.given_up = next.cancelling = true;
            return next;
        default:
            throw Error(Code::action_refused, "/type", "must be cancelling, outcome, disputed or resolve");
    }
}

}  // namespace concordat::transaction
