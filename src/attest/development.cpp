#include "development.hpp"

#include <base/error.hpp>
#include <crypto/jws.hpp>

namespace concordat::attest {

DevelopmentProvider::DevelopmentProvider(crypto::PrivateKey root, const Hash256& measurement, std::string product,
                                         std::int64_t svn, Clock& clock)
    : root_(std::move(root)), measurement_(measurement), product_(std::move(product)), svn_(svn), clock_(clock) {
    if (root_.public_key().alg() != crypto::Alg::es256k) panic("a development attestation root is an ES256K key");
}

json::Value DevelopmentProvider::make(const Hash256& report_data) {
    json::Object report;
    report["typ"] = development_typ;
    report["product"] = product_;
    report["measurement"] = measurement_.text();
    report["svn"] = svn_;
    report["report_data"] = report_data.text();
    report["issued"] = format_time(clock_.now());
    json::Object evidence;
    evidence["kind"] = development_kind;
    evidence["report"] = crypto::sign_compact(bytes_of(json::canonical(report)), development_typ, root_);
    evidence["root"] = root_.public_key().jwk();
    return evidence;
}

namespace {

Claims read_report(ByteView payload, const std::string& path) {
    const json::Value report = json::parse(text_of(payload), path);
    json::Reader in(report, path);
    Claims claims;
    in.expect("typ", development_typ);
    claims.kind = development_kind;
    claims.product = in.string("product", 128);
    claims.measurement = in.hash("measurement");
    claims.svn = in.integer("svn");
    claims.report_data = in.hash("report_data");
    claims.issued = parse_time(in.string("issued"), in.at("issued"));
    in.finish();
    return claims;
}

}  // namespace

Claims verify_development(const json::Value& evidence, const std::string& path) {
    json::Reader in(evidence, path);
    in.expect("kind", development_kind);
    const auto root = crypto::PublicKey::from_jwk(in.any("root"), in.at("root"));
    if (root.alg() != crypto::Alg::es256k) in.fail("root", "must be an ES256K key");
    const std::string_view text = in.string("report");
    const crypto::Jws report = crypto::parse_compact(text, in.at("report"));
    in.finish();
    if (report.header.typ != development_typ) in.fail("report", "must have typ " + std::string(development_typ));
    report.verify(root, in.at("report"));
    Claims claims = read_report(report.payload, in.at("report"));
    claims.root = root.thumbprint();
    claims.hardware = false;
    return claims;
}

}  // namespace concordat::attest
