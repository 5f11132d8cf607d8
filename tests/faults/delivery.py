#!/usr/bin/env python3
"""Shares on one chain against cash on another (samples/delivery-versus-payment), on real nodes: anvil and geth. The node is killed at
every named point of a deal in turn; in the end chains and record ledger are read: each deal was delivered and paid, or neither, and
nothing is left in the escrow. Standard library only.

usage: delivery.py [--once]     environment: CONCORDAT_BIN, TOOLCHAIN, POINTS (names, separated by commas)
--once: one deal, nothing is killed
"""
import signal
import sys
import time

from agreement import Agreement, chosen, hold, kill_node
from payments import Chain, cli, on_a_chain, until

QUANTITY, PRICE, STOCK = 10, 500, 1000000
NOBODY = "0x0000000000000000000000000000000000000000"


class Market(Agreement):
    """Both chains, with a token each, the escrow, and what seller and buyer have."""

    def __init__(self, node, shares, cash):
        super().__init__(node)
        self.shares, self.cash = shares, cash
        self.share = self.deploy(shares, "CashToken", ["Share", "SHR", shares.network["account"]])
        self.escrow = self.deploy(shares, "Escrow", [])
        self.dollar = self.deploy(cash, "CashToken", ["Test Dollar", "TUSD", cash.network["account"]])
        # Each chain has one account with money: the seller's where the shares are, the buyer's where the cash is.
        self.seller = {"shares": shares.network["account"], "cash": "0x000000000000000000000000000000000000dEaD"}
        self.buyer = {"shares": "0x000000000000000000000000000000000000bEEF", "cash": cash.network["account"]}
        self.send(shares, self.share, "mint(address to, uint256 amount)", [self.seller["shares"], str(STOCK)])
        self.send(cash, self.dollar, "mint(address to, uint256 amount)", [self.buyer["cash"], str(STOCK)])
        ledgers = {}
        for name, chain, address, work in (("shares", shares, self.escrow, "600000"), ("cash", cash, self.dollar, "120000")):
            network = chain.network
            cli("ledger", "add", network["chain"], network["endpoints"][0], "--genesis", network["genesis"], node=node)
            ledgers[name] = {"chain": network["chain"], "address": address, "work": work, "deadline_minutes": 60,
                             "finality": {"blocks": 1, "witness": "host"}}
        terms = {"share": self.share, "seller": self.seller, "buyer": self.buyer}
        accounts = self.lock("delivery-versus-payment", terms, ledgers)
        for name, chain in (("shares", shares), ("cash", cash)):
            cli("ledger", "fund", chain.folder, accounts[name])
        # The seller lets the escrow take its shares when the contract's account asks for it; the buyer lets that account pay.
        self.send(shares, self.share, "approve(address spender, uint256 amount)", [self.escrow, str(STOCK)])
        self.send(shares, self.escrow, "authorize(address agent, address to, bool allowed)", [accounts["shares"], NOBODY, True])
        self.payer = accounts["cash"]
        self.allow(STOCK)

    def allow(self, amount):
        self.send(self.cash, self.dollar, "approve(address spender, uint256 amount)", [self.payer, str(amount)])

    def deal(self):
        """Offered and accepted; what becomes of it is not waited for."""
        self.begun += 1
        self.message("seller", "offer", {"quantity": QUANTITY, "price": PRICE, "until": int(time.time()) + 86400})
        self.message("buyer", "accept", {"quantity": QUANTITY, "price": PRICE}, "--async")

    def check(self):
        delivered = self.balance(self.shares, self.share, self.buyer["shares"])
        paid = self.balance(self.cash, self.dollar, self.seller["cash"])
        assert self.balance(self.shares, self.share, self.escrow) == 0, "the escrow still has shares"
        assert self.balance(self.shares, self.share, self.seller["shares"]) == STOCK - delivered
        endings, state = self.outcomes()
        deals = endings.count("committed")
        assert (delivered, paid) == (deals * QUANTITY, deals * PRICE), f"{deals} deals: {delivered} shares for {paid}"
        assert (state["deals"], state["delivered"], state["paid"]) == (deals, delivered, paid), state
        return len(endings), deals


# --- Where to kill the node: each begins a deal and leaves it at that point, by holding a chain.

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


def run(node, shares, once):
    cash = Chain(node.folder / "cash", "geth-dev")
    try:
        market = Market(node, shares, cash)
        if once:
            market.deal()
            until(lambda: market.has("committed"), "committed")
        for name, reach in {} if once else chosen("POINTS", POINTS).items():
            reach(market)
            kill_node(market)
            for chain in (shares, cash):
                hold(chain, signal.SIGCONT)
            node.wait_ready()
            found = until(lambda: market.has("committed", "aborted", "disputed"), "an outcome", 120)
            assert found["status"] == ("aborted" if name == "refused" else "committed"), found
            print(f"{name:10} {found['status']}", flush=True)
            if name == "refused":
                market.allow(STOCK)
        total, committed = market.check()
        market.verify(shares, cash)
        print(f"{total} deals, {committed} delivered and paid, {total - committed} neither; the last one's receipt holds")
    finally:
        for chain in (shares, cash):
            hold(chain, signal.SIGCONT)
        cli("ledger", "down", cash.folder, check=False)


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--once"]):
        sys.exit(__doc__)
    sys.exit(on_a_chain("geth", lambda folder: Chain(folder, "anvil"), lambda node, chain: run(node, chain, bool(sys.argv[1:]))))
