// What the node reads for others: entries, receipts, heads; and what its lanes need to load a binding into an enclave.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/multiprecision/cpp_int.hpp>
#include <proof/receipt.hpp>

#include "node.hpp"

namespace concordat::node {

namespace {
constexpr std::size_t max_ancestry = 4096;

ccl::Appended appended(const Commit& commit) {
    enclave::Committed parts = commit.decode();
    const auto key = from_base64url(parts.claim.kid);
    if (!key || key->size() != 32) throw Error(Code::protocol, "/claim/key", "must be a key's thumbprint");
    return {.record = std::move(parts.record),
            .claim = std::move(parts.claim),
            .receipt = std::move(parts.receipt),
            .enclave_key = Hash256::from(*key)};
}

}  // namespace

void Node::find_input(const Hash256& binding, const Hash256& input, Then<CommitPtr> then) {
    chronicle_->find_input(binding, input, std::move(then));
}

enclave::Route Node::route(const Hash256& binding) {
    const BindingState* state = chronicle_->binding(binding);
    return state == nullptr ? enclave::Route{binding, false} : enclave::Route{state->row.group, state->row.dedicated};
}

Hold Node::held(const Hash256& binding) {
    const BindingState* state = chronicle_->binding(binding);
    if (state == nullptr) return Hold::nothing;
    const bool full = state->row.free_open.size() >= transaction::max_open_early;
    if (full || !state->row.transaction.is_zero()) return Hold::all;
    return state->row.free_open.empty() ? Hold::nothing : Hold::changes;
}

enclave::LoadPackage Node::package(const Hash256& id) {
    contract::Package package = packages_->get(id);
    return {std::move(package.manifest), std::move(package.config), std::move(package.module),
            std::move(package.provenance)};
}

void Node::material(const Hash256& binding, Then<Material> then) {
    index_->barrier([this, binding, then = std::move(then)] {
        const BindingState* state = chronicle_->binding(binding);
        const EntryRow* head = state == nullptr ? nullptr : chronicle_->head(binding);
        const auto version = state == nullptr ? std::nullopt : index_->version(state->row.local, state->row.number);
        if (head == nullptr || !version) return then(Error(Code::not_found, "/binding", "no such binding runs here"));
        // The enclave keeps it from now on: here it would only take up memory.
        chronicle_->find_all({*head}, [version, then](Outcome<std::vector<CommitPtr>> commits) {
            process::complete<Material>(
                then, [&] { return Material{{version->jws, commits.get().at(0)->decode().record}, version->package}; });
        });
    });
}

void Node::ancestry(const Hash256& binding, const std::string& input, Then<std::vector<Bytes>> then) {
    Hash256 seen;
    try {
        const contract::Input parsed = contract::Input::parse(input);
        if (const auto* message = std::get_if<contract::Message>(&parsed.content)) seen = message->seen;
    } catch (const Error& error) {
        return then(error);
    }
    index_->barrier([this, binding, seen, then = std::move(then)] {
        const BindingState* state = chronicle_->binding(binding);
        if (state == nullptr) return then(Error(Code::not_found, "/binding", "no such binding runs here"));
        std::vector<EntryRow> rows = index_->newest(state->row.local, max_ancestry + 1);
        const auto found = std::ranges::find(rows, seen, &EntryRow::entry);
        if (found == rows.end()) {
            const bool all = !rows.empty() && rows.back().sequence == 0;
            return then(all ? Error(Code::forked, "/seen", "must be an entry of this binding's history")
                            : Error(Code::seen_too_old, "/seen",
                                    "lies more than 4096 entries back: read the newer ones first"));
        }
        rows.erase(found, rows.end());
        std::ranges::reverse(rows);
        gather(std::move(rows), [then](Outcome<std::vector<CommitPtr>> commits) {
            process::complete<std::vector<Bytes>>(then, [&] {
                std::vector<Bytes> documents;
                for (const CommitPtr& commit : commits.get()) documents.push_back(to_bytes(commit->document));
                return documents;
            });
        });
    });
}

// Each row's entry, in the same order. Entries that are not in memory come from the ledger one after another.
void Node::gather(std::vector<EntryRow> rows, Then<std::vector<CommitPtr>> then) {
    struct Gathering {
        std::vector<EntryRow> rows;
        std::vector<CommitPtr> found;
        Then<std::vector<CommitPtr>> then;
    };
    auto state = std::make_shared<Gathering>(Gathering{std::move(rows), {}, std::move(then)});
    auto next = std::make_shared<std::function<void()>>();
    *next = [this, state, weak = std::weak_ptr(next)] {
        if (state->found.size() == state->rows.size()) return state->then(std::move(state->found));
        // The callback owns the loop while it waits; between two it is owned by nobody else.
        chronicle_->find(
            state->rows[state->found.size()], [this, state, next = weak.lock()](Outcome<CommitPtr> commit) {
                if (!commit.ok()) return state->then(commit.error());
                state->found.push_back(commit.get());
                // Posted now and then, so that thousands found in memory do not pile up on the stack.
                state->found.size() % 64 == 0 ? boost::asio::post(loop_, [next] { (*next)(); }) : (*next)();
            });
    };
    (*next)();
}

BindingState Node::binding(const Hash256& id) {
    const EntryRow* head = chronicle_->head(id);
    const BindingState* state = chronicle_->binding(id);
    if (state == nullptr || head == nullptr) throw Error(Code::not_found, "/binding", "no such binding runs here");
    return *state;
}

void Node::versions(const Hash256& id, Then<std::vector<VersionRow>> then) {
    index_->barrier([this, id, then = std::move(then)] {
        process::complete<std::vector<VersionRow>>(then, [&] { return index_->versions(binding(id).row.local, true); });
    });
}

void Node::entry(const Hash256& binding, std::uint64_t sequence, Then<CommitPtr> then) {
    chronicle_->find_entry(binding, sequence, std::move(then));
}

void Node::latest(const Hash256& binding, Then<CommitPtr> then) {
    const EntryRow* head = chronicle_->head(binding);
    head == nullptr ? then(Error(Code::not_found, "/binding", "no such binding runs here"))
                    : chronicle_->find(*head, std::move(then));
}

void Node::entries(const Hash256& binding, std::uint64_t from_sequence, std::size_t limit,
                   Then<std::vector<CommitPtr>> then) {
    index_->barrier([this, binding, from_sequence, limit, then = std::move(then)] {
        const BindingState* state = chronicle_->binding(binding);
        if (state == nullptr) return then(Error(Code::not_found, "/binding", "no such binding runs here"));
        gather(index_->entries(state->row.local, from_sequence, limit), then);
    });
}

void Node::events(const std::optional<Hash256>& binding, std::uint64_t from_index, std::size_t limit,
                  Then<std::vector<CommitPtr>> then) {
    const std::uint64_t watermark = chronicle_->watermark();
    index_->barrier([this, binding, from_index, limit, watermark, then = std::move(then)] {
        std::vector<EntryRow> rows;
        if (binding) {
            const BindingState* state = chronicle_->binding(*binding);
            if (state == nullptr) return then(Error(Code::not_found, "/binding", "no such binding runs here"));
            rows = index_->entries_of_from(state->row.local, from_index, limit);
        } else {
            rows = index_->entries_from(from_index, limit);
        }
        // Above the watermark one may still come in between.
        std::erase_if(rows, [watermark](const EntryRow& row) { return row.index >= watermark; });
        gather(std::move(rows), then);
    });
}

void Node::receipt(const Hash256& binding, std::uint64_t sequence, Then<std::string> then) {
    index_->barrier([this, binding, sequence, then = std::move(then)] {
        const BindingState* state = chronicle_->binding(binding);
        const auto wanted = state == nullptr ? std::nullopt : index_->entry(state->row.local, sequence);
        if (!wanted) return then(Error(Code::not_found, "/sequence", "this binding has no such entry"));
        std::vector<EntryRow> rows;
        for (const VersionRow& version : index_->versions(state->row.local, false))
            if (const auto row = index_->entry_at(version.index); row && row->sequence < sequence) rows.push_back(*row);
        rows.push_back(*wanted);
        const auto compose = [this, then](std::vector<EntryRow> chosen) {
            std::ranges::sort(chosen, {}, &EntryRow::sequence);
            gather(std::move(chosen), [this, then](Outcome<std::vector<CommitPtr>> commits) {
                const auto anchored = [then](Outcome<proof::Receipt> made) {
                    process::complete<std::string>(then, [&] { return made.get().write(); });
                };
                const auto assembled = [this, then, anchored](Outcome<proof::Receipt> made) {
                    made.ok() ? anchors_->add_to(std::move(made.get()), anchored) : then(made.error());
                };
                process::complete<proof::Receipt>(assembled, [&] { return assemble(commits.get()); });
            });
        };
        if (!proof::follows_prepare(wanted->type)) return compose(std::move(rows));
        chronicle_->find(*wanted, [this, row = *wanted, rows, then, compose](Outcome<CommitPtr> commit) {
            process::complete<Nothing>(
                [then](const Outcome<Nothing>& done) {
                    if (!done.ok()) then(done.error());
                },
                [&] {
                    add_steps_before(row, commit.get()->entry.transaction, rows,
                                     [then, compose](Outcome<std::vector<EntryRow>> chosen) {
                                         chosen.ok() ? compose(chosen.get()) : then(chosen.error());
                                     });
                    return Nothing{};
                });
        });
    });
}

// What the receipt of a transaction's step rests on: its earlier entries.
void Node::add_steps_before(const EntryRow& row, const Hash256& transaction, std::vector<EntryRow> rows,
                            Then<std::vector<EntryRow>> then) {
    const auto known = index_->transaction(transaction);
    const auto prepare = known ? index_->entry_at(known->prepare) : std::nullopt;
    if (!prepare || prepare->binding != row.binding || prepare->sequence >= row.sequence) {
        return then(Error(Code::not_found, "/transaction", "this binding has no such one"));
    }
    rows.push_back(*prepare);
    gather(index_->later_steps(row.binding, prepare->sequence, row.sequence - 1),
           [=, rows = std::move(rows)](Outcome<std::vector<CommitPtr>> steps) mutable {
               if (!steps.ok()) return then(steps.error());
               for (const CommitPtr& step : steps.get()) {
                   if (step->entry.transaction != transaction) continue;
                   rows.push_back({step->index, row.binding, step->entry.sequence, step->entry.type, step->entry.id,
                                   step->entry.input});
               }
               then(std::move(rows));
           });
}

proof::Receipt Node::assemble(const std::vector<CommitPtr>& commits) {
    std::vector<ccl::Appended> entries;
    std::map<std::string, ccl::EnclaveIdentity> enclaves;
    Hash256 version_package;
    std::optional<proof::ReceiptPackage> package;
    for (const CommitPtr& commit : commits) {
        entries.push_back(appended(*commit));
        if (!commit->entry.package.is_zero()) version_package = commit->entry.package;
        if (commit->entry.type == contract::EntryType::prepare) {
            contract::Package whole = packages_->get(version_package);
            package = proof::ReceiptPackage{std::move(whole.manifest), std::move(whole.config)};
        }
        if (enclaves.contains(commit->kid)) continue;
        const auto known = index_->enclave(commit->kid);
        if (!known) throw Error(Code::unavailable, "/enclaves", "an enclave's evidence is being written; ask again");
        enclaves[commit->kid] = {known->key, known->evidence};
    }
    std::vector<ccl::EnclaveIdentity> list;
    for (auto& [kid, identity] : enclaves) list.push_back(std::move(identity));
    return proof::make_receipt(entries, list, identity_.identity, identity_.evidence, package);
}

void Node::head(const Hash256& binding, const Hash256& nonce, Then<ccl::HeadStatement> then) {
    if (chronicle_->binding(binding) == nullptr)
        return then(Error(Code::not_found, "/binding", "no such binding runs here"));
    ledger_->head(binding, nonce, std::move(then));
}

// The addresses stand in the entry that put the version in force; the chain says what they own.
void Node::accounts(const Hash256& id, Then<std::vector<AccountView>> then) {
    find_in_force(*chronicle_, id, [this, then = std::move(then)](Outcome<InForce> found) {
        if (!found.ok()) return then(found.error());
        ask_accounts(found.get(), then);
    });
}

void Node::ask_accounts(const InForce& in_force, const Then<std::vector<AccountView>>& then) {
    auto views = std::make_shared<std::vector<AccountView>>();
    for (const auto& [name, place] : in_force.binding.ledgers) {
        for (const contract::LedgerTarget& target : place.candidates) {
            const boost::multiprecision::cpp_int most = boost::multiprecision::cpp_int(target.work) * target.ceiling;
            views->push_back({.ledger = name,
                              .chain = target.chain,
                              .account = in_force.account(name, target),
                              .most_per_call = most.str(),
                              .conditions = {}});
        }
    }
    auto open = std::make_shared<std::size_t>(views->size());
    if (*open == 0) return then(*views);
    for (AccountView& view : *views) {
        const auto done = [views, open, then, &view](std::optional<ledger::Conditions> conditions) {
            view.conditions = std::move(conditions);
            if (view.conditions) {
                view.enough = boost::multiprecision::cpp_int(view.conditions->balance) >=
                              boost::multiprecision::cpp_int(view.most_per_call);
                if (!view.enough) view.problem = "its balance is less than one call may cost";
            } else if (view.problem.empty()) {
                view.problem = "the ledger does not answer";
            }
            if (--*open == 0) then(*views);
        };
        ledger::Ledger* ledger = ledgers_->find(view.chain);
        if (ledger != nullptr) {
            ledger->conditions(view.account, done);
        } else {
            view.problem = "no endpoint of " + view.chain + " is known: concordat ledger add";
            boost::asio::post(loop_, [done] { done(std::nullopt); });
        }
    }
}

}  // namespace concordat::node
