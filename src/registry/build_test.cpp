#include "build.hpp"

#include <gtest/gtest.h>

#include <base/file.hpp>

#include "archive.hpp"
#include "command.hpp"
#include "scaffold.hpp"
#include "scenario.hpp"
#include "store.hpp"

namespace concordat::registry {
namespace {

namespace fs = std::filesystem;

const enclave::runtime::Engine& engine() {
    static const enclave::runtime::Engine one;  // one per process
    return one;
}

Toolchain toolchain() { return {.sdk = fs::path(CONCORDAT_SOURCE_DIR) / "sdk/cryptlet/cpp"}; }

class BuildTest : public testing::Test {
  protected:
    // Compiling takes seconds, so the untouched package is compiled once for all tests.
    static const contract::Package& order() {
        static const contract::Package package = [] {
            const ScratchFolder scratch;
            return build_package(scaffold_package(scratch.path(), "order"), toolchain(), engine());
        }();
        return package;
    }

    void replace_logic(const fs::path& folder, std::string_view text) {
        write_file_atomic(folder / "logic.cpp", bytes_of(text));
    }

    Error build_refused(std::string_view logic) {
        const fs::path folder = scaffold_package(scratch_.path(), "refused" + std::to_string(++count_));
        replace_logic(folder, logic);
        try {
            build_package(folder, toolchain(), engine());
        } catch (const Error& error) {
            return error;
        }
        ADD_FAILURE() << "accepted: " << logic;
        return {Code::internal, "", ""};
    }

