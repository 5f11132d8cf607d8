// `concordat message`: what parties and sources send.
#include <algorithm>
#include <contract/input.hpp>
#include <schema/disclosure.hpp>
#include <set>

#include "current.hpp"
#include "groups.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

struct MessageOptions {
    std::string binding, name, body = "{}", expires = "+10m", observed, digest;
    std::int64_t number = 0;
    bool later = false;
    int wait = 60;
    KeyOptions key;
};
using Options = std::shared_ptr<MessageOptions>;

std::string joined_actions(const contract::Contract& contract) {
    std::vector<std::string> names;
    for (const auto& [name, action] : contract.actions) names.push_back(name);
    return joined(names);
}

// The clock's milliseconds rise from message to message, and need no memory.
std::int64_t number_of(Session& session, const MessageOptions& options) {
    return options.number != 0 ? options.number : session.clock.now();
}

json::Value reveal_at(const json::Value& redacted, const std::vector<client::Opened>& opened, std::string_view at) {
    std::vector<std::string> texts;
    for (const auto& one : opened) {
        if (one.at == at) texts.push_back(one.text);
    }
    return schema::reveal(redacted, texts, at);
}

void show_answer(Session& session, json::Value answer, const Hash256& binding, const client::AudienceKeys& keys) {
    if (session.json) return print_json(answer);
    if (text_at(answer, "entry").empty()) {
        return print("accepted  " + text_at(answer, "message") + "\nlook with: concordat message status " +
                     text_at(answer, "message") + " --binding " + binding.text() + "\n");
    }
    if (const std::string state = text_at(answer, "status"); !state.empty()) {
        const json::Value& outcome = answer.at("outcome");
        const bool open = state != "committed" && state != "aborted" && state != "disputed";
        std::set<std::string> chains;
        for (const json::Value& call : outcome.at("calls").as_array()) chains.insert(text_at(call.at("pin"), "chain"));
        std::string where;
        for (const std::string& chain : chains) where += (where.empty() ? "" : ", ") + chain;
        const bool given_up = outcome.as_object().contains("given_up");
        note("transaction " + text_at(outcome, "transaction") + " on " + where + ": " + state +
             (given_up ? ", but for what people gave up" : ""));
        if (open) note("look with: concordat transaction show " + text_at(outcome, "transaction"));
        session.exit_code = (state == "committed" && !given_up) || open ? 0 : 1;
    }
    const auto opened = client::open_disclosures(answer.at("sealed").as_object(), binding, keys);
    std::string out = "recorded as entry " + text_at(answer, "sequence") + "  " + text_at(answer, "entry") + "\n";
    if (const json::Value* result = answer.as_object().if_contains("result")) {
        out += "result  " + json::canonical(reveal_at(*result, opened, "result")) + "\n";
    }
    if (const json::Value* events = answer.as_object().if_contains("events")) {
        for (const json::Value& one : events->as_array()) out += "event   " + json::canonical(one) + "\n";
    }
    print(out);
}

void post(Session& session, const MessageOptions& options, const Hash256& id, const std::string& text,
          const client::AudienceKeys& keys) {
    show_answer(session,
                session.post_json("/v1/bindings/" + id.text() + "/messages", text, "application/jose",
                                  options.later ? "respond-async" : "wait=" + std::to_string(options.wait)),
                id, keys);
}

void send(Session& session, const MessageOptions& options) {
    const Hash256 id = digest_argument(options.binding, "BINDING");
    const vault::KeyFile key = options.key.load();
    const Current current = fetch_current(session, id);
    const contract::Package package = fetch_package(session, current.binding.package);
    const auto action = package.contract.actions.find(options.name);
    if (action == package.contract.actions.end()) {
        throw Error(Code::not_found, "ACTION", "the contract has " + joined_actions(package.contract));
    }
    contract::Message message;
    message.binding = id;
    message.version = current.binding.hash;
    message.seen = current.head_id;
    message.ledger = current.binding.chain;
    message.action = options.name;
    message.number = number_of(session, options);
    message.expires = time_argument(options.expires, "--expires", session.clock.now());
    const client::AudienceKeys keys = current.audience_keys(key.encryption);
    const std::string text = client::make_message(
        message, action->second.message, json_argument(options.body, "--body"), keys, key.keys.front(), session.random);
    post(session, options, id, text, keys);
}

