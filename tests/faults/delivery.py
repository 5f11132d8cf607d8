#!/usr/bin/env python3
"""Shares on one chain against cash on another (samples/delivery-versus-payment), on real nodes: anvil and geth. The node is killed at
every named point of a deal in turn; in the end chains and record ledger are read: each deal was delivered and paid, or neither, and
nothing is left in the escrow. Standard library only.

usage: delivery.py [--once]     environment: CONCORDAT_BIN, TOOLCHAIN, POINTS (names, separated by commas)
--once: one deal, nothing is killed
"""
import json
import subprocess
import sys
import time

from agreement import Agreement, Crossing, chosen, on_two_chains
from payments import cli
from system import BIN

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
        for chain in (shares, cash):
            self.reach(chain)
        ledgers = {"shares": self.target(shares, self.escrow, "600000"), "cash": self.target(cash, self.dollar, "120000")}
        terms = {"share": self.share, "seller": self.seller, "buyer": self.buyer}
        accounts = self.lock("delivery-versus-payment", terms, ledgers)
        for name, chain in (("shares", shares), ("cash", cash)):
            cli("ledger", "fund", chain.folder, accounts[name])
        # The seller lets the escrow take its shares when the contract's account asks for it; the buyer lets that account pay.
        self.send(shares, self.share, "approve(address spender, uint256 amount)", [self.escrow, str(STOCK)])
        self.send(shares, self.escrow, "authorize(address agent, address to, bool allowed)", [accounts["shares"], NOBODY, True])
        self.payer, self.accounts = accounts["cash"], accounts
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

    @staticmethod
    def charged(chain, account):
        """What the chain took from the account for being executed, read from each of its blocks."""
        total = 0
        for number in range(int(chain.ask("eth_blockNumber"), 16) + 1):
            for one in chain.ask("eth_getBlockByNumber", hex(number), True)["transactions"]:
                if one["from"].lower() == account.lower():
                    done = chain.ask("eth_getTransactionReceipt", one["hash"])
                    total += int(done["gasUsed"], 16) * int(done["effectiveGasPrice"], 16)
        return total

    def statement(self, trust):
        """Signed by the seller; each bears half of what the chains charged, and no other figure holds."""
        file = self.folder / "statement.json"
        cli("costs", self.binding, "--trust", trust, "--key", self.folder / "seller.key", "-o", file, node=self.node)
        said = cli("costs", "verify", file, "--trust", trust)["said"]
        spent = {chain.network["chain"]: self.charged(chain, self.accounts[name])
                 for name, chain in (("shares", self.shares), ("cash", self.cash))}
        assert {chain: int(fee) for chain, fee in said["used"]["fees"].items()} == spent, (said["used"], spent)
        for share in said["shares"]:
            for chain, fee in spent.items():
                assert abs(int(share["used"]["fees"][chain]) * 2 - fee) <= 1, (share, spent)
        wrong, document = self.folder / "wrong-statement.json", json.loads(file.read_text())
        document["opening"] = document["closing"]
        wrong.write_text(json.dumps(document, separators=(",", ":"), sort_keys=True))
        done = subprocess.run([BIN / "concordat", "costs", "verify", wrong, "--trust", trust], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "/opening" in done.stderr, done.stderr
        return said["used"]


def run(node, shares, cash, once):
    market = Market(node, shares, cash)
    deals = Crossing(market, shares, cash, market.deal, lambda: market.allow(0), lambda: market.allow(STOCK))
    if once:
        market.deal()
        market.ends("committed")
    for name in {} if once else chosen("POINTS", Crossing.POINTS):
        deals.kill_at(name, "deal")
    total, committed = market.check()
    trust = market.verify(shares, cash)
    market.audit(trust, "<b>deliver</b>", "<b>pay</b>", "done, then made to hold", ">asserted<", "witness host", "<svg ", "and who bears it")
    used = market.statement(trust)
    print("used: " + ", ".join(f"{used[one]} {one}" for one in ("bytes", "fuel", "signatures")) + "; the chains charged "
          + ", ".join(f"{int(fee) / 1e18:.6f} on {chain}" for chain, fee in used["fees"].items()) + ", as the statement says")
    print(f"{total} deals, {committed} delivered and paid, {total - committed} neither; all receipts hold")


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--once"]):
        sys.exit(__doc__)
    sys.exit(on_two_chains(lambda node, shares, cash: run(node, shares, cash, bool(sys.argv[1:]))))
