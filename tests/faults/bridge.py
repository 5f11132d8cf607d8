#!/usr/bin/env python3
"""A token that is locked on one chain, and another that stands for it on a second one (samples/bridge), on real nodes: anvil and geth.
The node is killed at every named point of a deposit and of a withdrawal in turn; one deposit cannot be minted, two withdrawals
cannot be burned, one lock is minted for by hand, from its recorded entry. In the end chains and record ledger are read: what is
in the vault is what there is on the other chain, and nothing is left in the escrow. Standard library only.

usage: bridge.py [--once]     environment: CONCORDAT_BIN, TOOLCHAIN, POINTS (names, separated by commas)
--once: one deposit and one withdrawal, nothing is killed
"""
import json
import sys

from agreement import Agreement, Crossing, chosen, on_two_chains
from payments import ROOT, cli

sys.path.insert(0, str(ROOT / "tests/contracts"))
from on_chain_test import arguments, coordinates, jcs, leaf, sha, tree, unb64  # noqa: E402  what contracts take from a receipt

STOCK, DEPOSIT, WITHDRAWAL, SHOWN, MOVED = 1000000, 1000, 200, 70, 150
NOBODY = "0x0000000000000000000000000000000000000000"
SELECTORS = json.loads((ROOT / "contracts/artifacts/BridgedToken.json").read_text())["selectors"]
MINT_WITH_RECEIPT = next(text for text in SELECTORS if text.startswith("mintWithReceipt("))
APPROVE = "approve(address spender, uint256 amount)"


def for_command_line(value):
    if isinstance(value, list):
        return [for_command_line(one) for one in value]
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


class Bridge(Agreement):
    """Both chains with their contracts, and what the members should have there."""

    parties = {"alice": "member", "bob": "member"}

    def __init__(self, node, home, away):
        super().__init__(node)
        self.home, self.away = home, away
        for chain in (home, away):
            self.reach(chain)
        self.coin = self.deploy(home, "CashToken", ["Coin", "CN", home.network["account"]])
        self.escrow = self.deploy(home, "Escrow", [])
        # Each chain has one account with money: alice's. Bob only receives on the one, and is given some for gas on the other.
        bob = cli("ledger", "account", self.folder / "bob.account")["account"]
        cli("ledger", "fund", away.folder, bob)
        self.original = {"alice": home.network["account"], "bob": "0x000000000000000000000000000000000000bEEF"}
        self.bridged = {"alice": away.network["account"], "bob": bob}
        members = [{"id": f"did:web:{name}.example", "original": self.original[name], "bridged": self.bridged[name]}
                   for name in self.parties]
        self.terms = {"coin": self.coin, "escrow": self.escrow, "limit": STOCK, "members": members}
        ledgers = {"original": self.target(home, self.escrow, "600000", account="vault"),
                   "coin": self.target(home, self.coin, "120000", account="vault"), "bridged": self.target(away, NOBODY, "200000")}
        accounts = self.lock("bridge", self.terms, ledgers)
        assert accounts["original"] == accounts["coin"], accounts
        self.vault, self.agent, self.token = accounts["original"], accounts["bridged"], None
        cli("ledger", "fund", home.folder, self.vault)
        cli("ledger", "fund", away.folder, self.agent)
        self.tell_of_the_ledger()
        self.send(home, self.coin, "mint(address to, uint256 amount)", [self.original["alice"], str(STOCK)])
        self.send(home, self.coin, APPROVE, [self.escrow, str(STOCK)])
        self.send(home, self.escrow, "authorize(address agent, address to, bool allowed)", [self.vault, self.vault, True])
        # What there should be: on the other chain, and paid out here.
        self.held, self.released = {"alice": 0, "bob": 0}, {"alice": 0, "bob": 0}

    def tell_of_the_ledger(self):
        """To a verifier of receipts on the other chain; which enclaves it believes comes later."""
        self.verifier = self.deploy(self.away, "ReceiptVerifier", [self.away.network["account"]])
        identity = json.loads(unb64(json.loads(self.receipt().read_bytes())["ledger"]["identity"].split(".")[1]))
        key = identity["service_key"]
        self.ledger = sha(jcs(key))
        assert identity["chain"] == "ccl:" + self.ledger.hex()[:32], identity
        self.send(self.away, self.verifier, "addLedger(bytes32 x, bytes32 y, bool singleNode)",
                  [*for_command_line([*coordinates(key)]), True])

    def name_token(self, agent):
        """The token names the agreement and its account, which there are only once it is bound: so the agreement names the token by an
        amendment. `agent`: who mints there."""
        binding = "0x" + self.binding.removeprefix("sha256:")
        self.token = self.deploy(self.away, "BridgedToken", ["Bridged", "BRG", 2, agent, self.verifier, "0x" + self.ledger.hex(), binding])
        terms = {**self.terms, "vault": self.vault, "token": f"{self.away.network['chain']}:{self.token.lower()}"}
        self.amend(terms, {"bridged": self.target(self.away, self.token, "200000")})

    def allow(self, party, amount):
        """Party's tokens on the other chain to the contract's account."""
        self.by(party, APPROVE, [self.agent, str(amount)])

    def by(self, party, call, values):
        self.send(self.away, self.token, call, values, *(["--from", self.folder / "bob.account"] if party == "bob" else []))

    def ask(self, party, action, amount=None, **body):
        self.begun += 1
        self.message(party, action, {"amount": amount, **body} if amount else body, "--async")

    def settle(self, party, action, amount=None, status="committed", **body):
        self.ask(party, action, amount, **body)
        self.ends(status)

    def mint_by_hand(self):
        """Locked in one transaction; what it recorded is shown to the token, by nobody's leave."""
        self.settle("alice", "lock", SHOWN)
        receipt = json.loads(self.receipt().read_bytes())
        entry, members = receipt["entries"][-1], sorted(receipt["state"].items())
        locked, place = receipt["state"]["locked"], list(receipt["state"]).index("locked")
        for enclave in receipt["enclaves"].values():
            self.send(self.away, self.verifier, "addEnclave(bytes32 x, bytes32 y)", for_command_line([*coordinates(enclave["key"])]))
        path = tree([leaf(*one) for one in members])[1][place]

        def show(amount, check=True):
            shown = [locked["id"], locked["to"], amount, *arguments(entry), [place, len(members), path]]
            return self.send(self.away, self.token, MINT_WITH_RECEIPT, for_command_line(shown), check=check)

        assert show(SHOWN + 1, check=False) is None, "minted more than was locked"
        show(SHOWN)
        assert show(SHOWN, check=False) is None, "minted twice"
        self.held["alice"] += SHOWN

    def serve_bob(self):
        """He is handed some by a message and some by the token's own means, and asks for more than he has before he asks for all."""
        self.settle("alice", "transfer", MOVED, to="did:web:bob.example")
        self.by("alice", "transfer(address to, uint256 amount)", [self.bridged["bob"], str(MOVED)])
        self.allow("bob", STOCK)
        self.settle("bob", "withdraw", 2 * MOVED + 1, "aborted")
        assert self.balance(self.home, self.coin, self.original["bob"]) == 0, "released and not burned"
        self.settle("bob", "withdraw", 2 * MOVED)
        self.held["alice"] -= 2 * MOVED
        self.released["bob"] = 2 * MOVED

    def supply(self):
        return self.number(self.away, self.token, "0x18160ddd")  # totalSupply()

    def check(self):
        endings, state = self.outcomes()
        vault, supply = self.balance(self.home, self.coin, self.vault), self.supply()
        assert self.balance(self.home, self.coin, self.escrow) == 0, "the escrow still has coins"
        assert vault == supply == state["bridged"], f"{vault} in the vault, {supply} on the other chain, the state says {state}"
        held = {name: self.balance(self.away, self.token, account) for name, account in self.bridged.items()}
        assert held == self.held, f"{held} on the other chain, not {self.held}"
        assert self.balance(self.home, self.coin, self.original["bob"]) == self.released["bob"]
        assert self.balance(self.home, self.coin, self.original["alice"]) == STOCK - vault - self.released["bob"]
        return len(endings), endings.count("committed"), vault


