"""Payments on a real chain by a contract on a real node (contracts/tokens), and what became of them: read from both ledgers. For
the scripts beside this file. Standard library only."""
import contextlib
import json
import os
import pathlib
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


def cli(*arguments, node=None, check=True):
    environment = {**os.environ}
    if node:
        environment |= {"CONCORDAT_NODE": f"http://127.0.0.1:{node.port}", "CONCORDAT_TOKEN_FILE": str(node.data / "operator.token")}
    done = subprocess.run([BIN / "concordat", "--json", *map(str, arguments)], capture_output=True, text=True, env=environment, check=False)
    if check and done.returncode != 0:
        raise SystemExit(f"concordat {' '.join(map(str, arguments))}: {done.stdout} {done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else None


class Chain:
    """A network of `concordat ledger up`."""

    def __init__(self, folder, kind, *options):
        self.folder, self.kind, self.options = folder, kind, options
        self.up()

    def up(self):
        cli("ledger", "up", self.kind, self.folder, *self.options, "--programs", TOOLCHAIN)
        self.network = json.loads((self.folder / "network.json").read_text())

    def ask(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.network["endpoints"][0], body, {"content-type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=5))["result"]

    def transfers(self, token, account):
        """Amounts that left the account, as often as they did."""
        logs = self.ask("eth_getLogs", {"address": token, "fromBlock": "0x0",
                                        "topics": [TRANSFER, "0x" + account[2:].lower().rjust(64, "0")]})
        return [int(log["data"], 16) for log in logs]


class Payments:
    """A binding that pays, and what it was asked to pay."""

    def __init__(self, node, chain, folder, name, token, deadline_minutes):
        self.node, self.chain, self.folder = node, chain, folder
        self.asked = []
        network = chain.network
        target = {"chain": network["chain"], "address": token, "work": "120000", "account": name, "deadline_minutes": deadline_minutes,
                  "finality": {"blocks": FINALITY, "witness": "host"}}
        if network["signers"]:
            target["finality"] |= {"witness": "clique", "parameters": {"signers": network["signers"]}}
        (folder / f"{name}.json").write_text(json.dumps(target))
        cli("binding", "draft", "--package", "tokens:1.0.0", "--terms", "{}", "--party", f"payer={folder / 'payer.json'}",
            "--ledger", f"cash=@{folder / (name + '.json')}", "-o", folder / f"{name}.draft", node=node)
        self.binding = cli("binding", "propose", folder / f"{name}.draft", "--key", folder / "payer.key", node=node)["binding"]
        self.account = cli("transaction", "accounts", self.binding, node=node)["accounts"][0]["account"]

    def pay(self, amount, action="pay"):
        """Asks for it from the side, again and again until the node has it; with one number, so that it is run once."""
        self.asked.append(amount)
        threading.Thread(target=self.send, args=(action, amount, len(self.asked)), daemon=True).start()

    def send(self, action, amount, number):
        body = json.dumps({"amount": amount, "to": self.chain.network["account"]})
        command = [BIN / "concordat", "--json", "message", "send", self.binding, action, "--body", body, "--key", self.folder / "payer.key",
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

    def submission(self, count):
        """The newest one's id on the chain, once there is one."""
        newest = self.newest(count)
        return newest and newest["calls"][0].get("submission")

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
        state = page["entries"][-1]["state"]
        assert state == {"paid": committed, "promised": []}, f"the state says {state}, not {committed}"
        return len(endings), sum(ending == "committed" for ending in endings.values())

    def pin_of(self, sequence):
        status, entry = self.node.ask("GET", f"/v1/bindings/{self.binding}/entries/{sequence}")
        assert status == 200, entry
        return entry["document"]["effects"][0]["pin"]


def prepare(node, chain, folder, endpoints=()):
    """Publishes the contract, makes a key and a token, and tells the node of the chain: at its own websocket unless others are given."""
    cli("package", "build", ROOT / "tests/faults/contracts/tokens", "-o", folder / "tokens.tar")
    cli("package", "publish", folder / "tokens.tar", node=node)
    public = cli("key", "new", folder / "payer.key", "--id", "did:web:payer.example")
    (folder / "payer.json").write_text(json.dumps(public))
    endpoints = endpoints or [chain.network["endpoints"][0].replace("http:", "ws:")]
    cli("ledger", "add", chain.network["chain"], *endpoints, "--genesis", chain.network["genesis"], node=node)
    arguments = json.dumps(["Test Dollar", "TUSD", chain.network["account"]])
    return cli("ledger", "deploy", chain.folder, ROOT / "contracts/artifacts/CashToken.json", "--arguments", arguments)["contractAddress"]


def metrics(node):
    return urllib.request.urlopen(f"http://127.0.0.1:{node.port}/metrics", timeout=5).read()


def mint(chain, token, account):
    cli("ledger", "send", chain.folder, token, "mint(address to, uint256 amount)", "--arguments", json.dumps([account, "1000000000"]))


def on_a_chain(program, start_chain, run, before_end=lambda node, chain: None, **environment):
    """What a script does: a node and a chain for `run`, and both ended. When it fails the node's folder is left for looking at."""
    if not (TOOLCHAIN / program).exists():
        print("skipped: tools/install.sh --evm has not been run")
        return 77
    node, chain, good = Node(**environment), None, False
    try:
        node.start()
        node.wait_ready()
        chain = start_chain(node.folder / "chain")
        run(node, chain)
        good = True
    finally:
        if chain:
            before_end(node, chain)
            cli("ledger", "down", chain.folder, check=False)
        if good:
            node.remove()
        else:
            if node.process.poll() is None:
                node.process.kill()
            print(f"left for looking at: {node.folder}", file=sys.stderr)
    return 0
