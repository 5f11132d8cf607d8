// Each measure is proved by a child that tries to do what the measure forbids.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <base/error.hpp>
#include <fstream>
#include <thread>

#include "child.hpp"
#include "sandbox.hpp"

namespace concordat::process {
namespace {

using testing::HasSubstr;

constexpr int could = 0, refused = 10;

struct ProbeTest : testing::Test {
    ProbeTest() {
        char pattern[] = "/tmp/concordat-process-XXXXXX";
        folder = std::string(mkdtemp(pattern)) + "/mine";
        std::filesystem::create_directories(folder);
        std::ofstream(folder / "known") << "known";
    }
    ~ProbeTest() override { std::filesystem::remove_all(folder.parent_path()); }

    ChildProcess start(const std::string& sandbox, const std::string& attempt, std::vector<int> extra = {}) {
        return ChildProcess::spawn({.program = CONCORDAT_PROBE,
                                    .arguments = {sandbox, folder.string(), attempt},
                                    .environment = {"A=1"},
                                    .extra_fds = std::move(extra)});
    }
    std::string line(ChildProcess& child) {
        std::string out;
        char c = 0;
        while (::read(child.socket(), &c, 1) == 1 && c != '\n') out += c;
        return out;
    }
    ExitStatus run(const std::string& sandbox, const std::string& attempt, std::vector<int> extra = {}) {
        auto child = start(sandbox, attempt, std::move(extra));
        report = line(child);
        return child.wait(20'000).value();
    }
    int code(const std::string& sandbox, const std::string& attempt) {
        const ExitStatus status = run(sandbox, attempt);
        EXPECT_FALSE(status.signalled) << sandbox << " " << attempt << ": " << status.text() << "; " << report;
        return status.value;
    }
    int signal_of(const std::string& sandbox, const std::string& attempt, std::vector<int> extra = {}) {
        const ExitStatus status = run(sandbox, attempt, std::move(extra));
        EXPECT_TRUE(status.signalled) << sandbox << " " << attempt << ": " << status.text() << "; " << report;
        return status.value;
    }
    bool has_landlock() {
        run("enclave", "nothing");
        return report.find("landlock: held") != std::string::npos;
    }
    std::filesystem::path folder;
    std::string report;
};

struct SandboxTest : ProbeTest {
    void SetUp() override {
        run("enclave", "nothing");
        if (report.find("seccomp: held") == std::string::npos) GTEST_SKIP() << report;
    }
};

std::string proc_text(pid_t pid, const std::string& name) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(SandboxTest, report_says_what_is_held) {
    EXPECT_EQ(code("enclave", "nothing"), could);
    for (const char* measure : {"no_new_privs: held", "not_dumpable: held", "core_dumps: held", "capabilities: held",
                                "seccomp: held", "namespaces: ", "landlock: ", "landlock_network: "})
        EXPECT_THAT(report, HasSubstr(measure));
    std::cout << report << "\n";
}

TEST_F(SandboxTest, kernel_confirms_the_report) {
    auto child = start("enclave", "wait");
    const std::string said = line(child);
    const std::string status = proc_text(child.pid(), "status");
    EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
    EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
    EXPECT_THAT(status, HasSubstr("CapEff:\t0000000000000000"));
    EXPECT_THAT(status, HasSubstr("CapPrm:\t0000000000000000"));
    EXPECT_THAT(proc_text(child.pid(), "limits"), testing::ContainsRegex("Max core file size +0 +0"));
    if (said.find("namespaces: held") == std::string::npos) return;
    const auto space = [](pid_t pid, const char* kind) {
        std::error_code error;
        return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/" + kind, error).string();
    };
    for (const char* kind : {"net", "mnt", "ipc"}) EXPECT_NE(space(child.pid(), kind), space(getpid(), kind)) << kind;
}

TEST_F(SandboxTest, enclave_sees_no_files) {
    for (const char* attempt : {"open", "open-proc", "open-inside", "create"})
        EXPECT_EQ(code("enclave", attempt), refused) << attempt;
}

TEST_F(SandboxTest, what_nobody_needs_ends_the_process) {
    for (const char* sandbox : {"enclave", "ledger"})
        for (const char* attempt : {"socket", "connect", "ptrace", "fork", "exec", "kill"})
            EXPECT_EQ(signal_of(sandbox, attempt), SIGSYS) << sandbox << " " << attempt;
}

TEST_F(SandboxTest, socket_that_was_given_cannot_be_connected) {
    UniqueFd given(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(signal_of("enclave", "connect-given", {given.get()}), SIGSYS);
}

TEST_F(SandboxTest, limits_cannot_be_raised_again) { EXPECT_EQ(code("enclave", "raise-limit"), refused); }

TEST_F(SandboxTest, what_the_engine_needs_works) {
    for (const char* sandbox : {"enclave", "ledger"})
        for (const char* attempt : {"thread", "map", "log"}) EXPECT_EQ(code(sandbox, attempt), could) << attempt;
    EXPECT_EQ(signal_of("enclave", "abort"), SIGABRT);
}

TEST_F(SandboxTest, ledger_works_in_its_folder_only) {
    EXPECT_EQ(code("ledger", "work"), could);
    EXPECT_EQ(code("ledger", "open-inside"), could);
    if (!has_landlock()) GTEST_SKIP() << report;
    for (const char* attempt : {"open", "open-proc", "create-beside", "rename-out"})
        EXPECT_EQ(code("ledger", attempt), refused) << attempt;
}

TEST_F(SandboxTest, read_only_folder_takes_no_files) {
    if (!has_landlock()) GTEST_SKIP() << report;
    EXPECT_EQ(code("files", "open-inside"), could);
    EXPECT_EQ(code("files", "create"), refused);
}

TEST_F(SandboxTest, landlock_alone_refuses_connections) {
    if (report.find("landlock_network: held") == std::string::npos) GTEST_SKIP() << report;
    EXPECT_EQ(code("sockets", "connect"), refused);
}

TEST_F(ProbeTest, sandbox_refuses_to_start_late) { EXPECT_EQ(code("none", "late"), refused); }

TEST(Sandbox, unknown_call_is_refused) {
    const pid_t pid = fork();
    if (pid == 0) {
        SandboxRules rules = enclave_rules();
        rules.allowed.push_back("no_such_call");
        try {
            enter_sandbox(rules);
        } catch (const Error& error) {
            _exit(error.code() == Code::config && error.field() == "no_such_call" ? 0 : 1);
        }
        _exit(2);
    }
    int status = 0;
    waitpid(pid, &status, 0);
#if !defined(CONCORDAT_SANITIZED)
    EXPECT_EQ(status, 0);
#endif
}

TEST_F(ProbeTest, child_gets_what_it_was_given_and_nothing_else) {
    UniqueFd leaked(::open("/dev/null", O_RDONLY));  // not close-on-exec
    UniqueFd extra(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    auto child = start("none", "given", {extra.get()});
    EXPECT_EQ(line(child), "0 1 2 3 4 HOME= A=1");
    EXPECT_EQ(child.wait(20'000)->value, could);
}

TEST_F(ProbeTest, missing_program_is_named) {
    try {
        ChildProcess::spawn({.program = "/no/such/program"});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::config);
        EXPECT_EQ(error.field(), "/no/such/program");
        EXPECT_THAT(error.rule(), HasSubstr("No such file"));
    }
}

TEST_F(ProbeTest, wait_times_out_and_kill_ends) {
    auto child = start("none", "wait");
    EXPECT_FALSE(child.wait(0));
    EXPECT_FALSE(child.wait(50));
    pollfd ended{child.pidfd(), POLLIN, 0};
    EXPECT_EQ(poll(&ended, 1, 0), 0);
    child.kill();
    EXPECT_EQ(poll(&ended, 1, 20'000), 1);
    const ExitStatus status = child.wait().value();
    EXPECT_TRUE(status.signalled);
    EXPECT_EQ(status.value, SIGKILL);
    EXPECT_THAT(status.text(), HasSubstr("killed by signal 9"));
    child.kill();  // harmless
    EXPECT_EQ(child.wait(0)->value, SIGKILL);
}

TEST_F(ProbeTest, child_goes_with_its_handle_and_moves) {
    pid_t pid = 0;
    {
        auto child = start("none", "wait");
        pid = child.pid();
        ChildProcess moved = std::move(child);
        EXPECT_EQ(::kill(pid, 0), 0);
    }
    EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(ProbeTest, socket_closes_when_the_child_ends) {
    auto child = start("none", "nothing");
    EXPECT_EQ(line(child), "");
    EXPECT_EQ(child.wait(20'000)->value, could);
}

// The grandchild has entered the sandbox, which must not clear its wish to die with its parent.
TEST_F(ProbeTest, no_orphan_outlives_its_parent) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    auto child = start("none", "grandchild");
    const pid_t grandchild = std::stoi(line(child));
    EXPECT_EQ(::kill(grandchild, 0), 0);
    child.kill();
    child.wait();
    int status = 0;
    EXPECT_EQ(waitpid(grandchild, &status, 0), grandchild);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace
}  // namespace concordat::process
