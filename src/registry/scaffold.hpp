// `package new`: a small complete contract that builds and passes its own scenario.
#pragma once
#include <filesystem>
#include <string>

namespace concordat::registry {

// Writes <parent>/<name>/ and returns it. Throws Error(bad_format) for a name that is none, Error(conflict) when the
// folder exists already; writes nothing then.
std::filesystem::path scaffold_package(const std::filesystem::path& parent, const std::string& name);

}  // namespace concordat::registry