    ScratchFolder scratch_;
    int count_ = 0;
};

TEST_F(BuildTest, TheSameSourcesGiveTheSameIdWhereverTheyLie) {
    const fs::path deep = scratch_.path() / "some" / "other" / "place";
    EXPECT_TRUE(verify_from_source(order(), scaffold_package(deep, "order"), toolchain(), engine()).empty());
}

TEST_F(BuildTest, NothingOfTheMachineIsInThePackage) {
    for (const Bytes* blob : {&order().config, &order().module, &order().provenance}) {
        EXPECT_EQ(text_of(*blob).find(fs::temp_directory_path().string() + "/"), std::string_view::npos);
        EXPECT_EQ(text_of(*blob).find(CONCORDAT_SOURCE_DIR), std::string_view::npos);
    }
    const json::Value provenance = json::parse(text_of(order().provenance), "provenance");
    EXPECT_TRUE(provenance.at("sources").as_object().contains("logic.cpp"));
    EXPECT_TRUE(provenance.at("sources").as_object().contains("schemas/state.json"));
    EXPECT_TRUE(provenance.at("sdk").as_object().contains("include/concordat/contract.hpp"));
    EXPECT_TRUE(provenance.at("toolchain").at("libraries").as_object().contains("libc.a"));
    EXPECT_NE(provenance.at("toolchain").at("compiler").as_string().find("clang"), std::string::npos);
}

TEST_F(BuildTest, VerifyNamesWhatDiffers) {
    const fs::path folder = scaffold_package(scratch_.path(), "order");
    std::string logic = read_text_file(folder / "logic.cpp");
    logic.replace(logic.find("delivered <= ordered"), 20, "delivered <  ordered");
    replace_logic(folder, logic);
    std::set<std::string> what;
    for (const Difference& one : verify_from_source(order(), folder, toolchain(), engine())) what.insert(one.what);
    EXPECT_EQ(what, (std::set<std::string>{"module", "provenance/sources/logic.cpp"}));
}

TEST_F(BuildTest, CompilerErrorsShowTheUsersFileAndLine) {
    const Error error = build_refused("#include <concordat/contract.hpp>\nint x = \"text\";\n");
    EXPECT_EQ(error.code(), Code::bad_module);
    EXPECT_NE(error.rule().find("\nlogic.cpp:2:"), std::string::npos) << error.rule();
    EXPECT_EQ(error.rule().find(fs::temp_directory_path().string() + "/"), std::string::npos) << error.rule();
}

TEST_F(BuildTest, RefusesIncludesFromOutside) {
    write_file_atomic(scratch_.path() / "secret.hpp", bytes_of("int secret = 1;\n"));
    const std::string absolute = (scratch_.path() / "secret.hpp").string();
    for (const std::string& path : {absolute, std::string("/usr/include/stdio.h"), std::string("/etc/hostname")}) {
        const Error error = build_refused("#include \"" + path + "\"\nint main() {}\n");
        EXPECT_EQ(error.code(), Code::bad_module) << path;
        EXPECT_EQ(error.rule().find("secret = 1"), std::string::npos);
    }
}

TEST_F(BuildTest, RefusesForbiddenImportsAndMissingExports) {
    const Error import = build_refused(R"(
#include <concordat/contract.hpp>
using namespace concordat::cryptlet;
__attribute__((import_module("env"), import_name("clock"))) extern "C" int host_clock();
struct Contract { void init(Context& context) { context.state()["at"] = host_clock(); } void go(Context&) {} };
CONCORDAT_CONTRACT(Contract, CONCORDAT_ACTION("go", go));
)");
    EXPECT_EQ(import.code(), Code::bad_module);
    EXPECT_EQ(import.field(), "imports/env.clock");
    EXPECT_EQ(build_refused("int nothing() { return 1; }\n").code(), Code::bad_module);
    // A file: the C library would ask WASI for it.
    EXPECT_EQ(build_refused(R"(
#include <concordat/contract.hpp>
#include <cstdio>
using namespace concordat::cryptlet;
struct Contract { void init(Context&) { std::puts("hello"); } void go(Context&) {} };
CONCORDAT_CONTRACT(Contract, CONCORDAT_ACTION("go", go));
)")
                  .code(),
              Code::bad_module);
}

TEST_F(BuildTest, SaysWhenTheCompilerIsMissing) {
    Toolchain missing = toolchain();
    missing.compiler = "no-such-compiler";
    try {
        build_package(scaffold_package(scratch_.path(), "order"), missing, engine());
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::unavailable);
        EXPECT_EQ(error.field(), "no-such-compiler");
    }
}

TEST_F(BuildTest, FindsTheSdkBesideTheBuild) { EXPECT_TRUE(fs::exists(Toolchain::find().sdk / "shim.cpp")); }

TEST_F(BuildTest, TheScaffoldPassesItsOwnScenario) {
    const PackageTest result = test_package(scaffold_package(scratch_.path(), "order"), toolchain(), engine());
    ASSERT_EQ(result.scenarios.size(), 1U);
    EXPECT_TRUE(result.passed()) << (result.scenarios[0].problems.empty() ? "" : result.scenarios[0].problems[0]);
    EXPECT_EQ(result.scenarios[0].steps, 7U);
    EXPECT_EQ(result.package.id(), order().id());
    EXPECT_THROW(scaffold_package(scratch_.path(), "order"), Error);
    EXPECT_THROW(scaffold_package(scratch_.path(), "../order"), Error);
}

TEST_F(BuildTest, ArchivesAreDeterministicAndComeBack) {
    const Bytes archive = write_archive(order());
    EXPECT_EQ(write_archive(order()), archive);
    EXPECT_EQ(archive_name(order()), "order-0.1.0.tar");
    const contract::Package back = read_archive(archive);
    EXPECT_EQ(back.id(), order().id());
    EXPECT_EQ(back.module, order().module);
}

TEST_F(BuildTest, EveryChangedByteOfAnArchivesContentIsCaught) {
    const Bytes archive = write_archive(order());
    for (const Bytes* blob : {&order().manifest, &order().config, &order().module, &order().provenance}) {
        const auto at = std::search(archive.begin(), archive.end(), blob->begin(), blob->end());
        ASSERT_NE(at, archive.end());
        Bytes changed = archive;
        changed[static_cast<std::size_t>(at - archive.begin()) + blob->size() / 2] ^= 1;
        EXPECT_THROW(read_archive(changed), Error);
    }
}

TEST_F(BuildTest, TheStoreKeepsAndChecksPackages) {
    Store store(scratch_.path() / "store");
    EXPECT_TRUE(store.list().empty());
    EXPECT_FALSE(store.contains(order().id()));
    store.put(order());
    store.put(order());
    EXPECT_EQ(store.list(), std::vector<Hash256>{order().id()});
    EXPECT_EQ(Store(scratch_.path() / "store").get(order().id()).module, order().module);
    try {
        store.get(Hash256{});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::not_found);
    }
}

TEST_F(BuildTest, TheStoreReportsDamageAndPutMendsIt) {
    Store store(scratch_.path() / "store");
    store.put(order());
    const fs::path blob = scratch_.path() / "store/blobs/sha256" / order().parsed.module.hex();
    write_file_atomic(blob, bytes_of("something else"));
    const auto code_of_get = [&] {
        try {
            store.get(order().id());
        } catch (const Error& error) {
            return error.code();
        }
        return Code::internal;
    };
    EXPECT_EQ(code_of_get(), Code::tampered);
    fs::remove(blob);
    EXPECT_EQ(code_of_get(), Code::tampered);
    store.put(order());
    EXPECT_EQ(store.get(order().id()).id(), order().id());
}

}  // namespace
}  // namespace concordat::registry
