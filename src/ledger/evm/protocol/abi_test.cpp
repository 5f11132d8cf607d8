#include "abi.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "keccak.hpp"
#include "vectors_test.hpp"

namespace concordat::ledger::evm::abi {
namespace {

// The vectors give tuples as arrays.
json::Value as_arrays(const json::Value& value) {
    json::Array out;
    if (const auto* object = value.if_object()) {
        for (const auto& member : *object) out.push_back(as_arrays(member.value()));
        return out;
    }
    const auto* array = value.if_array();
    if (array == nullptr) return value;
    for (const auto& item : *array) out.push_back(as_arrays(item));
    return out;
}

Function outputs_as_inputs(const json::Array& outputs) {
    Function f;
    f.inputs = parameters_from_json(outputs, "/outputs");
    return f;
}

TEST(Abi, PublicValues) {
    const json::Value vectors = read_vectors("abi-values.json");
    ASSERT_GE(vectors.as_array().size(), 50u);
    for (const auto& v : vectors.as_array()) {
        const Type type = outputs_as_inputs(v.at("outputs").as_array()).inputs;
        const Bytes result = hex_of(v.at("result"));
        EXPECT_EQ(to_hex(encode(type, v.at("values"), "/values")), to_hex(result)) << v.at("name") << type.text();
        const json::Value decoded = decode(type, result, "/result");
        EXPECT_EQ(json::canonical(as_arrays(decoded)), json::canonical(v.at("values"))) << v.at("name") << type.text();
    }
}

TEST(Abi, EveryPrefixAndEveryGrownResultIsRefused) {
    const json::Value vectors = read_vectors("abi-values.json");
    for (const auto& v : vectors.as_array()) {
        const Type type = outputs_as_inputs(v.at("outputs").as_array()).inputs;
        Bytes result = hex_of(v.at("result"));
        for (std::size_t n = 0; n < result.size(); n += 16)
            EXPECT_THROW(decode(type, ByteView(result).first(n), "r"), Error) << v.at("name") << n;
        result.resize(result.size() + 32);
        EXPECT_THROW(decode(type, result, "r"), Error) << v.at("name");
    }
}

TEST(Abi, PublicSignatures) {
    const json::Value vectors = read_vectors("abi-signatures.json");
    ASSERT_GE(vectors.as_array().size(), 40u);
    for (const auto& v : vectors.as_array()) {
        const Interface parsed = Interface::parse(json::Array{v.at("function")}, "/abi");
        const Function& f = parsed.function("testSig", "/call");
        EXPECT_EQ(f.signature(), std::string_view(v.at("signature").as_string()));
        EXPECT_EQ(to_0x(f.selector()), std::string_view(v.at("selector").as_string()));
        EXPECT_EQ(Function::parse(f.signature(), "/call").selector(), f.selector());
    }
}

TEST(Abi, PublicEvents) {
    const json::Value vectors = read_vectors("abi-events.json");
    ASSERT_GE(vectors.as_array().size(), 25u);
    for (const auto& v : vectors.as_array()) {
        const Interface parsed = Interface::parse(json::Array{v.at("event")}, "/abi");
        const Event& event = parsed.event("testEvent", "/event");
        std::vector<Hash256> topics;
        for (const auto& topic : v.at("topics").as_array()) topics.push_back(parse_hash_0x(topic.as_string(), "topic"));
        const Bytes data = hex_of(v.at("data"));
        const json::Array values = as_arrays(event.decode(topics, data, "/log")).as_array();
        // Anew from the values: the data, and the topic of each indexed value type.
        json::Array plain;
        std::vector<Type> types;
        json::Array wanted;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const bool hashed = v.at("hashed").at(i).as_bool();
            wanted.push_back(event.indexed[i] && !hashed ? values[i] : json::Value());
            EXPECT_TRUE(!hashed || values[i] == v.at("values").at(i)) << v.at("name");
            if (event.indexed[i]) continue;
            plain.push_back(values[i]);
            types.push_back(event.inputs.parts[i]);
        }
        std::vector<std::string> names(types.size());
        EXPECT_EQ(encode(tuple_of(types, names, ""), plain, "plain"), data) << v.at("name");
        const auto filter = event.filter(wanted, "/filter");
        ASSERT_LE(filter.size(), topics.size());
        for (std::size_t i = 0; i < filter.size(); ++i)
            EXPECT_TRUE(!filter[i] || *filter[i] == topics[i]) << v.at("name");
        EXPECT_TRUE(event.anonymous || parsed.event_of(topics[0]) == &event);
        topics.emplace_back();
        EXPECT_THROW(event.decode(topics, data, "/log"), Error);
    }
}

constexpr const char* token = R"([
 {"type":"constructor","inputs":[{"name":"supply","type":"uint256"},{"name":"symbol","type":"string"}]},
 {"type":"function","name":"transfer","stateMutability":"nonpayable",
  "inputs":[{"name":"to","type":"address"},{"name":"amount","type":"uint256"}],"outputs":[{"name":"","type":"bool"}]},
 {"type":"function","name":"safe","stateMutability":"payable","inputs":[],"outputs":[]},
 {"type":"function","name":"safe","stateMutability":"view","inputs":[{"name":"x","type":"int8"}],"outputs":[]},
 {"type":"event","name":"Note","anonymous":false,"inputs":[{"name":"text","type":"string","indexed":true},
  {"name":"points","type":"tuple[2]","indexed":true,"components":[{"name":"x","type":"uint8"},{"name":"y","type":"int8"}]}]},
 {"type":"error","name":"Short","inputs":[{"name":"have","type":"uint256"},{"name":"need","type":"uint256"}]},
 {"type":"receive","stateMutability":"payable"}])";

