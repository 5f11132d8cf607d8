#!/usr/bin/env python3
"""A node between a real anvil and endpoints that lie, each in its own way. Alone, a liar may hold a payment up, but neither has it
recorded as what it was not nor paid twice, and once it tells the truth the payment ends; beside an honest endpoint it does not even
hold it up. What was paid is read from the chain. Standard library only.

usage: lying_endpoints.py     environment: CONCORDAT_BIN, TOOLCHAIN, LIES (names, separated by commas)
"""
import http.server
import json
import os
import sys
import threading
import time
import urllib.request

from payments import Chain, Payments, cli, mint, on_a_chain, prepare, until

FOREIGN = {"wrong_chain", "forged_hash"}  # what looks like another chain rests for a minute, unless somebody adds it anew
HONEST_S = 2.5  # how long a liar is listened to: longer than a payment takes when nobody lies


def each_block(answer, change):
    if isinstance(answer, dict) and "parentHash" in answer:
        change(answer)
    return answer


def each_receipt(answer, change):
    for one in answer if isinstance(answer, list) else [answer]:
        if isinstance(one, dict) and "cumulativeGasUsed" in one:
            change(one)
    return answer


def flipped(receipt):
    receipt["status"] = "0x0" if receipt["status"] == "0x1" else "0x1"


# What each makes of an answer to (method, parameters). A lie of a higher sort takes the whole HTTP answer, below.
LIES = {
    "wrong_chain": lambda method, answer: "0x1" if method == "eth_chainId" else answer,
    "forged_status": lambda method, answer: each_receipt(answer, flipped),
    "forged_logs": lambda method, answer: each_receipt(answer, lambda one: one.update(logs=[])),
    "forged_header": lambda method, answer: each_block(answer, lambda one: one.update(receiptsRoot="0x" + "11" * 32)),
    "forged_hash": lambda method, answer: each_block(answer, lambda one: one.update(hash="0x" + "22" * 32)),
    "pruned": lambda method, answer: None if "Receipt" in method or "ByHash" in method else answer,
    "no_account": lambda method, answer: "0x0" if method in ("eth_getTransactionCount", "eth_getBalance") else answer,
    "swallows": lambda method, answer: answer,  # says that it took a transaction, and did not
    "html": None,
    "rate_limit": None,
    "closes": None,
    "hangs": None,
    "drips": None,
    "truncates": None,
    "floods": None,
}


class Liar(http.server.ThreadingHTTPServer):
    """Stands before the chain; honest while `lie` is None."""

    daemon_threads = True

    def __init__(self, target):
        super().__init__(("127.0.0.1", 0), Handler)
        self.target, self.lie, self.told = target, None, 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # the node may well hang up on a liar


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        lie = self.server.lie
        if lie:
            self.server.told += 1
        if lie in LIES and LIES[lie] is None:
            return self.misbehave(lie)
        requests = json.loads(body)
        if lie == "swallows":
            return self.answer(self.swallow(requests))
        request = urllib.request.Request(self.server.target, body, {"content-type": "application/json"})
        answers = json.load(urllib.request.urlopen(request, timeout=10))
        if lie:
            by_id = {one["id"]: one["method"] for one in (requests if isinstance(requests, list) else [requests])}
            for answer in answers if isinstance(answers, list) else [answers]:
                if "result" in answer:
                    answer["result"] = LIES[lie](by_id[answer["id"]], answer["result"])
        self.answer(answers)

    def swallow(self, requests):
        many = requests if isinstance(requests, list) else [requests]
        out = []
        for one in many:
            if one["method"] == "eth_sendRawTransaction":
                out.append({"jsonrpc": "2.0", "id": one["id"], "result": "0x" + "33" * 32})
            else:
                request = urllib.request.Request(self.server.target, json.dumps(one).encode(), {"content-type": "application/json"})
                out.append(json.load(urllib.request.urlopen(request, timeout=10)))
        return out if isinstance(requests, list) else out[0]

    def answer(self, answers, status=200, kind="application/json"):
        text = answers if isinstance(answers, bytes) else json.dumps(answers).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def misbehave(self, lie):
        self.close_connection = True
        if lie == "html":
            self.answer(b"<html>maintenance</html>", kind="text/html")
        elif lie == "rate_limit":
            self.answer(b"slow down", status=429, kind="text/plain")
        elif lie == "hangs":
            time.sleep(60)
        elif lie == "drips":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(120):
                self.wfile.write(b" ")
                time.sleep(0.5)
        elif lie == "truncates":
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"jsonrpc"')
        elif lie == "floods":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000000000\r\n\r\n")
            for _ in range(1024):
                self.wfile.write(b" " * 1_000_000)


def listen_to(node, chain, *endpoints):
    cli("ledger", "add", chain.network["chain"], *endpoints, "--genesis", chain.network["genesis"], node=node)


def ended(payments):
    return payments.has_status(len(payments.asked), "committed", "aborted", "disputed")


def run(node, chain, liar):
    token = prepare(node, chain, node.folder, [liar.url])
    payments = Payments(node, chain, node.folder, "main", token, deadline_minutes=60)
    mint(chain, token, payments.account)
    cli("ledger", "fund", chain.folder, payments.account)
    honest = chain.network["endpoints"][0]
    wanted = [one for one in LIES if one in os.environ.get("LIES", ",".join(LIES)).split(",")]
    amount = 100
    for lie in wanted:
        liar.lie = None  # else it would be put aside at once
        listen_to(node, chain, liar.url)
        liar.lie, liar.told = lie, 0
        payments.pay(amount := amount + 1)
        until(lambda: payments.newest(len(payments.asked)), "prepared")
        time.sleep(HONEST_S)
        alone = payments.newest(len(payments.asked))
        assert liar.told > 0, "nobody asked the liar"
        # What it says of others' receipts, logs and accounts need not matter; what it says of this payment cannot make it another.
        assert alone["status"] in ("prepared", "committed"), alone
        liar.lie = None
        if lie in FOREIGN:
            listen_to(node, chain, liar.url)
        until(lambda: ended(payments), f"the end after {lie}", 60)
        liar.lie = lie
        listen_to(node, chain, liar.url, honest)
        payments.pay(amount := amount + 1)
        begun = time.monotonic()
        until(lambda: ended(payments), f"the end beside {lie}", 60)
        print(f"{lie:14} alone: {alone['status']:9} beside an honest one: {time.monotonic() - begun:4.1f} s", flush=True)
    total, committed = payments.check(token)
    assert total == committed == 2 * len(wanted), f"{committed} of {total} were committed"
    print(f"{total} payments, each once on the chain and once in the state")
    node.stop()


def main():
    return on_a_chain(
        "evm",
        lambda folder: Chain(folder, "anvil", "--period", "1"),
        lambda node, chain: run(node, chain, Liar(chain.network["endpoints"][0])),
    )


if __name__ == "__main__":
    sys.exit(main())
