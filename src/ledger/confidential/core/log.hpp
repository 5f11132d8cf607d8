// The record ledger's encrypted log: segment files of records, each record one group commit.
//
//   seg-%08u.log   header ‖ record*
//   header         "concordat-log/1" and a zero byte (16) ‖ u32 number ‖ AES-KW(sealing key "ledger-log", data key)
//   (40) ‖
//                  chain before the segment (32) ‖ HMAC-SHA-256(data key, "header" ‖ all of that) (32)
//   record         u32 length of sealed ‖ u32 check ‖ sealed
//   check          first 4 bytes of HMAC-SHA-256(data key, "length" ‖ u64 counter ‖ u32 length): a changed length must
//   not
//                  look like a torn tail
//   sealed         A256GCM(data key, nonce = record counter in the segment, aad = u32 number ‖ u64 counter ‖ chain)
//   chain          SHA-256(0x01 ‖ chain ‖ header), then SHA-256(0x02 ‖ chain ‖ sealed) for each record, from 32 zero
//   bytes
//
// Each process start, and each failed write, goes on in a new segment under a fresh random data key: no nonce is used
// twice, not even for bytes that a failing disk kept. Because the chain is in every record's aad, dropping, swapping or
// reordering records or segments breaks the next tag. Only an unfinished end (of the last segment) is cut; everything
// else that does not fit is Error(tampered) naming segment and offset, and nothing is repaired.
#pragma once
#include <base/clock.hpp>
#include <base/error.hpp>
#include <base/id.hpp>
#include <base/secret.hpp>
#include <functional>

#include "disk.hpp"

namespace concordat::ledger::confidential {

// What the ledger takes from outside. All must outlive it. `sealing_key` gives the process's sealing key for a purpose.
struct Ports {
    Disk& disk;
    Clock& clock;
    Random& random;
    std::function<SecretKey(std::string_view purpose)> sealing_key;
};

// Where a record stands, and what its tag is bound to.
struct RecordRef {
    std::uint64_t first_index = 0;  // of the log's entries: the first that this record holds
    std::uint64_t offset = 0;
    std::uint32_t segment = 0;
    std::uint32_t counter = 0;
    Hash256 chain;  // before the record
};

// A place between two records; segment 0 is the beginning of an empty log.
struct Position {
    std::uint32_t segment = 0;
    std::uint32_t counter = 0;
    std::uint64_t offset = 0;
    Hash256 chain;
    bool operator==(const Position&) const = default;
};

class Log {
  public:
    struct Options {
        std::uint64_t segment_bytes = std::uint64_t{256} << 20;  // a segment over this is left for a new one
        bool repair = true;                                      // false: an unfinished end is left where it is (audit)
    };
    struct Start {
        Position position;                 // replay from here (a snapshot's), or from the beginning
        std::vector<std::uint64_t> sizes;  // of segments 1 … position.segment, as the snapshot saw them
    };
    // Checks every header, then every record from `start` on, handing each one's plaintext to `each`. Throws
    // Error(tampered | disk).
    using Each = std::function<void(const RecordRef&, ByteView plaintext)>;
    Log(Ports& ports, Options options, const Start& start, const Each& each);

    // One durable write. Error(disk): nothing was written. Error(tampered), or a failure to undo: halted, and so is
    // every later call. `first_index` is only noted.
    RecordRef append(ByteView plaintext, std::uint64_t first_index);
    SecretBytes read(const RecordRef& at);

    const Position& position() const { return position_; }
    std::vector<std::uint64_t> sizes() const;
    std::uint64_t bytes() const;
    std::uint64_t cut_bytes() const { return cut_bytes_; }  // of an unfinished end, at open
    bool halted() const { return !halted_.empty(); }

    static constexpr std::size_t max_record = std::size_t{1} << 27;

  private:
    struct Segment {
        SecretKey key;
        std::uint64_t size = 0;
    };
    struct Scan;

    std::string load_header(std::uint32_t number, bool last);
    void replay(const Start& start, const Each& each);
    void replay_segment(std::uint32_t number, bool last, const Each& each);
    bool replay_record(Scan& scan, bool last, const Each& each);
    void cut(std::uint32_t number, std::uint64_t at, std::uint64_t size);
    Bytes begin_segment();
    Hash256 seal_record(Bytes& out, const SecretKey& key, std::uint32_t number, std::uint64_t counter,
                        const Hash256& chain, ByteView plaintext) const;
    void check_length_on_disk();
    void write(ByteView bytes);
    void undo(std::uint32_t number, bool fresh, std::uint64_t size);
    [[noreturn]] void halt(Error error);
    void require_running() const;

    Ports& ports_;
    Options options_;
    std::vector<Segment> segments_;
    std::unique_ptr<AppendFile> file_;  // of the last segment, when this process began it and it may be appended to
    Position position_;
    std::uint64_t cut_bytes_ = 0;
    std::string halted_;
};

std::string segment_name(std::uint32_t number);

}  // namespace concordat::ledger::confidential
