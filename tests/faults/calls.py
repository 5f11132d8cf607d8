#!/usr/bin/env python3
"""An agreement that calls two others (samples/credit-lines), on two real nodes, each with its record ledger. Either node is killed at
every named point of a purchase in turn; in the end all three bindings are read: what was bought was drawn on both lines, what was not
was drawn on neither. Standard library only.

usage: calls.py [--once]     environment: CONCORDAT_BIN, POINTS (names, separated by commas)
--once: one purchase, nothing is killed
"""
import json
import os
import signal
import subprocess
import sys

from agreement import Agreement, chosen
from payments import ROOT, cli, until
from system import BIN, Node

FIRST, SECOND, LIMIT = 60, 40, 1000


class Line:
    """The buyer's credit line with a bank, on that bank's node."""

    def __init__(self, node, folder, bank):
        self.node, self.folder, self.bank = node, folder, bank
        public = cli("key", "new", folder / f"{bank}.key", "--id", f"did:web:{bank}.example")
        (folder / f"{bank}.json").write_text(json.dumps(public))
        draft = folder / f"{bank}.draft"
        cli("binding", "draft", "--package", "credit-line:1.0.0", "--terms", json.dumps({"limit": LIMIT}), "--self",
            "--party", f"borrower={folder / 'buyer.json'}", "--party", f"lender={folder / bank}.json", "-o", draft, node=node)
        self.binding = cli("binding", "propose", draft, "--key", folder / "buyer.key", node=node)["binding"]
        cli("binding", "sign", self.binding, "--key", folder / f"{bank}.key", node=node)
        self.trust = folder / f"{bank}-trust.json"
        cli("trust", "init", "--allow-development", "--allow-asserted", "clock,rollback", "-o", self.trust, node=node)

    def target(self, **more):
        """What the purchase's document says of this line."""
        file = self.folder / f"{self.bank}-target.json"
        cli("binding", "target", self.binding, "--trust", self.trust, "-o", file, node=self.node)
        file.write_text(json.dumps(json.loads(file.read_text()) | more))
        return file

    def let(self, account):
        """The buyer alone lets that account act for it."""
        draft = self.folder / f"{self.bank}.amendment"
        cli("binding", "amend", self.binding, "--caller", f"did:web:buyer.example={account}", "-o", draft, node=self.node)
        cli("binding", "propose", draft, "--key", self.folder / "buyer.key", node=self.node)

    def entries(self):
        status, page = self.node.ask("GET", f"/v1/bindings/{self.binding}/entries?limit=500")
        assert status == 200, page
        return page["entries"]

    def drawn(self):
        return self.entries()[-1]["state"]["drawn"]


