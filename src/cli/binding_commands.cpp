// `concordat binding`: the life of an agreement, from the offer to its end.
#include <contract/input.hpp>
#include <crypto/hash.hpp>
#include <schema/disclosure.hpp>

#include "current.hpp"
#include "groups.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

struct BindingOptions {
    std::string file, binding, document, reason, expires = "+7d";
    std::int64_t version = 0;
    bool open = false;
    std::size_t limit = 100;
    KeyOptions key;
};
using Options = std::shared_ptr<BindingOptions>;

constexpr std::string_view jose_json = "application/jose+json";

std::string path_of(const std::string& binding) { return "/v1/bindings/" + digest_argument(binding, "BINDING").text(); }

// An offer, amendment, termination or resolution that waits for signatures.
struct OpenDocument {
    std::string kind;
    Hash256 digest;
    crypto::GeneralJws jws;
    bool is_version() const { return kind == "binding" || kind == "amendment"; }
    std::string_view typ() const {
        if (is_version()) return contract::binding_typ;
        return kind == "termination" ? contract::termination_typ : contract::resolution_typ;
    }
};

OpenDocument read_open(const json::Value& answer) {
    json::Reader reader(answer, "/document");
    OpenDocument out{std::string(reader.string("kind")), reader.hash("document"),
                     crypto::GeneralJws::parse(reader.any("jws"), "/document/jws")};
    if (crypto::sha256(out.jws.payload) != out.digest)
        throw Error(Code::bad_format, "/document", "must be the SHA-256 of its payload");
    return out;
}

// The one that is open, or that `wanted` names.
std::optional<OpenDocument> find_open(const json::Value& answer, const std::string& wanted) {
    std::vector<OpenDocument> all;
    if (const json::Value* open = answer.as_object().if_contains("open_documents");
        open != nullptr && open->is_array()) {
        for (const json::Value& one : open->get_array()) all.push_back(read_open(one));
    } else if (text_at(answer, "status") == "open") {
        all.push_back(read_open(answer));
    }
    if (!wanted.empty())
        std::erase_if(all,
                      [&](const OpenDocument& one) { return one.digest != digest_argument(wanted, "--document"); });
    if (all.size() > 1)
        throw Error(Code::missing_field, "--document",
                    "several documents are open: name one; `concordat binding show` lists them");
    if (all.empty()) return std::nullopt;
    return std::move(all.front());
}

OpenDocument require_open(Session& session, const BindingOptions& options) {
    auto found = find_open(session.get_json(path_of(options.binding)), options.document);
    if (!found) throw Error(Code::not_found, "BINDING", "has no open document to sign or decide on");
    return std::move(*found);
}

// --- Showing.

std::string ids_of(const json::Value& parties) {
    std::vector<std::string> out;
    for (const auto& [role, list] : parties.as_object()) {
        for (const json::Value& one : list.as_array()) out.push_back(std::string(role) + " " + text_at(one, "id"));
    }
    return joined(out);
}

std::string describe(const contract::Binding& binding) {
    std::vector<std::string> sources;
    for (const auto& one : binding.sources) sources.push_back(one.name + " " + one.id);
    const json::Object& document = binding.document;
    Table table({"version " + std::to_string(binding.number), binding.hash.text()});
    table.add({"binding", binding.id.text()});
    table.add({"package", binding.package.text()});
    table.add({"parties", ids_of(document.at("parties"))});
    table.add({"sources", joined(sources)});
    table.add({"ledger", binding.chain});
    table.add({"amendment", json::canonical(document.at("amendment"))});
    for (const Hash256& one : binding.enclaves.measurements) table.add({"enclave code", one.text()});
    for (const Hash256& one : binding.enclaves.development_roots)
        table.add({"enclave root", one.text() + " (development, NOT hardware-protected)"});
    table.add({"public terms", json::canonical(binding.terms)});
    std::vector<std::string> audiences;
    for (const auto& one : binding.sealed_terms) audiences.emplace_back(one.key());
    table.add({"sealed terms", audiences.empty() ? "none" : "for " + joined(audiences)});
    table.add({"expires", format_time(binding.expires)});
    return table.text();
}

std::string names_of(const json::Value& answer, std::string_view member) {
    std::vector<std::string> out;
    if (const json::Value* all = answer.as_object().if_contains(member); all != nullptr && all->is_array()) {
        for (const json::Value& one : all->get_array()) out.push_back(text_of_value(one));
    }
    return out.empty() ? "nobody" : joined(out);
}

}  // namespace

void show_document(Session& session, const json::Value& answer) {
    if (session.json) return print_json(answer);
    const std::string kind = text_at(answer, "kind"), status = text_at(answer, "status"),
                      reason = text_at(answer, "reason");
    Table table({kind, text_at(answer, "document")});
    if (kind != "binding") table.add({"binding", text_at(answer, "binding")});
    table.add({"status", status + (reason.empty() ? "" : ": " + reason)});
    if (status == "open" || status == "locking") {
        table.add({"signed", names_of(answer, "signed")});
        table.add({"missing", names_of(answer, "missing")});
    }
    print(table.text());
}

