#include "index.hpp"

#include <algorithm>
#include <array>

namespace concordat::node {

namespace {

constexpr std::size_t max_batches = 256;
constexpr std::size_t batch_rows = 512;
constexpr auto batch_delay = std::chrono::milliseconds(20);  // whoever must read sooner asks for a barrier

constexpr std::array<std::string_view, 4> migrations{R"(
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE bindings(
  local INTEGER PRIMARY KEY, tenant TEXT NOT NULL, id BLOB NOT NULL, status TEXT NOT NULL, number INTEGER NOT NULL,
  version BLOB NOT NULL, package BLOB NOT NULL, dedicated INTEGER NOT NULL, proposal BLOB, deadline INTEGER NOT NULL,
  created INTEGER NOT NULL);
CREATE UNIQUE INDEX bindings_of_tenant ON bindings(tenant, id);
CREATE UNIQUE INDEX bindings_by_id ON bindings(id);
CREATE INDEX bindings_proposed ON bindings(deadline) WHERE proposal IS NOT NULL;
CREATE TABLE entries(
  position INTEGER PRIMARY KEY, binding INTEGER NOT NULL, sequence INTEGER NOT NULL, type INTEGER NOT NULL,
  entry BLOB NOT NULL, input BLOB NOT NULL, input_start INTEGER NOT NULL);
CREATE UNIQUE INDEX entries_of_binding ON entries(binding, sequence);
CREATE INDEX entries_by_input ON entries(input_start);
CREATE TABLE versions(
  binding INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, package BLOB NOT NULL, position INTEGER NOT NULL,
  jws BLOB NOT NULL, PRIMARY KEY(binding, number)) WITHOUT ROWID;
CREATE TABLE enclaves(kid TEXT PRIMARY KEY, key TEXT NOT NULL, evidence TEXT NOT NULL) WITHOUT ROWID;
)",
                                                     // What is new is found by reading the ledger again.
                                                     R"(
ALTER TABLE bindings ADD COLUMN enclave_group BLOB;
ALTER TABLE bindings ADD COLUMN open_transaction BLOB;
CREATE TABLE transactions(
  id BLOB PRIMARY KEY, binding INTEGER NOT NULL, prepared INTEGER NOT NULL, last INTEGER NOT NULL,
  changed INTEGER NOT NULL, cancelling INTEGER NOT NULL, disputed INTEGER NOT NULL, ending TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX transactions_of_binding ON transactions(binding, prepared);
CREATE INDEX transactions_open ON transactions(id) WHERE ending='' OR disputed;
CREATE INDEX transactions_by_change ON transactions(changed);
INSERT OR REPLACE INTO meta(name,value) SELECT 'seen',value FROM meta WHERE name='watermark';
UPDATE meta SET value=0 WHERE name='watermark';
)",
                                                     R"(
ALTER TABLE bindings ADD COLUMN early_open BLOB NOT NULL DEFAULT x'';
ALTER TABLE transactions ADD COLUMN outcome INTEGER NOT NULL DEFAULT 0;
INSERT OR REPLACE INTO meta(name,value) SELECT 'seen',max(value) FROM meta WHERE name IN ('seen','watermark')
  HAVING count(*)>0;
UPDATE meta SET value=0 WHERE name='watermark';
)",
                                                     // Before this there were no calls.
                                                     R"(
CREATE TABLE calls(
  binding INTEGER NOT NULL, caller BLOB NOT NULL, number INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY(binding, caller, number)) WITHOUT ROWID;
)"};

// The digest's first bytes are enough to find it, and keep that index a quarter of the size.
std::int64_t start_of(const Hash256& hash) {
    std::int64_t start = 0;
    for (std::size_t i = 0; i < 7; ++i) start = (start << 8) | hash.bytes[i];
    return start;
}

constexpr std::string_view binding_columns =
    "SELECT "
    "local,id,tenant,status,number,version,package,dedicated,proposal,deadline,created,enclave_group,open_transaction,"
    "early_open FROM bindings ";
constexpr std::string_view entry_columns = "SELECT position,binding,sequence,type,entry,input FROM entries ";

constexpr std::string_view transaction_columns =
    "SELECT id,binding,prepared,last,changed,cancelling,disputed,ending,outcome FROM transactions ";

Hash256 hash_or_zero(const store::Statement& row, int column) {
    return row.is_null(column) ? Hash256{} : row.hash(column);
}

