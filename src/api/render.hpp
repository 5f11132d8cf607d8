// The JSON that the API answers with, written directly: what enclaves and ledger made canonical is passed on as it is.
#pragma once
#include <http/message.hpp>
#include <node/node.hpp>
#include <string>

namespace concordat::api {

// {"entry","sequence","binding","version","type","time","action"?,"result"?,"events"?,"state","sealed","receipt"}
std::string render_answer(const node::Commit& commit);
// The same with the entry document, input, claim and ledger receipt.
std::string render_entry(const node::Commit& commit);
// A CloudEvents 1.0 event in structured JSON mode.
std::string render_event(const node::Commit& commit);
std::string render_draft(const node::DraftView& view);
std::string render_binding(const node::BindingState& state, const std::string& document_jws,
                           const std::vector<node::DraftView>& drafts);
// {"transaction","status","binding","sequence","ledger","chain","account",…}
std::string render_transaction(const node::TransactionView& view);
std::string render_binding_line(const node::BindingRow& row);

std::string json_string(std::string_view text);
std::string problem_object(const Error& error);
std::string entry_url(const Hash256& binding, std::uint64_t sequence);
std::string binding_url(const Hash256& binding);

http::Response json_response(std::string body, int status = 200);

}  // namespace concordat::api
