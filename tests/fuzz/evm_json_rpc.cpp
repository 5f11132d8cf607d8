// What a node sends, as text: answers to a request, to a batch, to none.
#include <algorithm>
#include <ledger/evm/json_rpc.hpp>

namespace {
using namespace concordat;
using namespace concordat::ledger::evm;

void require(bool fine) {
    if (!fine) __builtin_trap();
}

void check(const json::Value& answer, std::size_t count, std::uint64_t first_id) {
    try {
        const std::vector<Reply> replies = replies_of(answer, count, first_id);
        require(replies.size() == count);
        // A websocket finds the requests by the first reply's id.
        const std::optional<std::uint64_t> id = id_of(answer);
        require(id && *id >= first_id && *id - first_id < count);
        for (const Reply& reply : replies) {
            if (reply.error) require(reply.error->message.size() <= 1024);
        }
    } catch (const Error&) {
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const json::Value answer = parse_answer(text_of({data, size}));
        if (const json::Object* params = notification_of(answer)) require(answer.is_object() && params != nullptr);
        for (const std::size_t count : {std::size_t{1}, std::size_t{2}, max_batch}) check(answer, count, 1);
        if (const std::optional<std::uint64_t> id = id_of(answer))
            check(answer, 3, *id - std::min<std::uint64_t>(*id, 1));
    } catch (const Error&) {
    }
    return 0;
}
