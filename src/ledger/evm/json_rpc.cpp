#include "json_rpc.hpp"

namespace concordat::ledger::evm {

namespace {

constexpr std::size_t max_depth = 32;
constexpr std::size_t max_message_bytes = 1024;

[[noreturn]] void fail(std::string rule) { throw Error(Code::protocol, "answer", std::move(rule)); }

RpcError read_error(const json::Value& value) {
    const json::Object* object = value.if_object();
    if (object == nullptr) fail("must give an error as an object");
    RpcError out;
    const json::Value* code = object->if_contains("code");
    if (code != nullptr && code->is_int64()) out.code = code->get_int64();
    const json::Value* message = object->if_contains("message");
    if (message != nullptr && message->is_string()) {
        out.message = std::string(std::string_view(message->get_string()).substr(0, max_message_bytes));
    }
    if (const json::Value* data = object->if_contains("data")) out.data = *data;
    return out;
}

Reply read_reply(const json::Object& object) {
    Reply out;
    const json::Value* error = object.if_contains("error");
    const json::Value* result = object.if_contains("result");
    if (error != nullptr && !error->is_null()) {
        out.error = read_error(*error);
    } else if (result != nullptr) {
        out.result = *result;
    } else {
        fail("must hold a result or an error");
    }
    return out;
}

std::size_t index_of(const json::Object& object, std::size_t count, std::uint64_t first_id) {
    const json::Value* id = object.if_contains("id");
    if (id == nullptr || !id->is_int64() || id->get_int64() < 0 ||
        static_cast<std::uint64_t>(id->get_int64()) - first_id >= count) {
        fail("must have the id of a request");
    }
    return static_cast<std::uint64_t>(id->get_int64()) - first_id;
}

json::Object request_object(const Request& request, std::uint64_t id) {
    return {{"jsonrpc", "2.0"}, {"id", id}, {"method", request.method}, {"params", request.params}};
}

}  // namespace

std::string request_text(std::span<const Request> requests, std::uint64_t first_id) {
    if (requests.empty() || requests.size() > max_batch) panic("a batch of no requests, or of too many");
    if (requests.size() == 1) return boost::json::serialize(request_object(requests.front(), first_id));
    json::Array batch;
    for (const Request& request : requests) batch.push_back(request_object(request, first_id + batch.size()));
    return boost::json::serialize(batch);
}

json::Value parse_answer(std::string_view text) {
    if (text.size() > max_answer_bytes) {
        throw Error(Code::too_large, "answer", "must have at most " + std::to_string(max_answer_bytes) + " bytes");
    }
    boost::json::parse_options options;
    options.max_depth = max_depth;
    boost::system::error_code problem;
    json::Value value = boost::json::parse(text, problem, {}, options);
    if (problem) fail("must be JSON");
    return value;
}

std::vector<Reply> parse_replies(std::string_view text, std::size_t count) {
    return replies_of(parse_answer(text), count, 1);
}

std::optional<std::uint64_t> id_of(const json::Value& answer) {
    const json::Array* batch = answer.if_array();
    const json::Value* first = batch == nullptr ? &answer : batch->empty() ? nullptr : &batch->front();
    const json::Object* object = first == nullptr ? nullptr : first->if_object();
    const json::Value* id = object == nullptr ? nullptr : object->if_contains("id");
    if (id == nullptr || !id->is_int64() || id->get_int64() < 0) return std::nullopt;
    return static_cast<std::uint64_t>(id->get_int64());
}

const json::Object* notification_of(const json::Value& answer) {
    const json::Object* object = answer.if_object();
    const json::Value* method = object == nullptr ? nullptr : object->if_contains("method");
    if (method == nullptr || *method != json::Value("eth_subscription")) return nullptr;
    const json::Value* params = object->if_contains("params");
    return params == nullptr ? nullptr : params->if_object();
}

std::vector<Reply> replies_of(const json::Value& value, std::size_t count, std::uint64_t first_id) {
    std::vector<std::optional<Reply>> found(count);
    const auto place = [&](const json::Value& item) {
        const json::Object* object = item.if_object();
        if (object == nullptr) fail("must be an object for each request");
        auto& at = found[index_of(*object, count, first_id)];
        if (at) fail("must answer each request once");
        at = read_reply(*object);
    };
    if (const json::Array* batch = value.if_array()) {
        for (const json::Value& item : *batch) place(item);
    } else {
        place(value);
    }
    std::vector<Reply> out;
    for (auto& reply : found) {
        if (!reply) fail("must answer every request");
        out.push_back(std::move(*reply));
    }
    return out;
}

const json::Value& result_of(const Reply& reply, std::string_view method) {
    if (reply.error) throw Error(Code::unavailable, std::string(method), "is refused: " + reply.error->message);
    return reply.result;
}

}  // namespace concordat::ledger::evm
