// What operators and clients rely on beside the contract itself: retries that are harmless, packages that are checked
// when they come, a trace through all logs, and a pool that follows the load.
#include <fcntl.h>

#include <csignal>

#include "node_fixture.hpp"

namespace concordat::test {
namespace {

// Standard error into a file for as long as this lives; a node that is started meanwhile writes there too.
class CaughtLog {
  public:
    explicit CaughtLog(fs::path file) : file_(std::move(file)), before_(::dup(2)) {
        const UniqueFd into(::open(file_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
        ::dup2(into.get(), 2);
    }
    ~CaughtLog() { ::dup2(before_.get(), 2); }
    // "process event" of each line with that trace.
    std::vector<std::string> of_trace(const std::string& trace) const {
        std::vector<std::string> out;
        std::istringstream lines{read_text_file(file_)};
        for (std::string line; std::getline(lines, line);) {
            if (line.find(trace) == std::string::npos) continue;
            const json::Value value = json::parse(line, "log line");
            EXPECT_EQ(value.at("trace").as_string(), trace);
            out.push_back(std::string(value.at("process").as_string()) + " " +
                          std::string(value.at("event").as_string()));
        }
        return out;
    }
    std::string text() const { return read_text_file(file_); }

  private:
    fs::path file_;
    UniqueFd before_;
};

std::size_t listed(Parties& parties) {
    return parties.call("GET", "/v1/packages").body.at("packages").as_array().size();
}

TEST(Packages, come_once_under_one_idempotency_key) {
    Folder folder;
    NodeProcess node(folder.path());
    ASSERT_NE(node.wait_ready(), 0);
    Parties parties(node);
    const Answer first = parties.upload(sample("1.0.0"), "upload-1");
    ASSERT_EQ(first.status, 201) << first.text;
    const Answer again = parties.upload(sample("1.0.0"), "upload-1");
    EXPECT_EQ(again.status, 201);
    EXPECT_EQ(again.text, first.text);
    const Answer another = parties.upload(sample("1.1.0"), "upload-1");
    EXPECT_EQ(another.status, 409) << another.text;
    EXPECT_EQ(another.code(), "conflict");
    EXPECT_EQ(another.body.at("field").as_string(), "Idempotency-Key");
    EXPECT_EQ(listed(parties), 1u);
    EXPECT_EQ(parties.upload(sample("1.1.0"), "upload-2").status, 201);
    const Answer page = parties.call("GET", "/v1/packages?limit=1");
    EXPECT_EQ(page.body.at("packages").as_array().size(), 1u);
    const Answer rest = parties.call("GET", std::string(page.body.at("next").as_string()));
    EXPECT_EQ(rest.body.at("packages").as_array().size(), 1u);
    EXPECT_FALSE(rest.body.as_object().contains("next"));
}

TEST(Packages, with_a_module_that_no_enclave_takes_are_not_kept) {
    Folder folder;
    NodeProcess node(folder.path());
    ASSERT_NE(node.wait_ready(), 0);
    Parties parties(node);
    const contract::Package& good = sample("1.0.0");
    const Bytes module = to_bytes(bytes_of("\0asm, but nothing that could run"));
    const Answer refused = parties.upload(contract::Package::check(
        contract::Manifest::write(good.config, module, good.provenance), good.config, module, good.provenance));
    EXPECT_EQ(refused.code(), "bad_module") << refused.text;
    EXPECT_EQ(listed(parties), 0u);
}

TEST(Trace, leads_through_node_enclave_and_ledger) {
    Folder folder;
    CaughtLog log(folder.path() / "log");
    NodeProcess node(folder.path(), {"log_level=debug"});
    ASSERT_NE(node.wait_ready(), 0);
    Parties parties(node);
    parties.upload("1.0.0");
    parties.lock(parties.document(1));
    parties.learn();
    const std::string good = "4bf92f3577b34da6a3ce929d0e0e4736", bad = "0af7651916cd43dd8448eb211c80319c";
    const auto parent = [](const std::string& trace) {
        return http::Pairs{{"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}};
    };
    const std::string body = R"({"reference":"BANK-A/77"})";
    ASSERT_EQ(parties.send(parties.message("confirm", 1, json::parse(body, "body")), parent(good)).status, 200);
    const Answer refused = parties.send(parties.message("confirm", 2), parent(bad));
    EXPECT_EQ(refused.body.at("trace").as_string(), bad) << refused.text;
    EXPECT_EQ(log.of_trace(good), (std::vector<std::string>{"ledger appended", "enclave recorded", "node done"}));
    EXPECT_EQ(log.of_trace(bad), (std::vector<std::string>{"enclave refused", "node refused"}));
    EXPECT_EQ(log.text().find("BANK-A"), std::string::npos);
    // What is no trace id is not carried anywhere.
    const Answer odd = parties.send(parties.message("confirm", 3), parent("ZZ\\\"92f3577b34da6a3ce929d0e0e473"));
    EXPECT_EQ(log.text().find("ZZ"), std::string::npos);
    EXPECT_EQ(std::string(odd.body.at("trace").as_string()).size(), 32u);
}

// More than one enclave can take, because it stands still; then nothing to do for a second.
TEST(Pool, grows_with_the_load_and_shrinks_without_it) {
    Folder folder;
    NodeProcess node(folder.path(), {"enclave_idle_seconds=1", "enclave_ping_timeout_ms=20000"});
    ASSERT_NE(node.wait_ready(), 0);
    Parties parties(node);
    ASSERT_EQ(parties.upload("1.0.0").status, 201);
    std::vector<Hash256> bindings;
    for (std::uint64_t i = 0; i < 5; ++i) bindings.push_back(parties.lock(parties.document(i)));
    const auto enclaves = node.children("concordat-enclave");
    ASSERT_EQ(enclaves.size(), 1u);
    ::kill(enclaves[0], SIGSTOP);
    std::string last;
    for (const Hash256& binding : bindings) {
        parties.binding = binding;
        for (int i = 1; i <= 130; ++i) {
            const Answer accepted =
                parties.send(parties.fixing("2010-02-01", "28.02", i), {{"Prefer", "respond-async"}});
            ASSERT_EQ(accepted.status, 202) << accepted.text;
            last = accepted.location;
        }
    }
    const auto settles_at = [&](std::size_t count) {
        for (int i = 0; i < 200; ++i) {
            if (node.children("concordat-enclave").size() == count) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return false;
    };
    EXPECT_TRUE(settles_at(2));
    ::kill(enclaves[0], SIGCONT);
    EXPECT_TRUE(settles_at(1));
    // Nothing was lost on the way.
    Answer status;
    for (int i = 0; i < 200 && status.status != 200; ++i) {
        status = parties.call("GET", last);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_EQ(status.status, 200) << status.text;
}

}  // namespace
}  // namespace concordat::test
