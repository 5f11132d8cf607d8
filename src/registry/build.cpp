#include "build.hpp"

#include <algorithm>
#include <base/file.hpp>
#include <cctype>
#include <crypto/hash.hpp>
#include <cstdlib>
#include <set>
#include <sstream>

#include "command.hpp"

namespace concordat::registry {
namespace {

namespace fs = std::filesystem;

using Files = std::map<std::string, Bytes>;

void write_files(const fs::path& folder, const Files& files) {
    for (const auto& [path, content] : files) {
        fs::create_directories((folder / path).parent_path());
        write_file_atomic(folder / path, content);
    }
}

Files read_sdk(const fs::path& sdk) {
    Files files;
    for (const auto& entry : fs::recursive_directory_iterator(sdk / "include")) {
        if (!entry.is_regular_file() || entry.path().extension() != ".hpp") continue;
        if (files.size() >= 256) throw Error(Code::too_large, sdk.string(), "at most 256 files in the SDK");
        files.emplace(fs::relative(entry.path(), sdk).generic_string(), read_file(entry.path(), max_source_file_bytes));
    }
    files.emplace("shim.cpp", read_file(sdk / "shim.cpp", max_source_file_bytes));
    return files;
}

std::vector<std::string> read_flags(const fs::path& sdk) {
    std::istringstream in(read_text_file(sdk / "flags.txt", 65536));
    std::vector<std::string> flags;
    for (std::string line; std::getline(in, line);) {
        if (!line.empty() && line[0] != '#') flags.push_back(line);
    }
    return flags;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

json::Object digests_of(const Files& files) {
    json::Object out;
    for (const auto& [path, content] : files) out[path] = crypto::sha256(content).text();
    return out;
}

// Makefile syntax, as the compiler writes with -M: "x: a b \<newline> c", a space inside a path as "\ ".
std::vector<std::string> dependency_paths(const std::string& rule) {
    std::vector<std::string> paths;
    std::string path;
    for (std::size_t i = rule.find(':') + 1; i <= rule.size(); ++i) {
        const char c = i < rule.size() ? rule[i] : '\n';
        if (c == '\\' && i + 1 < rule.size() && rule[i + 1] != '\n') {
            path += rule[++i];
        } else if (c == '\\' || std::isspace(static_cast<unsigned char>(c)) != 0) {
            if (!path.empty()) paths.push_back(std::exchange(path, {}));
        } else {
            path += c;
        }
    }
    return paths;
}

class Compilation {
  public:
    Compilation(const Source& source, const Toolchain& toolchain)
        : source_(source), toolchain_(toolchain), sdk_(read_sdk(toolchain.sdk)), flags_(read_flags(toolchain.sdk)) {
        root_ = scratch_.path() / "work";
        fs::create_directories(root_ / "out");
        fs::create_directories(scratch_.path() / "tmp");
        write_files(root_ / "src", source.logic);
        write_files(root_ / "sdk", sdk_);
        for (const auto& [path, content] : source.logic) {
            if (fs::path(path).extension() == ".cpp") units_.push_back(path);
        }
    }

    Bytes module() {
        check_includes();
        std::vector<std::string> command = base_command();
        command.push_back("../sdk/shim.cpp");
        command.insert(command.end(), units_.begin(), units_.end());
        command.insert(command.end(), {"-o", "../out/module.wasm"});
        run(command);
        return read_file(root_ / "out" / "module.wasm", std::size_t{16} << 20);
    }

    // After module(): it has found the system headers.
    std::string provenance() {
        Files sources = source_.logic;
        sources.insert(source_.texts.begin(), source_.texts.end());
        json::Array flags;
        for (const std::string& flag : flags_) flags.emplace_back(flag);
        return json::canonical(json::Object{{"typ", "concordat/provenance/1"},
                                            {"language", source_.language},
                                            {"sources", digests_of(sources)},
                                            {"sdk", digests_of(sdk_)},
                                            {"flags", std::move(flags)},
                                            {"toolchain", toolchain_description()}});
    }

  private:
    std::vector<std::string> base_command() const {
        std::vector<std::string> command{toolchain_.compiler};
        command.insert(command.end(), flags_.begin(), flags_.end());
        command.insert(command.end(),
                       {"-I../sdk/include", "-I.", "-fno-color-diagnostics", "-Wno-unused-command-line-argument"});
        return command;
    }

    CommandResult tool(const std::vector<std::string>& command) {
        return run_command(command, root_ / "src", scratch_.path() / "tmp", compile_timeout_seconds);
    }

    std::string run(const std::vector<std::string>& command) {
        const CommandResult result = tool(command);
        if (result.status != 0) {
            throw Error(Code::bad_module, "logic",
                        result.err.empty() ? "the compiler ended with status " + std::to_string(result.status)
                                           : "does not compile:\n" + result.err);
        }
        return result.out;
    }

    // A file from outside would make the package depend on one machine (and show that file's lines in error messages).
    void check_includes() {
        std::vector<std::string> all = units_;
        all.push_back("../sdk/shim.cpp");
        for (const std::string& unit : all) {
            std::vector<std::string> command = base_command();
            std::erase_if(command, [](const std::string& flag) {  // only the linker takes these
                return flag.starts_with("-Wl,") || flag.starts_with("-mexec-model=");
            });
            command.insert(command.end(), {"-M", "-MT", "x", unit});
            for (const std::string& path : dependency_paths(run(command))) take_dependency(path, unit);
        }
    }

    void take_dependency(const std::string& path, const std::string& unit) {
        const std::string plain = fs::path(path).lexically_normal().generic_string();
        if (source_.logic.contains(plain)) return;
        if (plain.starts_with("../sdk/") && sdk_.contains(plain.substr(7))) return;
        if (is_system(plain)) {
            system_headers_.insert(plain);
            return;
        }
        throw Error(Code::bad_module, "logic",
                    unit + " includes " + path + ", which is neither in the package nor part of the SDK");
    }

    bool is_system(const std::string& path) {
        if (system_roots_.empty()) {
            system_roots_ = {"/usr/include/wasm32-wasi/", "/usr/include/c++/", "/usr/lib/llvm-"};
            system_roots_.push_back(
                first_line(tool({toolchain_.compiler, "-no-canonical-prefixes", "-print-resource-dir"}).out) +
                "/include/");
        }
        return std::ranges::any_of(system_roots_, [&](const std::string& root) { return path.starts_with(root); });
    }

    json::Object toolchain_description() {
        std::string headers;
        for (const std::string& path : system_headers_) {
            headers += path + " " + crypto::sha256(read_file(path)).hex() + "\n";
        }
        json::Object libraries;
        for (const char* name :
             {"crt1-reactor.o", "libc.a", "libc++.a", "libc++abi.a", "libclang_rt.builtins-wasm32.a"}) {
            const std::string path = first_line(
                tool({toolchain_.compiler, "--target=wasm32-wasi", std::string("-print-file-name=") + name}).out);
            if (path != name && fs::is_regular_file(path)) libraries[name] = crypto::sha256(read_file(path)).text();
        }
        const std::string linker =
            first_line(tool({toolchain_.compiler, "--target=wasm32-wasi", "-print-prog-name=wasm-ld"}).out);
        return {{"compiler", first_line(tool({toolchain_.compiler, "--version"}).out)},
                {"linker", first_line(tool({linker, "--version"}).out)},
                {"headers", crypto::sha256(headers).text()},
                {"libraries", std::move(libraries)}};
    }

    const Source& source_;
    const Toolchain& toolchain_;
    ScratchFolder scratch_;
    fs::path root_;
    Files sdk_;
    std::vector<std::string> flags_, units_, system_roots_;
    std::set<std::string> system_headers_;
};

fs::path executable_folder() {
    std::error_code failed;
    return fs::read_symlink("/proc/self/exe", failed).parent_path();
}

void compare_blob(std::vector<Difference>& out, const std::string& what, const Bytes& left, const Bytes& right) {
    if (left == right) return;
    std::vector<Difference> inside;
    if (what != "module") {
        inside =
            json_differences(json::parse(text_of(left), what, {.bytes = std::size_t{4} << 20, .depth = 64}),
                             json::parse(text_of(right), what, {.bytes = std::size_t{4} << 20, .depth = 64}), what);
    }
    if (inside.empty()) inside.push_back({what, crypto::sha256(left).text(), crypto::sha256(right).text()});
    out.insert(out.end(), inside.begin(), inside.end());
}

void compare_values(std::vector<Difference>& out, const json::Value* left, const json::Value* right,
                    const std::string& path) {
    constexpr std::size_t most = 64;
    if (out.size() >= most || (left != nullptr && right != nullptr && *left == *right)) return;
    if (left != nullptr && right != nullptr && left->is_object() && right->is_object()) {
        std::set<std::string> keys;
        for (const auto& member : left->get_object()) keys.emplace(member.key());
        for (const auto& member : right->get_object()) keys.emplace(member.key());
        for (const std::string& key : keys) {
            compare_values(out, left->get_object().if_contains(key), right->get_object().if_contains(key),
                           path + "/" + key);
        }
        return;
    }
    out.push_back(
        {path, left == nullptr ? "" : json::canonical(*left), right == nullptr ? "" : json::canonical(*right)});
}

}  // namespace

Toolchain Toolchain::find() {
    std::vector<fs::path> places;
    if (const char* given = std::getenv("CONCORDAT_SDK"); given != nullptr && *given != '\0') {
        places.emplace_back(given);
    } else {
        const fs::path here = executable_folder();
        places = {here / "../../sdk/cryptlet/cpp", here / "../../../sdk/cryptlet/cpp",
                  here / "../share/concordat/sdk/cryptlet/cpp"};
    }
    for (const fs::path& place : places) {
        if (fs::is_regular_file(place / "flags.txt")) return {.sdk = fs::canonical(place)};
    }
    throw Error(Code::not_found, "CONCORDAT_SDK", "must name the folder of the C++ SDK (sdk/cryptlet/cpp)");
}

contract::Package build_package(const fs::path& folder, const Toolchain& toolchain,
                                const enclave::runtime::Engine& engine) {
    return build_package(read_source(folder), toolchain, engine);
}

contract::Package build_package(const Source& source, const Toolchain& toolchain,
                                const enclave::runtime::Engine& engine) {
    Compilation compilation(source, toolchain);
    Bytes module = compilation.module();
    engine.compile(module);  // throws what a node would: imports, exports, memory
    Bytes config = to_bytes(bytes_of(source.config));
    Bytes provenance = to_bytes(bytes_of(compilation.provenance()));
    Bytes manifest = contract::Manifest::write(config, module, provenance);
    return contract::Package::check(std::move(manifest), std::move(config), std::move(module), std::move(provenance));
}

std::vector<Difference> json_differences(const json::Value& left, const json::Value& right, const std::string& path) {
    std::vector<Difference> out;
    compare_values(out, &left, &right, path);
    return out;
}

std::vector<Difference> verify_from_source(const contract::Package& package, const fs::path& folder,
                                           const Toolchain& toolchain, const enclave::runtime::Engine& engine) {
    const contract::Package rebuilt = build_package(folder, toolchain, engine);
    std::vector<Difference> out;
    if (rebuilt.id() == package.id()) return out;
    compare_blob(out, "config", package.config, rebuilt.config);
    compare_blob(out, "module", package.module, rebuilt.module);
    compare_blob(out, "provenance", package.provenance, rebuilt.provenance);
    if (out.empty()) out.push_back({"manifest", package.id().text(), rebuilt.id().text()});
    return out;
}

}  // namespace concordat::registry
