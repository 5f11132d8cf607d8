#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <base/error.hpp>
#include <base/file.hpp>
#include <crypto/hash.hpp>
#include <crypto/jws.hpp>

#include "development.hpp"
#include "evidence.hpp"
#include "measurement.hpp"

namespace concordat::attest {
namespace {

using testing::HasSubstr;

struct EvidenceTest : testing::Test {
    SystemRandom random;
    ManualClock clock{1'700'000'000'000};
    Hash256 measurement = crypto::sha256("code");
    Hash256 data = crypto::sha256("data");
    DevelopmentProvider provider{crypto::PrivateKey::generate(crypto::Alg::es256k, random), measurement,
                                 "concordat-enclave", 3, clock};
    json::Value evidence = provider.make(data);

    void expect_refused(const json::Value& value, const std::string& field, const std::string& rule = "") {
        try {
            verify_evidence(value, "/evidence");
            ADD_FAILURE() << json::canonical(value);
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Code::bad_evidence);
            EXPECT_EQ(error.field(), field) << error.rule();
            EXPECT_THAT(error.rule(), HasSubstr(rule));
        }
    }
    // Evidence over another report, properly signed by `root`.
    json::Value signed_report(const json::Object& report, const crypto::PrivateKey& root,
                              std::string_view typ = development_typ) {
        json::Object out;
        out["kind"] = "development";
        out["report"] = crypto::sign_compact(bytes_of(json::canonical(report)), typ, root);
        out["root"] = root.public_key().jwk();
        return out;
    }
    json::Object report() {
        return json::parse(text_of(crypto::parse_compact(evidence.at("report").as_string(), "report").payload),
                           "report")
            .as_object();
    }
    Policy policy() {
        Policy out;
        out.evidence = {"development"};
        out.development_roots = {provider.root()};
        out.measurements = {measurement};
        out.minimum_svn = 3;
        return out;
    }
};

TEST_F(EvidenceTest, claims_what_was_made) {
    const Claims claims = verify_evidence(evidence, "/evidence");
    EXPECT_EQ(claims.kind, "development");
    EXPECT_EQ(claims.measurement, measurement);
    EXPECT_EQ(claims.product, "concordat-enclave");
    EXPECT_EQ(claims.svn, 3);
    EXPECT_EQ(claims.report_data, data);
    EXPECT_EQ(claims.root, provider.root());
    EXPECT_FALSE(claims.hardware);
    EXPECT_EQ(claims.issued, clock.now());
    const json::Value again = json::parse(json::canonical(evidence), "evidence");
    EXPECT_EQ(verify_evidence(again, "").report_data, data);
}

TEST_F(EvidenceTest, unknown_kind_is_named) {
    evidence.as_object()["kind"] = "sev-snp";
    expect_refused(evidence, "/evidence/kind", "sev-snp");
}

TEST_F(EvidenceTest, malformed_evidence_is_refused) {
    expect_refused(json::Value("x"), "/evidence");
    expect_refused(json::Object{}, "/evidence/kind");
    for (const char* member : {"report", "root"}) {
        json::Value without = evidence;
        without.as_object().erase(member);
        expect_refused(without, std::string("/evidence/") + member);
    }
    evidence.as_object()["more"] = 1;
    expect_refused(evidence, "/evidence/more");
}

TEST_F(EvidenceTest, another_root_does_not_vouch) {
    const auto other = crypto::PrivateKey::generate(crypto::Alg::es256k, random);
    evidence.as_object()["root"] = other.public_key().jwk();
    expect_refused(evidence, "/evidence/report");
    const auto p256 = crypto::PrivateKey::generate(crypto::Alg::es256, random);
    expect_refused(signed_report(report(), p256), "/evidence/root", "ES256K");
}

TEST_F(EvidenceTest, every_changed_character_of_the_report_is_refused) {
    const std::string original(evidence.at("report").as_string());
    for (std::size_t i = 0; i < original.size(); i += 7) {
        std::string changed = original;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        evidence.as_object()["report"] = changed;
        EXPECT_THROW(verify_evidence(evidence, ""), Error) << i;
    }
}

TEST_F(EvidenceTest, report_is_strict) {
    const auto root = crypto::PrivateKey::generate(crypto::Alg::es256k, random);
    EXPECT_NO_THROW(verify_evidence(signed_report(report(), root), ""));
    expect_refused(signed_report(report(), root, "concordat/other/1"), "/evidence/report", "typ");
    auto with = [&](const char* member, json::Value value) {
        json::Object changed = report();
        changed[member] = std::move(value);
        return signed_report(changed, root);
    };
    expect_refused(with("typ", "other"), "/evidence/report/typ");
    expect_refused(with("svn", -1), "/evidence/report/svn");
    expect_refused(with("issued", "yesterday"), "/evidence/report/issued");
    expect_refused(with("measurement", "sha256:00"), "/evidence/report/measurement");
    expect_refused(with("hardware", true), "/evidence/report/hardware");
    json::Object less = report();
    less.erase("report_data");
    expect_refused(signed_report(less, root), "/evidence/report/report_data");
}

TEST_F(EvidenceTest, policy_names_the_rule_that_fails) {
    const Claims claims = verify_evidence(evidence, "");
    EXPECT_NO_THROW(policy().require(claims, "concordat-enclave"));
    auto refused_by = [&](auto change, std::string_view product = "concordat-enclave") -> std::string {
        Policy changed = policy();
        change(changed);
        try {
            changed.require(claims, product);
        } catch (const Error& error) {
            return error.code() == Code::bad_evidence ? error.field() : "other code";
        }
        return "accepted";
    };
    const Hash256 other = crypto::sha256("other");
    EXPECT_EQ(refused_by([](Policy& p) { p.evidence = {"tdx"}; }), "evidence");
    EXPECT_EQ(refused_by([](Policy&) {}, "concordat-ledger"), "product");
    EXPECT_EQ(refused_by([&](Policy& p) { p.development_roots = {other}; }), "development_roots");
    EXPECT_EQ(refused_by([&](Policy& p) { p.measurements = {other}; }), "measurements");
    EXPECT_EQ(refused_by([](Policy& p) { p.measurements.clear(); }), "measurements");
    EXPECT_EQ(refused_by([](Policy& p) { p.minimum_svn = 4; }), "minimum_svn");
}

TEST_F(EvidenceTest, policy_document_round_trips_and_is_strict) {
    Policy two = policy();
    two.evidence.push_back("some-day");
    const json::Object document = two.to_json();
    EXPECT_EQ(json::canonical(Policy::parse(document, "/enclaves").to_json()), json::canonical(document));
    auto field_of = [&](auto change) -> std::string {
        json::Object changed = document;
        change(changed);
        try {
            Policy::parse(changed, "/enclaves");
        } catch (const Error& error) {
            return error.field();
        }
        return "accepted";
    };
    const json::Value root = document.at("development_roots").at(0);
    EXPECT_EQ(field_of([](auto& d) { d["evidence"] = json::Array{}; }), "/enclaves/evidence");
    EXPECT_EQ(field_of([](auto& d) { d["evidence"] = {"tdx", "tdx"}; }), "/enclaves/evidence/1");
    EXPECT_EQ(field_of([](auto& d) { d["evidence"] = json::Array{"TDX"}; }), "/enclaves/evidence/0");
    EXPECT_EQ(field_of([](auto& d) { d["development_roots"] = json::Array{}; }), "/enclaves/development_roots");
    EXPECT_EQ(field_of([](auto& d) { d.erase("development_roots"); }), "/enclaves/development_roots");
    EXPECT_EQ(field_of([](auto& d) { d["evidence"] = json::Array{"tdx"}; }), "/enclaves/development_roots");
    EXPECT_EQ(field_of([&](auto& d) { d["development_roots"] = {root, root}; }), "/enclaves/development_roots/1");
    EXPECT_EQ(field_of([](auto& d) { d["measurements"] = json::Array{}; }), "/enclaves/measurements");
    EXPECT_EQ(field_of([](auto& d) { d["measurements"] = json::Array{7}; }), "/enclaves/measurements/0");
    EXPECT_EQ(field_of([](auto& d) { d["minimum_svn"] = -1; }), "/enclaves/minimum_svn");
    EXPECT_EQ(field_of([](auto& d) { d.erase("minimum_svn"); }), "/enclaves/minimum_svn");
    EXPECT_EQ(field_of([](auto& d) { d["more"] = 1; }), "/enclaves/more");
    json::Object hardware_only = document;
    hardware_only["evidence"] = json::Array{"tdx"};
    hardware_only.erase("development_roots");
    EXPECT_NO_THROW(Policy::parse(hardware_only, ""));
}

TEST(Measurement, is_the_digest_of_the_running_program) {
    const Hash256 own = measure_self();
    EXPECT_EQ(own, measure_self());
    EXPECT_EQ(own, crypto::sha256(read_file(std::filesystem::read_symlink("/proc/self/exe"))));
}

}  // namespace
}  // namespace concordat::attest
