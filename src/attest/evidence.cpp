#include "evidence.hpp"

#include <array>
#include <base/error.hpp>

#include "development.hpp"

namespace concordat::attest {
namespace {

struct Technology {
    std::string_view kind;
    Claims (*verify)(const json::Value& evidence, const std::string& path);
};

constexpr std::array technologies = {Technology{development_kind, verify_development}};

Claims verify_kind(const json::Value& evidence, const std::string& path) {
    json::Reader in(evidence, path);
    const std::string_view kind = in.string("kind", 64);
    for (const Technology& technology : technologies)
        if (technology.kind == kind) return technology.verify(evidence, path);
    in.fail("kind", "is " + std::string(kind) + ", which this build cannot check");
}

}  // namespace

Claims verify_evidence(const json::Value& evidence, std::string_view field) {
    try {
        return verify_kind(evidence, std::string(field));
    } catch (const Error& error) {
        throw Error(Code::bad_evidence, error.field(), error.rule());
    }
}

}  // namespace concordat::attest
