// `concordat entries`, `state`, `events`, `receipt`: what a binding has done.
#include <schema/disclosure.hpp>

#include "current.hpp"
#include "groups.hpp"
#include "history.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

struct ReadingOptions {
    std::string binding, sequence, out, after;
    std::size_t limit = 100;
    bool follow = false;
    KeyOptions key;
};
using Options = std::shared_ptr<ReadingOptions>;

constexpr int quiet_ms = 500;  // after which what there was has been shown
constexpr int follow_ms = 3'600'000;
constexpr int retry_pause_s = 1;
constexpr int max_retries = 600;  // in a row

std::string path_of(const std::string& binding) { return "/v1/bindings/" + digest_argument(binding, "BINDING").text(); }

void check_sequence(const std::string& text) {
    if (text.empty() || text.size() > 15 || text.find_first_not_of("0123456789") != std::string::npos) {
        throw Error(Code::bad_format, "SEQUENCE", "must be a number; `concordat entries BINDING` lists them");
    }
}

void entries(Session& session, const ReadingOptions& options) {
    const std::string path = path_of(options.binding) + "/entries";
    if (!options.sequence.empty()) {
        check_sequence(options.sequence);
        const json::Value one = session.get_json(path + "/" + options.sequence);
        return session.json ? print_json(one) : print(pretty(one));
    }
    const json::Array all =
        session.collect(path + (options.after.empty() ? "" : "?after=" + options.after), "entries", options.limit);
    if (session.more) note("there may be more: raise --limit");
    if (session.json) return print_json(json::Value(all));
    Table table({"SEQ", "TIME", "TYPE", "ACTION", "EVENTS", "ENTRY"});
    for (const json::Value& one : all) {
        std::vector<std::string> events;
        if (const json::Value* list = one.as_object().if_contains("events")) {
            for (const json::Value& event : list->as_array()) events.push_back(text_at(event, "type"));
        }
        table.add({text_at(one, "sequence"), text_at(one, "time"), text_at(one, "type"), text_at(one, "action"),
                   joined(events), shortened(text_at(one, "entry"))});
    }
    print(table.text());
}

// The state with what this key opens put in; the rest stays digests.
void state(Session& session, const ReadingOptions& options) {
    const Current current = fetch_current(session, digest_argument(options.binding, "BINDING"));
    json::Value shown(current.receipt.state);
    if (!options.key.file.empty()) {
        std::vector<std::string> texts;
        for (const auto& one : open_state(session, current.receipt, options.key.load().encryption))
            texts.push_back(one.disclosure);
        shown = schema::reveal(shown, texts, "/state");
    }
    if (session.json) {
        return print_json(json::Object{{"binding", current.id.text()},
                                       {"version", current.binding.hash.text()},
                                       {"sequence", current.sequence},
                                       {"entry", current.head_id.text()},
                                       {"state", std::move(shown)}});
    }
    note("after entry " + std::to_string(current.sequence) +
         ", checked against the ledger's own statement of the head");
    print(pretty(shown));
}

void show_event(Session& session, const http::Event& event) {
    if (session.json) return print(event.data + "\n");
    const json::Value value = json::parse(event.data, "event", {.bytes = std::size_t{16} << 20});
    const json::Value& data = value.at("data");
    print(event.id + "  " + text_at(value, "time") + "  " + shortened(text_at(data, "binding")) + "  " +
          text_at(data, "sequence") + "  " + text_at(data, "type") + "  " + text_at(data, "action") + "  " +
          text_at(data, "events") + "\n");
}

// Shows events until the stream ends or is silent; false when silent. `last` is where to go on.
bool read_stream(Session& session, const std::string& target, std::string& last, int silence_ms) {
    const auto reader = session.events(target, last);
    const auto keep_place = [&] {
        if (!reader->last_id().empty()) last = reader->last_id();
    };
    try {
        while (const auto event = reader->next(silence_ms)) {
            show_event(session, *event);
            std::fflush(stdout);
            keep_place();
        }
        keep_place();
        return true;
    } catch (const Error& error) {
        keep_place();
        if (error.code() != Code::timeout) throw;
        return false;
    }
}

// A node that ends, or is started again: it goes on behind the last event as soon as the node answers.
void follow(Session& session, const std::string& target, std::string last) {
    for (int failures = 0;;) {  // until interrupted
        try {
            read_stream(session, target, last, follow_ms);
            failures = 0;
        } catch (const Error& error) {
            const bool gone = error.code() == Code::unavailable || error.code() == Code::timeout;
            if (!gone || last.empty() || ++failures > max_retries) throw;
            if (failures == 1) note("the node does not answer; trying again");
        }
        ::timespec pause{retry_pause_s, 0};
        ::nanosleep(&pause, nullptr);
    }
}

void events(Session& session, const ReadingOptions& options) {
    const std::string target = options.binding.empty() ? "/v1/events" : path_of(options.binding) + "/events";
    // Without a cursor: everything there is, or, when following, what comes from now on.
    std::string last = options.after.empty() && !options.follow ? "-1" : options.after;
    if (!options.follow) {
        read_stream(session, target, last, quiet_ms);
        return;
    }
    follow(session, target, std::move(last));
}

void receipt(Session& session, const ReadingOptions& options) {
    std::string sequence = options.sequence;
    if (sequence.empty()) sequence = text_at(session.get_json(path_of(options.binding)), "sequence");
    check_sequence(sequence);
    const std::string text = session.get(path_of(options.binding) + "/entries/" + sequence + "/receipt");
    proof::Receipt::parse(text);
    write_result(options.out, text);
    if (!options.out.empty() && options.out != "-") note("receipt of entry " + sequence + " written to " + options.out);
}

std::pair<CLI::App*, Options> add(CLI::App& app, Session& session, const char* name, const char* what,
                                  void (*run)(Session&, const ReadingOptions&), bool needs_binding = true) {
    const auto options = std::make_shared<ReadingOptions>();
    auto* command = app.add_subcommand(name, what);
    auto* binding = command->add_option("BINDING", options->binding, "the binding's id");
    if (needs_binding) binding->required();
    command->callback([options, &session, run] { run(session, *options); });
    return {command, options};
}

}  // namespace

void add_reading_commands(CLI::App& app, Session& session) {
    const auto [list, listed] =
        add(app, session, "entries", "What a binding has recorded, or one entry in full", entries);
    list->add_option("SEQUENCE", listed->sequence, "only this one, in full");
    list->add_option("--after", listed->after, "sequence after which to begin");
    list->add_option("--limit", listed->limit, "at most so many")->capture_default_str();
    const auto [now, current] =
        add(app, session, "state", "The contract's state now; --key opens what is confidential to you", state);
    current->key.add_to(*now, false);
    const auto [feed, fed] = add(app, session, "events", "Events of a binding, or of all (operators)", events, false);
    feed->add_flag("--follow", fed->follow, "go on as they come");
    feed->add_option("--after", fed->after, "cursor (the first column) after which to begin; -1 for the first");
    const auto [proof, proven] =
        add(app, session, "receipt", "The proof that an entry was recorded, for anyone to verify offline", receipt);
    proof->add_option("SEQUENCE", proven->sequence, "by default the last entry");
    proof->add_option("-o,--output", proven->out, "file to write");
}

}  // namespace concordat::cli
