// What the tests of this folder share: a chain of our own making, and a node that shows it over HTTP and websockets,
// truthfully or not.
#pragma once
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <functional>
#include <ledger/evm/kind/kind.hpp>
#include <map>

#include "json_rpc.hpp"

namespace concordat::ledger::evm {

inline SecretKey secret_of(std::uint8_t last) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[31] = last;
    return SecretKey(std::move(bytes));
}

inline Pin pin_of(std::uint64_t slot, std::uint8_t key = 1) {
    return {.chain = "eip155:31337",
            .account = EvmKind().account(secret_of(key)),
            .slot = slot,
            .call = json::Object{{"to", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
                                 {"data", "0xa9059cbb"},
                                 {"value", "12"},
                                 {"gas", "50000"}},
            .ceiling = 1000};
}

// Blocks with whole transactions and receipts, as nodes tell them.
class Chain {
  public:
    // Chains with different salts have different blocks.
    explicit Chain(std::uint64_t salt = 0) : salt_(salt) { add({}); }

    struct Item {
        Bytes transaction;
        bool succeeded = true;
    };
    void add(std::vector<Item> items) {
        Block block{.header = {}, .items = std::move(items)};
        Header& header = block.header;
        header.number = blocks_.size();
        header.timestamp = salt_;
        header.gas_limit = 30'000'000;
        header.base_fee = 7;
        header.uncles_hash = keccak256(Bytes{0xc0});
        std::vector<Bytes> transactions, receipts;
        for (const Item& item : block.items) {
            transactions.push_back(item.transaction);
            receipts.push_back(receipt_of(block, receipts.size()).encode());
        }
        header.gas_used = 21000 * receipts.size();
        header.transactions_root = trie::IndexTrie(transactions, "t").root();
        header.receipts_root = trie::IndexTrie(receipts, "r").root();
        if (!blocks_.empty()) header.parent_hash = blocks_.back().header.hash();
        blocks_.push_back(std::move(block));
    }
    void add_empty(std::size_t count) {
        while (count-- > 0) add({});
    }
    void cut(std::size_t height) { blocks_.resize(height + 1); }
    std::uint64_t height() const { return blocks_.size() - 1; }
    Hash256 hash(std::size_t number) const { return blocks_[number].header.hash(); }

    // What a node answers; nothing where it has no such method.
    std::optional<json::Value> answer(const std::string& method, const json::Array& params) const {
        if (method == "eth_chainId") return "0x7a69";
        if (method == "eth_gasPrice" || method == "eth_maxPriorityFeePerGas") return "0x2";
        if (method == "eth_feeHistory") return json::Object{{"reward", json::Array(1, json::Array{"0x3"})}};
        if (method == "eth_getBalance") return "0xde0b6b3a7640000";
        if (method == "eth_estimateGas") return "0x7530";
        if (method == "eth_getBlockByNumber") return block_of(params.at(0), params.at(1).as_bool());
        if (method == "eth_getTransactionCount") return count_of(params);
        if (method == "eth_getTransactionByHash") return find(params.at(0), &Chain::transaction_json);
        if (method == "eth_getTransactionReceipt") return find(params.at(0), &Chain::receipt_json);
        if (method == "eth_getBlockReceipts") return receipts_of(params.at(0));
        if (method == "eth_sendRawTransaction") {
            return json::Value(to_0x(transaction_hash(parse_0x(params.at(0).as_string(), "sent")).view()));
        }
        if (method == "eth_getLogs") return json::Array{};
        if (method == "eth_subscribe") return "0x1";
        return std::nullopt;
    }

  private:
    struct Block {
        Header header;
        std::vector<Item> items;
    };

    static Receipt receipt_of(const Block& block, std::size_t index) {
        Receipt out;
        out.type = 2;
        out.succeeded = block.items[index].succeeded;
        out.cumulative_gas = 21000 * (index + 1);
        return out;
    }
    const Block* block_at(const json::Value& tag) const {
        const std::string_view text = tag.as_string();
        const std::uint64_t number = text == "latest" ? height() : parse_quantity_u64(text, "block");
        return number < blocks_.size() ? &blocks_[number] : nullptr;
    }
    json::Object transaction_json(const Block& block, std::size_t index) const {
        const Bytes& bytes = block.items[index].transaction;
        const SignedTransaction read = decode_transaction(bytes);
        const Transaction& tx = read.transaction;
        return {{"type", "0x2"},
                {"hash", to_0x(transaction_hash(bytes).view())},
                {"from", sender(read).lower()},
                {"chainId", quantity(tx.chain_id)},
                {"nonce", quantity(tx.nonce)},
                {"to", tx.to->lower()},
                {"input", to_0x(tx.data)},
                {"value", quantity(tx.value)},
                {"gas", quantity(tx.gas_limit)},
                {"maxFeePerGas", quantity(tx.gas_price)},
                {"maxPriorityFeePerGas", quantity(tx.max_priority_fee)},
                {"accessList", json::Array{}},
                {"r", quantity(from_word(read.signature.r))},
                {"s", quantity(from_word(read.signature.s))},
                {"yParity", quantity(read.signature.parity)},
                {"blockNumber", quantity(block.header.number)}};
    }
    json::Object receipt_json(const Block& block, std::size_t index) const {
        const Receipt receipt = receipt_of(block, index);
        return {{"type", "0x2"},
                {"status", receipt.succeeded ? "0x1" : "0x0"},
                {"blockHash", to_0x(block.header.hash().view())},
                {"blockNumber", quantity(block.header.number)},
                {"cumulativeGasUsed", quantity(receipt.cumulative_gas)},
                {"logsBloom", to_0x(receipt.logs_bloom)},
                {"logs", json::Array{}}};
    }
    json::Value block_of(const json::Value& tag, bool full) const {
        const Block* block = block_at(tag);
        if (block == nullptr) return nullptr;
        const Header& header = block->header;
        json::Array transactions;
        for (std::size_t i = 0; i < block->items.size(); ++i) {
            json::Object transaction = transaction_json(*block, i);
            transactions.push_back(full ? json::Value(std::move(transaction)) : transaction.at("hash"));
        }
        return json::Object{{"hash", to_0x(header.hash().view())},
                            {"parentHash", to_0x(header.parent_hash.view())},
                            {"sha3Uncles", to_0x(header.uncles_hash.view())},
                            {"miner", header.beneficiary.lower()},
                            {"stateRoot", to_0x(header.state_root.view())},
                            {"transactionsRoot", to_0x(header.transactions_root.view())},
                            {"receiptsRoot", to_0x(header.receipts_root.view())},
                            {"logsBloom", to_0x(header.logs_bloom)},
                            {"difficulty", "0x0"},
                            {"number", quantity(header.number)},
                            {"gasLimit", quantity(header.gas_limit)},
                            {"gasUsed", quantity(header.gas_used)},
                            {"timestamp", quantity(header.timestamp)},
                            {"extraData", "0x"},
                            {"mixHash", to_0x(header.mix_hash.view())},
                            {"nonce", to_0x(header.nonce)},
                            {"baseFeePerGas", quantity(*header.base_fee)},
                            {"transactions", transactions}};
    }
    json::Value count_of(const json::Array& params) const {
        const Block* last = block_at(params.at(1));
        std::uint64_t count = 0;
        for (const Block& block : blocks_) {
            for (const Item& item : block.items) {
                if (sender(decode_transaction(item.transaction)).lower() == params.at(0).as_string()) ++count;
            }
            if (&block == last) break;
        }
        return json::Value(quantity(count));
    }
    json::Value find(const json::Value& hash, json::Object (Chain::*show)(const Block&, std::size_t) const) const {
        for (const Block& block : blocks_) {
            for (std::size_t i = 0; i < block.items.size(); ++i) {
                if (to_0x(transaction_hash(block.items[i].transaction).view()) == hash.as_string()) {
                    return (this->*show)(block, i);
                }
            }
        }
        return nullptr;
    }
    json::Value receipts_of(const json::Value& tag) const {
        const Block* block = block_at(tag);
        if (block == nullptr) return nullptr;
        json::Array out;
        for (std::size_t i = 0; i < block->items.size(); ++i) out.push_back(receipt_json(*block, i));
        return out;
    }

    std::uint64_t salt_;
    std::vector<Block> blocks_;
};

// One node on the test's own io_context.
class ScriptedNode {
  public:
    enum class Manner : std::uint8_t { answers, html, garbage, hangs, drips, closes, busy, huge };
    using Lie = std::function<json::Value(const json::Array& params, const json::Value& truth)>;

    ScriptedNode(boost::asio::io_context& io, const Chain& chain)
        : io_(io), chain_(chain), acceptor_(io, {boost::asio::ip::make_address("127.0.0.1"), 0}) {
        boost::asio::co_spawn(io_, accept(), boost::asio::detached);
    }
    std::string url(const std::string& scheme = "http") const {
        return scheme + "://127.0.0.1:" + std::to_string(port());
    }
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    // Tells all that hold a websocket that there is a new block.
    void announce() {
        const json::Value note = json::Object{
            {"jsonrpc", "2.0"},
            {"method", "eth_subscription"},
            {"params", json::Object{{"subscription", "0x1"},
                                    {"result", *chain_.answer("eth_getBlockByNumber", {"latest", false})}}}};
        for (const auto& one : sockets_) {
            // At once, as the answers are: a websocket takes one message at a time.
            if (const auto socket = one.lock()) socket->write(boost::asio::buffer(boost::json::serialize(note)));
        }
    }

    void hang_up() {
        for (const auto& one : sockets_) {
            if (const auto socket = one.lock()) socket->next_layer().close();
        }
    }

    Manner manner = Manner::answers;
    std::map<std::string, Lie> lies;             // by method
    std::map<std::string, std::string> refuses;  // by method: the error's text
    std::map<std::string, std::size_t> asked;    // by method
    bool forgets_states = false;                 // but for the newest block's
    std::chrono::milliseconds delay{0};          // of each answer over HTTP
    std::size_t connections = 0;

  private:
    using Socket = boost::asio::ip::tcp::socket;
    using WebSocket = boost::beast::websocket::stream<Socket>;

    boost::asio::awaitable<void> accept() {
        for (;;) {
            Socket socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
            socket.set_option(boost::asio::ip::tcp::no_delay(true));
            ++connections;
            boost::asio::co_spawn(io_, serve(std::move(socket)), boost::asio::detached);
        }
    }

    boost::asio::awaitable<void> serve(Socket socket) {
        namespace http = boost::beast::http;
        boost::beast::flat_buffer buffer;
        try {
            for (;;) {
                http::request_parser<http::string_body> request;
                request.body_limit(1 << 24);
                co_await http::async_read(socket, buffer, request, boost::asio::use_awaitable);
                if (manner == Manner::closes) co_return;
                if (boost::beast::websocket::is_upgrade(request.get()) && manner != Manner::html) {
                    co_await serve_socket(std::make_shared<WebSocket>(std::move(socket)), request.release());
                    co_return;
                }
                co_await respond(socket, request.get().body());
            }
        } catch (const std::exception&) {  // the client has gone
        }
    }

    boost::asio::awaitable<void> serve_socket(std::shared_ptr<WebSocket> socket,
                                              boost::beast::http::request<boost::beast::http::string_body> request) {
        co_await socket->async_accept(request, boost::asio::use_awaitable);
        sockets_.push_back(socket);
        for (;;) {
            boost::beast::flat_buffer buffer;
            co_await socket->async_read(buffer, boost::asio::use_awaitable);
            if (manner == Manner::closes) co_return;
            if (manner == Manner::hangs) continue;
            const std::string_view text(static_cast<const char*>(buffer.data().data()), buffer.size());
            std::string answer = boost::json::serialize(answers_to(boost::json::parse(text)));
            if (manner == Manner::garbage) answer = R"([{"id":)";
            if (manner == Manner::huge) answer = R"({"id":1})";
            socket->write(boost::asio::buffer(answer));
        }
    }

    boost::asio::awaitable<void> respond(Socket& socket, std::string body) {
        const auto text = [](std::string_view status, std::string_view content) {
            return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(content.size()) +
                   "\r\n\r\n" + std::string(content);
        };
        std::string out;
        switch (manner) {
            case Manner::html:
                out = text("200 OK", "<html><body>Welcome to the cafe's network</body></html>");
                break;
            case Manner::garbage:
                out = "\x16\x03\x01 this is not HTTP\r\n\r\n";
                break;
            case Manner::busy:
                out = text("429 Too Many Requests", "");
                break;
            case Manner::huge:
                out = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n[";
                break;
            case Manner::hangs:
                co_await pause(std::chrono::seconds(30));
                co_return;
            case Manner::drips:
                co_await drip(socket);
                co_return;
            default:
                if (delay.count() > 0) co_await pause(delay);
                out = text("200 OK", boost::json::serialize(answers_to(boost::json::parse(body))));
                break;
        }
        co_await boost::asio::async_write(socket, boost::asio::buffer(out), boost::asio::use_awaitable);
    }

    boost::asio::awaitable<void> pause(std::chrono::milliseconds time) {
        boost::asio::steady_timer timer(io_, time);
        co_await timer.async_wait(boost::asio::use_awaitable);
    }

    boost::asio::awaitable<void> drip(Socket& socket) {
        std::string out = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n";
        for (int i = 0; i < 1000; ++i) {
            co_await boost::asio::async_write(socket, boost::asio::buffer(out), boost::asio::use_awaitable);
            out = " ";
            co_await pause(std::chrono::milliseconds(10));
        }
    }

    json::Value answers_to(const json::Value& request) {
        if (!request.is_array()) return answer_to(request.as_object());
        json::Array out;
        for (const json::Value& one : request.as_array()) out.push_back(answer_to(one.as_object()));
        return out;
    }

    json::Value answer_to(const json::Object& request) {
        const std::string method(request.at("method").as_string());
        const json::Array& params = request.at("params").as_array();
        ++asked[method];
        std::optional<json::Value> truth = chain_.answer(method, params);
        if (const auto lie = lies.find(method); lie != lies.end()) truth = lie->second(params, truth.value_or(nullptr));
        json::Object out{{"jsonrpc", "2.0"}, {"id", request.at("id")}};
        if (forgets_states && method == "eth_getTransactionCount" && params.at(1) != json::Value("latest")) {
            out["error"] = json::Object{{"code", -32000}, {"message", "missing trie node"}};
        } else if (const auto refused = refuses.find(method); refused != refuses.end()) {
            out["error"] = json::Object{{"code", -32000}, {"message", refused->second}};
        } else if (truth) {
            out["result"] = *truth;
        } else {
            out["error"] = json::Object{{"code", -32601}, {"message", "the method does not exist"}};
        }
        return out;
    }

    boost::asio::io_context& io_;
    const Chain& chain_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::vector<std::weak_ptr<WebSocket>> sockets_;
};

}  // namespace concordat::ledger::evm
