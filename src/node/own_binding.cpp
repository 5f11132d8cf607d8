#include "own_binding.hpp"

#include <boost/asio/post.hpp>
#include <ledger/binding/binding_ledger.hpp>
#include <ledger/kinds/kinds.hpp>

#include "node.hpp"

namespace concordat::node {

namespace {

using ledger::Submission;
using ledger::binding::Shown;

Shown shown_of(const CallState& state) {
    switch (state.status) {
        case CallState::Status::open:
            return {};
        case CallState::Status::pending:
            return {.status = Shown::Status::pending, .sequence = 0};
        case CallState::Status::settled:
            return {.status = Shown::Status::settled, .sequence = state.sequence};
    }
    panic("no such status");
}

class OwnBinding final : public ledger::binding::Peer {
  public:
    OwnBinding(boost::asio::io_context& loop, Node& node, const std::string& chain)
        : loop_(loop), node_(node), start_(chain.substr(chain.find(':') + 1)) {}

    std::optional<Hash256> binding() const override { return id_; }
    ledger::Health health() const override {
        return {.url = "this node", .usable = true, .problem = id_ ? "" : "no such binding runs here"};
    }
    // All begin with this, so nothing is answered before the call returns.
    void find(Then<bool> then) override {
        boost::asio::post(loop_, [this, alive = alive_, then = std::move(then)] {
            if (!*alive) return;
            if (id_) return then(true);
            node_.index().barrier([this, alive, then] {
                if (!*alive) return;
                if (const auto row = node_.index().binding_named(start_)) id_ = row->id;
                then(id_.has_value());
            });
        });
    }
    void submit(const std::string& jws, Then<Submission> then) override {
        known<Submission>(std::move(then), [this, jws](Then<Submission> answer) {
            node_.submit(*id_, jws, "", [answer = std::move(answer)](const Outcome<CommitPtr>& done) {
                answer(done.ok() ? Submission{.status = Submission::Status::accepted, .detail = {}, .transaction = {}}
                                 : ledger::binding::submission_of(done.error()));
            });
        });
    }
    void look(const Hash256& key, std::int64_t number, Then<std::optional<Shown>> then) override {
        known<std::optional<Shown>>(std::move(then), [this, key, number](Then<std::optional<Shown>> answer) {
            node_.call(*id_, key, number, [answer = std::move(answer)](Outcome<CallState> state) {
                answer(state.ok() ? std::optional(shown_of(state.get())) : std::nullopt);
            });
        });
    }
    void receipt(std::uint64_t sequence, Then<std::optional<std::string>> then) override {
        known<std::optional<std::string>>(std::move(then), [this, sequence](Then<std::optional<std::string>> answer) {
            node_.receipt(*id_, sequence, [answer = std::move(answer)](Outcome<std::string> text) {
                answer(text.ok() ? std::optional(text.get()) : std::nullopt);
            });
        });
    }

  private:
    template <class T>
    void known(Then<T> then, std::function<void(Then<T>)> work) {
        find([then = std::move(then), work = std::move(work)](bool there) mutable {
            there ? work(std::move(then)) : then(T{});
        });
    }

    boost::asio::io_context& loop_;
    Node& node_;
    std::string start_;  // 32 hex digits of its id
    std::optional<Hash256> id_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  public:
    ~OwnBinding() override { *alive_ = false; }
};

}  // namespace

std::unique_ptr<ledger::Ledger> make_own_binding(boost::asio::io_context& loop, Node& node, const std::string& chain) {
    return std::make_unique<ledger::binding::BindingLedger>(chain,
                                                            *ledger::kind_of_chain(ledger::all_kinds(), "binding:"),
                                                            std::make_shared<OwnBinding>(loop, node, chain));
}

}  // namespace concordat::node
