#!/usr/bin/env python3
"""Kills node, enclave, record ledger and chain, each at every named point of a transaction, and then reads both ledgers: every
message's transfer is on the chain once where its outcome is committed, and not at all where it is aborted; the state adds up
what was committed. The chain is a real clique network of two signers: with one of them stopped it makes no blocks, so each
point can be held as long as it takes. Standard library only.

usage: kill_transactions.py     environment: CONCORDAT_BIN, TOOLCHAIN, POINTS, VICTIMS (names, separated by commas)
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

from agreement import chosen
from payments import FINALITY, ROOT, Chain, Payments, cli, metrics, mint, on_a_chain, prepare, until
from system import BIN


def ended(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat[stat.rindex(")") + 2] == "Z"


class Clique(Chain):
    """The first node is the endpoint, the second one only seals."""

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
    until(lambda: payments.submission(len(payments.asked)), "pending")


def included(payments, chain, amount):
    payments.pay(amount)
    found = until(lambda: payments.submission(len(payments.asked)), "submitted")
    until(lambda: chain.ask("eth_getTransactionReceipt", found), "included")
    chain.stop_sealing()


def final(payments, chain, amount):
    """Final on the chain; the record ledger is stopped, so that the outcome cannot be recorded."""
    stop_sealing(chain)
    payments.pay(amount)
    found = until(lambda: payments.submission(len(payments.asked)), "pending")
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


def several_at_once(node, chain, payments):
    """Payments that are committed early: all are under way before the first one is on the chain; then each is killed in turn."""
    stop_sealing(chain)
    begun = len(payments.asked)
    for amount in range(2001, 2006):
        payments.pay(amount, "pay_soon")
        until(lambda: payments.newest(len(payments.asked)), "prepared while others are")
    open_ones = [one["status"] for one in payments.transactions()[:5]]
    assert open_ones == ["prepared"] * 5, open_ones
    for kill in chosen("VICTIMS", VICTIMS).values():
        kill(node, chain)
        go_on(node, chain)
        node.wait_ready()
    until(lambda: all(one["status"] == "committed" for one in payments.transactions()[: len(payments.asked) - begun]), "outcomes", 120)
    receipt, trust = payments.folder / "early.json", payments.folder / "early-trust.json"
    cli("receipt", payments.binding, "-o", receipt, node=node)  # of the last entry, an outcome that the contract heard
    signers = ",".join(chain.network["signers"])
    cli("trust", "init", "--allow-development", "--allow-asserted", "clock,rollback", "--party", payments.folder / "payer.json", "-o", trust,
        "--clique", f"{chain.network['chain']}={signers}", node=node)
    for verifier in ([BIN / "concordat-verify", receipt, "--trust", trust], [ROOT / "tests/independent/run.sh", receipt, trust]):
        done = subprocess.run(verifier, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    print("five at once         committed", flush=True)


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
    several_at_once(node, chain, payments)
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
    return on_a_chain(
        "geth/clique",
        lambda folder: Clique(folder, "geth-clique", "--signers", "2", "--period", "1"),
        run,
        before_end=go_on,
    )


if __name__ == "__main__":
    sys.exit(main())
