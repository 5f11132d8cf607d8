// `concordat verify`, `trust`, `open`, `disclose`: what a holder of a receipt does, without any node.
#include <algorithm>
#include <attest/evidence.hpp>
#include <contract/binding.hpp>
#include <iostream>
#include <ledger/confidential/protocol/statement.hpp>
#include <ledger/evm/kind/kind.hpp>
#include <ledger/kinds/kinds.hpp>
#include <proof/check.hpp>
#include <proof/open.hpp>
#include <proof/receipt.hpp>
#include <proof/trust.hpp>

#include "current.hpp"
#include "groups.hpp"
#include "history.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

namespace ccl = ledger::confidential;

struct ProofOptions {
    std::string receipt, trust, out;
    std::vector<std::string> fields, asserted, parties, host_finality, clique, anchors;
    bool allow_development = false, history = false;
    KeyOptions key;
};
using Options = std::shared_ptr<ProofOptions>;

constexpr int unreadable = 2;

void verify(Session& session, const ProofOptions& options) {
    session.exit_code = unreadable;  // stays when a file cannot be read
    session.exit_code =
        proof::check_files(options.receipt, options.trust, ledger::all_kinds(), session.json, std::cout);
}

// --- trust init

template <class T>
void add_once(std::vector<T>& all, const T& one) {
    if (std::ranges::find(all, one) == all.end()) all.push_back(one);
}

// Adds what the evidence shows to what is trusted, and says so.
void take_evidence(proof::TrustFile& trust, const json::Value& evidence, std::string& told) {
    const attest::Claims claims = attest::verify_evidence(evidence, "/evidence");
    const bool known = std::ranges::find(trust.measurements, claims.measurement) != trust.measurements.end();
    add_once(trust.measurements, claims.measurement);
    if (!known) told += "  code  " + claims.product + "  " + claims.measurement.text() + "\n";
    if (claims.hardware || std::ranges::find(trust.development_roots, claims.root) != trust.development_roots.end())
        return;
    trust.development_roots.push_back(claims.root);
    told += "  root  " + claims.root.text() + "  (development: NOT hardware-protected)\n";
}

void take_ledger(proof::TrustFile& trust, std::string_view identity, const json::Value& evidence, std::string& told) {
    const ccl::Identity known = ccl::Identity::parse(identity);
    trust.ledgers.push_back({known.chain, known.service_key});
    told += "  ledger  " + known.chain + "  service key " + known.service_key.kid() + "\n";
    take_evidence(trust, evidence, told);
}

void take_receipt(proof::TrustFile& trust, const std::string& file, std::string& told) {
    const proof::Receipt receipt = proof::Receipt::parse(read_text_file(file, proof::max_receipt_bytes + 1));
    take_ledger(trust, receipt.ledger_identity, receipt.ledger_evidence, told);
    for (const auto& [kid, enclave] : receipt.enclaves) take_evidence(trust, enclave.evidence, told);
}

void take_node(proof::TrustFile& trust, Session& session, std::string& told) {
    const json::Value answer = session.get_json("/v1/ledger");
    json::Reader reader(answer, "/ledger");
    take_ledger(trust, reader.string("identity"), reader.any("evidence"), told);
    const json::Value attestation = session.get_json("/v1/attestation");
    json::Reader enclaves(attestation, "/attestation");
    for (const json::Value& one : enclaves.array("enclaves", 256)) {
        json::Reader enclave(one, "/attestation/enclaves");
        if (!enclave.any("evidence").is_null()) take_evidence(trust, enclave.any("evidence"), told);
    }
}

// Parties whose keys the verifier knows from elsewhere: FILE as `key show` prints it.
void take_parties(proof::TrustFile& trust, const std::vector<std::string>& files, std::string& told) {
    for (const std::string& file : files) {
        const json::Value value = json_file(file);
        json::Reader reader(value, file);
        const std::string id(reader.string("id", 256));
        for (const json::Value& key : reader.array("keys")) {
            const auto parsed = crypto::PublicKey::from_jwk(key, reader.at("keys"));
            trust.parties[id].insert(parsed.thumbprint());
            told += "  party  " + id + "  key " + parsed.kid() + "\n";
        }
    }
}

void take_asserted(proof::TrustFile& trust, const std::vector<std::string>& given) {
    for (const std::string& one : given) {
        if (one != "clock" && one != "rollback")
            throw Error(Code::bad_format, "--allow-asserted", "must be clock, rollback, or both, got '" + one + "'");
        trust.allow_asserted.insert(one);
    }
}

