#!/usr/bin/env python3
"""Kills node, enclave, record ledger and chain, each at every named point of a transaction, and then reads both ledgers: every
message's transfer is on the chain once where its outcome is committed, and not at all where it is aborted; the state adds up
what was committed. The chain is a real clique network of two signers: with one of them stopped it makes no blocks, so each
point can be held as long as it takes. Standard library only.

usage: kill_transactions.py     environment: CONCORDAT_BIN, TOOLCHAIN, POINTS, VICTIMS (names, separated by commas)
"""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.request

from system import BIN, Node

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLCHAIN = pathlib.Path(os.environ.get("TOOLCHAIN", ROOT / "build" / "toolchain"))
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # keccak256("Transfer(address,address,uint256)")
FINALITY = 2


def until(what, wanted, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            found = what()
            if found:
                return found
        time.sleep(0.02)
    raise SystemExit(f"{wanted}: not within {seconds} s")


def ended(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat[stat.rindex(")") + 2] == "Z"


class Chain:
    """A network of `concordat ledger up`: the first node is the endpoint, the second one only seals."""

    def __init__(self, folder):
        self.folder = folder
        self.up()

    def up(self):
        cli("ledger", "up", "geth-clique", self.folder, "--signers", "2", "--period", "1", "--programs", TOOLCHAIN)
        self.network = json.loads((self.folder / "network.json").read_text())

    def pid(self, index):
        return self.network["nodes"][index]["pid"]

    def stop_sealing(self):
        os.kill(self.pid(1), signal.SIGSTOP)

    def go_on(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid(1), signal.SIGCONT)

    def kill(self):
        self.go_on()
        os.kill(self.pid(0), signal.SIGKILL)
        until(lambda: ended(self.pid(0)), "the chain's end")
        self.up()

    def ask(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.network["endpoints"][0], body, {"content-type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=5))["result"]

    def transfers(self, token, account):
        """Amounts that left the account, as often as they did."""
        logs = self.ask("eth_getLogs", {"address": token, "fromBlock": "0x0",
                                        "topics": [TRANSFER, "0x" + account[2:].lower().rjust(64, "0")]})
        return [int(log["data"], 16) for log in logs]


def cli(*arguments, node=None, check=True):
    environment = {**os.environ}
    if node:
        environment |= {"CONCORDAT_NODE": f"http://127.0.0.1:{node.port}", "CONCORDAT_TOKEN_FILE": str(node.data / "operator.token")}
    done = subprocess.run([BIN / "concordat", "--json", *map(str, arguments)], capture_output=True, text=True, env=environment, check=False)
    if check and done.returncode != 0:
        raise SystemExit(f"concordat {' '.join(map(str, arguments))}: {done.stdout} {done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else None


class Payments:
    """A binding that pays, and what it was asked to pay."""

    def __init__(self, node, chain, folder, name, token, deadline_minutes):
        self.node, self.chain, self.folder = node, chain, folder
        self.asked = []
        network = chain.network
        target = {"chain": network["chain"], "address": token, "work": "120000", "account": name, "deadline_minutes": deadline_minutes,
                  "finality": {"blocks": FINALITY, "witness": "clique", "parameters": {"signers": network["signers"]}}}
        (folder / f"{name}.json").write_text(json.dumps(target))
        cli("binding", "draft", "--package", "tokens:1.0.0", "--terms", "{}", "--party", f"payer={folder / 'payer.json'}",
            "--ledger", f"cash=@{folder / (name + '.json')}", "-o", folder / f"{name}.draft", node=node)
        self.binding = cli("binding", "propose", folder / f"{name}.draft", "--key", folder / "payer.key", node=node)["binding"]
        self.account = cli("transaction", "accounts", self.binding, node=node)["accounts"][0]["account"]

    def pay(self, amount):
        """Asks for it from the side, again and again until the node has it; with one number, so that it is run once."""
        self.asked.append(amount)
        threading.Thread(target=self.send, args=(amount, len(self.asked)), daemon=True).start()

    def send(self, amount, number):
        body = json.dumps({"amount": amount, "to": self.chain.network["account"]})
        command = [BIN / "concordat", "--json", "message", "send", self.binding, "pay", "--body", body, "--key", self.folder / "payer.key",
                   "--number", str(number), "--async"]
        environment = {**os.environ, "CONCORDAT_NODE": f"http://127.0.0.1:{self.node.port}"}
        for _ in range(300):
            done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
            if done.returncode == 0 or "out_of_order" in done.stdout + done.stderr:  # the same number has been run
                return
            time.sleep(0.2)

    def transactions(self):
        status, page = self.node.ask("GET", f"/v1/bindings/{self.binding}/transactions?limit=100")
        if status != 200:
            raise OSError(page)
        return page["transactions"]

    def newest(self, count):
        """The newest transaction, once there are that many."""
        found = self.transactions()
        return found[0] if len(found) == count else None

    def has_status(self, count, *statuses):
        newest = self.newest(count)
        return newest if newest and newest["status"] in statuses else None

    def check(self, token):
        """Compares what is on the two ledgers."""
        paid = self.chain.transfers(token, self.account)
        status, page = self.node.ask("GET", f"/v1/bindings/{self.binding}/entries?limit=500")
        assert status == 200, page
        prepared, endings = {}, {}
        for entry in page["entries"]:
            if entry["type"] == "prepare":
                data = self.pin_of(entry["sequence"])["call"]["data"]
                prepared[entry["entry"]] = int(data[-64:], 16)
            elif entry["type"] == "outcome":
                assert entry["transaction"] not in endings, f"two outcomes for {entry['transaction']}"
                endings[entry["transaction"]] = entry["ending"]
            elif entry["type"] == "disputed":
                raise SystemExit(f"{entry['transaction']} is disputed")
        assert sorted(prepared.values()) == sorted(self.asked), f"asked {self.asked}, prepared {prepared}"
        assert set(prepared) == set(endings), "a transaction has no outcome"
        for transaction, amount in prepared.items():
            expected = 1 if endings[transaction] == "committed" else 0
            assert paid.count(amount) == expected, f"{amount} is {endings[transaction]} and was paid {paid.count(amount)} times"
        committed = sum(amount for transaction, amount in prepared.items() if endings[transaction] == "committed")
        assert page["entries"][-1]["state"]["paid"] == committed, f"the state says {page['entries'][-1]['state']}, not {committed}"
        return len(endings), sum(ending == "committed" for ending in endings.values())

    def pin_of(self, sequence):
        status, entry = self.node.ask("GET", f"/v1/bindings/{self.binding}/entries/{sequence}")
        assert status == 200, entry
        return entry["document"]["effects"][0]["pin"]


# --- Where to kill: each leaves the newest transaction at that point.

def asked(payments, chain, amount):
    payments.pay(amount)
    time.sleep(0.05)


def prepared(payments, chain, amount):
    os.kill(chain.pid(0), signal.SIGSTOP)  # nobody takes what is signed
    payments.pay(amount)
    until(lambda: payments.has_status(len(payments.asked), "prepared"), "prepared")
    time.sleep(0.2)


def pending(payments, chain, amount):
    stop_sealing(chain)
    payments.pay(amount)
    until(lambda: (payments.newest(len(payments.asked)) or {}).get("submission"), "pending")


def included(payments, chain, amount):
    payments.pay(amount)
    found = until(lambda: (payments.newest(len(payments.asked)) or {}).get("submission"), "submitted")
    until(lambda: chain.ask("eth_getTransactionReceipt", found), "included")
    chain.stop_sealing()


def final(payments, chain, amount):
    """Final on the chain; the record ledger is stopped, so that the outcome cannot be recorded."""
    stop_sealing(chain)
    payments.pay(amount)
    found = until(lambda: (payments.newest(len(payments.asked)) or {}).get("submission"), "pending")
    for one in payments.node.children("concordat-ledger"):
        os.kill(one, signal.SIGSTOP)
    chain.go_on()
    block = int(until(lambda: chain.ask("eth_getTransactionReceipt", found), "included")["blockNumber"], 16)
    until(lambda: int(chain.ask("eth_blockNumber"), 16) > block + FINALITY, "final")
    time.sleep(1)  # the node looks, has it proved, and asks for the outcome


def recorded(payments, chain, amount):
    payments.pay(amount)
    until(lambda: payments.has_status(len(payments.asked), "committed"), "committed")


def stop_sealing(chain):
    chain.stop_sealing()
    height = chain.ask("eth_blockNumber")
    for _ in range(3):
        time.sleep(0.8)
        if height == (height := chain.ask("eth_blockNumber")):
            return


POINTS = {one.__name__: one for one in (asked, prepared, pending, included, final, recorded)}


# --- Whom to kill.

def kill_node(node, chain):
    node.process.kill()
    node.process.wait()
    node.start()


def kill_child(name):
    def kill(node, chain):
        for one in node.children(name):
            os.kill(one, signal.SIGKILL)
    return kill


def kill_chain(node, chain):
    chain.kill()


VICTIMS = {"node": kill_node, "enclave": kill_child("concordat-enclave"), "ledger": kill_child("concordat-ledger"), "chain": kill_chain}


def go_on(node, chain):
    for one in node.children("concordat-ledger"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGCONT)
    with contextlib.suppress(ProcessLookupError):
        os.kill(chain.pid(0), signal.SIGCONT)
    chain.go_on()


def chosen(name, everything):
    wanted = os.environ.get(name, "")
    return {key: value for key, value in everything.items() if not wanted or key in wanted.split(",")}


def prepare(node, chain, folder):
    cli("package", "build", ROOT / "tests/faults/contracts/tokens", "-o", folder / "tokens.tar")
    cli("package", "publish", folder / "tokens.tar", node=node)
    public = cli("key", "new", folder / "payer.key", "--id", "did:web:payer.example")
    (folder / "payer.json").write_text(json.dumps(public))
    endpoint = chain.network["endpoints"][0].replace("http:", "ws:")
    cli("ledger", "add", chain.network["chain"], endpoint, "--genesis", chain.network["genesis"], node=node)
    arguments = json.dumps(["Test Dollar", "TUSD", chain.network["account"]])
    return cli("ledger", "deploy", chain.folder, ROOT / "contracts/artifacts/CashToken.json", "--arguments", arguments)["contractAddress"]


def metrics(node):
    return urllib.request.urlopen(f"http://127.0.0.1:{node.port}/metrics", timeout=5).read()


def mint(chain, token, account):
    cli("ledger", "send", chain.folder, token, "mint(address to, uint256 amount)", "--arguments", json.dumps([account, "1000000000"]))


def run(node, chain):
    folder = node.folder
    token = prepare(node, chain, folder)
    payments = Payments(node, chain, folder, "main", token, deadline_minutes=60)
    poor = Payments(node, chain, folder, "poor", token, deadline_minutes=1)
    mint(chain, token, payments.account)
    mint(chain, token, poor.account)
    cli("ledger", "fund", chain.folder, payments.account)
    poor.pay(7)  # its account cannot pay for the call: it is given up after a minute
    until(lambda: b"\nconcordat_accounts_low 1\n" in metrics(node), "the alarm of an account without money")
    begun = time.monotonic()
    amount = 1000
    for point, reach in chosen("POINTS", POINTS).items():
        for victim, kill in chosen("VICTIMS", VICTIMS).items():
            amount += 1
            reach(payments, chain, amount)
            kill(node, chain)
            go_on(node, chain)
            node.wait_ready()
            ended = until(lambda: payments.has_status(len(payments.asked), "committed", "aborted", "disputed"), "an outcome", 120)
            print(f"{point:10} {victim:8} {ended['status']}", flush=True)
    until(lambda: poor.has_status(1, "cancelling"), "cancelling", 150)
    for victim, kill in chosen("VICTIMS", VICTIMS).items():
        kill(node, chain)
        go_on(node, chain)
        node.wait_ready()
        assert poor.has_status(1, "cancelling"), "nobody can pay for the cancellation yet"
    cli("ledger", "fund", chain.folder, poor.account)
    ended = until(lambda: poor.has_status(1, "aborted"), "aborted")
    print(f"cancelling each     {ended['status']}", flush=True)
    assert b"\nconcordat_accounts_low 0\n" in metrics(node), "the account has money again"
    for one in (payments, poor):
        total, committed = one.check(token)
        print(f"{total} transactions, {committed} committed: the chain has each once, and no other")
    node.stop()
    audit = node.audit()
    assert audit.returncode == 0, audit.stdout + audit.stderr
    print(f"the record ledger's audit passes; {time.monotonic() - begun:.0f} s")


def main():
    if not (TOOLCHAIN / "geth" / "clique").exists():
        print("skipped: tools/install.sh --evm has not been run")
        return 77
    node = Node()
    chain = None
    try:
        node.start()
        node.wait_ready()
        chain = Chain(node.folder / "chain")
        run(node, chain)
        good = True
    finally:
        good = sys.exc_info()[0] is None
        if chain:
            go_on(node, chain)
            cli("ledger", "down", chain.folder, check=False)
        if good:
            node.remove()
        else:
            if node.process.poll() is None:
                node.process.kill()
            print(f"left for looking at: {node.folder}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