// Ids one after the other.
std::set<Hash256> read_ids(ByteView bytes) {
    std::set<Hash256> out;
    for (; bytes.size() >= 32; bytes = bytes.subspan(32)) {
        Hash256 id;
        std::ranges::copy(bytes.first(32), id.bytes.begin());
        out.insert(id);
    }
    return out;
}

BindingRow read_binding(const store::Statement& row) {
    return {.local = row.integer(0),
            .id = row.hash(1),
            .tenant = std::string(row.text(2)),
            .status = std::string(row.text(3)),
            .number = row.integer(4),
            .version = row.hash(5),
            .package = row.hash(6),
            .dedicated = row.integer(7) != 0,
            .group = hash_or_zero(row, 11),
            .transaction = hash_or_zero(row, 12),
            .free_open = read_ids(row.bytes(13)),
            .proposal = hash_or_zero(row, 8),
            .deadline = row.integer(9),
            .created = row.integer(10)};
}

TransactionRow read_transaction(const store::Statement& row) {
    return {.id = row.hash(0),
            .binding = row.integer(1),
            .prepare = static_cast<std::uint64_t>(row.integer(2)),
            .last = static_cast<std::uint64_t>(row.integer(3)),
            .outcome = static_cast<std::uint64_t>(row.integer(8)),
            .changed = row.integer(4),
            .cancelling = row.integer(5) != 0,
            .disputed = row.integer(6) != 0,
            .ending = std::string(row.text(7))};
}

EntryRow read_entry(const store::Statement& row) {
    return {.index = static_cast<std::uint64_t>(row.integer(0)),
            .binding = row.integer(1),
            .sequence = static_cast<std::uint64_t>(row.integer(2)),
            .type = static_cast<contract::EntryType>(row.integer(3)),
            .entry = row.hash(4),
            .input = row.hash(5)};
}

template <class Read>
auto one(store::Statement& statement, Read read) -> std::optional<decltype(read(statement))> {
    if (!statement.step()) return std::nullopt;
    return read(statement);
}

template <class Read>
auto all(store::Statement& statement, Read read) {
    std::vector<decltype(read(statement))> rows;
    while (statement.step()) rows.push_back(read(statement));
    return rows;
}

std::string sql(std::string_view columns, std::string_view rest) { return std::string(columns) + std::string(rest); }

void write(store::Database& db, const EntryRow& row) {
    db.prepare(
          "INSERT OR IGNORE INTO entries(position,binding,sequence,type,entry,input,input_start) VALUES(?,?,?,?,?,?,?)")
        .bind(row.index)
        .bind(row.binding)
        .bind(row.sequence)
        .bind(static_cast<int>(row.type))
        .bind(row.entry)
        .bind(row.input)
        .bind(start_of(row.input))
        .run();
}

void write(store::Database& db, const BindingRow& row) {
    auto statement = db.prepare(
        "INSERT OR REPLACE INTO "
        "bindings(local,id,tenant,status,number,version,package,dedicated,proposal,deadline,created,enclave_group,"
        "open_transaction,early_open) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    const auto bind_hash = [&](const Hash256& hash) {
        hash.is_zero() ? statement.bind(nullptr) : statement.bind(hash);
    };
    statement.bind(row.local)
        .bind(row.id)
        .bind(row.tenant)
        .bind(row.status)
        .bind(row.number)
        .bind(row.version)
        .bind(row.package)
        .bind(row.dedicated ? 1 : 0);
    bind_hash(row.proposal);
    statement.bind(row.deadline).bind(row.created);
    bind_hash(row.group);
    bind_hash(row.transaction);
    Bytes early;
    for (const Hash256& id : row.free_open) early.insert(early.end(), id.bytes.begin(), id.bytes.end());
    statement.bind(ByteView(early));
    statement.run();
}

// A prepare entry makes the row; the later ones change it. Read again from the ledger, they leave the same.
void write(store::Database& db, const TransactionRow& row) {
    if (row.prepare == row.last) {
        db.prepare(
              "INSERT OR IGNORE INTO transactions(id,binding,prepared,last,changed,cancelling,disputed,ending) "
              "VALUES(?,?,?,?,?,0,0,'')")
            .bind(row.id)
            .bind(row.binding)
            .bind(row.prepare)
            .bind(row.last)
            .bind(row.changed)
            .run();
        return;
    }
    db.prepare(
          "UPDATE transactions SET last=max(last,?),changed=max(changed,?),cancelling=cancelling OR ?,"
          "disputed=disputed OR ?,ending=iif(?='',ending,?),outcome=max(outcome,?) WHERE id=?")
        .bind(row.last)
        .bind(row.changed)
        .bind(row.cancelling ? 1 : 0)
        .bind(row.disputed ? 1 : 0)
        .bind(row.ending)
        .bind(row.ending)
        .bind(row.outcome)
        .bind(row.id)
        .run();
}

