#include "disclosure.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <base/clock.hpp>

namespace concordat::schema {
namespace {

json::Value value_of(std::string_view text) { return json::parse(text, "test"); }

const Schema& trade() {
    static const Schema schema = Schema::compile(value_of(R"({"type":"object","properties":{
        "symbol":{"type":"string"},
        "price":{"type":"string","x-confidential":["seller","buyer"]},
        "terms":{"type":"object","properties":{"open":{"type":"integer"},
            "secret":{"type":"object","properties":{"limit":{"type":"integer"},"notes":{"type":"array","items":{"type":"string"}}},
                      "x-confidential":["buyer"]},
            "other":{"type":"string","x-confidential":["buyer"]}}}},"required":["symbol"]})"),
                                                 "s");
    return schema;
}

const char* const full =
    R"({"symbol":"MSFT","price":"29.50","terms":{"open":1,"secret":{"limit":77001,"notes":["hush"]},"other":"o"}})";

SaltSource counting_salt() {
    return [n = std::uint8_t{0}](const std::vector<std::string>&) mutable {
        Salt salt{};
        salt[15] = ++n;
        return salt;
    };
}

std::vector<std::string> texts(const Redaction& redaction) {
    std::vector<std::string> out;
    for (const auto& disclosure : redaction.disclosures) out.push_back(disclosure.text);
    return out;
}

template <class Call>
void refuses(Call call, std::string_view field, Code code = Code::bad_format) {
    try {
        call();
        ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.field(), field) << error.what();
        EXPECT_EQ(error.code(), code) << error.what();
    }
}

std::string disclosure_of(std::string_view json_text) { return to_base64url(bytes_of(json_text)); }

TEST(Disclosure, DigestsAsRfc9901Does) {
    // RFC 9901, section 4.2.3.
    const std::string text = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0";
    EXPECT_EQ(digest_text(text), "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0");
    refuses([&] { parse_disclosure(text, "f"); }, "f");  // its salt has another size than ours
}

TEST(Disclosure, RedactsAndRestores) {
    const auto plain = value_of(full);
    const auto redaction = redact(trade(), plain, counting_salt());
    ASSERT_EQ(redaction.disclosures.size(), 3u);
    EXPECT_EQ(redaction.disclosures[0].name, "price");
    EXPECT_EQ(redaction.disclosures[0].audience, "buyer+seller");
    EXPECT_EQ(redaction.disclosures[2].path, (std::vector<std::string>{"terms", "secret"}));
    const auto text = json::canonical(redaction.value);
    for (const char* hidden : {"29.50", "77001", "hush", "price", "secret"})
        EXPECT_EQ(text.find(hidden), std::string::npos) << text;
    EXPECT_EQ(redaction.value.at("_sd").as_array().size(), 1u);
    EXPECT_EQ(redaction.value.at("terms").at("_sd").as_array().size(), 2u);
    EXPECT_EQ(redaction.value.at("_sd").as_array()[0].as_string(), digest_text(redaction.disclosures[0].text));
    EXPECT_EQ(json::canonical(restore(trade(), redaction.value, texts(redaction))), json::canonical(plain));
}

TEST(Disclosure, FixedBytes) {
    const auto redaction = redact(trade(), value_of(R"({"symbol":"X","price":"1"})"), counting_salt());
    EXPECT_EQ(text_of(*from_base64url(redaction.disclosures[0].text)), R"(["AAAAAAAAAAAAAAAAAAAAAQ","price","1"])");
}

TEST(Disclosure, NothingConfidentialMeansNoDigests) {
    const auto redaction = redact(trade(), value_of(R"({"symbol":"X"})"), counting_salt());
    EXPECT_EQ(json::canonical(redaction.value), R"({"symbol":"X"})");
    EXPECT_TRUE(redaction.disclosures.empty());
}

TEST(Disclosure, RedactValidatesFirst) {
    refuses([] { redact(trade(), value_of(R"({"symbol":"X","extra":1})"), counting_salt(), "v"); }, "v/extra",
            Code::schema_mismatch);
    refuses([] { redact(trade(), value_of(R"({"symbol":"X","_sd":[]})"), counting_salt(), "v"); }, "v/_sd",
            Code::schema_mismatch);
}

