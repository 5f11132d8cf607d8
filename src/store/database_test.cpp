#include "database.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <base/clock.hpp>

#include <rapidcheck.h>
#include <array>
#include <filesystem>
#include <fstream>

namespace concordat::store {
namespace {
namespace fs = std::filesystem;

class Store : public testing::Test {
  protected:
    Store() {
        std::string pattern = (fs::temp_directory_path() / "concordat-store-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        path_ = (folder_ / "db").string();
    }
    ~Store() override { fs::remove_all(folder_); }
    fs::path folder_;
    std::string path_;
};

template <class Call>
Code code_thrown(Call call) {
    try {
        call();
    } catch (const Error& error) {
        return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Code::internal;
}

TEST_F(Store, BindsAndReadsEveryType) {
    Database database(path_, Durability::full);
    database.execute("CREATE TABLE t (i INTEGER, s TEXT, b BLOB, h BLOB, n TEXT) STRICT");
    Hash256 hash;
    hash.bytes[3] = 7;
    const Bytes bytes{0, 1, 255};
    const std::string text("a\0b", 3);
    database.prepare("INSERT INTO t VALUES (?,?,?,?,?)")
        .bind(std::int64_t{INT64_MIN})
        .bind(text)
        .bind(ByteView(bytes))
        .bind(hash)
        .bind(nullptr)
        .run();
    database.prepare("INSERT INTO t VALUES (?,?,?,?,?)")
        .bind(1)
        .bind("")
        .bind(ByteView{})
        .bind(hash)
        .bind(std::optional<std::string_view>("x"))
        .run();
    EXPECT_EQ(database.last_insert_id(), 2);
    EXPECT_EQ(database.changes(), 1);
    auto rows = database.prepare("SELECT i,s,b,h,n FROM t ORDER BY rowid");
    ASSERT_TRUE(rows.step());
    EXPECT_EQ(rows.integer(0), INT64_MIN);
    EXPECT_EQ(rows.text(1), text);
    EXPECT_EQ(to_bytes(rows.bytes(2)), bytes);
    EXPECT_EQ(rows.hash(3), hash);
    EXPECT_TRUE(rows.is_null(4));
    EXPECT_EQ(code_thrown([&] { rows.text(0); }), Code::tampered);
    EXPECT_EQ(code_thrown([&] { rows.hash(2); }), Code::tampered);
    ASSERT_TRUE(rows.step());
    EXPECT_EQ(rows.text(1), "");
    EXPECT_TRUE(rows.bytes(2).empty());
    EXPECT_FALSE(rows.is_null(2));
    EXPECT_EQ(rows.text(4), "x");
    EXPECT_FALSE(rows.step());
}

TEST_F(Store, StatementsAreReusedAndMayNest) {
    Database database(path_, Durability::normal);
    database.execute("CREATE TABLE t (i INTEGER)");
    for (int i = 0; i < 3; ++i) database.prepare("INSERT INTO t VALUES (?)").bind(i).run();
    int pairs = 0;
    auto outer = database.prepare("SELECT i FROM t");
    while (outer.step()) {
        auto inner = database.prepare("SELECT i FROM t");
        while (inner.step()) ++pairs;
    }
    EXPECT_EQ(pairs, 9);
    auto again = database.prepare("SELECT count(*) FROM t WHERE i >= ?");
    again.bind(1);
    ASSERT_TRUE(again.step());
    EXPECT_EQ(again.integer(0), 2);
    again.reset().bind(2);
    ASSERT_TRUE(again.step());
    EXPECT_EQ(again.integer(0), 1);
    for (std::size_t i = 0; i < 2 * Database::max_cached_statements; ++i) {
        std::string sql = "SELECT ";
        sql += std::to_string(i);
        EXPECT_TRUE(database.prepare(sql).step());
    }
}

TEST_F(Store, MigratesOnceAndRefusesTheFuture) {
    constexpr std::array<std::string_view, 2> steps{"CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1)",
                                                    "CREATE TABLE b (y INTEGER)"};
    {
        Database database(path_, Durability::full);
        database.migrate(std::span(steps).first(1));
    }
    {
        Database database(path_, Durability::full);
        database.migrate(steps);
        database.migrate(steps);
        auto count = database.prepare("SELECT count(*) FROM a");
        ASSERT_TRUE(count.step());
        EXPECT_EQ(count.integer(0), 1);
        EXPECT_TRUE(database.prepare("SELECT name FROM sqlite_master WHERE name='b'").step());
    }
    Database database(path_, Durability::full);
    EXPECT_EQ(code_thrown([&] { database.migrate(std::span(steps).first(1)); }), Code::config);
}

TEST_F(Store, AFailedMigrationLeavesNothing) {
    constexpr std::array<std::string_view, 2> steps{"CREATE TABLE a (x INTEGER)",
                                                    "CREATE TABLE b (y INTEGER); nonsense"};
    Database database(path_, Durability::full);
    EXPECT_THROW(database.migrate(steps), Error);
    EXPECT_FALSE(database.in_transaction());
    EXPECT_FALSE(database.prepare("SELECT name FROM sqlite_master").step());
}

TEST_F(Store, TransactionsRollBack) {
    Database database(path_, Durability::full);
    database.execute("CREATE TABLE t (i INTEGER PRIMARY KEY, p INTEGER REFERENCES t(i))");
    const auto count = [&] {
        auto statement = database.prepare("SELECT count(*) FROM t");
        statement.step();
        return statement.integer(0);
    };
    {
        Transaction transaction(database);
        database.prepare("INSERT INTO t VALUES (1, NULL)").run();
    }
    EXPECT_EQ(count(), 0);
    {
        Transaction transaction(database);
        database.prepare("INSERT INTO t VALUES (1, NULL)").run();
        EXPECT_EQ(code_thrown([&] { database.prepare("INSERT INTO t VALUES (1, NULL)").run(); }), Code::conflict);
        EXPECT_EQ(code_thrown([&] { database.prepare("INSERT INTO t VALUES (2, 77)").run(); }), Code::conflict);
        transaction.commit();
    }
    EXPECT_EQ(count(), 1);
}

TEST_F(Store, AFullDiskIsAnErrorAndChangesNothing) {
    Database database(path_, Durability::full);
    database.execute("CREATE TABLE t (b BLOB); PRAGMA max_page_count=20");
    const Bytes kilobyte(1024);
    int stored = 0;
    const auto fill = [&] {
        for (;; ++stored) {
            Transaction transaction(database);
            database.prepare("INSERT INTO t VALUES (?)").bind(ByteView(kilobyte)).run();
            transaction.commit();
        }
    };
    EXPECT_EQ(code_thrown(fill), Code::disk);
    EXPECT_GT(stored, 10);
    EXPECT_FALSE(database.in_transaction());
    auto count = database.prepare("SELECT count(*) FROM t");
    ASSERT_TRUE(count.step());
    EXPECT_EQ(count.integer(0), stored);
    database.check_integrity();
    database.execute("DELETE FROM t WHERE rowid<10");
    database.prepare("INSERT INTO t VALUES (?)").bind(ByteView(kilobyte)).run();  // there is room again
}

TEST_F(Store, AFileThatIsNoDatabaseIsTampered) {
    std::ofstream(path_) << std::string(8192, 'x');
    EXPECT_EQ(code_thrown([&] { Database database(path_, Durability::full); }), Code::tampered);
}

TEST_F(Store, ABrokenPageIsTampered) {
    {
        Database database(path_, Durability::full);
        database.execute("CREATE TABLE t (b BLOB); INSERT INTO t VALUES (zeroblob(200000))");
        for (int i = 0; i < 200; ++i) database.prepare("INSERT INTO t VALUES (?)").bind(ByteView(Bytes(500))).run();
    }
    {
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        for (int page = 1; page < 40; ++page) {
            file.seekp(std::streamoff{4096} * page);
            file << std::string(64, '\xff');
        }
    }
    Database database(path_, Durability::full);
    EXPECT_EQ(code_thrown([&] { database.check_integrity(); }), Code::tampered);
}

TEST_F(Store, AFolderThatIsNotThereIsADiskError) {
    EXPECT_EQ(code_thrown([&] { Database database((folder_ / "no" / "db").string(), Durability::full); }), Code::disk);
}

TEST_F(Store, ReadersSeeCommittedDataOnly) {
    Database writer(path_, Durability::normal), reader(path_, Durability::normal);
    writer.execute("CREATE TABLE t (i INTEGER)");
    Transaction transaction(writer);
    writer.prepare("INSERT INTO t VALUES (1)").run();
    EXPECT_FALSE(reader.prepare("SELECT i FROM t").step());
    transaction.commit();
    EXPECT_TRUE(reader.prepare("SELECT i FROM t").step());
}

TEST_F(Store, AnyTextAndBytesComeBack) {
    Database database(":memory:", Durability::normal);
    database.execute("CREATE TABLE t (s TEXT, b BLOB)");
    EXPECT_TRUE(rc::check("what is stored comes back", [&] {
        const auto text = *rc::gen::arbitrary<std::string>();
        const auto bytes = *rc::gen::arbitrary<Bytes>();
        database.prepare("DELETE FROM t").run();
        database.prepare("INSERT INTO t VALUES (?,?)").bind(text).bind(ByteView(bytes)).run();
        auto row = database.prepare("SELECT s,b FROM t");
        RC_ASSERT(row.step());
        RC_ASSERT(row.text(0) == text);
        RC_ASSERT(to_bytes(row.bytes(1)) == bytes);
    }));
}

TEST_F(Store, Speed) {
    for (const auto durability : {Durability::full, Durability::normal}) {
        Database database(path_ + (durability == Durability::full ? "f" : "n"), durability);
        database.execute("CREATE TABLE t (i INTEGER PRIMARY KEY, b BLOB)");
        constexpr int rounds = 200;
        const auto started = monotonic_ns();
        for (int i = 0; i < rounds; ++i) {
            Transaction transaction(database);
            database.prepare("INSERT INTO t VALUES (?,?)").bind(i).bind(ByteView(Bytes(300))).run();
            transaction.commit();
        }
        std::printf("store: %s commit %lld us\n", durability == Durability::full ? "full" : "normal",
                    static_cast<long long>((monotonic_ns() - started) / rounds / 1000));
    }
}

}  // namespace
}  // namespace concordat::store