void write(store::Database& db, const VersionRow& row) {
    db.prepare("INSERT OR REPLACE INTO versions(binding,number,hash,package,position,jws) VALUES(?,?,?,?,?,?)")
        .bind(row.binding)
        .bind(row.number)
        .bind(row.hash)
        .bind(row.package)
        .bind(row.index)
        .bind(ByteView(row.jws))
        .run();
}

void write(store::Database& db, const EnclaveRow& row) {
    db.prepare("INSERT OR IGNORE INTO enclaves(kid,key,evidence) VALUES(?,?,?)")
        .bind(row.kid)
        .bind(row.key)
        .bind(row.evidence)
        .run();
}

void write(store::Database& db, const CallRow& row) {
    db.prepare("INSERT OR IGNORE INTO calls(binding,caller,number,position) VALUES(?,?,?,?)")
        .bind(row.binding)
        .bind(row.key)
        .bind(row.number)
        .bind(row.index)
        .run();
}

}  // namespace

struct Index::Batch {
    std::vector<EntryRow> entries;
    std::vector<BindingRow> bindings;
    std::vector<VersionRow> versions;
    std::vector<EnclaveRow> enclaves;
    std::vector<TransactionRow> transactions;
    std::vector<CallRow> calls;
    std::size_t size() const {
        return entries.size() + bindings.size() + versions.size() + enclaves.size() + transactions.size() +
               calls.size();
    }
    void write_to(store::Database& db, std::uint64_t watermark) const {
        for (const auto& row : bindings) write(db, row);
        for (const auto& row : entries) write(db, row);
        for (const auto& row : versions) write(db, row);
        for (const auto& row : enclaves) write(db, row);
        for (const auto& row : transactions) write(db, row);
        for (const auto& row : calls) write(db, row);
        db.prepare("INSERT OR REPLACE INTO meta(name,value) VALUES('watermark',?)").bind(watermark).run();
    }
};

Index::Index(boost::asio::io_context& loop, const std::filesystem::path& file)
    : writer_(file.string(), store::Durability::normal),
      reader_(file.string(), store::Durability::normal),
      batch_(std::make_unique<Batch>()),
      timer_(loop) {
    writer_.migrate(migrations);
    watermark_ = stored_watermark();
    disk_ = std::make_unique<DiskThread>(loop,
                                         DiskThread::Transaction{[this] { transaction_.emplace(writer_); },
                                                                 [this] {
                                                                     transaction_->commit();
                                                                     transaction_.reset();
                                                                 },
                                                                 [this] { transaction_.reset(); }},
                                         max_batches);
}

Index::~Index() { flush(); }

void Index::stage(const EntryRow& row) { batch_->entries.push_back(row), staged(); }
void Index::stage(BindingRow row) { batch_->bindings.push_back(std::move(row)), staged(); }
void Index::stage(VersionRow row) { batch_->versions.push_back(std::move(row)), staged(); }
void Index::stage(EnclaveRow row) { batch_->enclaves.push_back(std::move(row)), staged(); }

void Index::stage(TransactionRow row) { batch_->transactions.push_back(std::move(row)), staged(); }

void Index::stage(const CallRow& row) { batch_->calls.push_back(row), staged(); }

void Index::staged() {
    if (batch_->size() >= batch_rows) return flush();
    if (std::exchange(timer_set_, true)) return;
    timer_.expires_after(batch_delay);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        timer_set_ = false;
        flush();
    });
}

void Index::flush() {
    if (batch_->size() == 0) return;
    std::shared_ptr<const Batch> batch = std::exchange(batch_, std::make_unique<Batch>());
    disk_->write([this, batch, watermark = watermark_] { batch->write_to(writer_, watermark); },
                 [this](const std::optional<Error>& error) {
                     if (error && failed_) failed_(*error);
                 });
}

void Index::barrier(std::function<void()> then) {
    flush();
    disk_->barrier(std::move(then));
}

