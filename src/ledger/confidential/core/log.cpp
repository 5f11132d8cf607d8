#include "log.hpp"

#include <algorithm>
#include <base/error.hpp>
#include <base/log.hpp>
#include <base/wire.hpp>
#include <crypto/hash.hpp>
#include <crypto/jwe.hpp>
#include <cstdio>

namespace concordat::ledger::confidential {
namespace {

constexpr std::string_view magic{"concordat-log/1\0", 16};
constexpr std::size_t header_bytes = 16 + 4 + 40 + 32 + 32;
constexpr std::size_t prefix_bytes = 8;
constexpr std::size_t tag_bytes = 16;
constexpr std::uint32_t max_segments = 1 << 20;

[[noreturn]] void tampered(std::uint32_t segment, std::uint64_t offset, std::string rule) {
    throw Error(Code::tampered, segment_name(segment) + " at " + std::to_string(offset), std::move(rule));
}

Hash256 chain_after(std::uint8_t kind, const Hash256& chain, ByteView bytes) {
    return crypto::sha256({ByteView(&kind, 1), chain.view(), bytes});
}

crypto::Nonce nonce_of(std::uint64_t counter) {
    crypto::Nonce nonce{};
    for (std::size_t i = 0; i < 8; ++i) nonce[11 - i] = static_cast<std::uint8_t>(counter >> (8 * i));
    return nonce;
}

Bytes aad_of(std::uint32_t segment, std::uint64_t counter, const Hash256& chain) {
    wire::Writer out;
    out.u32(segment);
    out.u64(counter);
    out.hash(chain);
    return out.take();
}

std::uint32_t length_check(const SecretKey& key, std::uint64_t counter, std::uint32_t length) {
    wire::Writer out;
    out.u64(counter);
    out.u32(length);
    const Hash256 mac = crypto::hmac_sha256(key.expose(), {bytes_of("length"), out.get()});
    return wire::Reader(mac.view()).u32();
}

Hash256 header_mac(const SecretKey& key, ByteView header) {
    return crypto::hmac_sha256(key.expose(), {bytes_of("header"), header});
}

std::optional<std::uint32_t> segment_number(std::string_view name) {
    if (name.size() != 16 || !name.starts_with("seg-") || !name.ends_with(".log")) return std::nullopt;
    std::uint32_t number = 0;
    for (const char c : name.substr(4, 8)) {
        if (c < '0' || c > '9') return std::nullopt;
        number = number * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return number;
}

std::uint32_t count_segments(Disk& disk) {
    std::vector<std::uint32_t> numbers;
    for (const std::string& name : disk.list()) {
        if (const auto number = segment_number(name)) numbers.push_back(*number);
    }
    std::sort(numbers.begin(), numbers.end());
    for (std::uint32_t i = 0; i < numbers.size(); ++i) {
        if (numbers[i] != i + 1) tampered(i + 1, 0, "the segment is missing");
    }
    if (numbers.size() > max_segments) throw Error(Code::too_large, "log", "must be at most 2^20 segments");
    return static_cast<std::uint32_t>(numbers.size());
}

}  // namespace

std::string segment_name(std::uint32_t number) {
    std::array<char, 24> name{};
    std::snprintf(name.data(), name.size(), "seg-%08u.log", number);
    return name.data();
}

// Reads one segment forward in large pieces; a system call for each record would dominate a replay.
struct Log::Scan {
    Disk& disk;
    std::uint32_t number;
    const SecretKey& key;
    std::uint64_t size;
    std::uint64_t buffer_at = 0;
    Bytes buffer{};

