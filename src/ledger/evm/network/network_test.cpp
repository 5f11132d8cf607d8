// Real nodes, where tools/install.sh --evm has put them; a test over one that is not there says so and is skipped.
#include "network.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <base/file.hpp>
#include <chrono>
#include <thread>

namespace concordat::ledger::evm {
namespace {

namespace fs = std::filesystem;

const fs::path toolchain = fs::path(CONCORDAT_SOURCE_DIR) / "build/toolchain";

template <class Action>
std::string refusal(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return std::string(code_name(error.code())) + " " + error.field() + ": " + error.rule();
    }
    return "was accepted";
}

class NetworkTest : public testing::Test {
  protected:
    NetworkTest() {
        std::string path = (fs::temp_directory_path() / "network_test_XXXXXX").string();
        folder = ::mkdtemp(path.data());
    }
    ~NetworkTest() override { fs::remove_all(folder); }

    NetworkOptions options(const std::string& kind) {
        NetworkOptions out;
        out.kind = kind;
        out.folder = folder / kind;
        out.toolchain = toolchain;
        return out;
    }
    bool installed(const std::string& program) {
        return refusal([&] { find_program(program, toolchain); }) == "was accepted";
    }
    static std::uint64_t count_of(PlainClient& client, const Address& account) {
        return client.number("eth_getTransactionCount", {json::Value(account.lower()), "latest"});
    }

    // Where several signers may seal, a block can lose its place for a moment.
    static bool comes_to(PlainClient& client, const Address& account, std::uint64_t count) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(15);
        while (count_of(client, account) != count && std::chrono::steady_clock::now() < end) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return count_of(client, account) == count;
    }

    fs::path folder;
};

TEST_F(NetworkTest, RefusesBadOptions) {
    EXPECT_EQ(refusal([&] { Network::start(options("ganache")); }),
              "config kind: must be anvil, geth-dev or geth-clique");
    EXPECT_EQ(refusal([&] { Network::start(options("ganache")); }).substr(0, 8), "conflict");  // its key is there
    NetworkOptions given = options("anvil");
    given.period_s = 3601;
    EXPECT_EQ(refusal([&] { Network::start(given); }), "config period: must be at most 3600");
    EXPECT_FALSE(fs::exists(given.folder));
    given = options("geth-clique");
    given.signers = 17;
    EXPECT_EQ(refusal([&] { Network::start(given); }), "config signers: must be from 1 to 16");
    EXPECT_EQ(refusal([&] { Network::open(folder); }).substr(0, 9), "not_found");
    EXPECT_EQ(refusal([&] { find_program("geth-clique", folder); }),
              "config geth-clique: is not installed: run tools/install.sh --evm");
}

TEST_F(NetworkTest, ADescriptionIsReadAsItWasWritten) {
    NetworkDescription description;
    description.kind = "geth-clique";
    description.chain = {20260};
    description.ports = {8545, 8546};
    description.signers = {Address{}};
    NodeProcess node;
    node.command = {"/bin/geth", "--http"};
    node.log = "/tmp/log";
    node.pid = 12;
    node.started = ~std::uint64_t{0};
    description.nodes = {node, node};
    const json::Object text = description.to_json();
    EXPECT_EQ(NetworkDescription::parse(text).to_json(), text);
    const auto refused = [&](const char* member, json::Value value) {
        json::Object changed = text;
        changed[member] = std::move(value);
        return refusal([&] { NetworkDescription::parse(changed); });
    };
    EXPECT_EQ(refused("typ", "other").substr(0, 23), "bad_format /network/typ");
    EXPECT_EQ(refused("endpoints", json::Array{"http://node.example:1", "http://127.0.0.1:1"}),
              "bad_format /network/endpoints: must be local");
    EXPECT_EQ(refused("endpoints", json::Array{"http://127.0.0.1:70000"}),
              "bad_format /network/endpoints: must be local");
    EXPECT_EQ(refused("nodes", json::Array{}), "bad_format /network/nodes: must be one for each endpoint");
    EXPECT_EQ(refused("key_file", "/etc/passwd").substr(0, 28), "bad_format /network/key_file");
    EXPECT_NE(refused("more", 1), "was accepted");
}