TEST(Disclosure, RestoreNeedsEachExactlyOnceAtItsPlace) {
    const auto redaction = redact(trade(), value_of(full), counting_salt());
    auto all = texts(redaction);
    const auto with = [&](std::vector<std::string> list) {
        return [&, list] { restore(trade(), redaction.value, list, "v"); };
    };
    refuses(with({all[0], all[1]}), "v/terms/_sd");
    refuses(with({all[1], all[2]}), "v/_sd");
    refuses(with({all[0], all[1], all[2], all[2]}), "/disclosures/3");
    const auto stray = disclosure_of(R"(["AAAAAAAAAAAAAAAAAAAAAQ","price","2"])");
    refuses(with({all[0], all[1], all[2], stray}), "/disclosures/3");
}

TEST(Disclosure, RestoreRefusesSmuggledDigestsAndNames) {
    const auto price = disclosure_of(R"(["AAAAAAAAAAAAAAAAAAAAAQ","price","1"])");
    const auto again = disclosure_of(R"(["AAAAAAAAAAAAAAAAAAAAAg","price","2"])");
    const auto symbol = disclosure_of(R"(["AAAAAAAAAAAAAAAAAAAAAQ","symbol","Y"])");
    const auto nested = disclosure_of(R"(["AAAAAAAAAAAAAAAAAAAAAQ","price",{"_sd":[]}])");
    const auto document = [](const std::string& members) { return value_of(R"({"symbol":"X",)" + members + "}"); };
    const auto run = [&](json::Value value, std::vector<std::string> list) {
        return [value, list] { restore(trade(), value, list, "v"); };
    };
    const auto sd = [](std::vector<std::string> list) {
        std::sort(list.begin(), list.end());
        std::string out = "\"_sd\":[";
        for (std::size_t i = 0; i < list.size(); ++i) out += (i ? ",\"" : "\"") + list[i] + "\"";
        return out + "]";
    };
    EXPECT_NO_THROW(run(document(sd({digest_text(price)})), {price})());
    refuses(run(document(R"("price":"1")"), {}), "v/price");
    refuses(run(document(sd({digest_text(symbol)})), {symbol}), "/disclosures/0");
    refuses(run(document(sd({digest_text(nested)})), {nested}), "/disclosures/0");
    EXPECT_THROW(run(document(sd({digest_text(price), digest_text(again)})), {price, again})(), Error);
    refuses(run(document(R"("_sd":[])"), {}), "v/_sd");
    refuses(run(document(R"("_sd":"x")"), {}), "v/_sd");
    refuses(run(document(R"("_sd":[1])"), {}), "v/_sd");
    refuses(run(document(R"("_sd":["AAAA"])"), {}), "v/_sd");
    refuses(run(document("\"_sd\":[\"" + digest_text(price) + "\",\"" + digest_text(price) + "\"]"), {price}), "v/_sd");
    refuses(run(document("\"terms\":{" + sd({digest_text(price)}) + "}"), {price}), "/disclosures/0");
    refuses(run(document(R"("...":1)"), {}), "v/...");
    refuses(run(value_of("[]"), {}), "v", Code::schema_mismatch);
    const auto wrong_type = disclosure_of(R"(["AAAAAAAAAAAAAAAAAAAAAQ","price",5])");
    refuses(run(document(sd({digest_text(wrong_type)})), {wrong_type}), "v/price", Code::schema_mismatch);
}

TEST(Disclosure, RevealPutsInWhatIsHeldAndLeavesTheRest) {
    const auto redaction = redact(trade(), value_of(full), counting_salt());
    const auto all = texts(redaction);
    const auto some = reveal(redaction.value, std::vector{all[1]});
    EXPECT_EQ(some.at("terms").at("other").as_string(), "o");
    EXPECT_EQ(some.at("terms").at("_sd").as_array().size(), 1u);
    EXPECT_EQ(some.at("_sd").as_array().size(), 1u);
    EXPECT_EQ(json::canonical(reveal(redaction.value, all)), json::canonical(value_of(full)));
    EXPECT_EQ(json::canonical(reveal(redaction.value, {})), json::canonical(redaction.value));
    const auto stray = disclosure_of(R"(["AAAAAAAAAAAAAAAAAAAAAQ","price","2"])");
    refuses([&] { reveal(redaction.value, std::vector{all[0], stray}); }, "/disclosures/1");
    const auto clash = disclosure_of(R"(["AAAAAAAAAAAAAAAAAAAAAQ","symbol","2"])");
    const auto document = value_of(R"({"symbol":"X","_sd":[")" + digest_text(clash) + "\"]}");
    refuses([&] { reveal(document, std::vector{clash}); }, "/disclosures/0");
    const auto twice =
        value_of(R"({"a":{"_sd":[")" + digest_text(clash) + R"("]},"b":{"_sd":[")" + digest_text(clash) + "\"]}}");
    refuses([&] { reveal(twice, std::vector{clash}); }, "/disclosures/0");
}