namespace {

void show(Session& session, const BindingOptions& options) {
    if (!options.binding.starts_with("sha256:")) {
        const std::string text = read_text_file(options.binding, contract::max_binding_bytes);
        const contract::Binding binding = contract::Binding::parse(bytes_of(text));
        return session.json ? print_json(json::Value(binding.document)) : print(describe(binding));
    }
    if (options.version > 0) {
        const json::Value jws =
            session.get_json(path_of(options.binding) + "/versions/" + std::to_string(options.version));
        return session.json ? print_json(jws) : print(describe(parse_version(jws)));
    }
    const json::Value answer = session.get_json(path_of(options.binding));
    if (session.json) return print_json(answer);
    if (text_at(answer, "entry").empty()) {
        show_document(session, answer);
    } else {
        print("status " + text_at(answer, "status") + ", last entry " + text_at(answer, "sequence") + " " +
              text_at(answer, "entry") + "\n");
        for (const json::Value& one : answer.at("open_documents").as_array()) {
            print("\nopen: ");
            show_document(session, one);
        }
    }
    const std::string kind = text_at(answer, "kind");
    if (answer.as_object().contains("jws") && kind != "termination" && kind != "resolution")
        print("\n" + describe(parse_version(answer.at("jws"))));
}

void document(Session& session, const BindingOptions& options) {
    show_document(session, session.get_json("/v1/documents/" + digest_argument(options.document, "DOCUMENT").text()));
}

void list(Session& session, const BindingOptions& options) {
    const json::Array all =
        session.collect(std::string("/v1/bindings") + (options.open ? "?status=open" : ""), "bindings", options.limit);
    if (session.more) note("there may be more: raise --limit");
    if (session.json) return print_json(json::Value(all));
    Table table({"BINDING", "STATUS", "VERSION", options.open ? "KIND" : "PACKAGE", "SINCE"});
    for (const json::Value& one : all) {
        table.add({text_at(one, "binding"), text_at(one, "status"), text_at(one, "version_number"),
                   options.open ? text_at(one, "kind") : shortened(text_at(one, "package")), text_at(one, "created")});
    }
    print(table.text());
}

// --- Signing.

void propose(Session& session, const BindingOptions& options) {
    const std::string text = read_text_file(options.file, contract::max_binding_bytes);
    const contract::Binding binding = contract::Binding::parse(bytes_of(text));
    crypto::GeneralJws jws = crypto::GeneralJws::of(bytes_of(text));
    jws.add(contract::binding_typ, options.key.load().keys.front());
    const std::string target = binding.number == 1 ? "/v1/bindings" : path_of(binding.id.text()) + "/amendments";
    show_document(session, session.post_json(target, json::canonical(jws.to_json()), jose_json));
}

// What is signed must be about this binding, whatever the node gave.
void check_before_signing(Session& session, const OpenDocument& open, const Hash256& id) {
    if (open.kind == "binding") {
        const contract::Binding first = contract::Binding::parse(open.jws.payload);
        if (first.hash != id)
            throw Error(Code::bad_format, "BINDING", "the node offers another document: " + first.hash.text());
        return note(describe(first));
    }
    const Current current = fetch_current(session, id);
    if (open.kind == "amendment") {
        const contract::Binding next = contract::Binding::parse(open.jws.payload);
        contract::check_successor(current.binding, next);
        return note(describe(next));
    }
    if (open.kind == "resolution") {
        const contract::Resolution one = contract::Resolution::parse(open.jws.payload);
        if (one.binding != id || one.version != current.binding.hash)
            throw Error(Code::wrong_version, "/resolution", "must be of the version in force");
        return note("gives up, for good, the " + std::string(ledger::role_name(one.role)) + " of step " +
                    std::to_string(one.step) + " of transaction " + one.transaction.text() + ": " + one.reason);
    }
    const contract::Termination end = contract::Termination::parse(open.jws.payload);
    if (end.binding != id || end.version != current.binding.hash)
        throw Error(Code::wrong_version, "/termination", "must be of the version in force");
    note("ends " + id.text() + ": " + end.reason);
}

void sign(Session& session, const BindingOptions& options) {
    OpenDocument open = require_open(session, options);
    const Hash256 id = digest_argument(options.binding, "BINDING");
    check_before_signing(session, open, id);
    open.jws.signatures.clear();
    open.jws.add(open.typ(), options.key.load().keys.front());
    const std::string target = path_of(options.binding) + (open.kind == "termination" ? "/termination" : "/signatures");
    show_document(session, session.post_json(target, json::canonical(open.jws.to_json()), jose_json));
}

void decide(Session& session, const BindingOptions& options, const std::string& decision) {
    const OpenDocument open = require_open(session, options);
    const vault::KeyFile key = options.key.load();
    const std::string payload =
        contract::write_decision({decision, open.digest, key.id, options.reason, session.clock.now()});
    const std::string text = crypto::sign_compact(bytes_of(payload), contract::decision_typ, key.keys.front());
    show_document(session, session.post_json(path_of(options.binding) + "/decisions", text, "application/jose"));
}

void terminate(Session& session, const BindingOptions& options) {
    const Current current = fetch_current(session, digest_argument(options.binding, "BINDING"));
    const TimeMs expires = time_argument(options.expires, "--expires", session.clock.now());
    const std::string payload =
        contract::write_termination({current.id, current.binding.hash, options.reason, expires});
    crypto::GeneralJws jws = crypto::GeneralJws::of(bytes_of(payload));
    jws.add(contract::termination_typ, options.key.load().keys.front());
    show_document(session, session.post_json(path_of(options.binding) + "/termination", json::canonical(jws.to_json()),
                                             jose_json));
}

void terms(Session& session, const BindingOptions& options) {
    const json::Value answer = session.get_json(path_of(options.binding));
    const auto open = find_open(answer, options.document);
    const bool version = open && open->is_version();
    const contract::Binding binding = version
                                          ? contract::Binding::parse(open->jws.payload)
                                          : fetch_current(session, digest_argument(options.binding, "BINDING")).binding;
    if (binding.id != digest_argument(options.binding, "BINDING"))
        throw Error(Code::bad_format, "BINDING", "the node offers another binding");
    const json::Value plain = client::open_terms(binding, options.key.load().encryption);
    if (session.json) return print_json(plain);
    note("terms of version " + std::to_string(binding.number) + (version ? ", not yet in force" : ", in force"));
    print(pretty(plain));
}

CLI::App* add(CLI::App& group, Session& session, const char* name, const char* what,
              void (*run)(Session&, const BindingOptions&), Options& options, bool with_key) {
    options = std::make_shared<BindingOptions>();
    auto* command = group.add_subcommand(name, what);
    if (with_key) options->key.add_to(*command);
    command->callback([options, &session, run] { run(session, *options); });
    return command;
}

void add_documents(CLI::App& group, Session& session) {
    Options options;
    add(group, session, "sign",
        "Sign what is open: the offer, an amendment, the end, or what `transaction resolve` proposed", sign, options,
        true)
        ->add_option("BINDING", options->binding, "the binding's id")
        ->required();
    group.get_subcommand("sign")->add_option("--document", options->document, "which, when several are open");
    for (const char* decision : {"decline", "withdraw"}) {
        options = std::make_shared<BindingOptions>();
        auto* command = group.add_subcommand(
            decision, *decision == 'd' ? "Say no to what is open" : "Take back what you had signed");
        command->add_option("BINDING", options->binding, "the binding's id")->required();
        command->add_option("--document", options->document, "which, when several are open");
        command->add_option("--reason", options->reason, "why; the others read it")->required();
        options->key.add_to(*command);
        command->callback([options, &session, decision] { decide(session, *options, decision); });
    }
    auto* end =
        add(group, session, "terminate", "Propose the binding's end; the others then `sign`", terminate, options, true);
    end->add_option("BINDING", options->binding, "the binding's id")->required();
    end->add_option("--reason", options->reason, "why; it is recorded")->required();
    end->add_option("--expires", options->expires, "until when the others may sign")->capture_default_str();
}

}  // namespace

