#!/usr/bin/env python3
"""Shares on one chain against cash on another (samples/delivery-versus-payment), on real nodes: anvil and geth. The node is killed at
every named point of a deal in turn; in the end chains and record ledger are read: each deal was delivered and paid, or neither, and
nothing is left in the escrow. Standard library only.

usage: delivery.py [--once]     environment: CONCORDAT_BIN, TOOLCHAIN, POINTS (names, separated by commas)
--once: one deal, nothing is killed
"""
import json
import os
import signal
import subprocess
import sys
import time

from payments import ROOT, Chain, cli, on_a_chain, until
from system import BIN

QUANTITY, PRICE = 10, 500


class Market:
    """Both chains, with a token, an escrow, and what seller and buyer have."""

    def __init__(self, node, shares, cash):
        self.node, self.shares, self.cash, self.folder = node, shares, cash, node.folder
        self.share = self.deploy(shares, "CashToken", ["Share", "SHR", shares.network["account"]])
        self.escrow = self.deploy(shares, "Escrow", [])
        self.dollar = self.deploy(cash, "CashToken", ["Test Dollar", "TUSD", cash.network["account"]])
        # Each chain has one account with money: the seller's where the shares are, the buyer's where the cash is.
        self.seller = {"shares": shares.network["account"], "cash": "0x000000000000000000000000000000000000dEaD"}
        self.buyer = {"shares": "0x000000000000000000000000000000000000bEEF", "cash": cash.network["account"]}
        self.send(shares, self.share, "mint(address to, uint256 amount)", [self.seller["shares"], "1000000"])
        self.send(cash, self.dollar, "mint(address to, uint256 amount)", [self.buyer["cash"], "1000000"])
        self.offers = 0
        self.bind()

    @staticmethod
    def deploy(chain, name, arguments):
        artifact = ROOT / f"contracts/artifacts/{name}.json"
        return cli("ledger", "deploy", chain.folder, artifact, "--arguments", json.dumps(arguments))["contractAddress"]

    @staticmethod
    def send(chain, to, call, arguments):
        cli("ledger", "send", chain.folder, to, call, "--arguments", json.dumps(arguments))

    def bind(self):
        node, folder = self.node, self.folder
        package = folder / "delivery.tar"
        cli("package", "build", ROOT / "samples/delivery-versus-payment/package", "-o", package)
        cli("package", "publish", package, node=node)
        parties = []
        for role in ("seller", "buyer"):
            (folder / f"{role}.json").write_text(json.dumps(cli("key", "new", folder / f"{role}.key", "--id", f"did:web:{role}.example")))
            parties += ["--party", f"{role}={folder / role}.json"]
        terms = {"share": self.share, "seller": self.seller, "buyer": self.buyer}
        (folder / "terms.json").write_text(json.dumps(terms))
        ledgers = []
        for name, chain, address, work in (("shares", self.shares, self.escrow, "600000"), ("cash", self.cash, self.dollar, "120000")):
            network = chain.network
            cli("ledger", "add", network["chain"], network["endpoints"][0], "--genesis", network["genesis"], node=node)
            target = {"chain": network["chain"], "address": address, "work": work, "account": "dvp", "deadline_minutes": 60,
                      "finality": {"blocks": 1, "witness": "host"}}
            (folder / f"{name}-ledger.json").write_text(json.dumps(target))
            ledgers += ["--ledger", f"{name}=@{folder / name}-ledger.json"]
        draft = folder / "deal.draft"
        cli("binding", "draft", "--package", "delivery-versus-payment:1.0.0", "--terms", f"@{folder / 'terms.json'}", *parties, *ledgers,
            "-o", draft, node=node)
        self.binding = cli("binding", "propose", draft, "--key", folder / "seller.key", node=node)["binding"]
        cli("binding", "sign", self.binding, "--key", folder / "buyer.key", node=node)
        accounts = {one["ledger"]: one["account"] for one in cli("transaction", "accounts", self.binding, node=node)["accounts"]}
        for name, chain in (("shares", self.shares), ("cash", self.cash)):
            cli("ledger", "fund", chain.folder, accounts[name])
        # The seller lets the escrow take its shares when the contract's account asks for it; the buyer lets that account pay.
        self.send(self.shares, self.share, "approve(address spender, uint256 amount)", [self.escrow, "1000000"])
        self.send(self.shares, self.escrow, "authorize(address agent, address to, bool allowed)",
                  [accounts["shares"], "0x0000000000000000000000000000000000000000", True])
        self.payer = accounts["cash"]
        self.allow(1000000)

    def allow(self, amount):
        self.send(self.cash, self.dollar, "approve(address spender, uint256 amount)", [self.payer, str(amount)])

    def message(self, role, action, body, *options):
        return cli("message", "send", self.binding, action, "--body", json.dumps(body), "--key", self.folder / f"{role}.key", *options,
                   node=self.node)

    def deal(self):
        """Offered and accepted; what becomes of it is not waited for."""
        self.offers += 1
        self.message("seller", "offer", {"quantity": QUANTITY, "price": PRICE, "until": int(time.time()) + 86400})
        self.message("buyer", "accept", {"quantity": QUANTITY, "price": PRICE}, "--async")

    def newest(self):
        status, page = self.node.ask("GET", f"/v1/bindings/{self.binding}/transactions?limit=100")
        if status != 200:
            raise OSError(page)
        found = page["transactions"]
        return found[0] if len(found) == self.offers else None

    def has(self, *statuses):
        newest = self.newest()
        return newest if newest and newest["status"] in statuses else None

    def pinned(self, calls):
        newest = self.newest()
        return newest if newest and len(newest["calls"]) >= calls else None

    def balance(self, chain, token, owner):
        data = "0x70a08231" + owner[2:].lower().rjust(64, "0")  # balanceOf(address)
        return int(chain.ask("eth_call", {"to": token, "data": data}, "latest"), 16)

    def check(self):
        delivered = self.balance(self.shares, self.share, self.buyer["shares"])
        paid = self.balance(self.cash, self.dollar, self.seller["cash"])
        assert self.balance(self.shares, self.share, self.escrow) == 0, "the escrow still has shares"
        assert self.balance(self.shares, self.share, self.seller["shares"]) == 1000000 - delivered
        status, page = self.node.ask("GET", f"/v1/bindings/{self.binding}/entries?limit=500")
        assert status == 200, page
        endings = [entry["ending"] for entry in page["entries"] if entry["type"] == "outcome"]
        deals = endings.count("committed")
        assert len(endings) == self.offers, f"{self.offers} deals, {endings}"
        assert (delivered, paid) == (deals * QUANTITY, deals * PRICE), f"{deals} deals: {delivered} shares for {paid}"
        state = page["entries"][-1]["state"]
        assert (state["deals"], state["delivered"], state["paid"]) == (deals, delivered, paid), state
        return len(endings), deals

    def verify(self):
        """The last outcome's receipt holds, for whoever takes the hosts' word for both chains."""
        receipt, trust = self.folder / "receipt.json", self.folder / "trust.json"
        cli("receipt", self.binding, "-o", receipt, node=self.node)
        words = [part for chain in (self.shares, self.cash) for part in ("--host-finality", chain.network["chain"])]
        cli("trust", "init", "--allow-development", "--allow-asserted", "clock,rollback", *words, "--party", self.folder / "seller.json",
            "--party", self.folder / "buyer.json", "-o", trust, node=self.node)
        done = subprocess.run([BIN / "concordat-verify", receipt, "--trust", trust], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return receipt, trust


# --- Where to kill the node: each begins a deal and leaves it at that point, by holding a chain.

def hold(chain, signal_number):
    for one in chain.network["nodes"]:
        os.kill(one["pid"], signal_number)


def asked(market):
    market.deal()


def locking(market):
    hold(market.shares, signal.SIGSTOP)
    market.deal()
    until(lambda: market.pinned(1), "the lock is pinned")


def locked(market):
    hold(market.cash, signal.SIGSTOP)
    market.deal()
    until(lambda: market.pinned(2), "the payment is pinned")


def paid(market):
    hold(market.cash, signal.SIGSTOP)
    market.deal()
    until(lambda: market.pinned(2), "the payment is pinned")
    hold(market.shares, signal.SIGSTOP)
    hold(market.cash, signal.SIGCONT)
    until(lambda: market.has("committing"), "decided")


def refused(market):
    market.allow(0)
    hold(market.cash, signal.SIGSTOP)
    market.deal()
    until(lambda: market.pinned(2), "the payment is pinned")
    hold(market.shares, signal.SIGSTOP)
    hold(market.cash, signal.SIGCONT)
    until(lambda: market.has("aborting"), "decided")


def ended(market):
    market.deal()
    until(lambda: market.has("committed"), "committed")


POINTS = {one.__name__: one for one in (asked, locking, locked, paid, refused, ended)}


def kill_node(market):
    market.node.process.kill()
    market.node.process.wait()
    market.node.start()


def run(node, shares, once):
    cash = Chain(node.folder / "cash", "geth-dev")
    try:
        market = Market(node, shares, cash)
        if once:
            market.deal()
            until(lambda: market.has("committed"), "committed")
        wanted = os.environ.get("POINTS", "")
        for name, reach in POINTS.items():
            if once or (wanted and name not in wanted.split(",")):
                continue
            reach(market)
            kill_node(market)
            for chain in (shares, cash):
                hold(chain, signal.SIGCONT)
            node.wait_ready()
            found = until(lambda: market.has("committed", "aborted", "disputed"), "an outcome", 120)
            assert found["status"] == ("aborted" if name == "refused" else "committed"), found
            print(f"{name:10} {found['status']}", flush=True)
            if name == "refused":
                market.allow(1000000)
        total, committed = market.check()
        market.verify()
        print(f"{total} deals, {committed} delivered and paid, {total - committed} neither; the last one's receipt holds")
    finally:
        for chain in (shares, cash):
            hold(chain, signal.SIGCONT)
        cli("ledger", "down", cash.folder, check=False)


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--once"]):
        sys.exit(__doc__)
    sys.exit(on_a_chain("geth", lambda folder: Chain(folder, "anvil"), lambda node, chain: run(node, chain, bool(sys.argv[1:]))))