TEST(Disclosure, ParserRefusesHostileTexts) {
    for (const char* text : {"", "=", "!!!!"}) EXPECT_THROW(parse_disclosure(text, "f"), Error) << text;
    for (const char* content :
         {"[]", "{}", R"(["AAAAAAAAAAAAAAAAAAAAAQ","a"])", R"(["AAAAAAAAAAAAAAAAAAAAAQ","a",1,2])", R"([1,"a",1])",
          R"(["AAAAAAAAAAAAAAAAAAAAAQ",1,1])", R"(["AAAA","a",1])", R"(["AAAAAAAAAAAAAAAAAAAAAQ","_sd",1])",
          R"(["AAAAAAAAAAAAAAAAAAAAAQ","...",1])", R"(["AAAAAAAAAAAAAAAAAAAAAQ","",1])",
          R"(["AAAAAAAAAAAAAAAAAAAAAQ","a",{"b":1,"b":2}])", R"(["AAAAAAAAAAAAAAAAAAAAAQ","a",[{"...":1}]])",
          R"(["AAAAAAAAAAAAAAAAAAAAAQ","a",1.5])"})
        EXPECT_THROW(parse_disclosure(disclosure_of(content), "f"), Error) << content;
    refuses([] { parse_disclosure(std::string(max_disclosure_bytes + 1, 'A'), "f"); }, "f", Code::too_large);
}

TEST(Disclosure, RestoreOfRedactIsTheSame) {
    EXPECT_TRUE(rc::check("restore(redact(x)) == x, and redacted holds nothing confidential", [] {
        const auto word = rc::gen::container<std::string>(rc::gen::inRange('a', 'z'));
        json::Object terms, value{{"symbol", "S"}};
        std::vector<std::string> hidden;
        const auto hide = [&](std::string text) {
            hidden.push_back("hidden-" + text + "-end");
            return hidden.back();
        };
        if (*rc::gen::arbitrary<bool>()) value["price"] = hide(*word);
        if (*rc::gen::arbitrary<bool>()) terms["open"] = *rc::gen::inRange(-1000, 1000);
        if (*rc::gen::arbitrary<bool>()) terms["other"] = hide(*word);
        if (*rc::gen::arbitrary<bool>()) {
            json::Array notes;
            for (const auto& note : *rc::gen::container<std::vector<std::string>>(word)) notes.emplace_back(hide(note));
            terms["secret"] = json::Object{{"limit", *rc::gen::inRange(0, 9)}, {"notes", notes}};
        }
        if (*rc::gen::arbitrary<bool>()) value["terms"] = terms;
        const json::Value plain(value);
        const auto redaction = redact(trade(), plain, counting_salt());
        const auto text = json::canonical(redaction.value);
        for (const auto& secret : value.contains("terms") || hidden.empty() ? hidden : std::vector{hidden.front()})
            RC_ASSERT(text.find(secret) == std::string::npos);
        auto list = texts(redaction);
        std::reverse(list.begin(), list.end());
        const auto received = json::parse(text, "redacted");
        RC_ASSERT(json::canonical(restore(trade(), received, list)) == json::canonical(plain));
        RC_ASSERT(json::canonical(reveal(received, list)) == json::canonical(plain));
    }));
}

TEST(Disclosure, Speed) {
    const auto plain = value_of(full);
    constexpr int rounds = 5000;
    auto started = monotonic_ns();
    for (int i = 0; i < rounds; ++i) redact(trade(), plain, counting_salt());
    const auto redact_ns = (monotonic_ns() - started) / rounds;
    const auto redaction = redact(trade(), plain, counting_salt());
    const auto all = texts(redaction);
    started = monotonic_ns();
    for (int i = 0; i < rounds; ++i) restore(trade(), redaction.value, all);
    const auto restore_ns = (monotonic_ns() - started) / rounds;
    std::printf("3 confidential fields: redact %lld ns, restore %lld ns\n", static_cast<long long>(redact_ns),
                static_cast<long long>(restore_ns));
    EXPECT_LT(redact_ns, 1'000'000);
}

}  // namespace
}  // namespace concordat::schema