class Purchases(Agreement):
    parties = {"buyer": "buyer", "seller": "seller"}

    def __init__(self, here, there):
        super().__init__(here)
        self.here, self.there = here, there
        for party in self.parties:
            public = cli("key", "new", self.folder / f"{party}.key", "--id", f"did:web:{party}.example")
            (self.folder / f"{party}.json").write_text(json.dumps(public))
        for package, nodes in (("line", (here, there)), ("purchase", (here,))):
            cli("package", "build", ROOT / f"samples/credit-lines/{package}", "-o", self.folder / f"{package}.tar")
            for node in nodes:
                cli("package", "publish", self.folder / f"{package}.tar", node=node)
        self.first, self.second = Line(here, self.folder, "bank-one"), Line(there, self.folder, "bank-two")
        # This node's own bindings need not be added.
        chain = "binding:" + self.second.binding.removeprefix("sha256:")[:32]
        wrong = cli("ledger", "add", chain, f"http://127.0.0.1:{there.port}", "--genesis", self.first.binding, node=here, check=False)
        assert wrong is None or "error" in json.dumps(wrong) or "genesis" in json.dumps(wrong), wrong
        cli("ledger", "add", chain, f"http://127.0.0.1:{there.port}", "--genesis", self.second.binding, node=here)
        draft = self.folder / "purchase.draft"
        cli("binding", "draft", "--package", "purchase:1.0.0", "--terms", "{}", "--party", f"buyer={self.folder / 'buyer.json'}",
            "--party", f"seller={self.folder / 'seller.json'}", "--ledger", f"first=@{self.first.target()}",
            "--ledger", f"second=@{self.second.target()}", "-o", draft, node=here)
        self.binding = self.sign(draft)
        accounts = cli("transaction", "accounts", self.binding, node=here)["accounts"]
        self.accounts = {one["ledger"]: one["account"] for one in accounts}

    def let(self):
        self.first.let(self.accounts["first"])
        self.second.let(self.accounts["second"])

    def buy(self, first=FIRST, second=SECOND):
        self.begun += 1
        self.message("buyer", "buy", {"first": first, "second": second}, "--async")

    def check(self):
        endings, state = self.outcomes()
        bought = endings.count("committed")
        assert (state["purchases"], state["paid"]) == (bought, bought * (FIRST + SECOND)), state
        drawn = self.first.drawn(), self.second.drawn()
        assert drawn == (bought * FIRST, bought * SECOND), f"{bought} purchases, drawn {drawn}"
        for line in (self.first, self.second):
            numbers = [entry["number"] for entry in line.entries() if "fate" in entry]
            assert numbers == list(range(1, len(numbers) + 1)), f"each call once: {numbers}"
        return bought

    def verify(self):
        """The last receipt, by both verifiers, for who trusts both record ledgers; and not for who trusts one of them."""
        receipt, both = self.receipt(), self.folder / "trust.json"
        one, other = (json.loads(line.trust.read_text()) for line in (self.first, self.second))
        joined = {name: one[name] + [value for value in other[name] if value not in one[name]]
                  for name in ("ledgers", "development_roots", "measurements")}
        both.write_text(json.dumps(one | joined, separators=(",", ":"), sort_keys=True))
        for trust, holds in ((both, True), (self.first.trust, False)):
            for verifier in ([BIN / "concordat-verify", receipt, "--trust", trust], [ROOT / "tests/independent/run.sh", receipt, trust]):
                done = subprocess.run(verifier, capture_output=True, text=True, check=False)
                assert (done.returncode == 0) == holds, done.stdout + done.stderr
        report = self.folder / "report.html"
        environment = {**os.environ, "CONCORDAT_NODE": f"http://127.0.0.1:{self.here.port}"}
        done = subprocess.run([BIN / "concordat", "audit", self.binding, "--out", report, "--trust", both], capture_output=True,
                              text=True, env=environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def processes(node):
    return [node.process.pid, *node.children("concordat-ledger"), *node.children("concordat-enclave")]


def hold(node, number):
    for pid in processes(node):
        os.kill(pid, number)


def kill(node):
    node.process.kill()
    node.process.wait()
    node.start()


# Each begins a purchase and leaves it at that point; which node is killed there.

def asked(purchases):
    purchases.buy()
    kill(purchases.here)


def drawn_once(purchases):
    hold(purchases.there, signal.SIGSTOP)
    purchases.buy()
    until(lambda: purchases.pinned(2), "the second call is pinned")
    kill(purchases.here)
    hold(purchases.there, signal.SIGCONT)


def called(purchases):
    hold(purchases.there, signal.SIGSTOP)
    purchases.buy()
    until(lambda: purchases.pinned(2), "the second call is pinned")
    kill(purchases.there)
    purchases.there.wait_ready()


def refused(purchases):
    hold(purchases.there, signal.SIGSTOP)
    purchases.buy(FIRST, LIMIT + 1)
    until(lambda: purchases.pinned(2), "the second call is pinned")
    hold(purchases.there, signal.SIGCONT)
    kill(purchases.here)


def ended(purchases):
    purchases.buy()
    until(lambda: purchases.has("committed"), "committed")
    kill(purchases.here)


POINTS = {one.__name__: one for one in (asked, drawn_once, called, refused, ended)}


def run(here, there, once):
    for node in (here, there):
        node.start()
        node.wait_ready()
    purchases = Purchases(here, there)
    purchases.buy()
    until(lambda: any("rejects" in call.get("waits_for", "") for call in (purchases.newest() or {"calls": []})["calls"]),
          "an account that no party has taken in is rejected")
    purchases.let()
    purchases.ends("committed")
    if not once:
        for name, point in chosen("POINTS", POINTS).items():
            point(purchases)
            for node in (here, there):
                node.wait_ready()
            status = "aborted" if name == "refused" else "committed"
            purchases.ends(status)
            print(f"{name:12} {status}", flush=True)
        purchases.buy(LIMIT, SECOND)
        purchases.ends("aborted")
        purchases.buy()
        purchases.ends("committed")
    bought = purchases.check()
    purchases.verify()
    print(f"{purchases.begun} purchases, {bought} drawn on both lines, {purchases.begun - bought} on neither; all receipts hold")


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--once"]):
        sys.exit(__doc__)
    nodes = Node(), Node()
    try:
        run(*nodes, bool(sys.argv[1:]))
    finally:
        for one in nodes:
            one.remove()
