// Documents on their way to being signed by all who must: first versions, amendments, terminations, resolutions of
// transactions. Signatures come in any order; each is checked when it comes; when none is missing the document goes
// into the binding's sequence. Everything is in the journal before anybody is told. Loop thread only.
#pragma once
#include <base/clock.hpp>
#include <boost/asio/steady_timer.hpp>
#include <contract/binding.hpp>
#include <contract/input.hpp>
#include <registry/store.hpp>
#include <set>

#include "chronicle.hpp"
#include "journal.hpp"
#include "lanes.hpp"

namespace concordat::node {

struct DraftView {
    DraftRow row;
    std::vector<std::string> signed_by, missing;  // party ids
};

class Drafts {
  public:
    Drafts(boost::asio::io_context& loop, Journal& journal, Chronicle& chronicle, Lanes& lanes,
           registry::Store& packages, Clock& clock);

    void set_chain(std::string chain) { chain_ = std::move(chain); }
    // Goes on with what was being locked when the node ended, and watches the deadlines.
    void start();

    // A version 1 with at least one signature. The same document again adds its signatures.
    void propose(const std::string& tenant, const json::Value& jws, Then<DraftView> then,
                 const std::string& trace = {});
    // More signatures on an open document: the first version of `binding`, or what else of it is open.
    void countersign(const Hash256& binding, const json::Value& jws, Then<DraftView> then,
                     const std::string& trace = {});
    void amend(const Hash256& binding, const json::Value& jws, Then<DraftView> then, const std::string& trace = {});
    void terminate(const Hash256& binding, const json::Value& jws, Then<DraftView> then, const std::string& trace = {});
    void resolve(const Hash256& binding, const json::Value& jws, Then<DraftView> then, const std::string& trace = {});
    // A decision as compact JWS: declines, or withdraws what its sender had signed.
    void decide(const Hash256& binding, const std::string& decision, Then<DraftView> then,
                const std::string& trace = {});

    DraftView view(const Hash256& document);  // Error(not_found)
    std::vector<DraftView> of_binding(const Hash256& binding, std::size_t limit);
    std::vector<DraftRow> open(std::string_view tenant, const Hash256& after, std::size_t limit);

  private:
    using DraftPtr = std::shared_ptr<DraftRow>;
    // A termination or a resolution, as far as both are the same: what becomes of it once it is signed is its entry's.
    struct Agreed {
        Hash256 binding, version;
        TimeMs expires = 0;
        std::string_view typ;
        Hash256 transaction{};  // of a resolution
    };
    struct Document {
        crypto::GeneralJws jws;
        std::optional<contract::Binding> version;  // first versions and amendments
        std::optional<Agreed> agreed;              // the others
    };

    DraftPtr find(const Hash256& document);
    DraftPtr require_open(const Hash256& document);
    Document parse(DraftKind kind, const json::Value& jws) const;
    contract::Binding version_in_force(const Hash256& binding);
    DraftView view_of(const DraftRow& row);
    std::set<std::string> signers_of(const DraftRow& row, const Document& document);
    std::vector<std::string> missing_of(const DraftRow& row, const Document& document,
                                        const std::set<std::string>& signed_by);
    void check_first(const Document& document) const;

    void agree(DraftKind kind, const Hash256& binding, const json::Value& jws, Then<DraftView> then,
               const std::string& trace);
    void add_signatures(DraftPtr draft, const Document& document, Then<DraftView> then);
    void save(const DraftPtr& draft, Then<Nothing> then);
    void go_on(DraftPtr draft, Then<DraftView> then);
    void act(DraftPtr draft, contract::EntryType type, std::string input, Then<CommitPtr> then);
    void lock(DraftPtr draft, Then<DraftView> then);
    void end(DraftPtr draft, std::string state, std::string reason, Then<DraftView> then);
    void close(DraftPtr draft, const std::string& why, Then<DraftView> then);
    void decide_first(DraftPtr draft, const contract::Decision& decision, Then<DraftView> then);
    void watch();
    void close_overdue(const BindingRow& row);

    Journal& journal_;
    Chronicle& chronicle_;
    Lanes& lanes_;
    registry::Store& packages_;
    Clock& clock_;
    std::string chain_;
    boost::asio::steady_timer timer_;
    std::unordered_map<Hash256, DraftPtr, Hash256Hasher> known_;  // newer than what the journal's reader may show
    std::set<Hash256> closing_;                                   // bindings whose overdue proposal is being closed
};

}  // namespace concordat::node
