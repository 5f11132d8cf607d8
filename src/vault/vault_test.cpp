#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <base/error.hpp>
#include <base/file.hpp>
#include <base/json.hpp>

#include "keyfile.hpp"
#include "private_file.hpp"
#include "sealing.hpp"

namespace concordat::vault {
namespace {

using testing::HasSubstr;

struct VaultTest : testing::Test {
    VaultTest() {
        char pattern[] = "/tmp/concordat-vault-XXXXXX";
        folder = mkdtemp(pattern);
        path = folder / "keys.json";
    }
    ~VaultTest() override { std::filesystem::remove_all(folder); }

    void rewrite(const std::function<void(json::Object&)>& change) {
        json::Object document = json::parse(read_text_file(path), "file").as_object();
        change(document);
        write_file_atomic(path, bytes_of(json::canonical(document)), 0600);
    }
    unsigned mode() const {
        struct stat status{};
        stat(path.c_str(), &status);
        return status.st_mode & 07777;
    }
    SystemRandom random;
    std::filesystem::path folder, path;
};

template <class Step>
Error failure(Step step) {
    try {
        step();
    } catch (const Error& error) {
        return error;
    }
    return Error(Code::internal, "", "none");
}

TEST_F(VaultTest, key_file_comes_back) {
    for (const auto alg : {crypto::Alg::es256k, crypto::Alg::es256, crypto::Alg::eddsa}) {
        std::filesystem::remove(path);
        const KeyFile made = KeyFile::create(path, "did:web:bank-a.example", alg, random);
        const KeyFile loaded = KeyFile::load(path);
        EXPECT_EQ(mode(), 0600u);
        EXPECT_EQ(loaded.id, "did:web:bank-a.example");
        ASSERT_EQ(loaded.keys.size(), 1u);
        EXPECT_TRUE(loaded.keys[0].public_key() == made.keys[0].public_key());
        EXPECT_EQ(loaded.encryption.public_key().thumbprint(), made.encryption.public_key().thumbprint());
        EXPECT_TRUE(made.keys[0].public_key().verify(bytes_of("m"), loaded.keys[0].sign(bytes_of("m"))));
    }
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);  // no temporary file stays
}

TEST_F(VaultTest, passphrase_protects) {
    const KeyFile made = KeyFile::create(path, "alice", crypto::Alg::es256k, random, "correct horse");
    const std::string text = read_text_file(path);
    EXPECT_EQ(text.find("\"d\""), std::string::npos);
    const KeyFile loaded = KeyFile::load(path, "correct horse");
    EXPECT_TRUE(loaded.keys.at(0).public_key() == made.keys[0].public_key());
    EXPECT_EQ(failure([&] { KeyFile::load(path); }).code(), Code::unauthenticated);
    EXPECT_EQ(failure([&] { KeyFile::load(path, "wrong horse"); }).code(), Code::unauthenticated);
    EXPECT_EQ(failure([&] { KeyFile::load(path, ""); }).field(), "passphrase");
    rewrite([](auto& d) { d["id"] = "mallory"; });
    EXPECT_EQ(failure([&] { KeyFile::load(path, "correct horse"); }).code(), Code::unauthenticated);
}

TEST_F(VaultTest, costly_parameters_are_refused) {
    KeyFile::create(path, "alice", crypto::Alg::es256k, random, "correct horse");
    rewrite([](auto& d) { d["sealed"].as_object()["memory_kib"] = std::int64_t{1} << 30; });
    EXPECT_EQ(failure([&] { KeyFile::load(path, "correct horse"); }).field(), "/sealed/memory_kib");
    rewrite([](auto& d) { d["sealed"].as_object()["memory_kib"] = 8192, d["sealed"].as_object()["passes"] = 1000; });
    EXPECT_EQ(failure([&] { KeyFile::load(path, "correct horse"); }).field(), "/sealed/passes");
}

TEST_F(VaultTest, file_that_others_can_read_is_refused) {
    KeyFile::create(path, "alice", crypto::Alg::es256k, random);
    for (const mode_t open_mode : {0640u, 0604u, 0620u, 0644u}) {
        chmod(path.c_str(), open_mode);
        const Error error = failure([&] { KeyFile::load(path); });
        EXPECT_EQ(error.code(), Code::forbidden);
        EXPECT_EQ(error.field(), path.string());
        EXPECT_THAT(error.rule(), HasSubstr("chmod 600"));
    }
    chmod(path.c_str(), 0400);
    EXPECT_NO_THROW(KeyFile::load(path));
}

TEST_F(VaultTest, existing_file_is_never_overwritten) {
    KeyFile::create(path, "alice", crypto::Alg::es256k, random);
    const std::string before = read_text_file(path);
    EXPECT_EQ(failure([&] { KeyFile::create(path, "bob", crypto::Alg::es256k, random); }).code(), Code::conflict);
    EXPECT_EQ(read_text_file(path), before);
    EXPECT_EQ(failure([&] { KeyFile::create(folder / "x", "", crypto::Alg::es256k, random); }).field(), "id");
    EXPECT_FALSE(std::filesystem::exists(folder / "x"));
}

TEST_F(VaultTest, bad_key_file_names_the_member) {
    EXPECT_EQ(failure([&] { KeyFile::load(path); }).code(), Code::not_found);
    KeyFile::create(path, "alice", crypto::Alg::es256k, random);
    const std::string good = read_text_file(path);
    auto field_after = [&](const std::function<void(json::Object&)>& change) {
        write_file_atomic(path, bytes_of(good), 0600);
        rewrite(change);
        return failure([&] { KeyFile::load(path); }).field();
    };
    EXPECT_EQ(field_after([](auto& d) { d["typ"] = "other"; }), "/typ");
    EXPECT_EQ(field_after([](auto& d) { d.erase("id"); }), "/id");
    EXPECT_EQ(field_after([](auto& d) { d["keys"] = json::Array{}; }), "/keys");
    EXPECT_THAT(field_after([](auto& d) { d["keys"].as_array()[0].as_object().erase("d"); }), HasSubstr("/keys/0"));
    EXPECT_EQ(field_after([](auto& d) { d.erase("encryption"); }), "/encryption");
    EXPECT_EQ(field_after([](auto& d) { d["more"] = 1; }), "/more");
    EXPECT_EQ(field_after([](auto& d) { d["sealed"] = json::Object{}; }), "/encryption");
    write_file_atomic(path, bytes_of("{"), 0600);
    EXPECT_EQ(failure([&] { KeyFile::load(path); }).code(), Code::bad_json);
    write_file_atomic(path, Bytes(1 << 17), 0600);
    EXPECT_EQ(failure([&] { KeyFile::load(path); }).code(), Code::too_large);
}

TEST_F(VaultTest, sealing_keys_survive_and_differ_by_purpose) {
    DevelopmentSealing first(folder, random), again(folder, random);
    EXPECT_FALSE(first.hardware());
    EXPECT_EQ(first.sealing_key("ledger").expose(), again.sealing_key("ledger").expose());
    EXPECT_NE(first.sealing_key("ledger").expose(), first.sealing_key("ledger2").expose());
    std::filesystem::create_directory(folder / "other");
    DevelopmentSealing other(folder / "other", random);
    EXPECT_NE(first.sealing_key("ledger").expose(), other.sealing_key("ledger").expose());
    path = folder / "development-sealing.key";
    EXPECT_EQ(mode(), 0600u);
    chmod(path.c_str(), 0644);
    EXPECT_EQ(failure([&] { DevelopmentSealing(folder, random); }).code(), Code::forbidden);
    write_file_atomic(path, bytes_of("short"), 0600);
    EXPECT_EQ(failure([&] { DevelopmentSealing(folder, random); }).code(), Code::bad_format);
}

TEST_F(VaultTest, development_root_is_made_once) {
    DevelopmentRoot first(folder);
    DevelopmentRoot again(folder, random);
    EXPECT_TRUE(first.public_key() == again.public_key());
    EXPECT_EQ(first.public_key().alg(), crypto::Alg::es256k);
    EXPECT_TRUE(again.take_key().public_key() == first.public_key());
    path = folder / "development-root.jwk";
    EXPECT_EQ(mode(), 0600u);
}

TEST_F(VaultTest, processes_that_race_get_the_same_root) {
    std::array<pid_t, 6> children{};
    for (std::size_t i = 0; i < children.size(); ++i) {
        children[i] = fork();
        if (children[i] != 0) continue;
        const DevelopmentRoot root(folder, random);
        write_file_atomic(folder / ("seen-" + std::to_string(i)), bytes_of(root.public_key().kid()));
        _exit(0);
    }
    for (const pid_t child : children) waitpid(child, nullptr, 0);
    for (std::size_t i = 1; i < children.size(); ++i)
        EXPECT_EQ(read_text_file(folder / ("seen-" + std::to_string(i))), read_text_file(folder / "seen-0"));
}

}  // namespace
}  // namespace concordat::vault
