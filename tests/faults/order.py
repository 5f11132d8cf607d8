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

from payments import ROOT, Chain, cli, on_a_chain, until
from system import BIN, free_port

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


class Shop:
    def __init__(self, node, chain, bank):
        self.node, self.chain, self.bank, self.folder, self.orders = node, chain, bank, node.folder, 0
        arguments = json.dumps(["Goods", "GDS", chain.network["account"]])
        artifact = ROOT / "contracts/artifacts/CashToken.json"
        self.goods = cli("ledger", "deploy", chain.folder, artifact, "--arguments", arguments)["contractAddress"]
        self.seller, self.buyer = chain.network["account"], "0x000000000000000000000000000000000000bEEF"
        self.send("mint(address to, uint256 amount)", [self.seller, str(GOODS)])
        self.bind()

    def send(self, call, arguments):
        cli("ledger", "send", self.chain.folder, self.goods, call, "--arguments", json.dumps(arguments))

    def bind(self):
        node, folder, network = self.node, self.folder, self.chain.network
        cli("package", "build", ROOT / "samples/order-to-cash/package", "-o", folder / "order.tar")
        cli("package", "publish", folder / "order.tar", node=node)
        parties = []
        for role in ("seller", "buyer"):
            (folder / f"{role}.json").write_text(json.dumps(cli("key", "new", folder / f"{role}.key", "--id", f"did:web:{role}.example")))
            parties += ["--party", f"{role}={folder / role}.json"]
        cli("ledger", "add", network["chain"], network["endpoints"][0], "--genesis", network["genesis"], node=node)
        cli("ledger", "add", self.bank.name["chain"], f"http://127.0.0.1:{self.bank.port}", node=node)
        goods = {"chain": network["chain"], "address": self.goods, "work": "120000", "deadline_minutes": 60,
                 "finality": {"blocks": 1, "witness": "host"}}
        bank = {**self.bank.name, "address": "payments", "work": "0", "ceiling": "1", "deadline_minutes": 60}
        bank["finality"]["parameters"]["hold_minutes"] = 1440
        for name, target in (("goods", goods), ("bank", bank)):
            (folder / f"{name}-ledger.json").write_text(json.dumps(target))
        terms = {"price": PRICE, "payer": "alice", "payee": "bob", "from": self.seller, "to": self.buyer}
        cli("binding", "draft", "--package", "order-to-cash:1.0.0", "--terms", json.dumps(terms), *parties,
            "--ledger", f"goods=@{folder}/goods-ledger.json", "--ledger", f"bank=@{folder}/bank-ledger.json",
            "-o", folder / "order.draft", node=node)
        self.binding = cli("binding", "propose", folder / "order.draft", "--key", folder / "seller.key", node=node)["binding"]
        cli("binding", "sign", self.binding, "--key", folder / "buyer.key", node=node)
        accounts = {one["ledger"]: one["account"] for one in cli("transaction", "accounts", self.binding, node=node)["accounts"]}
        cli("ledger", "fund", self.chain.folder, accounts["goods"])
        self.bank.allow(accounts["bank"])
        self.carrier = accounts["goods"]
        self.allow(GOODS)

    def allow(self, amount):
        self.send("approve(address spender, uint256 amount)", [self.carrier, str(amount)])

    def order(self, quantity=QUANTITY):
        self.orders += 1
        cli("message", "send", self.binding, "order", "--body", json.dumps({"quantity": quantity, "reference": f"PO-{self.orders}"}),
            "--key", self.folder / "buyer.key", "--async", node=self.node)

    def newest(self):
        status, page = self.node.ask("GET", f"/v1/bindings/{self.binding}/transactions?limit=100")
        if status != 200:
            raise OSError(page)
        found = page["transactions"]
        return found[0] if len(found) == self.orders else None

    def has(self, *statuses):
        newest = self.newest()
        return newest if newest and newest["status"] in statuses else None

    def pinned(self, calls):
        newest = self.newest()
        return newest if newest and len(newest["calls"]) >= calls else None

    def check(self):
        data = "0x70a08231" + self.buyer[2:].lower().rjust(64, "0")  # balanceOf(address)
        delivered = int(self.chain.ask("eth_call", {"to": self.goods, "data": data}, "latest"), 16)
        status, page = self.node.ask("GET", f"/v1/bindings/{self.binding}/entries?limit=500")
        assert status == 200, page
        endings = [entry["ending"] for entry in page["entries"] if entry["type"] == "outcome"]
        good = endings.count("committed")
        assert len(endings) == self.orders, f"{self.orders} orders, {endings}"
        paid = good * QUANTITY * PRICE
        accounts = self.bank.accounts()
        assert accounts == {"alice": (MONEY - paid, 0), "bob": (paid, 0)}, f"{good} orders, {accounts}"
        assert delivered == good * QUANTITY, f"{good} orders, {delivered} delivered"
        state = page["entries"][-1]["state"]
        assert (state["orders"], state["delivered"], state["paid"]) == (good, delivered, paid), state
        return len(endings), good

    def verify(self):
        receipt, trust = self.folder / "receipt.json", self.folder / "trust.json"
        cli("receipt", self.binding, "-o", receipt, node=self.node)
        cli("trust", "init", "--allow-development", "--allow-asserted", "clock,rollback", "--host-finality", self.chain.network["chain"],
            "--party", self.folder / "seller.json", "--party", self.folder / "buyer.json", "-o", trust, node=self.node)
        done = subprocess.run([BIN / "concordat-verify", receipt, "--trust", trust], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


# --- Where to kill: each begins an order and leaves it at that point, by holding the service or the chain.

def hold(chain, number):
    for one in chain.network["nodes"]:
        os.kill(one["pid"], number)


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


def kill_node(shop):
    shop.node.process.kill()
    shop.node.process.wait()
    shop.node.start()


def kill_bank(shop):
    shop.bank.kill()
    time.sleep(1)  # long enough to be missed
    shop.bank.start()


VICTIMS = {"node": kill_node, "bank": kill_bank}


def chosen(name, everything):
    wanted = os.environ.get(name, "")
    return {key: value for key, value in everything.items() if not wanted or key in wanted.split(",")}


def run(node, chain, once):
    bank = Bank()
    try:
        shop = Shop(node, chain, bank)
        if once:
            shop.order()
            until(lambda: shop.has("committed"), "committed")
        for point, reach in {} if once else chosen("POINTS", POINTS).items():
            for victim, kill in chosen("VICTIMS", VICTIMS).items():
                reach(shop)
                kill(shop)
                bank.hold(signal.SIGCONT)
                hold(chain, signal.SIGCONT)
                node.wait_ready()
                found = until(lambda: shop.has("committed", "aborted", "disputed"), "an outcome", 120)
                assert found["status"] == ("aborted" if point in ABORTED else "committed"), found
                print(f"{point:12} {victim:5} {found['status']}", flush=True)
                if point == "undelivered":
                    shop.allow(GOODS)
        total, good = shop.check()
        shop.verify()
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