    ByteView at(std::uint64_t offset, std::size_t length) {
        if (offset < buffer_at || offset + length > buffer_at + buffer.size()) {
            buffer.resize(std::max<std::size_t>(length, std::min<std::uint64_t>(std::size_t{1} << 20, size - offset)));
            if (disk.read(segment_name(number), offset, buffer) != buffer.size()) {
                tampered(number, offset, "the file became shorter while it was read");
            }
            buffer_at = offset;
        }
        return ByteView(buffer).subspan(static_cast<std::size_t>(offset - buffer_at), length);
    }
};

Log::Log(Ports& ports, Options options, const Start& start, const Each& each) : ports_(ports), options_(options) {
    const std::uint32_t count = count_segments(ports_.disk);
    if (start.position.segment > count) tampered(count + 1, 0, "the segment is missing");
    for (std::uint32_t number = 1; number <= count; ++number) {
        const std::string torn = load_header(number, number == count);
        if (torn.empty()) continue;
        if (number <= start.position.segment) tampered(number, 0, "the segment was shortened");
        cut_bytes_ = ports_.disk.size(segment_name(number)).value_or(0);
        log::warning("ledger_log_cut", {{"segment", segment_name(number)}, {"at", 0}, {"bytes", cut_bytes_}});
        if (options_.repair) ports_.disk.remove(segment_name(number));
    }
    replay(start, each);
}

// "torn" when the header was not written to its end, which only the last segment's may be.
std::string Log::load_header(std::uint32_t number, bool last) {
    const std::string name = segment_name(number);
    const std::uint64_t size = ports_.disk.size(name).value_or(0);
    if (size < header_bytes && last) return "torn";
    Bytes header(header_bytes);
    if (ports_.disk.read(name, 0, header) != header_bytes) tampered(number, 0, "the header is cut");
    if (text_of(ByteView(header).first(16)) != magic) tampered(number, 0, "the header is not a log's");
    wire::Reader in(ByteView(header).subspan(16));
    if (in.u32() != number) tampered(number, 0, "the header is another segment's");
    auto key = crypto::unwrap_key(ports_.sealing_key("ledger-log"), in.raw(40));
    if (!key) tampered(number, 0, "the data key does not unwrap under this machine's sealing key");
    const Hash256 mac = header_mac(*key, ByteView(header).first(header_bytes - 32));
    if (!equal_constant_time(mac.view(), ByteView(header).last(32))) tampered(number, 0, "the header was changed");
    segments_.push_back({std::move(*key), size});
    return {};
}

void Log::replay(const Start& start, const Each& each) {
    const std::uint32_t first = start.position.segment;
    for (std::uint32_t number = 1; number <= first; ++number) {
        const std::uint64_t size = segments_[number - 1].size, seen = start.sizes.at(number - 1);
        if (number < first ? size != seen : size < start.position.offset) {
            tampered(number, std::min(size, seen), "the segment's length is not what the snapshot saw");
        }
    }
    position_ = start.position;
    const auto count = static_cast<std::uint32_t>(segments_.size());
    for (std::uint32_t number = std::max(first, 1u); number <= count; ++number) {
        replay_segment(number, number == count, each);
    }
}

void Log::replay_segment(std::uint32_t number, bool last, const Each& each) {
    Scan scan{ports_.disk, number, segments_[number - 1].key, segments_[number - 1].size};
    if (number != position_.segment) {
        const ByteView header = scan.at(0, header_bytes);
        wire::Reader in(header.subspan(16 + 4 + 40));
        if (in.hash() != position_.chain) tampered(number, 0, "does not follow the segment before it");
        position_ = {number, 0, header_bytes, chain_after(1, position_.chain, header)};
    }
    // A header whose first record never became whole can stay, without records, as the last one.
    while (position_.offset < scan.size && replay_record(scan, last, each)) {
    }
}

// False when an unfinished record was cut.
bool Log::replay_record(Scan& scan, bool last, const Each& each) {
    const std::uint64_t offset = position_.offset, left = scan.size - offset;
    const auto torn = [&] {
        if (!last) tampered(scan.number, offset, "the record is cut, and it is not the log's last");
        cut(scan.number, offset, scan.size);
        return false;
    };
    if (left < prefix_bytes) return torn();
    wire::Reader prefix(scan.at(offset, prefix_bytes));
    const std::uint32_t length = prefix.u32(), check = prefix.u32();
    if (check != length_check(scan.key, position_.counter, length) || length < tag_bytes || length > max_record) {
        tampered(scan.number, offset, "the record's length was changed");
    }
    if (left - prefix_bytes < length) return torn();
    const ByteView sealed = scan.at(offset + prefix_bytes, length);
    const RecordRef ref{0, offset, scan.number, position_.counter, position_.chain};
    auto plaintext = crypto::open(scan.key, nonce_of(ref.counter), aad_of(ref.segment, ref.counter, ref.chain), sealed);
    if (!plaintext) tampered(scan.number, offset, "the record was changed, or one before it");
    position_.chain = chain_after(2, position_.chain, sealed);
    position_.offset += prefix_bytes + length;
    ++position_.counter;
    const SecretBytes content(std::move(*plaintext));
    each(ref, content.expose());
    return true;
}

void Log::cut(std::uint32_t number, std::uint64_t at, std::uint64_t size) {
    cut_bytes_ = size - at;
    log::warning("ledger_log_cut", {{"segment", segment_name(number)}, {"at", at}, {"bytes", cut_bytes_}});
    if (options_.repair) ports_.disk.truncate(segment_name(number), at);
    segments_[number - 1].size = at;
}

// Appends the record to `out`; the chain after it.
Hash256 Log::seal_record(Bytes& out, const SecretKey& key, std::uint32_t number, std::uint64_t counter,
                         const Hash256& chain, ByteView plaintext) const {
    const auto length = static_cast<std::uint32_t>(plaintext.size() + tag_bytes);
    wire::Writer prefix;
    prefix.u32(length);
    prefix.u32(length_check(key, counter, length));
    out.reserve(out.size() + prefix_bytes + length);
    out.insert(out.end(), prefix.get().begin(), prefix.get().end());
    crypto::append_sealed(out, key, nonce_of(counter), aad_of(number, counter, chain), plaintext);
    return chain_after(2, chain, ByteView(out).last(length));
}

// The new segment's header; the file exists, empty. The position moves behind the header.
Bytes Log::begin_segment() {
    const std::uint32_t number = static_cast<std::uint32_t>(segments_.size()) + 1;
    SecretKey key;
    ports_.random.fill(key.expose());
    wire::Writer out;
    out.raw(bytes_of(magic));
    out.u32(number);
    out.raw(crypto::wrap_key(ports_.sealing_key("ledger-log"), key));
    out.hash(position_.chain);
    out.hash(header_mac(key, out.get()));
    file_ = ports_.disk.create(segment_name(number));
    segments_.push_back({std::move(key), 0});
    position_ = {number, 0, header_bytes, chain_after(1, position_.chain, out.get())};
    return out.take();
}

void Log::check_length_on_disk() {
    if (segments_.empty()) return;
    const auto number = static_cast<std::uint32_t>(segments_.size());
    const auto size = ports_.disk.size(segment_name(number));
    if (size == segments_.back().size) return;
    halt(Error(Code::tampered, segment_name(number) + " at " + std::to_string(size.value_or(0)),
               "the file is not as long as it was left"));
}

RecordRef Log::append(ByteView plaintext, std::uint64_t first_index) {
    require_running();
    if (plaintext.size() + tag_bytes > max_record) throw Error(Code::too_large, "record", "must be at most 2^27 bytes");
    check_length_on_disk();
    const Position before = position_;
    const bool fresh = !file_ || segments_.back().size >= options_.segment_bytes;
    const auto number = static_cast<std::uint32_t>(segments_.size() + (fresh ? 1 : 0));
    const std::uint64_t size = fresh ? 0 : segments_.back().size;
    try {
        Bytes out = fresh ? begin_segment() : Bytes{};
        const RecordRef ref{first_index, position_.offset, number, position_.counter, position_.chain};
        const Hash256 next_chain = seal_record(out, segments_.back().key, number, ref.counter, ref.chain, plaintext);
        file_->append(out);
        file_->sync();
        segments_.back().size += out.size();
        position_ = {number, ref.counter + 1, ref.offset + prefix_bytes + plaintext.size() + tag_bytes, next_chain};
        return ref;
    } catch (...) {
        position_ = before;
        undo(number, fresh, size);
        throw;
    }
}

// Brings the disk back to before a failed write. The segment is closed for good: its next nonce may have met bytes
// already.
void Log::undo(std::uint32_t number, bool fresh, std::uint64_t size) {
    file_.reset();
    if (fresh && segments_.size() == number) segments_.pop_back();
    try {
        if (fresh) {
            ports_.disk.remove(segment_name(number));
        } else {
            ports_.disk.truncate(segment_name(number), size);
        }
    } catch (const Error& error) {
        halt(Error(Code::disk, error.field(), "a failed write could not be undone: " + error.rule()));
    }
}

SecretBytes Log::read(const RecordRef& at) {
    require_running();
    const Segment& segment = segments_.at(at.segment - 1);
    if (at.offset + prefix_bytes > segment.size) tampered(at.segment, at.offset, "the record is not there");
    std::array<std::uint8_t, prefix_bytes> prefix{};
    const std::string name = segment_name(at.segment);
    if (ports_.disk.read(name, at.offset, prefix) != prefix.size())
        tampered(at.segment, at.offset, "the record is cut");
    wire::Reader in(prefix);
    const std::uint32_t length = in.u32();
    if (in.u32() != length_check(segment.key, at.counter, length) || length > max_record) {
        tampered(at.segment, at.offset, "the record's length was changed");
    }
    Bytes sealed(length);
    if (ports_.disk.read(name, at.offset + prefix_bytes, sealed) != length) {
        tampered(at.segment, at.offset, "the record is cut");
    }
    auto plaintext = crypto::open(segment.key, nonce_of(at.counter), aad_of(at.segment, at.counter, at.chain), sealed);
    if (!plaintext) tampered(at.segment, at.offset, "the record was changed");
    return SecretBytes(std::move(*plaintext));
}

std::vector<std::uint64_t> Log::sizes() const {
    std::vector<std::uint64_t> out;
    for (const Segment& segment : segments_) out.push_back(segment.size);
    return out;
}

std::uint64_t Log::bytes() const {
    std::uint64_t sum = 0;
    for (const Segment& segment : segments_) sum += segment.size;
    return sum;
}

void Log::halt(Error error) {
    halted_ = error.what();
    log::error("ledger_halted", {{"why", halted_}});
    throw error;
}

void Log::require_running() const {
    if (!halted_.empty()) throw Error(Code::unavailable, "ledger", "has halted: " + halted_);
}

}  // namespace concordat::ledger::confidential
