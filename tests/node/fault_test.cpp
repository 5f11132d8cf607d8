// Processes that die, stand still or are deceived about the past.
#include <sys/resource.h>
#include <csignal>

#include "node_fixture.hpp"

namespace concordat::test {
namespace {

struct Fault : testing::Test {
    Folder folder;
    std::unique_ptr<NodeProcess> node;
    std::unique_ptr<Parties> parties;

    void SetUp() override {
        boot();
        parties = std::make_unique<Parties>(*node);
        ASSERT_EQ(parties->upload("1.0.0").status, 201);
        parties->lock(parties->document(7));
        parties->learn();
        ASSERT_EQ(parties->send(parties->message("confirm", 1)).status, 200);
    }
    void boot(std::vector<std::string> more = {}) {
        node = std::make_unique<NodeProcess>(folder.path(), std::move(more));
        ASSERT_NE(node->wait_ready(), 0);
        if (parties) parties->reconnect(*node);
    }
    void stop() {
        node->kill(SIGTERM);
        const auto status = node->wait();
        ASSERT_TRUE(status);
        EXPECT_EQ(status->text(), "exited with code 0");
    }
    // Sends until it is run, as a client would who got no answer.
    Answer insist(const std::string& text) {
        Answer answer;
        for (int i = 0; i < 100; ++i) {
            answer = parties->send(text);
            if (answer.status != 503 && answer.status != 504) return answer;
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
        }
        return answer;
    }
    std::string entries() { return parties->call("GET", "/v1/bindings/" + parties->binding.text() + "/entries").text; }
};

TEST_F(Fault, two_nodes_cannot_have_one_folder) {
    NodeProcess second(folder.path());
    const auto status = second.wait();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->text(), "exited with code 1");
}

TEST_F(Fault, a_restart_loses_nothing) {
    const std::string before = entries();
    stop();
    boot();
    EXPECT_EQ(entries(), before);
    EXPECT_EQ(parties->send(parties->fixing("2010-02-01", "28.02", 1)).status, 200);
}

TEST_F(Fault, a_killed_node_knows_what_the_ledger_knows) {
    const std::string fixing = parties->fixing("2010-02-01", "28.02", 1);
    const Answer answer = parties->send(fixing);
    ASSERT_EQ(answer.status, 200);
    node->kill();
    node->wait();
    boot();
    EXPECT_EQ(parties->send(fixing).text, answer.text);
}

TEST_F(Fault, an_index_can_be_made_anew) {
    ASSERT_EQ(parties->send(parties->fixing("2010-02-01", "28.02", 1)).status, 200);
    const std::string before = entries();
    const auto proven = [&] {  // by the receipt; the rest of it changes as the ledger grows
        std::string out;
        const auto receipt = parties->call("GET", "/v1/bindings/" + parties->binding.text() + "/entries/2/receipt");
        for (const json::Value& entry : receipt.body.at("entries").as_array())
            out += json::canonical(entry.at("document")) + json::canonical(entry.at("claim"));
        return out;
    };
    const std::string proven_before = proven();
    stop();
    for (const char* file : {"index.db", "index.db-wal", "index.db-shm"}) fs::remove(folder.path() / file);
    boot();
    EXPECT_EQ(entries(), before);
    EXPECT_FALSE(proven_before.empty());
    EXPECT_EQ(proven(), proven_before);
}

TEST_F(Fault, a_ledger_that_was_rolled_back_is_refused) {
    stop();
    fs::copy(folder.path() / "ledger", folder.path() / "old", fs::copy_options::recursive);
    boot();
    ASSERT_EQ(parties->send(parties->fixing("2010-02-01", "28.02", 1)).status, 200);
    stop();
    fs::remove_all(folder.path() / "ledger");
    fs::rename(folder.path() / "old", folder.path() / "ledger");
    NodeProcess deceived(folder.path());
    const auto status = deceived.wait();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->text(), "exited with code 1");
}

TEST_F(Fault, a_dead_enclave_is_replaced) {
    const auto enclaves = node->children("concordat-enclave");
    ASSERT_EQ(enclaves.size(), 1u);
    ::kill(enclaves[0], SIGKILL);
    const Answer answer = insist(parties->fixing("2010-02-01", "28.02", 1));
    EXPECT_EQ(answer.status, 200) << answer.text;
    EXPECT_EQ(answer.body.at("sequence").as_int64(), 2);
}

TEST_F(Fault, a_stopped_enclave_is_replaced) {
    stop();
    boot({"enclave_ping_timeout_ms=1000"});
    const auto enclaves = node->children("concordat-enclave");
    ASSERT_EQ(enclaves.size(), 1u);
    ::kill(enclaves[0], SIGSTOP);
    const Answer answer = insist(parties->fixing("2010-02-01", "28.02", 1));
    EXPECT_EQ(answer.status, 200) << answer.text;
    EXPECT_EQ(answer.body.at("sequence").as_int64(), 2);
}

TEST_F(Fault, a_dead_ledger_is_started_again) {
    const auto ledgers = node->children("concordat-ledger");
    ASSERT_EQ(ledgers.size(), 1u);
    ::kill(ledgers[0], SIGKILL);
    const Answer answer = insist(parties->fixing("2010-02-01", "28.02", 1));
    EXPECT_EQ(answer.status, 200) << answer.text;
    EXPECT_EQ(answer.body.at("sequence").as_int64(), 2);
    EXPECT_EQ(parties->call("GET", "/v1/bindings/" + parties->binding.text() + "/entries/2/receipt").status, 200);
}

TEST_F(Fault, a_full_disk_is_told_and_loses_nothing) {
    // Nobody here can write any more, nor can a ledger that is started in its place.
    const rlimit none{1, 1};
    ASSERT_EQ(::prlimit(node->pid(), RLIMIT_FSIZE, &none, nullptr), 0);
    for (const pid_t ledger : node->children("concordat-ledger")) {
        ASSERT_EQ(::prlimit(ledger, RLIMIT_FSIZE, &none, nullptr), 0);
    }
    const std::string fixing = parties->fixing("2010-02-01", "28.02", 1);
    EXPECT_GE(parties->send(fixing).status, 500);
    node->kill(SIGTERM);
    ASSERT_TRUE(node->wait());
    boot();
    const Answer answer = insist(fixing);
    EXPECT_EQ(answer.status, 200) << answer.text;
    EXPECT_EQ(answer.body.at("sequence").as_int64(), 2);
}

}  // namespace
}  // namespace concordat::test
