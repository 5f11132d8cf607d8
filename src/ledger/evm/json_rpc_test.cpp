#include "json_rpc.hpp"

#include <gtest/gtest.h>

namespace concordat::ledger::evm {
namespace {

std::string refusal(std::string_view text, std::size_t count) {
    try {
        parse_replies(text, count);
    } catch (const Error& error) {
        return std::string(code_name(error.code())) + ": " + error.rule();
    }
    return "was accepted";
}

TEST(JsonRpc, OneRequestIsAnObjectSeveralAreABatch) {
    std::vector<Request> requests;
    requests.push_back({"eth_chainId", {}});
    EXPECT_EQ(request_text(requests), R"({"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]})");
    requests.push_back({"eth_getBlockByNumber", {"latest", false}});
    EXPECT_EQ(request_text(requests),
              R"([{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]},)"
              R"({"jsonrpc":"2.0","id":2,"method":"eth_getBlockByNumber","params":["latest",false]}])");
}

TEST(JsonRpc, RepliesComeInAnyOrder) {
    const auto replies = parse_replies(R"([{"id":2,"result":"b"},{"id":3,"error":{"code":-32000,"message":"no",
        "data":"0x08c379a0"}},{"id":1,"result":null,"jsonrpc":"2.0"}])",
                                       3);
    ASSERT_EQ(replies.size(), 3u);
    EXPECT_TRUE(replies[0].result.is_null());
    EXPECT_EQ(result_of(replies[1], "m"), json::Value("b"));
    ASSERT_TRUE(replies[2].error);
    EXPECT_EQ(replies[2].error->code, -32000);
    EXPECT_EQ(replies[2].error->message, "no");
    EXPECT_EQ(replies[2].error->data, json::Value("0x08c379a0"));
    try {
        result_of(replies[2], "eth_call");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::unavailable);
        EXPECT_EQ(error.field(), "eth_call");
    }
}

TEST(JsonRpc, AResultBesideANullErrorCounts) {
    EXPECT_EQ(parse_replies(R"({"id":1,"error":null,"result":"0x1"})", 1)[0].result, json::Value("0x1"));
}

TEST(JsonRpc, FractionsDoNoHarm) {
    const auto replies = parse_replies(R"({"id":1,"result":{"gasUsedRatio":[0.5,1e-7]}})", 1);
    EXPECT_TRUE(replies[0].result.is_object());
}

TEST(JsonRpc, RefusesWhatDoesNotAnswerEachRequestOnce) {
    EXPECT_EQ(refusal("<html></html>", 1), "protocol: must be JSON");
    EXPECT_EQ(refusal("", 1), "protocol: must be JSON");
    EXPECT_EQ(refusal("null", 1), "protocol: must be an object for each request");
    EXPECT_EQ(refusal("[1]", 1), "protocol: must be an object for each request");
    EXPECT_EQ(refusal("[]", 1), "protocol: must answer every request");
    EXPECT_EQ(refusal(R"({"id":1})", 1), "protocol: must hold a result or an error");
    EXPECT_EQ(refusal(R"({"id":1,"error":"no"})", 1), "protocol: must give an error as an object");
    EXPECT_EQ(refusal(R"({"id":2,"result":1})", 1), "protocol: must have the id of a request");
    EXPECT_EQ(refusal(R"({"id":0,"result":1})", 1), "protocol: must have the id of a request");
    EXPECT_EQ(refusal(R"({"id":"1","result":1})", 1), "protocol: must have the id of a request");
    EXPECT_EQ(refusal(R"({"id":null,"error":{"code":-32600}})", 1), "protocol: must have the id of a request");
    EXPECT_EQ(refusal(R"([{"id":1,"result":1},{"id":1,"result":1}])", 2), "protocol: must answer each request once");
    EXPECT_EQ(refusal(R"([{"id":1,"result":1}])", 2), "protocol: must answer every request");
    EXPECT_EQ(refusal(std::string(100, '[') + std::string(100, ']'), 1), "protocol: must be JSON");
    EXPECT_EQ(refusal(std::string(max_answer_bytes + 1, ' '), 1), "too_large: must have at most 33554432 bytes");
}

TEST(JsonRpc, LongErrorTextsAreCut) {
    const std::string text = R"({"id":1,"error":{"message":")" + std::string(5000, 'x') + R"("}})";
    EXPECT_EQ(parse_replies(text, 1)[0].error->message.size(), 1024u);
}

}  // namespace
}  // namespace concordat::ledger::evm
