#!/usr/bin/env python3
"""A chain that forks deeper than its finality: a payment (contracts/tokens) on a real anvil is recorded as committed; then the chain
takes the block back and goes on without it. The node says that it is disputed, also after a kill -9 that leaves its enclaves nothing
but the record ledger, the binding halts, and the payment that was recorded is made again on the new branch. Standard library only.

usage: fork.py     environment: CONCORDAT_BIN, TOOLCHAIN
"""
import json
import os
import signal
import subprocess
import sys

from payments import Chain, Payments, cli, mint, on_a_chain, prepare, until
from system import BIN

AMOUNT = 4711


def entries(payments, kind):
    status, page = payments.node.ask("GET", f"/v1/bindings/{payments.binding}/entries?limit=500")
    if status != 200:
        raise OSError(page)
    return [entry for entry in page["entries"] if entry["type"] == kind]


def refusal(payments):
    body = json.dumps({"amount": 1, "to": payments.chain.network["account"]})
    done = subprocess.run([BIN / "concordat", "message", "send", payments.binding, "pay", "--body", body, "--key", payments.folder / "payer.key"],
                          capture_output=True, text=True, check=False,
                          env={**os.environ, "CONCORDAT_NODE": f"http://127.0.0.1:{payments.node.port}"})
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


def run(node, chain):
    token = prepare(node, chain, node.folder)
    payments = Payments(node, chain, node.folder, "treasury", token, 10)
    cli("ledger", "fund", chain.folder, payments.account)
    mint(chain, token, payments.account)
    before = chain.ask("evm_snapshot")
    for amount in (AMOUNT, 1):  # the first is not the newest any more
        payments.pay(amount)
        until(lambda: payments.has_status(len(payments.asked), "committed"), "committed")
    committed = payments.transactions()
    assert sorted(chain.transfers(token, payments.account)) == [1, AMOUNT]

    node.process.send_signal(signal.SIGKILL)
    node.process.wait()
    assert chain.ask("evm_revert", before) is True
    chain.ask("anvil_mine", "0x20")
    assert chain.transfers(token, payments.account) == []
    node.start()
    node.wait_ready()
    print("the chain has gone on without two payments that are recorded as committed", flush=True)

    disputed = until(lambda: entries(payments, "disputed"), "disputed", 120)
    assert disputed[0]["transaction"] in [one["transaction"] for one in committed], disputed
    assert "disputed" in refusal(payments)
    until(lambda: entries(payments, "disputed")[1:], "both disputed", 60)
    listed = cli("transaction", "list", payments.binding, "--stuck", node=node)
    assert {one["status"] for one in listed} == {"disputed"}, listed
    until(lambda: sorted(chain.transfers(token, payments.account)) == [1, AMOUNT], "made again", 120)
    print("both are disputed, the binding halts, and both are made again as recorded")


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(__doc__)
    sys.exit(on_a_chain("evm", lambda folder: Chain(folder, "anvil", "--period", "1"), run))
