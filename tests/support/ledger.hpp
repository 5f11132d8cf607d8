// A record ledger on a disk that can fill up, fail and lose power, and enclaves that append to it.
#pragma once
#include <attest/development.hpp>
#include <base/error.hpp>
#include <crypto/merkle.hpp>
#include <functional>
#include <ledger/confidential/core/ledger.hpp>
#include <limits>
#include <map>
#include <memory>

#include "fixture.hpp"

namespace concordat::test {

namespace ccl = ledger::confidential;

// Files in memory. Copying it copies the disk.
class MemoryDisk final : public ccl::Disk {
  public:
    struct File {
        Bytes data;
        std::size_t synced = 0;
        std::size_t dropped = 0;  // bytes behind those
    };
    std::map<std::string, File> files;
    std::size_t space = std::numeric_limits<std::size_t>::max();  // bytes that can still be written
    bool blind = false;  // what is appended is copied and dropped: for a load that nobody reads again
    bool fail_sync = false, fail_truncate = false;
    std::function<void(const MemoryDisk&)> before_sync;  // not copied
    MemoryDisk() = default;
    MemoryDisk(const MemoryDisk& other) : files(other.files) {}
    MemoryDisk& operator=(const MemoryDisk& other) {
        files = other.files;
        return *this;
    }

    // After a loss of power: of what was not synced, only the first `keep` bytes of each file are there.
    MemoryDisk after_crash(std::size_t keep) const {
        MemoryDisk disk;
        disk.files = files;
        for (auto& [name, file] : disk.files) {
            file.data.resize(std::min(file.data.size(), file.synced + std::min(keep, file.data.size())));
            file.synced = file.data.size();
        }
        return disk;
    }
    Bytes& bytes(const std::string& name) { return files.at(name).data; }

    std::vector<std::string> list() override {
        std::vector<std::string> names;
        for (const auto& [name, file] : files) names.push_back(name);
        return names;
    }
    std::optional<std::uint64_t> size(const std::string& name) override {
        const auto found = files.find(name);
        if (found == files.end()) return std::nullopt;
        return found->second.data.size() + found->second.dropped;
    }
    std::unique_ptr<ccl::AppendFile> create(const std::string& name) override {
        if (!files.emplace(name, File{}).second) throw Error(Code::disk, name, "exists");
        return std::make_unique<Appender>(*this, name);
    }
    std::size_t read(const std::string& name, std::uint64_t offset, std::span<std::uint8_t> out) override {
        const Bytes& data = bytes(name);
        if (offset >= data.size()) return 0;
        const std::size_t n = std::min<std::size_t>(out.size(), data.size() - offset);
        std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(offset), n, out.begin());
        return n;
    }
    void truncate(const std::string& name, std::uint64_t size) override {
        if (fail_truncate) throw Error(Code::disk, name, "truncate: injected");
        bytes(name).resize(size);
        files[name].synced = size;
    }
    void remove(const std::string& name) override {
        if (fail_truncate) throw Error(Code::disk, name, "remove: injected");
        files.erase(name);
    }
    void write_atomic(const std::string& name, ByteView content) override {
        if (content.size() > space) throw Error(Code::disk, name, "write: no space");
        files[name] = {to_bytes(content), content.size()};
    }

  private:
    class Appender final : public ccl::AppendFile {
      public:
        Appender(MemoryDisk& disk, std::string name) : disk_(disk), name_(std::move(name)) {}
        void append(ByteView content) override {
            const std::size_t n = std::min(disk_.space, content.size());
            if (disk_.blind) return drop(content);
            Bytes& data = disk_.bytes(name_);
            data.insert(data.end(), content.begin(), content.begin() + static_cast<std::ptrdiff_t>(n));
            disk_.space -= n;
            if (n < content.size()) throw Error(Code::disk, name_, "write: no space");
        }
        void sync() override {
            if (disk_.before_sync) disk_.before_sync(disk_);
            if (disk_.fail_sync) throw Error(Code::disk, name_, "fdatasync: injected");
            disk_.files[name_].synced = disk_.bytes(name_).size();
        }

      private:
        void drop(ByteView content) {
            dropped_.assign(content.begin(), content.end());
            disk_.files[name_].dropped += content.size();
        }

        MemoryDisk& disk_;
        std::string name_;
        Bytes dropped_;
    };
};

inline SecretKey test_sealing_key(std::string_view purpose) {
    const Hash256 secret = hash_of("sealing");
    return crypto::derive_key(secret.view(), {bytes_of(purpose)});
}

struct TestEnclave {
    crypto::PrivateKey key;
    json::Value evidence;
    ccl::EnclaveId id = 0;

    ccl::Hello hello() const { return {{json::canonical(key.public_key().jwk()), json::canonical(evidence)}}; }
    ccl::Append append(std::vector<contract::EntryRecord> records, const std::string& chain) const {
        ccl::Append out;
        std::vector<Hash256> ids;
        for (auto& record : records) {
            ids.push_back(contract::Entry::parse(record.document).id(record.document));
            out.items.push_back({std::move(record)});
        }
        out.root_signature = key.sign(
            ccl::enclave_root_statement(key.public_key().thumbprint(), chain, ids.size(), crypto::merkle_root(ids)));
        return out;
    }
};

// A binding's last entry as an enclave remembers it.
struct Link {
    Hash256 binding, version, entry;
    std::int64_t sequence = 0;
};

struct LedgerWorld {
    World world;
    MemoryDisk disk;
    ManualClock clock{start_time};
    SystemRandom random;
    ccl::RecordLedger::Options options;
    std::unique_ptr<ccl::RecordLedger> ledger;