// Chains on which somebody's word, or certain signers' seals, make a block final.
void take_chains(proof::TrustFile& trust, const ProofOptions& options, std::string& told) {
    const auto add = [&](const std::string& chain, proof::TrustedChain&& how) {
        if (!trust.chains.emplace(chain, std::move(how)).second)
            throw Error(Code::bad_format, "--clique", "must name each chain once, got '" + chain + "' again");
    };
    for (const std::string& chain : options.host_finality) {
        add(chain, {.witness = std::string(ledger::host_witness)});
        told += "  chain  " + chain + "  final by the host's word: NOT proved\n";
    }
    for (const std::string& one : options.clique) {
        const std::size_t equals = one.find('=');
        if (equals == std::string::npos)
            throw Error(Code::bad_format, "--clique", "must be CHAIN=SIGNER,SIGNER…, got '" + one + "'");
        json::Array signers;
        for (std::size_t at = equals + 1; at <= one.size();) {
            const std::size_t end = std::min(one.find(',', at), one.size());
            signers.push_back(json::Value(one.substr(at, end - at)));
            at = end + 1;
        }
        const ledger::Finality shown{.blocks = 1, .witness = "clique", .parameters = {{"signers", std::move(signers)}}};
        const auto set = ledger::evm::signers_of(shown);
        add(one.substr(0, equals), {.witness = shown.witness, .parameters = shown.parameters});
        for (const auto& address : set.addresses)
            told += "  chain  " + one.substr(0, equals) + "  sealed by " + address.text() + "\n";
    }
}

// Contracts that record a record ledger's roots.
void take_anchors(proof::TrustFile& trust, const std::vector<std::string>& given, std::string& told) {
    for (const std::string& one : given) {
        const std::size_t equals = one.find('=');
        if (equals == std::string::npos)
            throw Error(Code::bad_format, "--anchor", "must be CHAIN=ADDRESS, got '" + one + "'");
        const std::string chain = one.substr(0, equals);
        const std::string contract = ledger::evm::Address::parse(one.substr(equals + 1), "--anchor").text();
        if (!trust.chains.contains(chain))
            throw Error(Code::bad_format, "--anchor",
                        "needs a word on the blocks of " + chain + ": --clique or --host-finality");
        if (!trust.anchors.emplace(chain, contract).second)
            throw Error(Code::bad_format, "--anchor", "must name each contract once, got '" + one + "' again");
        told += "  anchors  " + contract + " on " + chain + "\n";
    }
}

void trust_init(Session& session, const ProofOptions& options) {
    proof::TrustFile trust;
    trust.minimum_svn = 1;
    trust.allow_development = options.allow_development;
    take_asserted(trust, options.asserted);
    std::string told;
    if (options.receipt.empty()) {
        take_node(trust, session, told);
    } else {
        take_receipt(trust, options.receipt, told);
    }
    take_parties(trust, options.parties, told);
    take_chains(trust, options, told);
    take_anchors(trust, options.anchors, told);
    // A chain's name is checked as verifiers will check it.
    write_result(options.out, proof::TrustFile::parse(trust.write()).write());
    note("This trust file believes:\n" + told +
         "Compare these with what the operator, the parties and the builder of the code tell you by another way: what "
         "was just read\n"
         "from " +
         (options.receipt.empty() ? session.node_url : options.receipt) + " proves nothing about itself.");
    if (!options.allow_development)
        note(
            "Development evidence is not accepted (--allow-development would: it protects nothing against the "
            "machine's owner).");
    for (const char* layer : {"clock", "rollback"}) {
        if (!trust.allow_asserted.contains(layer))
            note(std::string("What the host merely asserts about the ") + layer +
                 " is not accepted (--allow-asserted " + layer + ").");
    }
}

// --- open, disclose

std::string receipt_text(const ProofOptions& options) {
    return read_text_file(options.receipt, proof::max_receipt_bytes + 1);
}

// What the receipt holds itself; with `history`, also what earlier entries sealed, for which the node is asked.
std::vector<proof::Opened> open_all(Session& session, const std::string& text, const crypto::EncryptionPrivateKey& key,
                                    bool history) {
    auto opened = proof::open_receipt(text, key);
    if (!history) return opened;
    std::erase_if(opened, [](const proof::Opened& one) { return one.at == "state"; });
    for (auto& one : open_state(session, proof::Receipt::parse(text), key)) opened.push_back(std::move(one));
    return opened;
}

std::size_t count_state(const std::vector<proof::Opened>& opened) {
    return static_cast<std::size_t>(std::ranges::count(opened, "state", &proof::Opened::at));
}

void open(Session& session, const ProofOptions& options) {
    const std::string text = receipt_text(options);
    const auto opened = open_all(session, text, options.key.load().encryption, options.history);
    if (session.json) {
        json::Array all;
        for (const auto& one : opened) {
            all.push_back(json::Object{{"at", one.at},
                                       {"audience", one.audience},
                                       {"name", one.name},
                                       {"value", one.value},
                                       {"disclosure", one.disclosure}});
        }
        return print_json(json::Value(std::move(all)));
    }
    if (opened.empty()) return note("nothing in this receipt is sealed to this key");
    Table table({"FIELD", "READ BY", "VALUE"});
    for (const auto& one : opened) table.add({one.at + "/" + one.name, one.audience, json::canonical(one.value)});
    print(table.text());
    if (!options.history &&
        count_state(opened) < hidden_digests(json::Value(proof::Receipt::parse(text).state)).size()) {
        note("More of the state was sealed in earlier entries: --history asks the node for them.");
    }
    note("Opening does not verify: see `concordat verify`.");
}

