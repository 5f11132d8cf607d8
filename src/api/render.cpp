#include "render.hpp"

#include <base/json_text.hpp>

namespace concordat::api {

namespace {

// Members in the order in which they are added; values are JSON already.
class Writer {
  public:
    explicit Writer(std::size_t expected = 512) {
        out_.reserve(expected);
        out_ = '{';
    }
    Writer& raw(std::string_view name, std::string_view value) {
        if (out_.size() > 1) out_ += ',';
        out_ += '"';
        out_ += name;
        out_ += "\":";
        out_ += value;
        return *this;
    }
    Writer& raw_if(std::string_view name, std::string_view value) { return value.empty() ? *this : raw(name, value); }
    Writer& text(std::string_view name, std::string_view value) { return raw(name, json_string(value)); }
    Writer& hash(std::string_view name, const Hash256& value) { return raw(name, '"' + value.text() + '"'); }
    Writer& number(std::string_view name, std::uint64_t value) { return raw(name, std::to_string(value)); }
    Writer& time_if(std::string_view name, TimeMs value) { return value == 0 ? *this : text(name, format_time(value)); }
    std::string end() {
        out_ += '}';
        return std::move(out_);
    }

  private:
    std::string out_;
};

void write_summary(Writer& out, const node::Commit& commit) {
    const node::EntryView& entry = commit.entry;
    out.hash("entry", entry.id)
        .number("sequence", entry.sequence)
        .hash("binding", entry.binding)
        .hash("version", entry.version)
        .text("type", contract::entry_type_name(entry.type))
        .raw("time", entry.time)
        .raw_if("action", entry.action)
        .raw_if("result", entry.result)
        .raw_if("events", entry.events)
        .raw_if("reason", entry.reason)
        .raw_if("ending", entry.ending);
    if (node::is_of_transaction(entry.type)) {
        out.hash("transaction", entry.transaction.is_zero() ? entry.id : entry.transaction);
    }
}

std::string list(const std::vector<std::string>& texts) {
    std::string out = "[";
    for (const auto& text : texts) {
        if (out.size() > 1) out += ',';
        out += json_string(text);
    }
    return out + ']';
}

constexpr std::string_view kind_name(node::DraftKind kind) {
    constexpr std::array<std::string_view, 4> names{"binding", "amendment", "termination", "resolution"};
    return names[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string json_string(std::string_view text) {
    std::string out;
    json::append_string(out, json::to_valid_utf8(text));
    return out;
}

std::string binding_url(const Hash256& binding) { return "/v1/bindings/" + binding.text(); }
std::string entry_url(const Hash256& binding, std::uint64_t sequence) {
    return binding_url(binding) + "/entries/" + std::to_string(sequence);
}

std::string problem_object(const Error& error) {
    return Writer()
        .text("code", code_name(error.code()))
        .text("title", title(error.code()))
        .text("field", error.field())
        .text("rule", error.rule())
        .number("status", static_cast<std::uint64_t>(http_status(error.code())))
        .end();
}

std::string render_answer(const node::Commit& commit) {
    Writer out(640 + commit.state.size() + commit.disclosures.size() + commit.entry.result.size() +
               commit.entry.events.size());
    write_summary(out, commit);
    out.raw("state", text_of(commit.state))
        .raw("sealed", text_of(commit.disclosures))
        .text("receipt", entry_url(commit.entry.binding, commit.entry.sequence) + "/receipt");
    return out.end();
}

std::string render_entry(const node::Commit& commit) {
    const enclave::Committed parts = commit.decode();
    Writer out(1024 + commit.raw.size() * 2);
    write_summary(out, commit);
    out.number("index", commit.index)
        .raw("document", text_of(commit.document))
        .text("input", to_base64url(commit.input))
        .raw("state", text_of(commit.state))
        .raw("sealed", text_of(commit.disclosures))
        .raw("claim", json::canonical(parts.claim.to_json()))
        .raw("ledger_receipt", json::canonical(parts.receipt.to_json()))
        .text("receipt", entry_url(commit.entry.binding, commit.entry.sequence) + "/receipt");
    return out.end();
}

std::string render_event(const node::Commit& commit) {
    Writer data;
    write_summary(data, commit);
    Writer out(1024);
    out.text("specversion", "1.0")
        .text("id", std::to_string(commit.index))
        .text("source", binding_url(commit.entry.binding))
        .text("type", "concordat.entry." + std::string(contract::entry_type_name(commit.entry.type)))
        .raw("time", commit.entry.time)
        .text("subject", std::to_string(commit.entry.sequence))
        .text("datacontenttype", "application/json")
        .raw("data", data.end());
    return out.end();
}

std::string render_draft(const node::DraftView& view) {
    const node::DraftRow& row = view.row;
    Writer out(1024 + row.jws.size());
    out.hash("binding", row.binding)
        .hash("document", row.document)
        .text("kind", kind_name(row.kind))
        .text("status", row.state);
    if (!row.reason.empty()) out.text("reason", row.reason);
    out.raw("signed", list(view.signed_by))
        .raw("missing", list(view.missing))
        .time_if("expires", row.expires)
        .time_if("created", row.created)
        .raw("jws", row.jws);
    return out.end();
}

static std::string render_call(const node::CallView& view) {
    Writer out;
    out.number("step", view.call.what.step)
        .text("role", ledger::role_name(view.call.what.role))
        .text("effect", view.effect)
        .text("ledger", view.ledger)
        .text("status", view.status())
        .raw("pin", json::canonical(view.call.journal.pin.to_json()));
    if (view.call.journal.tries > 0) out.number("tries", view.call.journal.tries);
    if (!view.waits_for.empty()) out.text("waits_for", view.waits_for).time_if("waits_since", view.waits_since);
    if (!view.submission.empty()) out.text("submission", view.submission);
    return out.end();
}

std::string render_transaction(const node::TransactionView& view) {
    Writer out;
    out.hash("transaction", view.row.id)
        .text("status", view.status())
        .hash("binding", view.binding)
        .number("sequence", view.sequence)
        .number("last_sequence", view.last_sequence)
        .time_if("deadline", view.deadline)
        .time_if("changed", view.row.changed);
    if (!view.decision.empty()) out.text("decision", view.decision);
    std::string calls;
    for (const node::CallView& call : view.calls) calls += (calls.empty() ? "" : ",") + render_call(call);
    out.raw("calls", "[" + calls + "]");
    if (!view.given_up.empty()) {
        out.raw("given_up", json::canonical(json::Array(view.given_up.begin(), view.given_up.end())));
    }
    out.text("receipt", entry_url(view.binding, view.last_sequence) + "/receipt");
    return out.end();
}

std::string render_binding_line(const node::BindingRow& row) {
    Writer out;
    out.hash("binding", row.id)
        .text("tenant", row.tenant)
        .text("status", row.status)
        .number("version_number", static_cast<std::uint64_t>(row.number))
        .hash("version", row.version)
        .hash("package", row.package)
        .time_if("created", row.created);
    if (!row.proposal.is_zero()) out.hash("proposal", row.proposal).time_if("deadline", row.deadline);
    return out.end();
}

std::string render_binding(const node::BindingState& state, const std::string& document_jws,
                           const std::vector<node::DraftView>& drafts) {
    const node::BindingRow& row = state.row;
    Writer out(1024 + document_jws.size());
    out.hash("binding", row.id)
        .text("status", row.status)
        .number("version_number", static_cast<std::uint64_t>(row.number))
        .hash("version", row.version)
        .hash("package", row.package)
        .text("isolation", row.dedicated ? "dedicated" : "shared")
        .number("sequence", state.head->sequence)
        .hash("entry", state.head->entry)
        .time_if("created", row.created);
    if (!row.proposal.is_zero()) out.hash("proposal", row.proposal).time_if("deadline", row.deadline);
    std::string open = "[";
    for (const auto& draft : drafts) {
        if (draft.row.state != "open" && draft.row.state != "locking") continue;
        if (open.size() > 1) open += ',';
        open += render_draft(draft);
    }
    out.raw("open_documents", open + ']').raw("jws", document_jws);
    return out.end();
}

http::Response json_response(std::string body, int status) {
    http::Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

}  // namespace concordat::api