def run(node, home, away, once):
    bridge = Bridge(node, home, away)
    points = [] if once else [*chosen("POINTS", Crossing.POINTS)]
    deposits = Crossing(bridge, home, away, lambda: bridge.ask("alice", "deposit", DEPOSIT))
    withdrawals = Crossing(bridge, home, away, lambda: bridge.ask("alice", "withdraw", WITHDRAWAL),
                           lambda: bridge.allow("alice", 0), lambda: bridge.allow("alice", STOCK))
    # First a token on which somebody else mints: what was locked for it comes back.
    bridge.name_token(away.network["account"] if "refused" in points else bridge.agent)
    bridge.settle("bob", "open")
    if "refused" in points:
        deposits.kill_at("refused", "deposit")
        bridge.check()
        bridge.name_token(bridge.agent)
    bridge.allow("alice", STOCK)
    bridge.settle("alice", "deposit", DEPOSIT)
    bridge.settle("alice", "withdraw", WITHDRAWAL)
    bridge.held["alice"] = DEPOSIT - WITHDRAWAL
    for name in points:
        if name != "refused":
            deposits.kill_at(name, "deposit")
            bridge.held["alice"] += DEPOSIT
    for name in points:
        withdrawals.kill_at(name, "withdrawal")
        bridge.held["alice"] -= WITHDRAWAL if name != "refused" else 0
    if not once:
        bridge.mint_by_hand()
        bridge.serve_bob()
    total, committed, left = bridge.check()
    bridge.verify(home, away)
    print(f"{total} transactions, {committed} committed, {total - committed} came to nothing; {left} in the vault are {left} on the "
          "other chain; the last one's receipt holds")


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--once"]):
        sys.exit(__doc__)
    sys.exit(on_two_chains(lambda node, home, away: run(node, home, away, bool(sys.argv[1:]))))
