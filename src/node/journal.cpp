#include "journal.hpp"

#include <array>

namespace concordat::node {

namespace {

constexpr std::size_t max_jobs = 65'536;
constexpr TimeMs answer_lifetime_ms = 24LL * 3600 * 1000;

constexpr std::array<std::string_view, 3> migrations{R"(
CREATE TABLE inbox(
  ordinal INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL, tenant TEXT NOT NULL, binding BLOB NOT NULL,
  input TEXT NOT NULL, state INTEGER NOT NULL, code TEXT NOT NULL, field TEXT NOT NULL, rule TEXT NOT NULL,
  accepted INTEGER NOT NULL);
CREATE UNIQUE INDEX inbox_by_input ON inbox(digest, binding);
CREATE INDEX inbox_waiting ON inbox(ordinal) WHERE state=0;
CREATE TABLE drafts(
  document BLOB PRIMARY KEY, tenant TEXT NOT NULL, kind INTEGER NOT NULL, binding BLOB NOT NULL, jws TEXT NOT NULL,
  state TEXT NOT NULL, reason TEXT NOT NULL, decisions TEXT NOT NULL, expires INTEGER NOT NULL, created INTEGER NOT NULL);
CREATE INDEX drafts_open ON drafts(tenant, document) WHERE state IN ('open','locking');
CREATE INDEX drafts_due ON drafts(expires) WHERE state='open';
CREATE INDEX drafts_locking ON drafts(document) WHERE state='locking';
CREATE INDEX drafts_of_binding ON drafts(binding, created);
CREATE TABLE tenants(binding BLOB PRIMARY KEY, tenant TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tokens(hash BLOB PRIMARY KEY, name TEXT NOT NULL, tenant TEXT NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE answers(
  key TEXT PRIMARY KEY, request BLOB NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL, created INTEGER NOT NULL);
CREATE INDEX answers_by_age ON answers(created);
)",
                                                     R"(
CREATE TABLE ledgers(chain TEXT PRIMARY KEY, settings TEXT NOT NULL) WITHOUT ROWID;
)",
                                                     R"(
CREATE TABLE anchors(
  chain TEXT NOT NULL, contract TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL, evidence TEXT NOT NULL,
  txid TEXT NOT NULL, block INTEGER NOT NULL, kept INTEGER NOT NULL, PRIMARY KEY(chain, contract, size));
CREATE INDEX anchors_by_size ON anchors(size);
)"};

constexpr std::string_view inbox_columns =
    "SELECT digest,tenant,binding,input,state,code,field,rule,accepted,ordinal FROM inbox ";
constexpr std::string_view draft_columns =
    "SELECT document,tenant,kind,binding,jws,state,reason,decisions,expires,created FROM drafts ";

InboxRow read_inbox(const store::Statement& row) {
    return {.digest = row.hash(0),
            .tenant = std::string(row.text(1)),
            .binding = row.hash(2),
            .input = std::string(row.text(3)),
            .state = static_cast<InboxState>(row.integer(4)),
            .error_code = std::string(row.text(5)),
            .error_field = std::string(row.text(6)),
            .error_rule = std::string(row.text(7)),
            .accepted = row.integer(8),
            .ordinal = row.integer(9)};
}

DraftRow read_draft(const store::Statement& row) {
    return {.document = row.hash(0),
            .tenant = std::string(row.text(1)),
            .kind = static_cast<DraftKind>(row.integer(2)),
            .binding = row.hash(3),
            .jws = std::string(row.text(4)),
            .state = std::string(row.text(5)),
            .reason = std::string(row.text(6)),
            .decisions = std::string(row.text(7)),
            .expires = row.integer(8),
            .created = row.integer(9)};
}

AnchorRow read_anchor(const store::Statement& row) {
    const json::Value root = json::parse(row.text(2), "root");
    return {.chain = std::string(row.text(0)),
            .contract = std::string(row.text(1)),
            .root = ledger::confidential::SignedRoot::parse(root, "root"),
            .evidence = std::string(row.text(3)),
            .transaction = std::string(row.text(4)),
            .block = static_cast<std::uint64_t>(row.integer(5)),
            .kept = row.integer(6)};
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

void write_draft(store::Database& db, const DraftRow& row) {
    db.prepare(
          "INSERT OR REPLACE INTO drafts(document,tenant,kind,binding,jws,state,reason,decisions,expires,created) "
          "VALUES(?,?,?,?,?,?,?,?,?,?)")
        .bind(row.document)
        .bind(row.tenant)
        .bind(static_cast<int>(row.kind))
        .bind(row.binding)
        .bind(row.jws)
        .bind(row.state)
        .bind(row.reason)
        .bind(row.decisions)
        .bind(row.expires)
        .bind(row.created)
        .run();
    db.prepare("INSERT OR IGNORE INTO tenants(binding,tenant) VALUES(?,?)").bind(row.binding).bind(row.tenant).run();
}

}  // namespace

Journal::Journal(boost::asio::io_context& loop, const std::filesystem::path& file)
    : writer_(file.string(), store::Durability::full), reader_(file.string(), store::Durability::full) {
    writer_.migrate(migrations);
    disk_ = std::make_unique<DiskThread>(loop,
                                         DiskThread::Transaction{[this] { transaction_.emplace(writer_); },
                                                                 [this] {
                                                                     transaction_->commit();
                                                                     transaction_.reset();
                                                                 },
                                                                 [this] { transaction_.reset(); }},
                                         max_jobs);
}

void Journal::put_inbox(InboxRow row, Done done) {
    disk_->write(
        [this, row = std::move(row)] {
            writer_
                .prepare(
                    "INSERT OR IGNORE INTO inbox(digest,tenant,binding,input,state,code,field,rule,accepted) "
                    "VALUES(?,?,?,?,0,'','','',?)")
                .bind(row.digest)
                .bind(row.tenant)
                .bind(row.binding)
                .bind(row.input)
                .bind(row.accepted)
                .run();
        },
        std::move(done));
}

void Journal::finish_inbox(const Hash256& binding, const Hash256& digest, InboxState state, const Error* error,
                           Done done) {
    std::string code, field, rule;
    if (error != nullptr) {
        code = code_name(error->code());
        field = error->field();
        rule = error->rule();
    }
    // What was run lies in the ledger: the inbox keeps its input no longer.
    disk_->write(
        [this, binding, digest, state, code, field, rule] {
            writer_.prepare("UPDATE inbox SET state=?,code=?,field=?,rule=?,input='' WHERE digest=? AND binding=?")
                .bind(static_cast<int>(state))
                .bind(code)
                .bind(field)
                .bind(rule)
                .bind(digest)
                .bind(binding)
                .run();
        },
        std::move(done));
}

std::optional<InboxRow> Journal::inbox(const Hash256& digest) {
    auto statement = reader_.prepare(sql(inbox_columns, "WHERE digest=?"));
    return one(statement.bind(digest), read_inbox);
}

std::optional<InboxRow> Journal::inbox(const Hash256& binding, const Hash256& digest) {
    auto statement = reader_.prepare(sql(inbox_columns, "WHERE digest=? AND binding=?"));
    return one(statement.bind(digest).bind(binding), read_inbox);
}

std::vector<InboxRow> Journal::waiting_inbox(std::int64_t after_ordinal, std::size_t limit) {
    auto statement = reader_.prepare(sql(inbox_columns, "WHERE state=0 AND ordinal>? ORDER BY ordinal LIMIT ?"));
    return all(statement.bind(after_ordinal).bind(limit), read_inbox);
}

std::size_t Journal::waiting_count() {
    auto statement = reader_.prepare("SELECT count(*) FROM inbox WHERE state=0");
    return statement.step() ? static_cast<std::size_t>(statement.integer(0)) : 0;
}

void Journal::put_draft(const DraftRow& row, Done done) {
    disk_->write([this, row] { write_draft(writer_, row); }, std::move(done));
}

std::optional<DraftRow> Journal::draft(const Hash256& document) {
    auto statement = reader_.prepare(sql(draft_columns, "WHERE document=?"));
    return one(statement.bind(document), read_draft);
}

std::vector<DraftRow> Journal::open_drafts(std::string_view tenant, const Hash256& after, std::size_t limit) {
    auto statement = reader_.prepare(
        sql(draft_columns, "WHERE state IN ('open','locking') AND tenant=? AND document>? ORDER BY document LIMIT ?"));
    return all(statement.bind(tenant).bind(after).bind(limit), read_draft);
}

std::vector<DraftRow> Journal::drafts_of(const Hash256& binding, std::size_t limit) {
    auto statement = reader_.prepare(sql(draft_columns, "WHERE binding=? ORDER BY created DESC LIMIT ?"));
    return all(statement.bind(binding).bind(limit), read_draft);
}

std::vector<DraftRow> Journal::due_drafts(TimeMs now, std::size_t limit) {
    auto statement = reader_.prepare(sql(draft_columns, "WHERE state='open' AND expires<? ORDER BY expires LIMIT ?"));
    return all(statement.bind(now).bind(limit), read_draft);
}

std::vector<DraftRow> Journal::locking_drafts(std::size_t limit) {
    auto statement = reader_.prepare(sql(draft_columns, "WHERE state='locking' ORDER BY document LIMIT ?"));
    return all(statement.bind(limit), read_draft);
}

std::string Journal::tenant_of(const Hash256& binding) {
    auto statement = reader_.prepare("SELECT tenant FROM tenants WHERE binding=?");
    return statement.bind(binding).step() ? std::string(statement.text(0)) : std::string("default");
}

void Journal::put_token(const TokenRow& row) {
    reader_.prepare("INSERT OR REPLACE INTO tokens(hash,name,tenant,created) VALUES(?,?,?,?)")
        .bind(row.hash)
        .bind(row.name)
        .bind(row.tenant)
        .bind(row.created)
        .run();
}

std::optional<TokenRow> Journal::token(const Hash256& hash) {
    auto statement = reader_.prepare("SELECT hash,name,tenant,created FROM tokens WHERE hash=?");
    return one(statement.bind(hash), [](const store::Statement& row) {
        return TokenRow{row.hash(0), std::string(row.text(1)), std::string(row.text(2)), row.integer(3)};
    });
}

std::size_t Journal::token_count() {
    auto statement = reader_.prepare("SELECT count(*) FROM tokens");
    return statement.step() ? static_cast<std::size_t>(statement.integer(0)) : 0;
}

void Journal::put_ledger(LedgerRow row, Done done) {
    disk_->write(
        [this, row = std::move(row)] {
            writer_.prepare("INSERT OR REPLACE INTO ledgers(chain,settings) VALUES(?,?)")
                .bind(row.chain)
                .bind(row.settings)
                .run();
        },
        std::move(done));
}

void Journal::remove_ledger(const std::string& chain, Done done) {
    disk_->write([this, chain] { writer_.prepare("DELETE FROM ledgers WHERE chain=?").bind(chain).run(); },
                 std::move(done));
}

std::vector<LedgerRow> Journal::ledgers() {
    auto statement = reader_.prepare("SELECT chain,settings FROM ledgers ORDER BY chain");
    return all(statement, [](const store::Statement& row) {
        return LedgerRow{std::string(row.text(0)), std::string(row.text(1))};
    });
}

void Journal::put_anchor(AnchorRow row, std::size_t keep, Done done) {
    disk_->write(
        [this, row = std::move(row), keep] {
            writer_
                .prepare(
                    "INSERT OR REPLACE INTO anchors(chain,contract,size,root,evidence,txid,block,kept) "
                    "VALUES(?,?,?,?,?,?,?,?)")
                .bind(row.chain)
                .bind(row.contract)
                .bind(row.root.size)
                .bind(json::canonical(row.root.to_json()))
                .bind(row.evidence)
                .bind(row.transaction)
                .bind(row.block)
                .bind(row.kept)
                .run();
            writer_
                .prepare(
                    "DELETE FROM anchors WHERE chain=?1 AND contract=?2 AND size NOT IN "
                    "(SELECT size FROM anchors WHERE chain=?1 AND contract=?2 ORDER BY size DESC LIMIT ?3)")
                .bind(row.chain)
                .bind(row.contract)
                .bind(keep)
                .run();
        },
        std::move(done));
}

std::vector<AnchorRow> Journal::anchors(std::size_t limit) {
    auto statement = reader_.prepare(
        "SELECT chain,contract,root,'',txid,block,kept FROM anchors ORDER BY size DESC,chain,contract LIMIT ?");
    return all(statement.bind(limit), read_anchor);
}

std::optional<AnchorRow> Journal::anchor_above(std::uint64_t size) {
    auto statement = reader_.prepare(
        "SELECT chain,contract,root,evidence,txid,block,kept FROM anchors WHERE size>=? "
        "ORDER BY size,chain,contract LIMIT 1");
    return one(statement.bind(size), read_anchor);
}

std::size_t Journal::anchor_places(const std::string& chain, const std::string& contract) {
    auto statement = reader_.prepare(
        "SELECT count(*) FROM (SELECT DISTINCT chain,contract FROM anchors WHERE NOT(chain=? AND contract=?))");
    return statement.bind(chain).bind(contract).step() ? static_cast<std::size_t>(statement.integer(0)) : 0;
}

void Journal::put_answer(const std::string& key, AnswerRow row, TimeMs now, Done done) {
    disk_->write(
        [this, key, row = std::move(row), now] {
            writer_.prepare("DELETE FROM answers WHERE created<?").bind(now - answer_lifetime_ms).run();
            writer_.prepare("INSERT OR IGNORE INTO answers(key,request,status,body,created) VALUES(?,?,?,?,?)")
                .bind(key)
                .bind(row.request)
                .bind(row.status)
                .bind(row.body)
                .bind(now)
                .run();
        },
        std::move(done));
}

std::optional<AnswerRow> Journal::answer(const std::string& key) {
    auto statement = reader_.prepare("SELECT request,status,body FROM answers WHERE key=?");
    return one(statement.bind(key), [](const store::Statement& row) {
        return AnswerRow{row.hash(0), static_cast<int>(row.integer(1)), std::string(row.text(2))};
    });
}

}  // namespace concordat::node