void Index::finish() {
    flush();
    disk_->finish();
}

void Index::set_chain(const std::string& chain) {
    disk_->write([this, chain] {
        writer_.prepare("INSERT OR REPLACE INTO meta(name,value) VALUES('chain',?)").bind(chain).run();
    });
}

std::uint64_t Index::stored_watermark() {
    auto statement = reader_.prepare("SELECT value FROM meta WHERE name='watermark'");
    return statement.step() ? static_cast<std::uint64_t>(statement.integer(0)) : 0;
}

std::uint64_t Index::seen() {
    auto statement = reader_.prepare("SELECT value FROM meta WHERE name='seen'");
    const std::uint64_t before = statement.step() ? static_cast<std::uint64_t>(statement.integer(0)) : 0;
    return std::max(before, stored_watermark());
}

std::string Index::chain() {
    auto statement = reader_.prepare("SELECT value FROM meta WHERE name='chain'");
    return statement.step() ? std::string(statement.text(0)) : std::string();
}

std::int64_t Index::last_local() {
    auto statement = reader_.prepare("SELECT local FROM bindings ORDER BY local DESC LIMIT 1");
    return statement.step() ? statement.integer(0) : 0;
}

std::optional<BindingRow> Index::binding(const Hash256& id) {
    auto statement = reader_.prepare(sql(binding_columns, "WHERE id=?"));
    return one(statement.bind(id), read_binding);
}

std::optional<BindingRow> Index::binding(std::int64_t local) {
    auto statement = reader_.prepare(sql(binding_columns, "WHERE local=?"));
    return one(statement.bind(local), read_binding);
}

std::vector<BindingRow> Index::bindings(std::string_view tenant, const Hash256& after, std::size_t limit) {
    auto statement = reader_.prepare(sql(binding_columns, "WHERE tenant=? AND id>? ORDER BY id LIMIT ?"));
    return all(statement.bind(tenant).bind(after).bind(limit), read_binding);
}

std::vector<BindingRow> Index::with_open_proposal(std::size_t limit) {
    auto statement = reader_.prepare(sql(binding_columns, "WHERE proposal IS NOT NULL ORDER BY deadline LIMIT ?"));
    return all(statement.bind(limit), read_binding);
}

std::optional<EntryRow> Index::entry(std::int64_t binding, std::uint64_t sequence) {
    auto statement = reader_.prepare(sql(entry_columns, "WHERE binding=? AND sequence=?"));
    return one(statement.bind(binding).bind(sequence), read_entry);
}

std::optional<EntryRow> Index::last_entry(std::int64_t binding) {
    auto statement = reader_.prepare(sql(entry_columns, "WHERE binding=? ORDER BY sequence DESC LIMIT 1"));
    return one(statement.bind(binding), read_entry);
}

std::optional<EntryRow> Index::entry_at(std::uint64_t index) {
    auto statement = reader_.prepare(sql(entry_columns, "WHERE position=?"));
    return one(statement.bind(index), read_entry);
}

std::optional<EntryRow> Index::by_input(const Hash256& input) {
    auto statement = reader_.prepare(sql(entry_columns, "WHERE input_start=? AND input=? LIMIT 1"));
    return one(statement.bind(start_of(input)).bind(input), read_entry);
}

std::optional<EntryRow> Index::by_input(std::int64_t binding, const Hash256& input) {
    auto statement = reader_.prepare(sql(entry_columns, "WHERE input_start=? AND input=? AND binding=? LIMIT 1"));
    return one(statement.bind(start_of(input)).bind(input).bind(binding), read_entry);
}

std::vector<EntryRow> Index::entries(std::int64_t binding, std::uint64_t from_sequence, std::size_t limit) {
    auto statement = reader_.prepare(sql(entry_columns, "WHERE binding=? AND sequence>=? ORDER BY sequence LIMIT ?"));
    return all(statement.bind(binding).bind(from_sequence).bind(limit), read_entry);
}

std::vector<EntryRow> Index::later_steps(std::int64_t binding, std::uint64_t above, std::uint64_t up_to) {
    using enum contract::EntryType;
    auto statement = reader_.prepare(
        sql(entry_columns, "WHERE binding=? AND sequence>? AND sequence<=? AND type IN (?,?,?,?,?) ORDER BY sequence"));
    statement.bind(binding).bind(above).bind(up_to);
    for (const contract::EntryType type : {cancelling, step, outcome, disputed, resolve}) {
        statement.bind(static_cast<int>(type));
    }
    return all(statement, read_entry);
}

