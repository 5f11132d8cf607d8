#!/usr/bin/env python3
"""Payments on the one of two anvils that is chosen for each (docs/transactions.md): the cheaper one is used, its price rises and the
other one is; it stands still, and what is new goes to the other one while what is open stays; it goes on and is tried, then used
again; the other one is killed; none is left, which is refused with the reason. Every receipt is read by both verifiers. What was
paid is read from the chains. Standard library only.

usage: routing.py     environment: CONCORDAT_BIN, TOOLCHAIN
"""
import json
import signal
import subprocess
import sys
import time

from agreement import Agreement, hold
from payments import ROOT, Chain, cli, mint, on_a_chain, until
from system import BIN

GWEI = 10**9
CEILING, WORK, MOST = 5000 * GWEI, 120000, str(5000 * GWEI * 240000)
FUNDS = str(100 * 10**18)


class Routed(Agreement):
    """A binding with two candidates; of the second one a call costs twice as much at the same price."""

    parties = {"payer": "payer"}

    def __init__(self, node, chains):
        super().__init__(node)
        self.chains, self.amounts, self.seen = chains, [], []
        self.names = [chain.network["chain"] for chain in chains]
        self.tokens = [self.deploy(chain, "CashToken", ["Test Dollar", "TUSD", chain.network["account"]]) for chain in chains]
        cli("package", "build", ROOT / "tests/faults/contracts/tokens", "-o", self.folder / "tokens.tar")
        cli("package", "publish", self.folder / "tokens.tar", node=node)
        public = cli("key", "new", self.folder / "payer.key", "--id", "did:web:payer.example")
        (self.folder / "payer.json").write_text(json.dumps(public))
        for chain in chains:
            self.reach(chain)
        for name in self.names:  # a draft goes by how fast the chain's blocks come
            until(lambda name=name: "block_seconds" in node.ask("GET", f"/v1/ledgers/{name}")[1], "blocks from which a pace can be told")
        self.binding = self.sign(self.draft(self.candidates()))
        accounts = cli("transaction", "accounts", self.binding, node=node)["accounts"]
        assert [one["chain"] for one in accounts] == self.names, accounts
        self.accounts = [one["account"] for one in accounts]
        for chain, token, account in zip(chains, self.tokens, self.accounts):
            mint(chain, token, account)
            cli("ledger", "fund", chain.folder, account, "--amount", FUNDS)

    def candidates(self):
        finality = {"blocks": 2, "witness": "host"}
        common = {"ceiling": str(CEILING), "finality": finality}
        out = [{"chain": name, "address": token, "work": str(WORK * (i + 1)), **common}
               for i, (name, token) in enumerate(zip(self.names, self.tokens))]
        # Neither of these can be taken, and the draft says so.
        slow = {**out[0], "finality": {**finality, "seconds": 3600}}
        return [*out, {**out[0], "chain": "eip155:999"}], slow

    def draft(self, given):
        candidates, slow = given
        assets = {f"{name}/slip44:60": MOST for name in self.names}
        route = {"needs": {"finality_seconds": 60, "assets": assets}, "candidates": candidates}
        (self.folder / "route.json").write_text(json.dumps(route))
        command = [BIN / "concordat", "--json", "binding", "draft", "--package", "tokens:1.0.0", "--terms", "{}", "--party",
                   f"payer={self.folder}/payer.json", "--route", f"cash=@{self.folder}/route.json", "-o", self.folder / "draft"]
        environment = {"CONCORDAT_NODE": f"http://127.0.0.1:{self.node.port}", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "left out: eip155:999" in done.stderr and "the node does not reach it" in done.stderr, done.stderr
        document = json.loads((self.folder / "draft").read_text())
        assert [one["chain"] for one in document["ledgers"]["cash"]["candidates"]] == self.names
        (self.folder / "route.json").write_text(json.dumps({**route, "candidates": [slow]}))
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode != 0 and "no ledger that the node reaches offers" in done.stdout + done.stderr, done.stderr
        assert "finality_seconds" in done.stderr, done.stderr
        return self.folder / "draft"

    def ask_for(self, wait=True):
        """Asks for one payment; the route that it got, or the refusal."""
        amount = 100 + len(self.amounts)
        body = json.dumps({"amount": amount, "to": "0x000000000000000000000000000000000000bEEF"})
        status, _ = self.node.ask("GET", "/readyz")
        assert status == 200
        command = [BIN / "concordat", "--json", "message", "send", self.binding, "pay_soon", "--body", body, "--key",
                   self.folder / "payer.key", "--wait", "60" if wait else "0"]
        environment = {"CONCORDAT_NODE": f"http://127.0.0.1:{self.node.port}", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if "no candidate can be used" in done.stdout + done.stderr:
            return done.stdout + done.stderr
        assert done.returncode == 0, done.stdout + done.stderr
        self.amounts.append(amount)
        self.begun += 1
        return self.prepared()[-1]["effects"][0]["route"]

    def prepared(self):
        """The prepare entries, the newest last."""
        status, page = self.node.ask("GET", f"/v1/bindings/{self.binding}/entries?limit=500")
        assert status == 200, page
        found = []
        for entry in page["entries"]:
            if entry["type"] == "prepare":
                found.append(self.node.ask("GET", f"/v1/bindings/{self.binding}/entries/{entry['sequence']}")[1]["document"])
        return found

    def goes_to(self, which, reason, passed, label, wait=True):
        """One that goes to that candidate, for this reason, past the other one for one of those."""
        route = self.ask_for(wait)
        assert isinstance(route, dict), route
        other = route["passed"][0]
        assert route["chain"] == self.names[which] and other["chain"] == self.names[1 - which], route
        assert route["reason"] == reason and other["reason"] in passed, route
        if wait:
            self.verify(*self.chains)
        print(f"{label:34} {route['chain']}: {route['reason']}; {other['chain']} {other['reason']}", flush=True)
        return route

    def routing(self, which):
        return self.node.ask("GET", f"/v1/ledgers/{self.names[which]}")[1].get("routing", {})

    def until_goes_to(self, which, label):
        """Asks for payments until one goes there."""
        end = time.monotonic() + 90
        while time.monotonic() < end:
            route = self.ask_for()
            if isinstance(route, dict) and route["chain"] == self.names[which]:
                print(f"{label:34} {route['chain']}: {route['reason']}", flush=True)
                return self.verify(*self.chains)
            time.sleep(1)
        raise SystemExit(f"{label}: not within 90 s; {self.routing(which)}")

    def price(self, which, gwei):
        self.chains[which].ask("anvil_setNextBlockBaseFeePerGas", hex(gwei * GWEI or 7))

    def check(self):
        """Each amount was paid once, on the chain that its entry names."""
        paid = [sorted(chain.transfers(token, account))
                for chain, token, account in zip(self.chains, self.tokens, self.accounts)]
        said = [[], []]
        for entry in self.prepared():
            effect = entry["effects"][0]
            assert effect["pin"]["chain"] == effect["route"]["chain"]
            said[self.names.index(effect["route"]["chain"])].append(int(effect["args"]["amount"]))
        assert paid == [sorted(one) for one in said], f"{paid} on the chains, {said} in the entries"
        assert sorted(paid[0] + paid[1]) == sorted(self.amounts), f"{paid}, asked for {self.amounts}"
        return [len(one) for one in paid]


def run(node, chains):
    first, second = chains
    routed = Routed(node, chains)
    routed.goes_to(0, "cheapest", ("dearer",), "both work")
    routed.price(0, 800)
    until(lambda: int(first.ask("eth_gasPrice"), 16) > 100 * GWEI, "the price rises", 30)
    time.sleep(2)
    routed.goes_to(1, "cheapest", ("dearer",), "the first one's price has risen")
    routed.price(0, 0)
    until(lambda: int(first.ask("eth_gasPrice"), 16) < 10 * GWEI, "the price falls", 30)
    time.sleep(2)
    routed.goes_to(0, "cheapest", ("dearer",), "and fallen again")
    hold(first, signal.SIGSTOP)
    routed.goes_to(0, "cheapest", ("dearer",), "it stands still, unnoticed yet", wait=False)
    time.sleep(2.5)
    routed.goes_to(1, "only", ("silent", "failing"), "noticed")
    until(lambda: routed.routing(0).get("breaker") == "open", "its breaker opens", 30)
    routed.goes_to(1, "only", ("failing",), "it rests")
    assert routed.routing(0)["open"] == 1 and routed.routing(1)["open"] == 0, (routed.routing(0), routed.routing(1))
    hold(first, signal.SIGCONT)
    routed.until_goes_to(0, "it goes on, and is used again")
    until(lambda: routed.routing(0).get("breaker") == "closed", "its breaker closes", 30)
    until(lambda: routed.routing(0)["open"] == 0, "what was open has ended", 60)
    for one in second.network["nodes"]:
        subprocess.run(["kill", "-9", str(one["pid"])], check=True)
    time.sleep(2.5)
    routed.goes_to(0, "only", ("silent", "failing"), "the second one is killed")
    hold(first, signal.SIGSTOP)
    time.sleep(2.5)
    refused = routed.ask_for()
    assert isinstance(refused, str) and all(name in refused for name in routed.names) and "busy" in refused, refused
    print(f"none is left: {refused.strip()[:200]}", flush=True)
    hold(first, signal.SIGCONT)
    routed.until_goes_to(0, "the first one goes on")
    second.up()
    routed.reach(second)
    for name in routed.names:
        cli("ledger", "remove", name, node=node)
    refused = routed.ask_for()
    assert isinstance(refused, str) and refused.count("not_configured") == 2, refused
    for chain in chains:
        routed.reach(chain)
    routed.until_goes_to(0, "reached again")
    until(lambda: all(one["status"] in ("committed", "aborted") for one in cli("transaction", "list", routed.binding, node=node)),
          "all have ended", 120)
    counts = routed.check()
    routed.audit(routed.verify(*chains), "candidate 1 of 2", "candidate 2 of 2", "cheapest")
    print(f"{counts[0]} payments on the one, {counts[1]} on the other, each once and where its entry says; all receipts hold")
    node.stop()


def both(node, first):
    second = Chain(node.folder / "second", "anvil", "--period", "1", "--chain-id", "31338")
    try:
        run(node, (first, second))
    finally:
        hold(first, signal.SIGCONT)
        cli("ledger", "down", second.folder, check=False)


if __name__ == "__main__":
    sys.exit(on_a_chain("evm", lambda folder: Chain(folder, "anvil", "--period", "1", "--chain-id", "31337"), both))