Interface token_interface() { return Interface::parse(json::parse(token, "abi"), "/abi"); }

TEST(Abi, CallsByNameAndByText) {
    const Interface abi = token_interface();
    const json::Value named = {{"to", "0x00000000000000000000000000000000000000aa"}, {"amount", "1000"}};
    const Bytes call = abi.function("transfer", "/call").encode_call(named, "/arguments");
    EXPECT_EQ(to_hex(call),
              "a9059cbb00000000000000000000000000000000000000000000000000000000000000aa"
              "00000000000000000000000000000000000000000000000000000000000003e8");
    const Function text = Function::parse("transfer(address, uint amount) external returns (bool)", "/call");
    EXPECT_EQ(text.encode_call(json::Array{"0x00000000000000000000000000000000000000aa", 1000}, "/arguments"), call);
    EXPECT_EQ(json::canonical(text.decode_call(call, "/data")),
              R"(["0x00000000000000000000000000000000000000AA","1000"])");
    EXPECT_EQ(text.decode_result(Word{}, "/result"), json::Value(json::Array{false}));
    EXPECT_TRUE(abi.function("safe()", "/call").payable);
    EXPECT_TRUE(abi.function("safe(int8)", "/call").constant);
    EXPECT_EQ(refusal([&] { abi.function("safe", "/call"); }),
              "/call: must give the signature, since several are named safe");
    EXPECT_EQ(refusal([&] { abi.function("mint", "/call"); }), "/call: must name a function of the interface: mint");
    const Bytes creation = abi.encode_creation(Bytes{0xfe}, json::Array{"1", "T"}, "/arguments");
    EXPECT_EQ(creation.size(), 1u + 4 * 32);
    EXPECT_EQ(refusal([&] { Interface().encode_creation(Bytes{0xfe}, json::Array{"1"}, "/arguments"); }),
              "/arguments: must have exactly 0 items");
}

TEST(Abi, TopicsOfHashedParameters) {
    const Interface abi = token_interface();
    const Event& note = abi.event("Note", "/event");
    const json::Value points = json::parse(R"([{"x":"1","y":"-1"},["2","3"]])", "points");
    const auto filter = note.filter(json::Array{"hello", points}, "/filter");
    ASSERT_EQ(filter.size(), 3u);
    EXPECT_EQ(filter[0], keccak256("Note(string,(uint8,int8)[2])"));
    EXPECT_EQ(filter[1], keccak256("hello"));
    Bytes words(128);
    words[31] = 1;
    std::fill(words.begin() + 32, words.begin() + 64, std::uint8_t{0xff});
    words[95] = 2;
    words[127] = 3;
    EXPECT_EQ(filter[2], keccak256(words));
    EXPECT_EQ(note.filter(json::Array{nullptr, nullptr}, "/filter").size(), 1u);
}

