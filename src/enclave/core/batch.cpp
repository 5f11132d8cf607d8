// Entries and refusals on their way to the record ledger, and what its answers let out.
#include <algorithm>
#include <base/log.hpp>
#include <crypto/merkle.hpp>

#include "core.hpp"

namespace concordat::enclave {

void Core::on_head(const Asked& asked, Context& context, const std::function<Link()>& make) {
    Link link;
    try {
        link = make();
    } catch (const Error& error) {
        return refuse(asked, context, error);
    } catch (const std::exception& error) {
        return refuse(asked, context, Error(Code::internal, "", error.what()));
    }
    add(asked, context, std::move(link));
}

void Core::add(const Asked& asked, Context& context, Link&& link) {
    Pending made{.request = asked.request, .binding = {}, .generation = 0, .id = link.head.id};
    made.trace = asked.trace;
    made.accounts = link.slots.accounts();
    made.record = std::move(link.record);
    context.advance(std::move(link.head));
    keep(context, std::move(made));
    link.slots.release();
    if (pending_.size() >= options_.batch_entries || pending_bytes_ >= options_.batch_bytes) send_batches();
}

// A refusal speaks of the state that it was reached on. A host that could hear it at once would ask old states, and
// states that no ledger ever had: it waits, like an entry, for the ledger to say that this head is the newest.
void Core::refuse(const Asked& asked, Context& context, const Error& error) {
    Pending made{.request = asked.request, .binding = {}, .generation = 0, .id = context.head.id};
    made.trace = asked.trace;
    made.refusal = error;
    keep(context, std::move(made));
}

// What was made on the context's head, or of it, waits for the ledger. Sends nothing: a batch that cannot be sent takes
// contexts away.
void Core::keep(Context& context, Pending&& made) {
    made.binding = context.binding.id;
    made.generation = context.generation;
    pending_bytes_ += made.size();
    pending_.push_back(std::move(made));
    ++context.in_flight;
}

void Core::send_batches() {
    while (!pending_.empty() && in_flight_ < options_.batches_in_flight) send_batch();
}

void Core::send_batch() {
    auto batch = std::make_shared<Batch>();
    std::size_t bytes = 0;
    auto end = pending_.begin();
    // A record that alone is too large for the channel must not take its neighbours with it.
    while (end != pending_.end() && batch->items.size() < options_.batch_entries &&
           (batch->items.empty() || bytes + end->size() <= options_.batch_bytes)) {
        bytes += end->size();
        batch->items.push_back(std::move(*end++));
    }
    pending_.erase(pending_.begin(), end);
    pending_bytes_ -= bytes;

    ccl::Append append;
    for (Pending& item : batch->items) {
        if (!item.is_entry()) {
            append.heads.push_back({static_cast<std::uint32_t>(append.items.size()), item.binding, item.id});
            continue;
        }
        batch->tree.append(item.id);
        append.items.push_back({std::move(item.record), item.trace});
    }
    if (!append.items.empty()) {
        const std::string chain = ccl::chain_of(channel_->peer_key());
        batch->signature = key_.sign(
            ccl::enclave_root_statement(key_.public_key().thumbprint(), chain, batch->tree.size(), batch->tree.root()));
        append.root_signature = batch->signature;
    }
    ccl::Request request(std::move(append));
    ++in_flight_;
    try {
        ask_ledger(request, [this, batch](ccl::Reply&& answer) {
            --in_flight_;
            finish_batch(*batch, std::move(answer));
            send_batches();
        });
    } catch (const Error& error) {
        --in_flight_;
        for (const Pending& item : batch->items) lose(item, error);
        return;
    }
    // The ledger answers in a later turn, so the records are back before anybody looks for them.
    auto sent = std::get<ccl::Append>(request).items.begin();
    for (Pending& item : batch->items) {
        if (item.is_entry()) item.record = std::move((sent++)->record);
    }
}

void Core::finish_batch(const Batch& batch, ccl::Reply&& answer) {
    const auto* result = std::get_if<ccl::AppendResult>(&answer);
    if (result == nullptr || result->items.size() != batch.tree.size() ||
        result->items.size() + result->heads.size() != batch.items.size()) {
        const auto* refused = std::get_if<ccl::Refused>(&answer);
        const Error error = refused ? Error(code_from_name(refused->code), refused->field, refused->rule)
                                    : Error(Code::protocol, "/ledger", "an answer of another kind");
        for (const Pending& item : batch.items) lose(item, error);
        return;
    }
    std::size_t entries = 0, others = 0;
    for (const Pending& item : batch.items) {
        if (!item.is_entry()) {
            tell(item, result->heads[others++]);
            continue;
        }
        const std::size_t index = entries++;
        const ccl::ItemResult& one = result->items[index];
        try {
            if (!one.appended) {
                for (std::size_t i = 0; i < std::min(item.accounts.size(), one.slots.size()); ++i) {
                    jobs_.slots().set(item.accounts[i], one.slots[i]);
                }
                throw Error(Code::conflict, "/previous",
                            "the ledger's head is entry " + std::to_string(one.head_sequence));
            }
            check_receipt(item.id, one.receipt);
            release(batch, item, index, one.receipt);
        } catch (const Error& error) {
            lose(item, error);
        }
    }
}

void Core::check_receipt(const Hash256& entry_id, const ccl::LedgerReceipt& receipt) {
    const Hash256 leaf = ccl::ledger_leaf(entry_id, key_.public_key().thumbprint());
    const ccl::SignedRoot root{receipt.size, receipt.root_from(leaf, "/receipt"), receipt.time, receipt.flags,
                               receipt.signature};
    if (checked_root_ && *checked_root_ == root) return;
    if (!root.verify(channel_->peer_key())) throw Error(Code::bad_receipt, "/receipt/signature", "does not hold");
    checked_root_ = root;
}

void Core::release(const Batch& batch, const Pending& item, std::size_t index, const ccl::LedgerReceipt& receipt) {
    ccl::Claim claim;
    claim.kid = key_.public_key().kid();
    claim.index = index;
    claim.size = batch.tree.size();
    claim.path = batch.tree.inclusion(index, batch.tree.size());
    claim.signature = batch.signature;
    if (Context* context = still_held(item)) --context->in_flight;
    if (log::enabled(log::Level::debug)) log::debug("recorded", {{"trace", item.trace}, {"index", receipt.index}});
    reply(FrameType::execute, item.request, encode_committed(item.record, claim, receipt));
}

void Core::tell(const Pending& item, bool head_is_the_ledgers) {
    if (!head_is_the_ledgers) {
        return lose(item, Error(Code::conflict, "/previous", "the ledger's head is another entry; reload the binding"));
    }
    if (Context* context = still_held(item)) --context->in_flight;
    if (!item.refusal) return reply(FrameType::sign, item.request, *item.signed_transaction);
    log::debug("refused",
               {{"trace", item.trace}, {"code", code_name(item.refusal->code())}, {"field", item.refusal->field()}});
    fail(item.request, *item.refusal);
}

Error Core::built_on_nothing() {
    return Error(Code::conflict, "/previous", "an entry before this one was not appended; reload the binding");
}

// The log goes to the host. It says of an input what the host is told of it, when it is told: refused, or not recorded,
// and not which of the two it would have been.
void Core::not_recorded(std::uint64_t request, std::string_view trace, const Error& error) {
    log::debug("not_recorded", {{"trace", trace}, {"code", code_name(error.code())}, {"field", error.field()}});
    fail(request, error);
}

// What was built on an entry that the ledger does not have is worth nothing: the node reloads the binding.
void Core::lose(const Pending& item, const Error& error) {
    if (still_held(item) != nullptr) {
        use_.erase(bindings_.at(item.binding).use);
        bindings_.erase(item.binding);
    }
    not_recorded(item.request, item.trace, error);
    const Error after = built_on_nothing();
    std::erase_if(pending_, [&](const Pending& later) {
        if (later.generation != item.generation) return false;
        pending_bytes_ -= later.size();
        not_recorded(later.request, later.trace, after);
        return true;
    });
}

}  // namespace concordat::enclave