void add_binding_commands(CLI::App& app, Session& session) {
    auto* group = app.add_subcommand("binding", "Agreements: draft, propose, sign, amend, end");
    group->require_subcommand(1);
    add_draft_commands(*group, session);
    Options options;
    add(*group, session, "propose", "Sign a draft and offer it: a first version, or an amendment", propose, options,
        true)
        ->add_option("FILE", options->file, "what `draft` or `amend` wrote")
        ->required();
    add_documents(*group, session);
    add(*group, session, "show", "Show a binding, an offer, or a draft's file", show, options, false)
        ->add_option("BINDING", options->binding, "the binding's id, or a file")
        ->required();
    group->get_subcommand("show")->add_option("--version", options->version,
                                              "this version, with its signatures as JSON");
    add(*group, session, "document", "What became of an offer, an amendment, a termination or a resolution", document,
        options, false)
        ->add_option("DOCUMENT", options->document, "its digest")
        ->required();
    auto* all = add(*group, session, "list", "The tenant's bindings (operators)", list, options, false);
    all->add_flag("--open", options->open, "documents that are not signed by all yet");
    all->add_option("--limit", options->limit, "at most so many")->capture_default_str();
    auto* read = add(*group, session, "terms",
                     "Open the terms that are sealed to you: of what is open, else of the version in force", terms,
                     options, true);
    read->add_option("BINDING", options->binding, "the binding's id")->required();
    read->add_option("--document", options->document, "which, when several are open");
}

}  // namespace concordat::cli
