#include "file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "error.hpp"
#include "json.hpp"
#include "log.hpp"

namespace concordat {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
  protected:
    FileTest() {
        std::string name = (fs::temp_directory_path() / "concordat-file-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) panic("no temporary folder");
        folder_ = name;
    }
    ~FileTest() override { fs::remove_all(folder_); }
    fs::path folder_;
};

template <class F>
Code code_of(F f) {
    try {
        f();
    } catch (const Error& error) {
        return error.code();
    }
    return Code::internal;
}

TEST_F(FileTest, IsWrittenWholeAndReadBack) {
    const auto path = folder_ / "a";
    write_file_atomic(path, bytes_of("one"));
    write_file_atomic(path, bytes_of("two"), 0600);
    EXPECT_EQ(read_text_file(path), "two");
    EXPECT_EQ(read_file(path), to_bytes(bytes_of("two")));
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777u, 0600u);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);  // no temporary is left
    write_file_atomic(path, Bytes(200'000, 7));
    EXPECT_EQ(read_file(path), Bytes(200'000, 7));
    EXPECT_FALSE(read_text_file("/proc/self/status").empty());  // whose size the kernel gives as 0
}

TEST_F(FileTest, ErrorsNameThePath) {
    const auto path = folder_ / "none";
    EXPECT_EQ(code_of([&] { (void)read_file(path); }), Code::not_found);
    EXPECT_EQ(code_of([&] { (void)read_file(folder_); }), Code::disk);
    write_file_atomic(path, bytes_of("12345"));
    EXPECT_EQ(code_of([&] { (void)read_file(path, 4); }), Code::too_large);
    EXPECT_EQ(read_file(path, 5).size(), 5u);
    EXPECT_EQ(code_of([&] { (void)read_file("/proc/self/status", 10); }), Code::too_large);
    EXPECT_EQ(code_of([&] { write_file_atomic(folder_ / "no" / "x", {}); }), Code::not_found);
}

TEST_F(FileTest, FolderIsLockedOnce) {
    {
        const UniqueFd lock = lock_folder(folder_);
        EXPECT_EQ(code_of([&] { (void)lock_folder(folder_); }), Code::locked_directory);
    }
    EXPECT_NO_THROW((void)lock_folder(folder_));
    EXPECT_EQ(code_of([&] { (void)lock_folder(folder_ / "none"); }), Code::not_found);
}

TEST(UniqueFd, ClosesOnce) {
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    UniqueFd a(fds[0]), b(fds[1]);
    UniqueFd c(std::move(a));
    EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): empty is what it has to be
    EXPECT_EQ(c.get(), fds[0]);
    c = std::move(b);
    EXPECT_EQ(c.get(), fds[1]);
    EXPECT_EQ(::write(fds[1], "x", 0), 0);
    c.reset();
    EXPECT_FALSE(c);
}

TEST(Log, WritesOneStrictJsonObjectALine) {
    log::set_process("test");
    testing::internal::CaptureStderr();
    log::debug("hidden");
    log::info("event", {{"text", "a\"b\n\xff"}, {"n", -5}, {"big", std::uint64_t{7}}, {"flag", true}});
    log::set_level(log::Level::error);
    log::warning("hidden");
    log::error("last", {{"long", std::string(100'000, 'x')}});
    log::set_level(log::Level::info);
    log::set_process("");
    const std::string out = testing::internal::GetCapturedStderr();
    const std::size_t end = out.find('\n');
    const json::Value first = json::parse(std::string_view(out).substr(0, end), "line");
    EXPECT_EQ(first.at("event").as_string(), "event");
    EXPECT_EQ(first.at("process").as_string(), "test");
    EXPECT_EQ(first.at("level").as_string(), "info");
    EXPECT_EQ(first.at("text").as_string(), "a\"b\n\xef\xbf\xbd");
    EXPECT_EQ(first.at("n").as_int64(), -5);
    EXPECT_EQ(first.at("big").as_int64(), 7);
    EXPECT_TRUE(first.at("flag").as_bool());
    const json::Value second = json::parse(std::string_view(out).substr(end + 1), "line");
    EXPECT_EQ(second.at("event").as_string(), "last");
    EXPECT_EQ(second.at("long").as_string().size(), 4096u);  // cut
}

}  // namespace
}  // namespace concordat
