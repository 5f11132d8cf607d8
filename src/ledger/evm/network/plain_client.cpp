#include "plain_client.hpp"

#include <chrono>
#include <thread>

namespace concordat::ledger::evm {

using std::chrono::steady_clock;

json::Value PlainClient::ask(const std::string& method, json::Array params) {
    const json::Object request{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", std::move(params)}};
    const concordat::http::ClientResponse response =
        client_.request("POST", "/", {{"Content-Type", "application/json"}}, boost::json::serialize(request), 10'000);
    boost::system::error_code problem;
    const json::Value answer = boost::json::parse(response.body, problem);
    const json::Object* object = problem ? nullptr : answer.if_object();
    if (object == nullptr) throw Error(Code::protocol, method, "must be answered in JSON-RPC");
    if (const json::Value* error = object->if_contains("error")) {
        throw Error(Code::unavailable, method, "is refused: " + boost::json::serialize(*error));
    }
    const json::Value* result = object->if_contains("result");
    if (result == nullptr) throw Error(Code::protocol, method, "must be answered with a result");
    return *result;
}

std::uint64_t PlainClient::number(const std::string& method, json::Array params) {
    const json::Value value = ask(method, std::move(params));
    if (!value.is_string()) throw Error(Code::protocol, method, "must be answered with a quantity");
    return parse_quantity_u64(value.get_string(), method);
}

std::optional<json::Value> PlainClient::find_receipt(const std::string& transaction, int patience_ms) {
    const auto end = steady_clock::now() + std::chrono::milliseconds(patience_ms);
    while (steady_clock::now() < end) {
        try {
            json::Value found = ask("eth_getTransactionReceipt", {json::Value(transaction)});
            if (!found.is_null()) return found;
        } catch (const Error& error) {
            if (error.code() != Code::unavailable) throw;  // geth refuses while it indexes
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return std::nullopt;
}

json::Value PlainClient::receipt(const std::string& transaction, int patience_ms) {
    std::optional<json::Value> found = find_receipt(transaction, patience_ms);
    if (!found) throw Error(Code::timeout, transaction, "was not included in time");
    return *std::move(found);
}

}  // namespace concordat::ledger::evm
