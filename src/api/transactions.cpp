// What became of transactions across ledgers, and the accounts that act in them.
#include "await.hpp"
#include "render.hpp"
#include "routes.hpp"

namespace concordat::api {

boost::asio::awaitable<node::TransactionView> view_of(Context& context, Hash256 transaction) {
    co_return co_await call<node::TransactionView>(
        [&](process::Then<node::TransactionView> then) { context.node.transactions().view(transaction, then); });
}

namespace {

using boost::asio::awaitable;

awaitable<http::Response> get_transaction(Context& context, http::Request request) {
    co_return json_response(render_transaction(co_await view_of(context, hash_param(request, "transaction"))));
}

awaitable<http::Response> list_transactions(Context& context, http::Request request) {
    const Hash256 binding = hash_param(request, "binding");
    const auto limit = static_cast<std::size_t>(request.query_integer("limit", 20, 1, 100));
    const auto before =
        static_cast<std::uint64_t>(request.query_integer("before", json::max_integer, 0, json::max_integer));
    const std::int64_t local = context.node.binding(binding).row.local;
    co_await call<process::Nothing>([&](process::Then<process::Nothing> then) {
        context.node.index().barrier([then] { then(process::Nothing{}); });
    });
    const auto rows = context.node.index().transactions(local, before, limit);
    std::string out = "{\"transactions\":[";
    for (const auto& row : rows) {
        if (&row != &rows.front()) out += ',';
        out += render_transaction(co_await view_of(context, row.id));
    }
    out += ']';
    if (rows.size() == limit) {
        out += ",\"next\":\"" + binding_url(binding) + "/transactions?limit=" + std::to_string(limit) +
               "&before=" + std::to_string(rows.back().prepare) + '"';
    }
    co_return json_response(out + '}');
}

// By ledger of the contract: the account that calls there, as the version in force's entry names it, and what the chain
// says of it now.
awaitable<http::Response> get_accounts(Context& context, http::Request request) {
    const Hash256 binding = hash_param(request, "binding");
    const auto accounts = co_await call<std::vector<node::AccountView>>(
        [&](process::Then<std::vector<node::AccountView>> then) { context.node.accounts(binding, then); });
    json::Array out;
    for (const node::AccountView& one : accounts) {
        json::Object account{{"ledger", one.ledger},
                             {"chain", one.chain},
                             {"account", one.account},
                             {"most_per_call", one.most_per_call}};
        if (one.conditions) {
            account["balance"] = one.conditions->balance;
            account["next"] = std::to_string(one.conditions->next);
            account["enough"] = one.enough;
        }
        if (!one.problem.empty()) account["problem"] = one.problem;
        out.push_back(std::move(account));
    }
    co_return json_response(json::canonical(json::Object{{"accounts", std::move(out)}}));
}

}  // namespace

void add_transaction_routes(std::vector<RouteDoc>& routes, Context& context) {
    const auto add = [&](std::string pattern, std::string id, std::string summary, auto handler) -> RouteDoc& {
        return add_route(routes, context, "transactions", http::Method::get, std::move(pattern), std::move(id),
                         std::move(summary), handler);
    };
    add("/v1/transactions/{transaction}", "getTransaction",
        "A transaction across ledgers, by its prepare entry's id: what it pins, how far it is, what it waits for.",
        get_transaction);
    add("/v1/bindings/{binding}/transactions", "listTransactions", "A binding's transactions, the newest first.",
        list_transactions)
        .query = {{"limit", "1 to 100"}, {"before", "from the answer before"}};
    add("/v1/bindings/{binding}/accounts", "getAccounts",
        "The accounts on other ledgers that the contract's calls come from, and whether they can pay.", get_accounts);
}

}  // namespace concordat::api
