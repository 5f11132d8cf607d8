// The one exception type that ends a request, and the one table of its codes: the table makes the HTTP status, the
// problem title (RFC 9457), the documentation and the client enums.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

// X(code, HTTP status, title)
#define CONCORDAT_ERRORS(X)                                                                     \
    X(bad_json, 400, "The text is not strict JSON")                                             \
    X(bad_format, 400, "A field does not have the form that its rule asks for")                 \
    X(unknown_field, 400, "A field is not known here")                                          \
    X(missing_field, 400, "A field is missing")                                                 \
    X(too_large, 413, "Something is larger than its limit")                                     \
    X(bad_schema, 400, "A schema is outside the profile")                                       \
    X(schema_mismatch, 422, "A value does not match its schema")                                \
    X(bad_package, 400, "A package is not valid")                                               \
    X(bad_module, 400, "A WebAssembly module is not acceptable")                                \
    X(bad_signature, 401, "A signature does not hold")                                          \
    X(unauthenticated, 401, "The caller is not authenticated")                                  \
    X(not_a_party, 403, "The signer is not a party that may do this")                           \
    X(forbidden, 403, "The caller may not do this")                                             \
    X(not_found, 404, "There is no such thing here")                                            \
    X(method_not_allowed, 405, "The resource does not take this method")                        \
    X(wrong_version, 409, "The binding version is not the current one")                         \
    X(wrong_ledger, 409, "The document names another record ledger")                            \
    X(replayed, 409, "A message with this number was accepted before, with other bytes")        \
    X(out_of_order, 409, "The message number is not above the sender's last one")               \
    X(expired, 410, "The document has expired")                                                 \
    X(forked, 409, "The entry that the sender has seen is not in this binding's history")       \
    X(seen_too_old, 409, "The entry that the sender has seen lies too far back to be checked")  \
    X(not_running, 409, "The binding is not in a state that allows this")                       \
    X(paused, 409, "The binding is paused by an open amendment")                                \
    X(in_transaction, 409, "The binding waits for the outcome of a transaction")                \
    X(disputed, 409, "The binding is halted: a ledger went back on an outcome")                 \
    X(conflict, 409, "Something else happened first")                                           \
    X(action_refused, 422, "The action is not allowed in this state")                           \
    X(contract_aborted, 422, "The contract refused the message")                                \
    X(undeclared_effect, 422, "The logic asked for an effect that the action does not declare") \
    X(out_of_fuel, 422, "The execution used more fuel than it may")                             \
    X(out_of_memory, 422, "The execution used more memory than it may")                         \
    X(out_of_time, 422, "The execution took longer than it may")                                \
    X(trapped, 422, "The execution trapped")                                                    \
    X(time_went_back, 409, "The host's clock stands before the binding's last entry")           \
    X(bad_evidence, 403, "Attestation evidence is not accepted")                                \
    X(bad_receipt, 400, "A ledger receipt does not hold")                                       \
    X(tampered, 500, "Stored data was changed from outside")                                    \
    X(rolled_back, 500, "Stored data is older than what was seen before")                       \
    X(disk, 507, "The disk cannot take a write")                                                \
    X(locked_directory, 500, "The data directory is in use by another process")                 \
    X(busy, 429, "Too many requests; try again later")                                          \
    X(unavailable, 503, "A part of the system is not available now; try again later")           \
    X(timeout, 504, "The answer did not arrive in time")                                        \
    X(protocol, 500, "A peer process broke the protocol")                                       \
    X(config, 500, "The configuration is not valid")                                            \
    X(internal, 500, "Something went wrong inside")

namespace concordat {

enum class Code {
#define X(code, status, title) code,
    CONCORDAT_ERRORS(X)
#undef X
};

std::string_view code_name(Code code);
int http_status(Code code);
std::string_view title(Code code);
// Code::internal for a name that is not in the table.
Code code_from_name(std::string_view name);

// `field` names what is wrong as a JSON Pointer or a field path ("" when no single field is), `rule` the rule it
// breaks.
class Error : public std::runtime_error {
  public:
    Error(Code code, std::string field, std::string rule);
    Code code() const { return code_; }
    const std::string& field() const { return field_; }
    const std::string& rule() const { return rule_; }

  private:
    Code code_;
    std::string field_;
    std::string rule_;
};

// A programmer's error: prints and aborts, in release too. Never reached by hostile input.
[[noreturn]] void panic(std::string_view what);

}  // namespace concordat
