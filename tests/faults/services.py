"""The sample services as real processes over a real PostgreSQL, for the scripts beside this file. Standard library only."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import urllib.request

from payments import ROOT, until
from system import free_port

SERVICES = ROOT / "samples/services"


def run(*command, **options):
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise SystemExit(f"{command}: {done.stdout} {done.stderr}")
    return done.stdout.strip()


class Database:
    """A PostgreSQL server in a folder of its own."""

    def __init__(self):
        # The database's own user must reach its folder.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="concordat-services-"))
        self.folder.chmod(0o755)
        self.data = self.folder / "database"
        self.up()

    def up(self):
        run(SERVICES / "database", "up", self.data)

    def create(self, name):
        return run(SERVICES / "database", "create", self.data, name)

    def ask(self, name, sql):
        """Rows, of text."""
        out = run("psql", "-h", self.data, "-U", "concordat", "-d", name, "-At", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql)
        return [line.split("|") for line in out.splitlines()]

    def apply(self, name, sql):
        run("psql", "-h", self.data, "-U", "concordat", "-d", name, "-q", "-v", "ON_ERROR_STOP=1", input=sql)

    def crash(self):
        """As after a power cut: it ends at once, and has only its log to start from."""
        process = int((self.data / "data/postmaster.pid").read_text().splitlines()[0])
        os.kill(process, signal.SIGQUIT)
        until(lambda: not pathlib.Path(f"/proc/{process}").exists(), "the database's end")

    def end(self):
        subprocess.run([SERVICES / "database", "down", self.data], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


class Service:
    """A participant: `program` in samples/services, with `members` of its own in the configuration."""

    def __init__(self, database, program, url, **members):
        self.program, self.port, self.process = SERVICES / program / program, free_port(), None
        self.folder = database.folder / program
        self.folder.mkdir()
        run(self.program, "key", self.folder / "key.json")
        self.config = {"database": url, "key": "key.json", "callers": [], "listen": f"127.0.0.1:{self.port}", **members}
        self.write()
        self.name = json.loads(self.command("name"))

    def command(self, *arguments):
        return run(self.program, *arguments, "--config", self.folder / "config.json")

    def write(self):
        (self.folder / "config.json").write_text(json.dumps(self.config))

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([self.program, "serve", "--config", self.folder / "config.json"], stdout=log, stderr=log,
                                        start_new_session=True)
        until(self.answers, f"{self.program.name} does not answer")

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

    def end(self):
        if self.process and self.process.poll() is None:
            self.kill()


class Bank(Service):
    """The payment service, with an account for alice and one for bob."""

    def __init__(self, database, money):
        super().__init__(database, "payments", database.create("payments"))
        self.command("open", "alice", money)
        self.command("open", "bob", 0)
        self.start()

    def accounts(self):
        lines = [line.split("\t") for line in self.command("accounts").splitlines()]
        return {name: (float(balance), float(held)) for name, balance, held in lines}


class Erp(Service):
    """The ERP's database of samples/order-to-cash, by its own two-phase commit and with no more rights than its schema grants."""

    def __init__(self, database, sku, stock):
        self.database, self.sku = database, sku
        files = ROOT / "samples/order-to-cash/erp"
        url = database.create("erp").replace("concordat@", "erp_participant@")
        super().__init__(database, "postgres", url, operations=str(files / "operations.json"))
        database.apply("erp", (files / "schema.sql").read_text() + run(self.program, "schema", "erp_participant"))
        database.apply("erp", f"INSERT INTO erp.stock VALUES ('{sku}', {stock})")
        self.command("check")
        self.start()

    def ask(self, sql):
        return self.database.ask("erp", sql)

    def move(self, quantity):
        """Goods come, or go elsewhere."""
        self.ask(f"UPDATE erp.stock SET free = free + {quantity} WHERE sku = '{self.sku}'")

    def books(self):
        """(free, orders, ordered, receivables, revenue), of what is committed."""
        return tuple(int(float(one)) for one in self.ask(
            "SELECT (SELECT sum(free) FROM erp.stock), count(*), coalesce(sum(quantity), 0),"
            " (SELECT coalesce(sum(amount), 0) FROM erp.postings WHERE book = 'receivables'),"
            " (SELECT coalesce(sum(amount), 0) FROM erp.postings WHERE book = 'revenue') FROM erp.orders")[0])

    def pending(self):
        return self.command("pending").splitlines()
