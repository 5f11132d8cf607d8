// What the ledger does when its disk fills up, fails, loses power, or was changed by somebody else.
#include <gtest/gtest.h>

#include <algorithm>
#include <base/log.hpp>

#include "../../../../tests/support/ledger.hpp"

namespace concordat::ledger::confidential {
namespace {

using test::LedgerWorld;
using test::Link;
using test::MemoryDisk;

class Fault : public ::testing::Test {
  protected:
    void SetUp() override { log::set_level(static_cast<log::Level>(4)); }  // thousands of openings
    void TearDown() override { log::set_level(log::Level::info); }
};

constexpr std::size_t header_bytes = 124;

struct Opened {
    bool ok = false;
    Error error{Code::internal, "", ""};
    std::uint64_t size = 0;
};

// Opens a ledger on this disk; `then` may use it.
Opened open_on(MemoryDisk& disk, const std::function<void(RecordLedger&)>& then = {},
               const std::function<SecretKey(std::string_view)>& sealing = test::test_sealing_key) {
    ManualClock clock(test::start_time);
    SystemRandom random;
    Opened out;
    try {
        RecordLedger ledger(Ports{disk, clock, random, sealing});
        out.size = ledger.size();
        if (then) then(ledger);
        out.ok = true;
    } catch (const Error& error) {
        out.error = error;
    }
    return out;
}

AuditReport audit_on(MemoryDisk& disk) {
    ManualClock clock(test::start_time);
    SystemRandom random;
    return RecordLedger::audit(Ports{disk, clock, random, test::test_sealing_key});
}

std::string code_of(const AppendOutcome& outcome) {
    const auto* refused = std::get_if<Refused>(&outcome);
    return refused == nullptr ? "" : refused->code;
}

// Two segments: one binding with three entries in the first, two more in the second.
struct Small {
    LedgerWorld w;
    test::TestEnclave enclave;
    Link link;
    Small() : enclave(w.enclave("one")) {
        link = w.bind(enclave, 1);
        w.append(enclave, {w.next_record(link, "PLAINTEXT-MARK")});
        w.append(enclave, {w.next_record(link, "PLAINTEXT-MARK")});
        reopen();
        w.append(enclave, {w.next_record(link, "a")});
        w.append(enclave, {w.next_record(link, "b")});
    }
    void reopen() {
        w.open();
        w.admit_again(enclave);
        w.ledger->release_key(enclave.id, link.binding);
    }
};

TEST_F(Fault, PowerLostAtAnyPointOfAWriteLeavesBeforeOrAfter) {
    Small s;
    const std::uint64_t before = s.w.ledger->size();
    std::vector<MemoryDisk> crashes;
    s.w.disk.before_sync = [&](const MemoryDisk& disk) {
        std::size_t unsynced = 0;
        for (const auto& [name, file] : disk.files) unsynced = std::max(unsynced, file.data.size() - file.synced);
        for (std::size_t keep = 0; keep <= unsynced; ++keep) crashes.push_back(disk.after_crash(keep));
    };
    s.w.append(s.enclave, {s.w.next_record(s.link, "c"), s.w.next_record(s.link, "d")});  // the same segment
    s.reopen();
    s.w.append(s.enclave, {s.w.next_record(s.link, "e")});  // a new one
    ASSERT_GT(crashes.size(), 1000u);
    std::size_t whole = 0;
    for (MemoryDisk& disk : crashes) {
        const Opened opened = open_on(disk);
        ASSERT_TRUE(opened.ok) << opened.error.what();
        ASSERT_TRUE(opened.size == before || opened.size == before + 2 || opened.size == before + 3);
        whole += opened.size == before ? 0 : 1;
        const AuditReport report = audit_on(disk);
        ASSERT_EQ(report.entries, opened.size);
        ASSERT_EQ(report.cut_bytes, 0u) << "the unfinished end was cut for good";
    }
    EXPECT_GT(whole, 1u);
}

TEST_F(Fault, AnEndTornAtAnyByteIsCutAndTheLedgerGoesOn) {
    Small s;
    const std::string last = segment_name(2);
    const std::size_t full = s.w.disk.bytes(last).size();
    for (std::size_t size = 0; size < full; size += size + 40 < full ? 3 : 1) {
        MemoryDisk disk = s.w.disk;
        disk.bytes(last).resize(size);
        const Opened opened = open_on(disk);
        ASSERT_TRUE(opened.ok) << size << " " << opened.error.what();
        ASSERT_LT(opened.size, 5u);
        ASSERT_GE(opened.size, 3u);
        ASSERT_EQ(audit_on(disk).entries, opened.size);
    }
    // And it can be written to again.
    s.w.disk.bytes(last).resize(full - 1);
    s.reopen();
    ASSERT_EQ(s.w.ledger->size(), 4u);
    Link link = s.link;
    const auto entry = s.w.ledger->read(3, 1).entries.at(0);
    link.entry = LedgerWorld::id_of(entry.record);
    link.sequence = 3;
    EXPECT_EQ(code_of(s.w.append(s.enclave, {s.w.next_record(link)})), "");
    EXPECT_EQ(audit_on(s.w.disk).entries, 5u);
    EXPECT_EQ(audit_on(s.w.disk).segments, 3u);
}

TEST_F(Fault, AnEarlierSegmentMayNotBeCut) {
    Small s;
    const std::size_t full = s.w.disk.bytes(segment_name(1)).size();
    for (std::size_t size = 0; size < full; size += 17) {
        MemoryDisk disk = s.w.disk;
        disk.bytes(segment_name(1)).resize(size);
        const Opened opened = open_on(disk);
        ASSERT_FALSE(opened.ok) << size;
        ASSERT_EQ(opened.error.code(), Code::tampered);
        ASSERT_NE(opened.error.field().find("seg-0000000"), std::string::npos);
    }
}

TEST_F(Fault, AChangedByteAnywhereIsNoticedAndNothingIsRepaired) {
    Small s;
    for (const auto& [name, file] : s.w.disk.files) {
        for (std::size_t at = 0; at < file.data.size(); at += (at < 300 ? 1 : 7)) {
            MemoryDisk disk = s.w.disk;
            disk.bytes(name)[at] ^= 0x40;
            const MemoryDisk before = disk;
            const Opened opened = open_on(disk);
            ASSERT_FALSE(opened.ok) << name << " at " << at;
            ASSERT_EQ(opened.error.code(), Code::tampered) << opened.error.what();
            ASSERT_NE(opened.error.field().find(name), std::string::npos) << opened.error.what();
            for (const auto& [other, content] : before.files) ASSERT_EQ(disk.bytes(other), content.data);
        }
    }
}

TEST_F(Fault, SegmentsCannotBeDroppedSwappedOrRepeated) {
    Small s;
    s.reopen();
    s.w.append(s.enclave, {s.w.next_record(s.link, "c")});
    const auto refused = [&](const std::function<void(MemoryDisk&)>& change, std::string_view field) {
        MemoryDisk disk = s.w.disk;
        change(disk);
        const Opened opened = open_on(disk);
        EXPECT_FALSE(opened.ok);
        EXPECT_EQ(opened.error.code(), Code::tampered) << opened.error.what();
        EXPECT_EQ(opened.error.field(), field);
    };
    refused([](MemoryDisk& d) { d.files.erase(segment_name(1)); }, "seg-00000001.log at 0");
    refused([](MemoryDisk& d) { d.files.erase(segment_name(2)); }, "seg-00000002.log at 0");
    refused([](MemoryDisk& d) { std::swap(d.files[segment_name(1)], d.files[segment_name(2)]); },
            "seg-00000001.log at 0");
    refused([](MemoryDisk& d) { d.files[segment_name(4)] = d.files[segment_name(3)]; }, "seg-00000004.log at 0");
    refused([](MemoryDisk& d) { d.files.erase("identity"); }, "identity");
    // Segment 2 dropped and 3 put in its place, as if it had been made then.
    refused(
        [](MemoryDisk& d) {
            d.files[segment_name(2)] = d.files[segment_name(3)];
            d.files.erase(segment_name(3));
        },
        "seg-00000002.log at 0");
}

TEST_F(Fault, RecordsCannotBeDroppedOrSwapped) {
    LedgerWorld w;
    const auto enclave = w.enclave("one");
    Link link = w.bind(enclave, 1);
    std::vector<std::size_t> ends{w.disk.bytes(segment_name(1)).size()};
    for (int i = 0; i < 3; ++i) {
        w.append(enclave, {w.next_record(link, "x")});
        ends.push_back(w.disk.bytes(segment_name(1)).size());
    }
    const std::size_t length = ends[1] - ends[0];
    ASSERT_EQ(ends[2] - ends[1], length) << "records of one size";
    const auto at = [](Bytes& b, std::size_t i) { return b.begin() + static_cast<std::ptrdiff_t>(i); };
    MemoryDisk dropped = w.disk;
    Bytes& a = dropped.bytes(segment_name(1));
    a.erase(at(a, ends[0]), at(a, ends[1]));
    EXPECT_EQ(open_on(dropped).error.code(), Code::tampered);
    MemoryDisk swapped = w.disk;
    Bytes& b = swapped.bytes(segment_name(1));
    std::swap_ranges(at(b, ends[0]), at(b, ends[1]), at(b, ends[1]));
    EXPECT_EQ(open_on(swapped).error.code(), Code::tampered);
}

TEST_F(Fault, AFileThatIsCutOrGrownOrGoneWhileRunningHaltsTheLedger) {
    for (const int change : {-1, 1, 0}) {
        Small s;
        Bytes& file = s.w.disk.bytes(segment_name(2));
        if (change == 0) {
            s.w.disk.files.erase(segment_name(2));
        } else {
            file.resize(file.size() + static_cast<std::size_t>(change));
        }
        Link link = s.link;
        EXPECT_EQ(code_of(s.w.append(s.enclave, {s.w.next_record(link)})), "tampered");
        EXPECT_TRUE(s.w.ledger->halted());
        link = s.link;
        EXPECT_EQ(code_of(s.w.append(s.enclave, {s.w.next_record(link)})), "unavailable");
        EXPECT_THROW(s.w.ledger->read(0, 1), Error);
    }
}

TEST_F(Fault, AFullDiskChangesNothingAndTheLedgerGoesOn) {
    Small s;
    std::uint64_t size = s.w.ledger->size();
    for (const bool fresh : {false, true}) {
        for (std::size_t space = 0; space < 1000; space += 37) {
            if (fresh) {
                s.reopen();
            } else {
                ASSERT_EQ(code_of(s.w.append(s.enclave, {s.w.next_record(s.link)})), "");
                ++size;
            }
            Link link = s.link;
            s.w.disk.space = space;
            ASSERT_EQ(code_of(s.w.append(s.enclave, {s.w.next_record(link)})), "disk");
            s.w.disk.space = std::numeric_limits<std::size_t>::max();
            ASSERT_EQ(s.w.ledger->size(), size);
            ASSERT_EQ(s.w.ledger->head(s.link.binding, {}).entry_id, s.link.entry);
            ASSERT_EQ(audit_on(s.w.disk).entries, size);
            ASSERT_EQ(audit_on(s.w.disk).cut_bytes, 0u);
        }
    }
    ASSERT_EQ(code_of(s.w.append(s.enclave, {s.w.next_record(s.link)})), "");
    EXPECT_EQ(audit_on(s.w.disk).entries, size + 1);
}

TEST_F(Fault, AFailedSyncIsUndoneAndItsKeyIsNotUsedAgain) {
    Small s;
    Link link = s.link;
    s.w.disk.fail_sync = true;
    EXPECT_EQ(code_of(s.w.append(s.enclave, {s.w.next_record(link)})), "disk");
    s.w.disk.fail_sync = false;
    EXPECT_EQ(code_of(s.w.append(s.enclave, {s.w.next_record(s.link)})), "");
    EXPECT_TRUE(s.w.disk.files.contains(segment_name(3))) << "goes on in a new segment, under a new key";
    EXPECT_EQ(audit_on(s.w.disk).entries, 6u);
    s.reopen();
    EXPECT_EQ(s.w.ledger->size(), 6u);
}

TEST_F(Fault, AWriteThatCannotBeUndoneHaltsTheLedger) {
    Small s;
    Link link = s.link;
    s.w.disk.space = 100;
    s.w.disk.fail_truncate = true;
    EXPECT_EQ(code_of(s.w.append(s.enclave, {s.w.next_record(link)})), "disk");
    EXPECT_TRUE(s.w.ledger->halted());
    s.w.disk.space = std::numeric_limits<std::size_t>::max();
    s.w.disk.fail_truncate = false;
    link = s.link;
    EXPECT_EQ(code_of(s.w.append(s.enclave, {s.w.next_record(link)})), "unavailable");
    s.reopen();
    EXPECT_EQ(s.w.ledger->size(), 5u) << "the next start cuts what was not finished";
    EXPECT_EQ(code_of(s.w.append(s.enclave, {s.w.next_record(s.link)})), "");
}

TEST_F(Fault, EveryStartWritesUnderAnotherKey) {
    Small s;
    for (int i = 0; i < 6; ++i) {
        s.reopen();
        s.w.append(s.enclave, {s.w.next_record(s.link)});
    }
    std::set<std::array<std::uint8_t, 32>> keys;
    std::size_t segments = 0;
    for (auto& [name, file] : s.w.disk.files) {
        if (!name.starts_with("seg-")) continue;
        ++segments;
        const auto key = crypto::unwrap_key(test::test_sealing_key("ledger-log"), ByteView(file.data).subspan(20, 40));
        ASSERT_TRUE(key.has_value());
        keys.insert(key->expose());
    }
    EXPECT_EQ(segments, 8u);
    EXPECT_EQ(keys.size(), segments);
}

TEST_F(Fault, NothingPlainIsOnTheDisk) {
    Small s;
    s.w.ledger->snapshot();
    const auto key = s.w.ledger->release_key(s.enclave.id, s.link.binding);
    const auto identity = Identity::parse(s.w.ledger->identity());
    const std::vector<Bytes> plain{to_bytes(bytes_of("PLAINTEXT-MARK")), to_bytes(bytes_of("concordat/entry/1")),
                                   Bytes(key.key.expose().begin(), key.key.expose().end()),
                                   to_bytes(s.link.binding.view()), to_bytes(bytes_of("secp256k1"))};
    EXPECT_TRUE(s.w.disk.files.contains("snap-00000001.snap"));
    for (const auto& [name, file] : s.w.disk.files) {
        for (const Bytes& p : plain) {
            EXPECT_EQ(std::search(file.data.begin(), file.data.end(), p.begin(), p.end()), file.data.end()) << name;
        }
    }
}

TEST_F(Fault, AnotherMachinesSealingKeyOpensNothing) {
    Small s;
    const Opened opened = open_on(s.w.disk, {}, [](std::string_view) {
        SecretKey key;
        key.expose().fill(1);
        return key;
    });
    EXPECT_EQ(opened.error.code(), Code::tampered);
}

TEST_F(Fault, SnapshotAndReplayLeadToTheSame) {
    Small s;
    s.w.ledger->snapshot();
    s.w.append(s.enclave, {s.w.next_record(s.link, "after")});
    MemoryDisk with = s.w.disk, without = s.w.disk;
    without.files.erase("snap-00000001.snap");
    std::string heads[2];
    int i = 0;
    for (MemoryDisk* disk : {&with, &without}) {
        ASSERT_TRUE(open_on(*disk, [&](RecordLedger& ledger) {
                        const HeadStatement head = ledger.head(s.link.binding, {});
                        heads[i] = head.entry_id.text() + head.root.text() + std::to_string(ledger.size());
                        EXPECT_EQ(ledger.read(0, 100).entries.size(), 6u);
                    }).ok);
        ++i;
    }
    EXPECT_EQ(heads[0], heads[1]);
    EXPECT_EQ(audit_on(with).entries, 6u);
    // A second one replaces the first; a third with nothing new is not written.
    s.w.ledger->snapshot();
    s.w.ledger->snapshot();
    EXPECT_FALSE(s.w.disk.files.contains("snap-00000001.snap"));
    EXPECT_TRUE(s.w.disk.files.contains("snap-00000002.snap"));
    EXPECT_FALSE(s.w.disk.files.contains("snap-00000003.snap"));
}

TEST_F(Fault, ADamagedSnapshotOrOneThatTheLogDoesNotReachIsNotPassedOver) {
    Small s;
    s.w.ledger->snapshot();
    const std::string name = "snap-00000001.snap";
    for (std::size_t at = 0; at < s.w.disk.bytes(name).size(); at += 5) {
        MemoryDisk disk = s.w.disk;
        disk.bytes(name)[at] ^= 1;
        ASSERT_EQ(open_on(disk).error.code(), Code::tampered) << at;
    }
    for (std::size_t size = 0; size < s.w.disk.bytes(name).size(); size += 9) {
        MemoryDisk disk = s.w.disk;
        disk.bytes(name).resize(size);
        ASSERT_EQ(open_on(disk).error.code(), Code::tampered) << size;
    }
    MemoryDisk rolled = s.w.disk;
    rolled.bytes(segment_name(2)).pop_back();
    EXPECT_EQ(open_on(rolled).error.code(), Code::tampered);
    MemoryDisk lost = s.w.disk;
    lost.files.erase(segment_name(2));
    EXPECT_EQ(open_on(lost).error.code(), Code::tampered);
    // Behind the snapshot a start does not look; a read of it, and the audit, do.
    MemoryDisk early = s.w.disk;
    early.bytes(segment_name(1))[header_bytes + 20] ^= 1;
    EXPECT_TRUE(open_on(early, [](RecordLedger& ledger) { EXPECT_THROW(ledger.read(0, 1), Error); }).ok);
    EXPECT_THROW(audit_on(early), Error);
}

TEST_F(Fault, SnapshotsComeByThemselvesAndAFullDiskDoesNotStopTheLedger) {
    LedgerWorld w({.snapshot_bytes = 4096, .segment_bytes = 4096});
    const auto enclave = w.enclave("one");
    Link link = w.bind(enclave, 1);
    for (int i = 0; i < 40; ++i) {
        ASSERT_EQ(code_of(w.append(enclave, {w.next_record(link)})), "");
        w.ledger->snapshot_if_due();
    }
    const auto report = RecordLedger::audit(w.ports());
    EXPECT_EQ(report.entries, 41u);
    EXPECT_GT(report.segments, 5u) << "segments have a bound";
    EXPECT_EQ(std::ranges::count_if(w.disk.files, [](const auto& f) { return f.first.starts_with("snap-"); }), 1);
    w.disk.space = 0;
    w.append(enclave, {w.next_record(link)});
    w.ledger->snapshot_if_due();
    EXPECT_FALSE(w.ledger->halted());
    w.disk.space = std::numeric_limits<std::size_t>::max();
    w.open();
    EXPECT_EQ(w.ledger->size(), 41u);
}

// Versions before transactions wrote snapshots that end with the heads.
TEST_F(Fault, ASnapshotWithoutSlotsIsStillRead) {
    Small s;
    s.w.ledger->snapshot();
    auto& [name, file] =
        *std::ranges::find_if(s.w.disk.files, [](const auto& f) { return f.first.starts_with("snap-"); });
    Bytes& bytes = file.data;
    const auto key = crypto::unwrap_key(test::test_sealing_key("ledger-snapshot"), ByteView(bytes).subspan(20, 40));
    ASSERT_TRUE(key);
    Bytes content = *crypto::open(*key, {}, ByteView(bytes).first(60), ByteView(bytes).subspan(60));
    ASSERT_EQ(ByteView(content).last(4)[3], 0) << "no slots";
    content.resize(content.size() - 4);
    Bytes old(bytes.begin(), bytes.begin() + 60);
    old[15] = '1';
    const Bytes sealed = crypto::seal(*key, {}, old, content);
    old.insert(old.end(), sealed.begin(), sealed.end());
    bytes = old;
    file.synced = bytes.size();
    s.reopen();
    EXPECT_EQ(s.w.ledger->size(), 5u);
}

TEST_F(Fault, WhatAnAtomicWriteLeftBehindIsRemoved) {
    Small s;
    s.w.disk.files["snap-00000001.snap.new.7.0"] = {Bytes(10), 10};
    s.reopen();
    EXPECT_FALSE(s.w.disk.files.contains("snap-00000001.snap.new.7.0"));
    EXPECT_EQ(s.w.ledger->size(), 5u);
}

TEST_F(Fault, TheRealDiskKeepsWhatTheFakeKeeps) {
    const auto folder =
        std::filesystem::temp_directory_path() / ("concordat-ledger-test-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    FolderDisk disk(folder);
    ManualClock clock(test::start_time);
    SystemRandom random;
    const auto ports = [&] { return Ports{disk, clock, random, test::test_sealing_key}; };
    LedgerWorld w;
    Link link;
    test::TestEnclave enclave = w.enclave("one");
    for (int start = 0; start < 3; ++start) {
        w.ledger = std::make_unique<RecordLedger>(ports());
        w.admit_again(enclave);
        if (start == 0) {
            link = w.bind(enclave, 1);
        } else {
            w.ledger->release_key(enclave.id, link.binding);
        }
        ASSERT_EQ(code_of(w.append(enclave, {w.next_record(link)})), "");
        if (start == 1) w.ledger->snapshot();
    }
    const AuditReport report = RecordLedger::audit(ports());
    EXPECT_EQ(report.entries, 4u);
    EXPECT_EQ(report.segments, 3u);
    EXPECT_EQ(w.ledger->read(0, 10).entries.size(), 4u);
    disk.truncate(segment_name(3), *disk.size(segment_name(3)) - 1);
    EXPECT_EQ(RecordLedger::audit(ports()).entries, 3u);
    EXPECT_EQ(code_of(w.append(enclave, {w.next_record(link)})), "tampered");
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace concordat::ledger::confidential