std::vector<EntryRow> Index::entries_from(std::uint64_t index, std::size_t limit) {
    auto statement = reader_.prepare(sql(entry_columns, "WHERE position>=? ORDER BY position LIMIT ?"));
    return all(statement.bind(index).bind(limit), read_entry);
}

std::vector<EntryRow> Index::entries_of_from(std::int64_t binding, std::uint64_t index, std::size_t limit) {
    // A binding's entries lie in the ledger in the order of their sequence: halve until the first one is found.
    const auto last = last_entry(binding);
    if (!last || last->index < index) return {};
    std::uint64_t low = 0, high = last->sequence;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        const auto row = entry(binding, middle);
        if (row && row->index >= index) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return entries(binding, low, limit);
}

std::vector<EntryRow> Index::newest(std::int64_t binding, std::size_t limit) {
    auto statement = reader_.prepare(sql(entry_columns, "WHERE binding=? ORDER BY sequence DESC LIMIT ?"));
    return all(statement.bind(binding).bind(limit), read_entry);
}

std::vector<VersionRow> Index::versions(std::int64_t binding, bool with_jws) {
    auto statement = reader_.prepare(
        "SELECT binding,number,hash,package,position,iif(?,jws,x'') FROM versions WHERE binding=? ORDER BY number");
    return all(statement.bind(with_jws ? 1 : 0).bind(binding), [](const store::Statement& row) {
        return VersionRow{
            row.integer(0),        row.integer(1), row.hash(2), row.hash(3), static_cast<std::uint64_t>(row.integer(4)),
            to_bytes(row.bytes(5))};
    });
}

std::optional<VersionRow> Index::version(std::int64_t binding, std::int64_t number) {
    auto statement =
        reader_.prepare("SELECT binding,number,hash,package,position,jws FROM versions WHERE binding=? AND number=?");
    return one(statement.bind(binding).bind(number), [](const store::Statement& row) {
        return VersionRow{
            row.integer(0),        row.integer(1), row.hash(2), row.hash(3), static_cast<std::uint64_t>(row.integer(4)),
            to_bytes(row.bytes(5))};
    });
}

std::optional<EnclaveRow> Index::enclave(std::string_view kid) {
    auto statement = reader_.prepare("SELECT kid,key,evidence FROM enclaves WHERE kid=?");
    return one(statement.bind(kid), [](const store::Statement& row) {
        return EnclaveRow{std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))};
    });
}

std::optional<EntryRow> Index::by_call(std::int64_t binding, const Hash256& key, std::int64_t number) {
    auto statement = reader_.prepare(
        sql(entry_columns, "WHERE position=(SELECT position FROM calls WHERE binding=? AND caller=? AND number=?)"));
    return one(statement.bind(binding).bind(key).bind(number), read_entry);
}

std::optional<BindingRow> Index::binding_named(std::string_view start) {
    const Hash256 least = Hash256::parse("sha256:" + std::string(start) + std::string(32, '0'), "/chain");
    auto statement = reader_.prepare(sql(binding_columns, "WHERE id>=? ORDER BY id LIMIT 1"));
    auto found = one(statement.bind(least), read_binding);
    return found && found->id.hex().starts_with(start) ? std::move(found) : std::nullopt;
}

std::optional<TransactionRow> Index::transaction(const Hash256& id) {
    auto statement = reader_.prepare(sql(transaction_columns, "WHERE id=?"));
    return one(statement.bind(id), read_transaction);
}

// Each half has its index: a long history costs nothing.
std::vector<TransactionRow> Index::unsettled(TimeMs since) {
    auto statement = reader_.prepare(sql(transaction_columns, "WHERE ending='' OR disputed UNION ") +
                                     sql(transaction_columns, "WHERE changed>=? ORDER BY prepared"));
    return all(statement.bind(since), read_transaction);
}

std::vector<TransactionRow> Index::transactions(std::int64_t binding, std::uint64_t before, std::size_t limit) {
    auto statement =
        reader_.prepare(sql(transaction_columns, "WHERE binding=? AND prepared<? ORDER BY prepared DESC LIMIT ?"));
    return all(statement.bind(binding).bind(before).bind(limit), read_transaction);
}

}  // namespace concordat::node
