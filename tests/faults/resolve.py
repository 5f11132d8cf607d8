#!/usr/bin/env python3
"""What cannot succeed is given up by people: a transaction on a real anvil (contracts/pledges) whose payment is made and whose second
call the chain refuses for ever. It shows as stuck; both parties sign that it is given up, the node being killed while they do and right
after; then its outcome is recorded and says so, the payment stands, and both verifiers accept the receipts. Standard library only.

usage: resolve.py     environment: CONCORDAT_BIN, TOOLCHAIN
"""
import json
import os
import signal
import subprocess
import sys

from agreement import Agreement, hold, kill_node
from payments import Chain, cli, on_a_chain, until
from system import BIN

TAKER = "0x000000000000000000000000000000000000bEEF"
AMOUNT = 250
REASON = "nobody has to be thanked any more"


class Pledges(Agreement):
    parties = {"giver": "giver", "taker": "taker"}
    packages = "tests/faults/contracts/{}"

    def __init__(self, node, chain):
        super().__init__(node)
        self.chain = chain
        self.token = self.deploy(chain, "CashToken", ["Test Dollar", "TUSD", chain.network["account"]])
        self.reach(chain)
        account = self.lock("pledges", {"words": "between us"}, {"cash": self.target(chain, self.token, "120000")})["cash"]
        cli("ledger", "fund", chain.folder, account)
        self.send(chain, self.token, "mint(address to, uint256 amount)", [account, str(10 * AMOUNT)])

    def pledge(self):
        """Pays, and then asks the taker's account for a thank-you that it never allowed."""
        self.begun += 1
        self.message("giver", "pledge", {"amount": AMOUNT, "to": TAKER, "words": "well meant"}, "--async")

    def stuck(self):
        """The transaction, once its second call has failed and waits to be made again."""
        def tried():
            found = cli("transaction", "list", self.binding, "--stuck", node=self.node)
            return [one for one in found if one["status"] == "committing" and one["calls"][-1].get("tries", 0) >= 1]

        return until(tried, "stuck", 120)[0]["transaction"]

    def key(self, party):
        return "--key", self.folder / f"{party}.key"

    def run(self, *command):
        return subprocess.run([BIN / "concordat", *map(str, command)], capture_output=True, text=True, check=False,
                              env={**os.environ, "CONCORDAT_NODE": f"http://127.0.0.1:{self.node.port}"})

    def refused(self, expected, *command):
        done = self.run(*command)
        assert done.returncode == 1 and expected in done.stderr, f"{command}: {done.returncode}: {done.stdout}{done.stderr}"

    def give_up(self, transaction):
        """Proposed by one, signed by the other; the node is killed in between and after."""
        asked = cli("transaction", "resolve", transaction, "--reason", REASON, *self.key("giver"), node=self.node)
        assert (asked["kind"], asked["status"], asked["missing"]) == ("resolution", "open", ["did:web:taker.example"]), asked
        kill_node(self)
        self.node.wait_ready()
        signed = cli("binding", "sign", self.binding, *self.key("taker"), node=self.node)
        assert (signed["status"], signed["document"]) == ("locked", asked["document"]), signed
        kill_node(self)

    def check(self, transaction):
        """Its outcome: committed, but for what was given up."""
        shown = self.run("transaction", "show", transaction)
        assert shown.returncode == 1 and "committed, but for what people gave up" in shown.stdout, shown.stdout + shown.stderr
        status, view = self.node.ask("GET", f"/v1/transactions/{transaction}")
        assert status == 200 and view["given_up"] == [len(view["calls"]) - 1], view
        assert view["calls"][-1]["status"] == "given_up", view
        assert [call["status"] for call in view["calls"] if call["effect"] == "give"] == ["called"], view
        endings, state = self.outcomes()
        assert set(endings) == {"committed"} and state["given"] == self.begun * AMOUNT, (endings, state)
        paid = self.balance(self.chain, self.token, TAKER)
        assert paid == self.begun * AMOUNT, f"paid {paid}"
        return self.verify(self.chain)


def entries(pledges, kind):
    status, page = pledges.node.ask("GET", f"/v1/bindings/{pledges.binding}/entries?limit=500")
    assert status == 200, page
    return [entry for entry in page["entries"] if entry["type"] == kind]


def run(node, chain):
    pledges = Pledges(node, chain)
    pledges.pledge()
    until(lambda: pledges.has("committing"), "decided")
    first = pledges.stuck()
    pledges.refused("not_found", "transaction", "resolve", first, "--step", "0", "--reason", REASON, *pledges.key("giver"))
    pledges.give_up(first)
    node.wait_ready()
    pledges.ends("committed")
    pledges.check(first)
    print("given up between two tries; the node killed twice meanwhile", flush=True)

    # The same while the chain stands still: what is under way there is cancelled, or fails, once it goes on.
    pledges.pledge()
    second = pledges.stuck()
    hold(chain, signal.SIGSTOP)
    pledges.give_up(second)
    node.wait_ready()
    until(lambda: entries(pledges, "resolve")[1:], "recorded")
    hold(chain, signal.SIGCONT)
    pledges.ends("committed")
    trust = pledges.check(second)
    print("given up while the chain stands still", flush=True)

    assert [entry["reason"] for entry in entries(pledges, "resolve")] == [REASON, REASON]
    pledges.refused("not_found", "transaction", "resolve", second, "--reason", REASON, *pledges.key("giver"))
    pledges.audit(trust, "The parties gave it up", REASON, "not all of it: the parties gave a part up")
    receipt = json.loads(pledges.receipt().read_text())
    print(f"both outcomes recorded; {len(receipt['entries'])} entries in the last receipt, which both verifiers accept")


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(__doc__)
    sys.exit(on_a_chain("evm", lambda folder: Chain(folder, "anvil"), run, lambda node, chain: hold(chain, signal.SIGCONT)))