TEST(Abi, Reverts) {
    const Interface abi = token_interface();
    EXPECT_EQ(decode_revert({}).kind, "none");
    const Bytes why = Function::parse("Error(string)", "").encode_call(json::Array{"not enough"}, "");
    EXPECT_EQ(decode_revert(why).text, "not enough");
    const Bytes panic = Function::parse("Panic(uint256)", "").encode_call(json::Array{17}, "");
    EXPECT_EQ(decode_revert(panic).text, "arithmetic overflow or underflow");
    const Bytes custom = Function::parse("Short(uint256,uint256)", "").encode_call(json::Array{"1", "2"}, "");
    EXPECT_EQ(decode_revert(custom).kind, "unknown");
    const Revert named = decode_revert(custom, abi.errors());
    EXPECT_EQ(named.kind, "custom");
    EXPECT_EQ(json::canonical(named.arguments), R"({"have":"1","need":"2"})");
    EXPECT_EQ(decode_revert(ByteView(why).first(40)).kind, "unknown");
    EXPECT_EQ(decode_revert(Bytes{1}).kind, "unknown");
}

std::string encode_refusal(std::string_view type, std::string_view value) {
    const json::Value parsed = json::parse(value, "value");
    return refusal([&] { encode(parse_parameters(type, "/type"), parsed, "/a"); });
}

TEST(Abi, RefusesValuesThatDoNotFit) {
    EXPECT_EQ(encode_refusal("(uint8)", R"(["256"])"), "/a/0: must fit uint8");
    EXPECT_EQ(encode_refusal("(int8)", R"(["128"])"), "/a/0: must fit int8");
    EXPECT_EQ(encode_refusal("(int8)", R"(["-129"])"), "/a/0: must fit int8");
    EXPECT_EQ(encode_refusal("(int8)", R"(["-128"])"), "was accepted");
    EXPECT_EQ(encode_refusal("(uint8)", R"([-1])"), "/a/0: must be a decimal integer from 0 to 2^256−1");
    EXPECT_EQ(encode_refusal("(uint8)", R"([null])"), "/a/0: must be an integer as a decimal string");
    EXPECT_EQ(encode_refusal("(bytes4)", R"(["0x00"])"), "/a/0: must have exactly 4 bytes");
    EXPECT_EQ(encode_refusal("(bool)", R"([1])"), "/a/0: must be true or false");
    EXPECT_EQ(encode_refusal("(uint8[2])", R"([["1"]])"), "/a/0: must have exactly 2 items");
    EXPECT_EQ(encode_refusal("(uint8 x,uint8 y)", R"({"x":"1"})"), "/a/y: must be given");
    EXPECT_EQ(encode_refusal("(uint8 x)", R"({"x":"1","z":"1"})"), "/a/z: is not a member of (uint8)");
    EXPECT_EQ(encode_refusal("(uint8,uint8)", R"({"x":"1"})"),
              "/a: must be an array: the tuple's members have no names of their own");
    EXPECT_EQ(encode_refusal("((uint8 x)[] list)", R"({"list":[{"x":"1"},{"x":true}]})"),
              "/a/list/1/x: must be an integer as a decimal string");
}

TEST(Abi, RefusesTypesThatAreNone) {
    for (const char* bad : {"",          "uint7",        "uint0",          "uint264",
                            "uint08",    "bytes0",       "bytes33",        "fixed128x18",
                            "uint8[0]",  "uint8[",       "uint8]",         "()",
                            "(uint8",    "uint8)",       "(uint8,)",       "address payable x",
                            "uint8[-1]", "uint8[65537]", "uint256[65536]", "uint8[1000][1000]",
                            "tuple",     "Uint8",        "uint 8",         "mapping"})
        EXPECT_THROW(parse_type(bad, "t"), Error) << bad;
    std::string deep = "uint8";
    for (std::size_t i = 0; i < max_type_depth; ++i) deep += "[]";
    EXPECT_NO_THROW(parse_type(deep, "t"));
    EXPECT_THROW(parse_type(deep + "[]", "t"), Error);
    EXPECT_THROW(parse_type(std::string(60000, '('), "t"), Error);
    for (const char* bad : {"f", "(uint8)", "1f()", "f() returns", "f() (uint8)", "f()) returns (uint8)",
                            "f() returns (uint8) x", "f() magic", "f(uint8 1x)"})
        EXPECT_THROW(Function::parse(bad, "f"), Error) << bad;
    for (const char* bad :
         {R"({})", R"([1])", R"([{"type":"function"}])", R"([{"type":"spell","name":"x"}])",
          R"([{"type":"function","name":"f","inputs":[{"name":"","type":"tuple"}]}])",
          R"([{"type":"function","name":"f","inputs":[{"name":"","type":"tuplex","components":[{"type":"bool"}]}]}])",
          R"([{"type":"event","name":"e","inputs":[1]}])", R"([{"type":"constructor"},{"type":"constructor"}])"})
        EXPECT_THROW(Interface::parse(json::parse(bad, "abi"), "abi"), Error) << bad;
}