void observe(Session& session, const MessageOptions& options) {
    const Hash256 id = digest_argument(options.binding, "BINDING");
    const vault::KeyFile key = options.key.load();
    const Current current = fetch_current(session, id);
    const contract::Package package = fetch_package(session, current.binding.package);
    const auto source = std::ranges::find(current.binding.sources, options.name, &contract::SourceOrigin::name);
    if (source == current.binding.sources.end())
        throw Error(Code::not_found, "SOURCE", "the binding has no source " + options.name);
    const TimeMs now = session.clock.now();
    contract::Observation observation;
    observation.source = source->id;
    observation.number = number_of(session, options);
    observation.observed = options.observed.empty() ? now : time_argument(options.observed, "--observed", now);
    observation.expires = time_argument(options.expires, "--expires", now);
    const json::Value body = json_argument(options.body, "--body");
    package.contract.sources.at(options.name).validate(body, "/body");
    observation.body = body.as_object();
    post(session, options, id, client::make_observation(observation, key.keys.front()),
         current.audience_keys(key.encryption));
}

void status(Session& session, const MessageOptions& options) {
    std::string target = "/v1/messages/" + digest_argument(options.digest, "MESSAGE").text();
    if (!options.binding.empty()) target += "?binding=" + digest_argument(options.binding, "--binding").text();
    const json::Value answer = session.get_json(target);
    const std::string state = text_at(answer, "status");
    session.exit_code = state == "failed" || state == "aborted" || state == "disputed" ? 1 : 0;
    if (session.json) return print_json(answer);
    print(text_at(answer, "status") + "\n");
    if (const json::Value* error = answer.as_object().if_contains("error")) {
        print("  code   " + text_at(*error, "code") + "\n  field  " + text_at(*error, "field") + "\n  rule   " +
              text_at(*error, "rule") + "\n");
    }
    if (const json::Value* done = answer.as_object().if_contains("answer")) {
        print("entry " + text_at(*done, "sequence") + "  " + text_at(*done, "entry") + "\n");
    }
}

void add_sender(CLI::App& command, const Options& options) {
    command.add_option("BINDING", options->binding, "the binding's id")->required();
    command.add_option("NAME", options->name, "the action, or the source's name in the binding")->required();
    command.add_option("--body", options->body, "JSON, or @FILE; confidential fields in the clear, sealed here")
        ->capture_default_str();
    command.add_option("--number", options->number, "above this key's last; by default the clock's milliseconds");
    command.add_option("--expires", options->expires, "when it must have been run")->capture_default_str();
    command.add_option("--wait", options->wait, "seconds to wait for the outcome when it acts on another ledger")
        ->check(CLI::Range(0, 120))
        ->capture_default_str();
    command.add_flag("--async", options->later, "answer as soon as the node has kept it safely");
    options->key.add_to(command);
}

}  // namespace

void add_message_commands(CLI::App& app, Session& session) {
    auto* group = app.add_subcommand("message", "Signed messages and observations");
    group->require_subcommand(1);
    const auto sent = std::make_shared<MessageOptions>();
    auto* sender = group->add_subcommand(
        "send", "Sign and send a party's message, after checking what the node shows of the binding");
    add_sender(*sender, sent);
    sender->callback([sent, &session] { send(session, *sent); });
    const auto seen = std::make_shared<MessageOptions>();
    auto* observer = group->add_subcommand("observe", "Sign and send a source's observation");
    add_sender(*observer, seen);
    observer->add_option("--observed", seen->observed, "when it was seen; by default now");
    observer->callback([seen, &session] { observe(session, *seen); });
    const auto asked = std::make_shared<MessageOptions>();
    auto* state = group->add_subcommand("status", "What became of a message that was sent with --async");
    state->add_option("MESSAGE", asked->digest, "SHA-256 of its text, as --async printed it")->required();
    state->add_option("--binding", asked->binding, "which, for an observation that went to several");
    state->callback([asked, &session] { status(session, *asked); });
}

}  // namespace concordat::cli
