#!/usr/bin/env python3
"""Goods on a chain against money at a payment service (samples/order-to-cash): a real service with a real PostgreSQL, a real anvil. The
node, and then the service, is killed at every named point of an order in turn; in the end chain, database and record ledger are
read: each order was delivered and paid, or neither, and nothing is held any more. Standard library only.

usage: order.py [--once]     environment: CONCORDAT_BIN, TOOLCHAIN, POINTS, VICTIMS (names, separated by commas)
--once: one order, nothing is killed
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from agreement import Agreement, chosen, hold, kill_node
from payments import ROOT, Chain, cli, on_a_chain, until
from system import free_port

SERVICES = ROOT / "samples/services"
PRICE, QUANTITY, MONEY, GOODS = 25, 4, 10000, 1000


class Bank:
    """The sample payment service over a database of its own."""

    def __init__(self):
        # The database's own user must reach its folder.
        self.folder = folder = pathlib.Path(tempfile.mkdtemp(prefix="concordat-bank-"))
        folder.chmod(0o755)
        self.database, self.port, self.process = folder / "database", free_port(), None
        self.run(SERVICES / "database", "up", self.database)
        url = self.run(SERVICES / "database", "create", self.database, "payments")
        self.run(SERVICES / "payments/payments", "key", folder / "key.json")
        self.config = {"database": url, "key": "key.json", "callers": [], "listen": f"127.0.0.1:{self.port}"}
        self.write()
        self.payments("open", "alice", MONEY)
        self.payments("open", "bob", 0)
        self.name = json.loads(self.payments("name"))
        self.start()

    @staticmethod
    def run(*command):
        done = subprocess.run([str(one) for one in command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{command}: {done.stdout} {done.stderr}")
        return done.stdout.strip()

    def payments(self, *arguments):
        return self.run(SERVICES / "payments/payments", *arguments, "--config", self.folder / "config.json")

    def write(self):
        (self.folder / "config.json").write_text(json.dumps(self.config))

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([SERVICES / "payments/payments", "serve", "--config", self.folder / "config.json"],
                                        stdout=log, stderr=log, start_new_session=True)
        until(self.answers, "the payment service")

    def answers(self):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2).status == 200

    def allow(self, account):
        self.config["callers"] = [account]
        self.write()
        self.kill()
        self.start()

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def hold(self, number):
        os.killpg(self.process.pid, number)

    def accounts(self):
        lines = [line.split("\t") for line in self.payments("accounts").splitlines()]
        return {name: (float(balance), float(held)) for name, balance, held in lines}

    def end(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self.run(SERVICES / "database", "down", self.database)
        shutil.rmtree(self.folder, ignore_errors=True)


class Shop(Agreement):
    def __init__(self, node, chain, bank):
        super().__init__(node)
        self.chain, self.bank = chain, bank
        network = chain.network
        self.seller, self.buyer = network["account"], "0x000000000000000000000000000000000000bEEF"
        self.goods = self.deploy(chain, "CashToken", ["Goods", "GDS", self.seller])
        self.send(chain, self.goods, "mint(address to, uint256 amount)", [self.seller, str(GOODS)])
        self.reach(chain)
        cli("ledger", "add", bank.name["chain"], f"http://127.0.0.1:{bank.port}", node=node)
        ledgers = {"goods": self.target(chain, self.goods, "120000"),
                   "bank": {**bank.name, "address": "payments", "work": "0", "ceiling": "1", "deadline_minutes": 60}}
        ledgers["bank"]["finality"]["parameters"]["hold_minutes"] = 1440
        terms = {"price": PRICE, "payer": "alice", "payee": "bob", "from": self.seller, "to": self.buyer}
        accounts = self.lock("order-to-cash", terms, ledgers)
        cli("ledger", "fund", chain.folder, accounts["goods"])
        bank.allow(accounts["bank"])
        self.carrier = accounts["goods"]
        self.allow(GOODS)

    def allow(self, amount):
        self.send(self.chain, self.goods, "approve(address spender, uint256 amount)", [self.carrier, str(amount)])

    def order(self, quantity=QUANTITY):
        self.begun += 1
        self.message("buyer", "order", {"quantity": quantity, "reference": f"PO-{self.begun}"}, "--async")

    def check(self):
        delivered = self.balance(self.chain, self.goods, self.buyer)
        endings, state = self.outcomes()
        good = endings.count("committed")
        paid = good * QUANTITY * PRICE
        accounts = self.bank.accounts()
        assert accounts == {"alice": (MONEY - paid, 0), "bob": (paid, 0)}, f"{good} orders, {accounts}"
        assert delivered == good * QUANTITY, f"{good} orders, {delivered} delivered"
        assert (state["orders"], state["delivered"], state["paid"]) == (good, delivered, paid), state
        return len(endings), good


# --- Where to kill: each begins an order and leaves it at that point, by holding the service or the chain.

def asked(shop):
    shop.order()


def reserving(shop):
    shop.bank.hold(signal.SIGSTOP)
    shop.order()
    until(lambda: shop.pinned(1), "the reservation is pinned")


def reserved(shop):
    hold(shop.chain, signal.SIGSTOP)
    shop.order()
    until(lambda: shop.pinned(2), "the delivery is pinned")


def delivered(shop):
    hold(shop.chain, signal.SIGSTOP)
    shop.order()
    until(lambda: shop.pinned(2), "the delivery is pinned")
    shop.bank.hold(signal.SIGSTOP)
    hold(shop.chain, signal.SIGCONT)
    until(lambda: shop.has("committing"), "decided")


def undelivered(shop):
    shop.allow(0)
    hold(shop.chain, signal.SIGSTOP)
    shop.order()
    until(lambda: shop.pinned(2), "the delivery is pinned")
    shop.bank.hold(signal.SIGSTOP)
    hold(shop.chain, signal.SIGCONT)
    until(lambda: shop.has("aborting"), "decided")


def unpayable(shop):
    shop.order(1000)  # dearer than what alice has


POINTS = {one.__name__: one for one in (asked, reserving, reserved, delivered, undelivered, unpayable)}
ABORTED = ("undelivered", "unpayable")


def kill_bank(shop):
    shop.bank.kill()
    time.sleep(1)  # long enough to be missed
    shop.bank.start()


VICTIMS = {"node": kill_node, "bank": kill_bank}


def run(node, chain, once):
    bank = Bank()
    try:
        shop = Shop(node, chain, bank)
        if once:
            shop.order()
            shop.ends("committed")
        for point, reach in {} if once else chosen("POINTS", POINTS).items():
            for victim, kill in chosen("VICTIMS", VICTIMS).items():
                reach(shop)
                kill(shop)
                bank.hold(signal.SIGCONT)
                hold(chain, signal.SIGCONT)
                node.wait_ready()
                status = "aborted" if point in ABORTED else "committed"
                shop.ends(status)
                print(f"{point:12} {victim:5} {status}", flush=True)
                if point == "undelivered":
                    shop.allow(GOODS)
        total, good = shop.check()
        shop.verify(chain)
        print(f"{total} orders, {good} delivered and paid, {total - good} neither; the last one's receipt holds")
    finally:
        hold(chain, signal.SIGCONT)
        bank.end()


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--once"]):
        sys.exit(__doc__)
    if not (ROOT / "build/services").exists():
        print("skipped: tools/install.sh --services has not been run")
        sys.exit(77)
    sys.exit(on_a_chain("evm", lambda folder: Chain(folder, "anvil"), lambda node, chain: run(node, chain, bool(sys.argv[1:]))))