    explicit LedgerWorld(ccl::RecordLedger::Options o = {}) : options(o) { open(); }
    ccl::Ports ports() { return {disk, clock, random, test_sealing_key}; }
    void open() {
        ledger.reset();
        ledger = std::make_unique<ccl::RecordLedger>(ports(), options);
    }

    TestEnclave enclave(std::string_view name) { return enclave(name, world.measurement); }
    TestEnclave enclave(std::string_view name, const Hash256& measurement) {
        TestEnclave out{signing_key(name), {}, 0};
        attest::DevelopmentProvider provider(signing_key("development root"), measurement, "concordat-enclave", 1,
                                             clock);
        out.evidence = provider.make(ccl::enclave_report_data(out.key.public_key()));
        out.id = ledger->admit(out.hello(), out.key.public_key());
        return out;
    }
    void admit_again(TestEnclave& enclave) { enclave.id = ledger->admit(enclave.hello(), enclave.key.public_key()); }

    json::Object document(std::uint64_t number) const {
        json::Object out = world.first_document();
        out["nonce"] = to_base64url(ByteView(hash_of(std::to_string(number)).bytes).first(16));
        const auto identity = ccl::Identity::parse(ledger->identity());
        out["record"] = json::Object{{"chain", identity.chain},
                                     {"service_key", identity.service_key.jwk()},
                                     {"encryption_key", identity.encryption_key.jwk()}};
        return out;
    }
    Bytes signed_jws(const json::Object& document_) const {
        return to_bytes(bytes_of(json::canonical(sign_binding(document_, world.buyer, world.seller).to_json())));
    }

    contract::EntryRecord record(contract::EntryType type, const Link& at, Bytes input, std::string_view mark = "m",
                                 const ledger::Pin* pin = nullptr) const {
        contract::EntryRecord out;
        const json::Object state{{"mark", std::string(mark)}};
        out.input = std::move(input);
        out.state = to_bytes(bytes_of(json::canonical(state)));
        out.disclosures = to_bytes(bytes_of("{}"));
        contract::Entry entry;
        entry.type = type;
        entry.ledger = ledger->chain();
        entry.binding = at.binding;
        entry.version = at.version;
        entry.sequence = at.sequence;
        entry.previous = at.entry;
        entry.time = start_time;
        entry.input = crypto::sha256(out.input);
        entry.state_before = hash_of("before");
        entry.state_after = contract::state_root(state);
        if (type == contract::EntryType::prepare) {
            entry.deadline = start_time + 60'000;
            entry.effects = {
                json::Object{{"effect", "pay"}, {"ledger", "cash"}, {"args", json::Object{}}, {"pin", pin->to_json()}}};
        }
        if (type == contract::EntryType::execute || type == contract::EntryType::prepare) {
            entry.sender_role = "buyer";
            entry.sender_id = "did:web:buyer.example";
            entry.sender_key = world.buyer.public_key().kid();
            entry.action = "act";
            entry.number = at.sequence;
        }
        entry.disclosures = crypto::sha256(out.disclosures);
        entry.private_state = crypto::sha256(out.private_state);
        out.document = to_bytes(bytes_of(entry.write()));
        return out;
    }

    // The bind entry of document `number`; the enclave is given the key. `link` becomes the head.
    contract::EntryRecord bind_record(const TestEnclave& enclave, std::uint64_t number, Link& link) {
        const json::Object first = document(number);
        const Bytes jws = signed_jws(first);
        ledger->create_key(enclave.id, jws);
        const Hash256 id = crypto::sha256(json::canonical(first));
        contract::EntryRecord out = record(contract::EntryType::bind, {id, id, {}, 0}, jws);
        link = {id, id, id_of(out), 0};
        return out;
    }
    // The entry after `link`, which moves on.
    contract::EntryRecord next_record(Link& link, std::string_view mark = "m") const {
        Link at = link;
        ++at.sequence;
        contract::EntryRecord out =
            record(contract::EntryType::execute, at, to_bytes(bytes_of("input " + std::string(mark))), mark);
        link.sequence = at.sequence;
        link.entry = id_of(out);
        return out;
    }
    // A prepare entry on top of `link`, which stays where it is.
    contract::EntryRecord prepare_record(const Link& link, std::string_view account, std::uint64_t slot) const {
        Link at = link;
        ++at.sequence;
        const ledger::Pin pin{
            .chain = "fake:1", .account = std::string(account), .slot = slot, .call = {}, .ceiling = 9};
        return record(contract::EntryType::prepare, at, to_bytes(bytes_of("input")), "m", &pin);
    }
    static Hash256 id_of(const contract::EntryRecord& record) {
        return contract::Entry::parse(record.document).id(record.document);
    }

    ccl::AppendOutcome append(const TestEnclave& enclave, std::vector<contract::EntryRecord> records) {
        const ccl::Append append = enclave.append(std::move(records), ledger->chain());
        const ccl::AppendRequest request{enclave.id, &append};
        return ledger->append({&request, 1}).at(0);
    }
    // Appends what must succeed.
    Link bind(const TestEnclave& enclave, std::uint64_t number) {
        Link link;
        auto out = append(enclave, {bind_record(enclave, number, link)});
        if (const auto* refused = std::get_if<ccl::Refused>(&out)) {
            throw Error(code_from_name(refused->code), refused->field, refused->rule);
        }
        if (!std::get<ccl::AppendResult>(out).items[0].appended) throw Error(Code::conflict, "", "");
        return link;
    }
};

}  // namespace concordat::test
