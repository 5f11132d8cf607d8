// `concordat audit`: what a binding's receipts show, judged by the verifier, as one file for people.
#include <algorithm>
#include <audit/gather.hpp>
#include <audit/report.hpp>
#include <contract/entry.hpp>
#include <crypto/hash.hpp>
#include <ctime>
#include <filesystem>
#include <ledger/kinds/kinds.hpp>
#include <sstream>

#include "current.hpp"
#include "groups.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

namespace ccl = ledger::confidential;

constexpr int unmade = 2;  // the report could not be made
constexpr unsigned private_file = 0600, public_file = 0644;
constexpr std::int64_t progress_every = 250;
constexpr int max_tries = 60;                // a second apart
constexpr std::size_t max_offline = 10'000;  // files

struct AuditOptions {
    std::string binding, trust, out;
    std::vector<std::string> offline;
    std::int64_t from = 0, to = -1;
    std::size_t entries = audit::default_listed;
    bool force = false;
    KeyOptions key;
};

// Everything that has to outlive the gathering.
struct Audit {
    Audit(Session& of, const AuditOptions& chosen) : session(of), options(chosen) {
        audit::Options how{.kinds = ledger::all_kinds(), .listed = options.entries};
        if (!options.binding.empty()) how.binding = digest_argument(options.binding, "BINDING");
        if (!options.trust.empty()) {
            const std::string text = read_text_file(options.trust);
            trust = proof::TrustFile::parse(text);
            how.trust = &*trust;
            how.trust_digest = crypto::sha256(text);
        }
        if (!options.key.file.empty()) {
            key = options.key.load();
            how.reader = &key->encryption;
        }
        gatherer.emplace(std::move(how));
    }

    Session& session;
    const AuditOptions& options;
    std::optional<proof::TrustFile> trust;
    std::optional<vault::KeyFile> key;
    std::optional<audit::Gatherer> gatherer;
};

std::string file_of(const AuditOptions& options, const std::string& binding_hex) {
    return options.out.empty() ? binding_hex + ".html" : options.out;
}

void refuse_to_overwrite(const AuditOptions& options, const std::string& file) {
    if (file == "-" || options.force || !std::filesystem::exists(file)) return;
    throw Error(Code::conflict, "--output", "'" + file + "' exists: name another file, or give --force");
}

// Not a finding about the binding: the report cannot be made.
bool is_the_nodes(const Error& error) {
    return error.code() == Code::unavailable || error.code() == Code::timeout || error.code() == Code::busy ||
           error.code() == Code::unauthenticated;
}

// A node may limit how often it is asked, and may not have written yet what it will have in a moment.
std::string patient_get(Session& session, const std::string& target) {
    for (int tries = 1;; ++tries) {
        try {
            return session.get(target);
        } catch (const Error& error) {
            const bool later =
                error.code() == Code::busy || (error.code() == Code::unavailable && error.field() != "--node");
            if (!later || tries >= max_tries) throw;
            ::timespec pause{1, 0};
            ::nanosleep(&pause, nullptr);
        }
    }
}

// The node's receipts, in order, up to what the record ledger says is its last entry.
void read_node(Audit& audit) {
    const auto& [session, options] = std::tie(audit.session, audit.options);
    const Hash256 binding = digest_argument(options.binding, "BINDING");
    const std::string path = "/v1/bindings/" + binding.text();
    Hash256 nonce;
    session.random.fill(nonce.bytes);
    const auto head =
        ccl::HeadStatement::parse(session.get_json(path + "/head?nonce=" + to_base64url(nonce.view())), "/head");
    audit.gatherer->take_head(head, nonce);
    const auto newest = static_cast<std::int64_t>(head.sequence);
    const std::int64_t last = options.to < 0 ? newest : std::min(options.to, newest);
    if (options.from > last)
        throw Error(Code::bad_format, "--from", "must be at most " + std::to_string(last) + ", the last entry");
    if (last - options.from >= audit::max_entries) {
        throw Error(Code::too_large, "--from",
                    "must leave at most " + std::to_string(audit::max_entries) + " entries for one report");
    }
    for (std::int64_t sequence = options.from; sequence <= last; ++sequence) {
        try {
            const std::string target = path + "/entries/" + std::to_string(sequence) + "/receipt";
            audit.gatherer->take(patient_get(session, target), sequence);
        } catch (const Error& error) {
            if (is_the_nodes(error)) throw;
            audit.gatherer->missing(sequence, error.field() + ": " + error.rule());
        }
        const std::int64_t done = sequence - options.from + 1;
        if (done % progress_every == 0)
            note(std::to_string(done) + " of " + std::to_string(last - options.from + 1) + " entries");
    }
    for (const Hash256& package : audit.gatherer->unnamed_packages()) {
        try {
            audit.gatherer->name_package(package, fetch_package(session, package).contract);
        } catch (const Error&) {  // a package that was withdrawn has no name, only its digest
        }
    }
}

std::int64_t sequence_of(const std::string& text) {
    const proof::Receipt receipt = proof::Receipt::parse(text);
    return contract::Entry::parse(receipt.entries.back().document).sequence;
}

