#!/usr/bin/env python3
"""An order (samples/order-to-cash) in an ERP's database, at a payment service and on a chain, and the record ledger's root on that
chain: a real PostgreSQL, real services, a real anvil. The node, the services and the database are killed at every named point of
an order in turn; in the end chain, databases and record ledger are read: each order was booked, delivered and paid, or none of it,
nothing is held and nothing left prepared. Standard library only.

usage: order.py [--once]     environment: CONCORDAT_BIN, TOOLCHAIN, POINTS, VICTIMS (names, separated by commas)
--once: one order, nothing is killed
"""
import os
import signal
import subprocess
import sys
import time

from agreement import Agreement, chosen, hold, kill_node
from payments import ROOT, Chain, cli, on_a_chain, until
from services import Bank, Database, Erp
from system import BIN

PRICE, QUANTITY, MONEY, GOODS, STOCK, SKU = 25, 4, 10000, 1000, 2000, "BOLT-M8"


class Shop(Agreement):
    def __init__(self, node, chain, bank, erp):
        super().__init__(node)
        self.chain, self.bank, self.erp = chain, bank, erp
        self.seller, self.buyer = chain.network["account"], "0x000000000000000000000000000000000000bEEF"
        self.goods = self.deploy(chain, "CashToken", ["Goods", "GDS", self.seller])
        self.anchors = self.deploy(chain, "RootAnchor", [])
        self.send(chain, self.goods, "mint(address to, uint256 amount)", [self.seller, str(GOODS)])
        self.reach(chain)
        ledgers = {"goods": self.target(chain, self.goods, "120000")}
        for name, service, resource in (("bank", bank, "payments"), ("erp", erp, "erp")):
            cli("ledger", "add", service.name["chain"], f"http://127.0.0.1:{service.port}", node=node)
            ledgers[name] = {**service.name, "address": resource, "work": "0", "ceiling": "1", "deadline_minutes": 60}
            ledgers[name]["finality"]["parameters"]["hold_minutes"] = 1440
        terms = {"price": PRICE, "sku": SKU, "payer": "alice", "payee": "bob", "from": self.seller, "to": self.buyer}
        accounts = self.lock("order-to-cash", terms, ledgers)
        cli("ledger", "fund", chain.folder, accounts["goods"])
        bank.allow(accounts["bank"])
        erp.allow(accounts["erp"])
        self.carrier = accounts["goods"]
        self.allow(GOODS)

    def allow(self, amount):
        self.send(self.chain, self.goods, "approve(address spender, uint256 amount)", [self.carrier, str(amount)])

    def hold_services(self, number):
        self.bank.hold(number)
        self.erp.hold(number)

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
        books = self.erp.books()
        assert books == (STOCK - delivered, good, delivered, paid, -paid), f"{good} orders, {books}"
        assert self.erp.pending() == [], self.erp.pending()
        assert self.erp.ask("SELECT gid FROM pg_prepared_xacts") == [], "a transaction is left prepared"
        assert (state["orders"], state["delivered"], state["paid"]) == (good, delivered, paid), state
        return len(endings), good

    def anchor(self):
        return ["ledger", "anchor", self.chain.folder, self.anchors]

    def prove(self):
        """The last entry's receipt relies on nobody's word that the ledger was not rolled back, once its root is on the chain."""
        self.verify(self.chain, anchors=self.anchors, holds=False)
        print("anchored:", cli(*self.anchor(), node=self.node)["status"], flush=True)
        self.verify(self.chain, anchors=self.anchors)


# --- Where to kill: each begins an order and leaves it at that point, by holding services or the chain.

def asked(shop):
    shop.order()


def booking(shop):
    shop.erp.hold(signal.SIGSTOP)
    shop.order()
    until(lambda: shop.pinned(2), "order and payment are pinned")


def reserving(shop):
    shop.bank.hold(signal.SIGSTOP)
    shop.order()
    until(lambda: shop.pinned(2), "order and payment are pinned")