std::vector<std::string> names_of(const std::vector<proof::Opened>& opened) {
    std::vector<std::string> names;
    for (const auto& one : opened) names.push_back(one.at + "/" + one.name);
    return names;
}

void disclose(Session& session, const ProofOptions& options) {
    const std::string text = receipt_text(options);
    const vault::KeyFile key = options.key.load();
    auto opened = open_all(session, text, key.encryption, false);
    auto names = names_of(opened);
    const auto known = [&](const std::string& field) { return std::ranges::find(names, field) != names.end(); };
    if (!std::ranges::all_of(options.fields, known)) {  // then an earlier entry may have sealed it
        opened = open_all(session, text, key.encryption, true);
        names = names_of(opened);
    }
    std::vector<std::string> shown;
    for (const std::string& field : options.fields) {
        const auto found = std::ranges::find(names, field);
        if (found == names.end())
            throw Error(Code::bad_format, "--field",
                        "'" + field + "' must be one that this key opens: " + joined(names));
        shown.push_back(opened[static_cast<std::size_t>(found - names.begin())].disclosure);
    }
    write_result(options.out, proof::disclose(text, shown));
    note("this copy shows " + joined(options.fields) + " to whoever reads it, and nothing else that was sealed");
}

CLI::App* add_receipt_command(CLI::App& app, Session& session, const char* name, const char* what,
                              void (*run)(Session&, const ProofOptions&), const Options& options) {
    auto* command = app.add_subcommand(name, what);
    command->add_option("RECEIPT", options->receipt, "the receipt's file")->required();
    command->callback([options, &session, run] { run(session, *options); });
    return command;
}

void add_trust(CLI::App& app, Session& session) {
    auto* group = app.add_subcommand("trust", "What you, as a verifier, believe");
    group->require_subcommand(1);
    const auto options = std::make_shared<ProofOptions>();
    auto* command = group->add_subcommand(
        "init", "Write a trust file from the node, or from a receipt; you compare the fingerprints");
    command->add_option("--receipt", options->receipt, "take them from this receipt; by default from the node");
    command
        ->add_option("--party", options->parties,
                     "FILE, a party's public part that you hold: only these keys count for it")
        ->allow_extra_args(false);
    command->add_flag("--allow-development", options->allow_development, "accept evidence that no hardware protects");
    command->add_option("--allow-asserted", options->asserted, "accept the host's word on: clock, rollback")
        ->delimiter(',')
        ->allow_extra_args(false);
    command
        ->add_option("--host-finality", options->host_finality,
                     "CHAIN, e.g. eip155:31337: accept the host's word on which of its blocks are final")
        ->allow_extra_args(false);
    command
        ->add_option("--clique", options->clique,
                     "CHAIN=ADDRESS,ADDRESS…: its blocks are final when a majority of these signers sealed them")
        ->allow_extra_args(false);
    command
        ->add_option("--anchor", options->anchors,
                     "CHAIN=ADDRESS of a RootAnchor: what it recorded of a ledger cannot be rolled back")
        ->allow_extra_args(false);
    command->add_option("-o,--output", options->out, "file to write");
    command->callback([options, &session] { trust_init(session, *options); });
}

}  // namespace

void add_proof_commands(CLI::App& app, Session& session) {
    const auto verified = std::make_shared<ProofOptions>();
    add_receipt_command(app, session, "verify",
                        "Check a receipt offline: status 0 it holds, 1 it does not, 2 cannot be read", verify, verified)
        ->add_option("--trust", verified->trust, "your trust file")
        ->required();
    add_trust(app, session);
    const auto opened = std::make_shared<ProofOptions>();
    auto* opener = add_receipt_command(app, session, "open", "Show the confidential fields that are sealed to your key",
                                       open, opened);
    opener->add_flag("--history", opened->history, "ask the node for what earlier entries sealed");
    opened->key.add_to(*opener);
    const auto disclosed = std::make_shared<ProofOptions>();
    auto* command = add_receipt_command(app, session, "disclose", "Make a copy that shows chosen fields to anybody",
                                        disclose, disclosed);
    command->add_option("--field", disclosed->fields, "as `open` names it, e.g. state/settlement; again for more")
        ->required()
        ->allow_extra_args(false);
    command->add_option("-o,--output", disclosed->out, "file to write");
    disclosed->key.add_to(*command);
}

}  // namespace concordat::cli