void read_files(Audit& audit) {
    if (audit.options.offline.size() > max_offline)
        throw Error(Code::too_large, "--offline", "must name at most " + std::to_string(max_offline) + " files");
    std::vector<std::pair<std::int64_t, std::string>> files;
    for (const std::string& file : audit.options.offline) {
        std::int64_t sequence = -1;  // what cannot be read comes first, and is a finding
        try {
            sequence = sequence_of(read_text_file(file, proof::max_receipt_bytes + 1));
        } catch (const Error& error) {
            if (error.code() == Code::not_found || error.code() == Code::disk) throw;
        }
        const bool wanted =
            sequence < 0 || (sequence >= audit.options.from && (audit.options.to < 0 || sequence <= audit.options.to));
        if (wanted) files.emplace_back(sequence, file);
    }
    std::ranges::sort(files);
    for (const auto& [sequence, file] : files) audit.gatherer->take(read_text_file(file, proof::max_receipt_bytes + 1));
}

void tell(Session& session, const audit::Facts& facts, const std::string& file) {
    const std::string word = !facts.holds() ? "does not hold" : facts.trust ? "holds" : "not verified";
    if (session.json && file != "-") {
        return print_json(json::Object{{"file", file},
                                       {"verdict", word},
                                       {"entries", facts.receipts},
                                       {"failing", facts.failing},
                                       {"missing", facts.missing},
                                       {"committed", facts.totals.committed},
                                       {"aborted", facts.totals.aborted},
                                       {"open", facts.totals.open},
                                       {"disputed", facts.totals.disputed}});
    }
    note((file == "-" ? std::string("report") : file) + ": " + word + ", " + std::to_string(facts.receipts) +
         " entries");
    constexpr std::size_t most = 10;
    for (std::size_t i = 0; i < facts.problems.size() && i < most; ++i) {
        const audit::Problem& one = facts.problems[i];
        note((one.sequence ? "  entry " + std::to_string(*one.sequence) + ": " : "  ") + one.layer + ": " +
             one.problem);
    }
    if (facts.problems.size() > most) note("  the other findings are in the report");
    if (!facts.trust) note("nothing was verified: --trust FILE has each receipt judged");
    if (facts.key_used && facts.opened_fields > 0)
        note("the report shows what your key opens: whoever reads it, reads that too");
}

void run_audit(Session& session, const AuditOptions& options) {
    session.exit_code = unmade;  // stays when it cannot be made
    if (options.binding.empty() && options.offline.empty())
        throw Error(Code::missing_field, "BINDING", "must be given, or receipts with --offline");
    Audit audit(session, options);
    if (!options.binding.empty())
        refuse_to_overwrite(options, file_of(options, digest_argument(options.binding, "BINDING").hex()));
    if (options.offline.empty()) {
        read_node(audit);
    } else {
        read_files(audit);
    }
    const audit::Facts facts = audit.gatherer->finish();
    const std::string file = file_of(options, facts.binding.hex());
    refuse_to_overwrite(options, file);
    const std::string source = options.offline.empty() ? "the node at " + session.node_url
                                                       : std::to_string(options.offline.size()) + " receipts in files";
    std::ostringstream out;
    audit::write_report(
        out, facts,
        {.made = session.clock.now(),
         .program = session.program,
         .trust_name = options.trust.empty() ? "" : std::filesystem::path(options.trust).filename().string(),
         .source = source});
    if (file == "-") {
        print(out.str());
    } else {
        write_file_atomic(file, bytes_of(out.view()), facts.opened_fields > 0 ? private_file : public_file);
    }
    tell(session, facts, file);
    session.exit_code = facts.holds() ? 0 : 1;
}

}  // namespace

void add_audit_command(CLI::App& app, Session& session) {
    const auto options = std::make_shared<AuditOptions>();
    auto* command = app.add_subcommand(
        "audit", "Write a report of all that a binding did, judged by the verifier: status 0 all holds, 1 it does not");
    command->add_option("BINDING", options->binding, "the binding's id");
    command->add_option("--trust", options->trust, "your trust file; without one nothing is verified");
    // Not from the environment: a report is made to be given away.
    command->add_option("-k,--key", options->key.file, "your key file: shows what is confidential to you");
    command->add_option("--passphrase-file", options->key.passphrase_file, "file that holds the key file's passphrase")
        ->envname("CONCORDAT_PASSPHRASE_FILE");
    command->add_option("-o,--output,--out", options->out,
                        "HTML file to write, - for standard output; by default the id's digits.html");
    command->add_flag("--force", options->force, "overwrite the file");
    command->add_option("--from", options->from, "sequence of the first entry")->check(CLI::NonNegativeNumber);
    command->add_option("--to", options->to, "sequence of the last entry; by default the record ledger's last")
        ->check(CLI::NonNegativeNumber);
    command
        ->add_option("--entries", options->entries,
                     "list so many of the newest entries one by one, older ones in blocks")
        ->check(CLI::Range(std::size_t{0}, audit::max_listed))
        ->capture_default_str();
    command->add_option("--offline", options->offline, "receipts in files; no node is asked");
    command->callback([options, &session] { run_audit(session, *options); });
}

}  // namespace concordat::cli