def reserved(shop):
    before = shop.erp.books()
    hold(shop.chain, signal.SIGSTOP)
    shop.order()
    until(lambda: shop.pinned(3), "the delivery is pinned")
    assert len(shop.erp.pending()) == 1 and shop.erp.books() == before, "what is not committed must not be seen"


def delivered(shop, status="committing"):
    hold(shop.chain, signal.SIGSTOP)
    shop.order()
    until(lambda: shop.pinned(3), "the delivery is pinned")
    shop.hold_services(signal.SIGSTOP)
    hold(shop.chain, signal.SIGCONT)
    until(lambda: shop.has(status), "decided")


def undelivered(shop):
    shop.allow(0)
    delivered(shop, "aborting")


def unpayable(shop):
    shop.order(1000)  # dearer than what alice has


def short(shop):
    shop.erp.move(QUANTITY - 1 - shop.erp.books()[0])
    shop.order()


def anchoring(shop):
    environment = {**os.environ, "CONCORDAT_NODE": f"http://127.0.0.1:{shop.node.port}",
                   "CONCORDAT_TOKEN_FILE": str(shop.node.data / "operator.token")}
    shop.order()
    # What becomes of it is told by the anchor that is made in the end.
    shop.anchoring = subprocess.Popen([BIN / "concordat", *shop.anchor()], env=environment, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
    time.sleep(0.2)


POINTS = {one.__name__: one for one in
          (asked, booking, reserving, reserved, delivered, undelivered, unpayable, short, anchoring)}
ABORTED = ("undelivered", "unpayable", "short")
# Who has nothing to lose there.
SPARED = {"asked": ("bank", "erp"), "booking": ("bank", "database"), "reserving": ("erp", "database"),
          "unpayable": ("erp", "database"), "short": ("bank", "database"), "anchoring": ("bank", "erp", "database")}


def kill_bank(shop):
    shop.bank.kill()
    time.sleep(0.5)  # long enough to be missed
    shop.bank.start()


def kill_erp(shop):
    shop.erp.kill()
    time.sleep(0.5)
    shop.erp.start()


def kill_database(shop):
    shop.erp.database.crash()
    time.sleep(0.5)
    shop.erp.database.up()


VICTIMS = {"node": kill_node, "bank": kill_bank, "erp": kill_erp, "database": kill_database}


def kill_at(shop, point, victim):
    POINTS[point](shop)
    VICTIMS[victim](shop)
    shop.hold_services(signal.SIGCONT)
    hold(shop.chain, signal.SIGCONT)
    shop.node.wait_ready()
    status = "aborted" if point in ABORTED else "committed"
    shop.ends(status)
    print(f"{point:12} {victim:8} {status}", flush=True)
    if point == "undelivered":
        shop.allow(GOODS)
    if point == "short":
        shop.erp.move(STOCK - shop.erp.books()[0] - shop.erp.books()[2])
    if point == "anchoring":
        shop.anchoring.wait(60)


def run(node, chain, once):
    database = Database()
    services = []
    try:
        services.append(bank := Bank(database, MONEY))
        services.append(erp := Erp(database, SKU, STOCK))
        shop = Shop(node, chain, bank, erp)
        for point in {} if once else chosen("POINTS", POINTS):
            for victim in chosen("VICTIMS", VICTIMS):
                if victim not in SPARED.get(point, ()):
                    kill_at(shop, point, victim)
        shop.order()
        shop.ends("committed")
        shop.prove()
        total, good = shop.check()
        print(f"{total} orders, {good} booked, delivered and paid, {total - good} not at all; the last one's receipt holds")
    finally:
        hold(chain, signal.SIGCONT)
        for service in services:
            service.end()
        database.end()


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--once"]):
        sys.exit(__doc__)
    if not (ROOT / "build/services/dist/postgres").exists():
        print("skipped: tools/install.sh --services has not been run")
        sys.exit(77)
    sys.exit(on_a_chain("evm", lambda folder: Chain(folder, "anvil"), lambda node, chain: run(node, chain, bool(sys.argv[1:]))))