// Each of these would make a lenient decoder read far more than it was given, or read one part twice.
TEST(Abi, OffsetsThatAreBombs) {
    const auto word = [](std::string_view end) { return std::string(64 - end.size(), '0') + std::string(end); };
    const auto rule = [](std::string_view type, const std::string& hex) {
        return refusal([&] { decode(parse_parameters(type, "t"), from_hex(hex).value(), "/r"); });
    };
    EXPECT_EQ(rule("(bytes)", word("20") + std::string(64, 'f')), "/r/0: has a length beyond the end of the bytes");
    EXPECT_EQ(rule("(uint8[])", word("20") + word("1000000")), "/r/0: has a length beyond the end of the bytes");
    EXPECT_EQ(rule("(bytes)", word("0")), "/r/0: must have its offset point behind the value before it");
    EXPECT_EQ(rule("(bytes)", word("40") + word("0") + word("0")),
              "/r/0: must have its offset point behind the value before it");
    EXPECT_EQ(rule("(bytes,bytes)", word("40") + word("40") + word("0")),
              "/r/1: must have its offset point behind the value before it");
    EXPECT_EQ(rule("(bytes[])", word("20") + word("2") + word("0") + word("0")),
              "/r/0/0: must have its offset point behind the value before it");
    EXPECT_EQ(rule("(bytes1)", word("1")), "/r/0: must be a clean bytes1");
    EXPECT_EQ(rule("(bool)", word("2")), "/r/0: must be a clean bool");
    EXPECT_EQ(rule("(int8)", word("ff")), "/r/0: must be a clean int8");
    EXPECT_EQ(rule("(address)", "01" + word("").substr(2)), "/r/0: must be a clean address");
    EXPECT_EQ(rule("(string)", word("20") + word("1") + "ff" + word("").substr(2)), "/r/0: must be UTF-8");
    EXPECT_EQ(rule("(bytes)", word("20") + word("1") + "ffff" + word("").substr(4)), "/r/0: must be padded by zeros");
    EXPECT_EQ(rule("(bool)", word("1") + word("1")), "/r: must have nothing after its last value");
}

RC_GTEST_PROP(AbiProperty, DecodedBytesEncodeToThemselves, ()) {
    static const Type type = parse_parameters("(bytes a,(uint16 x,string[] y)[] b,int24[2] c,bool d)", "t");
    json::Array tuples;
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i)
        tuples.push_back(
            {{"x", std::to_string(*rc::gen::inRange(0, 65536))}, {"y", json::Array(static_cast<std::size_t>(i), "é")}});
    const json::Value value = {{"a", to_0x(*rc::gen::arbitrary<Bytes>())},
                               {"b", tuples},
                               {"c", {std::to_string(*rc::gen::inRange(-8388608, 8388608)), "7"}},
                               {"d", *rc::gen::arbitrary<bool>()}};
    Bytes bytes = encode(type, value, "v");
    RC_ASSERT(json::canonical(decode(type, bytes, "v")) == json::canonical(value));
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] ^= *rc::gen::inRange<std::uint8_t>(1, 255);
    try {
        RC_ASSERT(encode(type, decode(type, bytes, "v"), "v") == bytes);
    } catch (const Error&) {
    }
}

}  // namespace
}  // namespace concordat::ledger::evm::abi