TEST_F(NetworkTest, WhatIsNotRunningIsNotEnded) {
    NodeProcess process;
    process.command = {"/bin/sleep", "100"};
    process.log = (folder / "log").string();
    process.start(false);
    EXPECT_TRUE(process.running());
    NodeProcess other = process;  // the number is in use again, by another process
    ++other.started;
    EXPECT_FALSE(other.running());
    other.kill();
    EXPECT_TRUE(process.running());
    process.pause(true);
    process.end(1000);
    EXPECT_FALSE(process.running());
    process.command = {"/nowhere/program"};
    EXPECT_EQ(refusal([&] { process.start(false); }), "unavailable /nowhere/program: cannot be run");
}

TEST_F(NetworkTest, ANodeThatDoesNotComeUpIsReported) {
    NetworkOptions given = options("anvil");
    if (!installed("anvil")) GTEST_SKIP() << "anvil is not installed";
    Network first = Network::start(given);
    given.folder = folder / "second";
    given.port = first.description().ports.front();
    // Another network's node answers there: the same chain, so it is the process that tells.
    given.chain_id = 5;
    const std::string text = refusal([&] { Network::start(given); });
    EXPECT_TRUE(text.starts_with("config port") || text.starts_with("unavailable")) << text;
}

TEST_F(NetworkTest, AnvilComesBackAfterAKill) {
    if (!installed("anvil")) GTEST_SKIP() << "anvil is not installed";
    Network network = Network::start(options("anvil"));
    const NetworkDescription& description = network.description();
    PlainClient client(description.ports.front());
    EXPECT_EQ(description.chain.text(), "eip155:31337");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(network.send(description.account, 1).at("status"), json::Value("0x1"));
    for (int i = 0; i < 4; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // its state is written each second
        network.node(0).kill();
        EXPECT_EQ(network.running(), 0u);
        EXPECT_THROW(client.height(), Error);
        network.resume(false);
    }
    EXPECT_EQ(count_of(client, description.account), 3u);
    const json::Value genesis = client.ask("eth_getBlockByNumber", {"0x0", false});
    EXPECT_EQ(genesis.at("hash"), json::Value(to_0x(description.genesis.view())));
    EXPECT_EQ(network.send(description.account, 1).at("status"), json::Value("0x1"));
    EXPECT_EQ(refusal([&] { Network::start(options("anvil")); }).substr(0, 8), "conflict");
    network.stop();
    const std::string half = "{\"blocks\": [";
    write_file_atomic(folder / "anvil/state.json", Bytes(half.begin(), half.end()));
    EXPECT_EQ(refusal([&] { network.resume(false); }).substr(0, 8), "tampered");
}

TEST_F(NetworkTest, GethDeveloperModeGoesOnAfterAStop) {
    if (!installed("geth")) GTEST_SKIP() << "geth is not installed";
    Network network = Network::start(options("geth-dev"));
    PlainClient client(network.description().ports.front());
    for (int i = 0; i < 3; ++i) network.send(network.description().account, 1);
    network.stop();
    network.resume(false);
    EXPECT_EQ(count_of(client, network.description().account), 3u);
    network.send(network.description().account, 1);
}

TEST_F(NetworkTest, ThreeSignersSealInTurnAndOneMayBeKilled) {
    if (!installed("geth-clique")) GTEST_SKIP() << "geth 1.13 is not installed";
    NetworkOptions given = options("geth-clique");
    given.signers = 3;
    given.chain_id = 4711;
    Network network = Network::start(given);
    const NetworkDescription description = network.description();
    EXPECT_EQ(description.chain.text(), "eip155:4711");
    EXPECT_EQ(description.signers.size(), 3u);
    EXPECT_EQ(network.running(), 3u);
    for (int i = 0; i < 3; ++i) network.send(description.account, 1);
    // Found again from its folder, as a later process would.
    Network again = Network::open(given.folder);
    EXPECT_EQ(again.description().to_json(), description.to_json());
    again.node(1).kill();
    EXPECT_EQ(network.running(), 2u);
    for (int i = 0; i < 2; ++i) network.send(description.account, 1);  // two of three go on
    network.resume(false);
    EXPECT_EQ(network.running(), 3u);
    network.send(description.account, 1);
    PlainClient first(description.ports[0]);
    EXPECT_TRUE(comes_to(first, description.account, 6));
    network.stop();
    EXPECT_EQ(network.running(), 0u);
    network.resume(false);
    EXPECT_TRUE(comes_to(first, description.account, 6));
}

}  // namespace
}  // namespace concordat::ledger::evm
