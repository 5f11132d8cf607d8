#include <algorithm>
#include <base/error.hpp>

#include "development.hpp"
#include "evidence.hpp"

namespace concordat::attest {
namespace {

constexpr std::size_t max_kinds = 16, max_hashes = 256;

template <class T>
bool contains(const std::vector<T>& all, const T& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

template <class T>
void add_once(std::vector<T>& all, T one, const std::string& path) {
    if (contains(all, one)) throw Error(Code::bad_format, path, "is listed twice");
    all.push_back(std::move(one));
}

bool is_kind(std::string_view text) {
    const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), allowed);
}

std::vector<std::string> read_kinds(json::Reader& in) {
    std::vector<std::string> kinds;
    for (const auto& item : in.array("evidence", max_kinds)) {
        const std::string path = in.at("evidence") + "/" + std::to_string(kinds.size());
        if (!item.is_string() || !is_kind(item.get_string()))
            throw Error(Code::bad_format, path, "must be 1 to 64 of a-z, 0-9 and '-'");
        add_once(kinds, std::string(item.get_string()), path);
    }
    if (kinds.empty()) in.fail("evidence", "must list at least one kind");
    return kinds;
}

std::vector<Hash256> read_hashes(json::Reader& in, std::string_view name) {
    std::vector<Hash256> hashes;
    for (const auto& item : in.array(name, max_hashes)) {
        const std::string path = in.at(name) + "/" + std::to_string(hashes.size());
        if (!item.is_string()) throw Error(Code::bad_format, path, "must be a digest");
        add_once(hashes, Hash256::parse(item.get_string(), path), path);
    }
    return hashes;
}

json::Array texts(const std::vector<Hash256>& hashes) {
    json::Array out;
    for (const auto& hash : hashes) out.emplace_back(hash.text());
    return out;
}

[[noreturn]] void refuse(const char* member, std::string rule) {
    throw Error(Code::bad_evidence, member, std::move(rule));
}

}  // namespace

Policy Policy::parse(const json::Value& value, std::string path) {
    json::Reader in(value, std::move(path));
    Policy policy;
    policy.evidence = read_kinds(in);
    const bool development = contains(policy.evidence, std::string(development_kind));
    if (in.find("development_roots")) policy.development_roots = read_hashes(in, "development_roots");
    if (development == policy.development_roots.empty())
        in.fail("development_roots", development ? "must list a root, as development evidence is listed"
                                                 : "must be absent or empty unless development evidence is listed");
    policy.measurements = read_hashes(in, "measurements");
    if (policy.measurements.empty()) in.fail("measurements", "must list at least one");
    policy.minimum_svn = in.integer("minimum_svn");
    in.finish();
    return policy;
}

json::Object Policy::to_json() const {
    json::Object out;
    json::Array kinds;
    for (const auto& kind : evidence) kinds.emplace_back(kind);
    out["evidence"] = std::move(kinds);
    out["development_roots"] = texts(development_roots);
    out["measurements"] = texts(measurements);
    out["minimum_svn"] = minimum_svn;
    return out;
}

void Policy::require(const Claims& claims, std::string_view product) const {
    if (!contains(evidence, claims.kind)) refuse("evidence", "does not list the kind " + claims.kind);
    if (claims.product != product)
        refuse("product", "must be " + std::string(product) + ", the evidence is for " + claims.product);
    if (claims.kind == development_kind && !contains(development_roots, claims.root))
        refuse("development_roots", "does not list " + claims.root.text());
    if (!contains(measurements, claims.measurement))
        refuse("measurements", "does not list " + claims.measurement.text());
    if (claims.svn < minimum_svn)
        refuse("minimum_svn", "is " + std::to_string(minimum_svn) + ", the evidence has " + std::to_string(claims.svn));
}

}  // namespace concordat::attest
