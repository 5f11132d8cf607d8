#include "participant.hpp"

#include <algorithm>
#include <array>

namespace concordat::ledger::http {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t max_body_bytes = 64 * 1024;
constexpr std::size_t max_detail = 256;
constexpr std::size_t max_remembered = 1024;
constexpr std::string_view participant_typ = "concordat/participant/1";
constexpr std::string_view jose_type = "application/jose";

ParticipantOptions checked(ParticipantOptions options) {
    check_chain(options.chain, "/chain");
    return options;
}

[[noreturn]] void unexpected(const net::HttpAnswer& answer) {
    const std::string status = std::to_string(answer.status);
    if (answer.status == 429) throw Error(Code::unavailable, "endpoint", "asks for fewer requests (HTTP 429)");
    throw Error(Code::unavailable, "endpoint",
                "answers HTTP " + status + (answer.content_type.empty() ? "" : ", " + answer.content_type));
}

std::string text_of_member(const json::Object& problem, std::string_view name) {
    const json::Value* value = problem.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// For people: what a problem document (RFC 9457) says, if it says anything.
std::string detail_of(const net::HttpAnswer& answer) {
    std::string out = "HTTP " + std::to_string(answer.status);
    try {
        const json::Value value = json::parse(answer.body, "problem", {.bytes = max_body_bytes, .depth = 8});
        const json::Object& problem = value.as_object();
        const std::string field = text_of_member(problem, "field"), rule = text_of_member(problem, "rule");
        for (const std::string& text :
             {text_of_member(problem, "detail"), rule.empty() ? rule : field + (field.empty() ? "" : ": ") + rule,
              text_of_member(problem, "title")}) {
            if (text.empty()) continue;
            out = text.substr(0, max_detail);
            break;
        }
    } catch (const std::exception&) {  // not even JSON
    }
    std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
    return out;
}

bool is_problem(const net::HttpAnswer& answer) { return answer.content_type == net::problem_type; }

// What no repetition makes better. A status without a problem document may be anybody's, a proxy's say.
bool is_refusal(const net::HttpAnswer& answer) {
    constexpr std::array statuses{400u, 401u, 403u, 404u, 405u, 413u, 415u, 422u};
    return is_problem(answer) && std::ranges::find(statuses, answer.status) != statuses.end();
}

bool is_answer(const net::HttpAnswer& answer) { return answer.status == 200 && answer.content_type == jose_type; }

}  // namespace

Participant::Participant(asio::io_context& io, ParticipantOptions options)
    : options_(checked(std::move(options))),
      url_(net::Url::service(options_.url, "/endpoints")),
      client_(io, url_, net::make_trust(url_.tls, options_.ca), options_.connections, max_body_bytes) {}

asio::awaitable<net::HttpAnswer> Participant::ask(net::HttpRequest request, net::Deadline deadline) {
    request.target = url_.target + request.target;
    co_return co_await client_.exchange(std::move(request), deadline, options_.request_timeout);
}

asio::awaitable<void> Participant::identify(net::Deadline deadline, bool now) {
    if (!now && steady_clock::now() < known_until_) co_return;
    net::HttpRequest request;
    if (url_.target.empty()) request.target = "/";
    request.accept = "application/json";
    const net::HttpAnswer answer = co_await ask(std::move(request), deadline);
    if (answer.status != 200 || answer.content_type != "application/json") unexpected(answer);
    const json::Value value = json::parse(answer.body, "participant", {.bytes = max_body_bytes, .depth = 8});
    json::Reader in(value, "participant");
    in.expect("typ", participant_typ);
    const crypto::PublicKey key = crypto::PublicKey::from_jwk(in.any("key"), in.at("key"));
    if (in.string("participant", 64) != options_.chain || chain_of(key) != options_.chain) {
        throw Error(Code::wrong_ledger, "participant", "must be " + options_.chain);
    }
    if (options_.genesis && key.thumbprint() != *options_.genesis) {
        throw Error(Code::wrong_ledger, "participant/key", "must be " + options_.genesis->text());
    }
    key_ = key;
    known_until_ = steady_clock::now() + options_.believed_for;
}

Answer Participant::read(const std::string& text, const std::string& account, std::uint64_t number) const {
    Answer answer = Answer::parse(text, key_, "answer");
    const bool right = answer.participant == options_.chain && answer.account == account && answer.number == number;
    if (!right) throw Error(Code::protocol, "answer", "must be to " + transaction_of(account, number));
    return answer;
}

asio::awaitable<Submission> Participant::submit(Request request, std::string text, net::Deadline deadline) {
    const std::string transaction = transaction_of(request.account(), request.number);
    net::HttpRequest post{.post = true, .target = "/requests", .content_type = std::string(jose_type), .accept = {}};
    post.accept = "application/jose, application/problem+json";
    post.fields = {{"Idempotency-Key", '"' + transaction + '"'}};
    post.body = std::move(text);
    const net::HttpAnswer answer = co_await ask(std::move(post), deadline);
    using Status = Submission::Status;
    if (answer.status == 202) {
        co_return Submission{.status = Status::accepted, .detail = {}, .transaction = transaction};
    }
    if (answer.status == 409 && is_problem(answer)) {
        co_return Submission{.status = Status::filled, .detail = detail_of(answer), .transaction = {}};
    }
    if (answer.status == 402 && is_problem(answer)) {
        co_return Submission{.status = Status::funds, .detail = detail_of(answer), .transaction = {}};
    }
    if (is_refusal(answer)) {
        co_return Submission{.status = Status::rejected, .detail = detail_of(answer), .transaction = {}};
    }
    if (!is_answer(answer)) unexpected(answer);
    const Answer said = read(answer.body, request.account(), request.number);
    remember(transaction, answer.body);
    const bool cancelled = said.fate == Fate::cancelled;
    const bool mine = said.request == digest_of(request.call) && cancelled == (request.purpose == Purpose::cancel);
    if (mine) co_return Submission{.status = Status::accepted, .detail = said.detail, .transaction = transaction};
    co_return Submission{.status = Status::filled, .detail = said.detail, .transaction = {}};
}

asio::awaitable<Shown> Participant::look(std::string account, std::uint64_t number, net::Deadline deadline) {
    const std::string transaction = transaction_of(account, number);
    if (const auto known = answers_.find(transaction); known != answers_.end()) {
        co_return Shown{.status = Shown::Status::answered, .answer = known->second};
    }
    net::HttpRequest request;
    request.target = "/requests/" + transaction;
    request.accept = "application/jose, application/problem+json";
    const net::HttpAnswer answer = co_await ask(std::move(request), deadline);
    if (answer.status == 404 && is_problem(answer)) co_return Shown{};
    if (answer.status == 202) co_return Shown{.status = Shown::Status::waits, .answer = {}};
    if (!is_answer(answer)) unexpected(answer);
    read(answer.body, account, number);
    remember(transaction, answer.body);
    co_return Shown{.status = Shown::Status::answered, .answer = answer.body};
}

void Participant::remember(const std::string& transaction, const std::string& answer) {
    if (!answers_.emplace(transaction, answer).second) return;
    oldest_.push_back(transaction);
    if (oldest_.size() <= max_remembered) return;
    answers_.erase(oldest_.front());
    oldest_.pop_front();
}

std::optional<Hash256> Participant::thumbprint() const {
    if (options_.genesis) return options_.genesis;
    return key_ ? std::optional(key_.thumbprint()) : std::nullopt;
}

// Whoever answers there next time may be somebody else.
void Participant::failed(Code code, std::string problem) {
    known_until_ = {};
    standing_.failed(code, std::move(problem));
}

Health Participant::health() const {
    const std::string& problem = standing_.problem();
    return {.url = options_.url, .usable = usable() && problem.empty(), .problem = problem};
}

}  // namespace concordat::ledger::http
