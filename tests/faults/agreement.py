"""An agreement of a few parties on a real node, whose messages are transactions of several steps; and where the node may be killed while
one of them is under way. For the scripts beside this file. Standard library only."""
import json
import os
import signal
import subprocess

from payments import ROOT, Chain, cli, on_a_chain, until
from system import BIN


def hold(chain, number):
    """Sends a signal to every node of a local network."""
    for one in chain.network["nodes"]:
        os.kill(one["pid"], number)


def kill_node(agreement):
    agreement.node.process.kill()
    agreement.node.process.wait()
    agreement.node.start()


def chosen(name, everything):
    wanted = os.environ.get(name, "")
    return {key: value for key, value in everything.items() if not wanted or key in wanted.split(",")}


def on_two_chains(run):
    """What a script does whose agreement spans anvil and geth: run(node, first, second)."""
    def both(node, first):
        second = Chain(node.folder / "second", "geth-dev")
        try:
            run(node, first, second)
        finally:
            for chain in (first, second):
                hold(chain, signal.SIGCONT)
            cli("ledger", "down", second.folder, check=False)

    return on_a_chain("geth", lambda folder: Chain(folder, "anvil"), both)


class Agreement:
    """Bound by lock(); `begun` counts the transactions that were asked for."""

    parties = {"seller": "seller", "buyer": "buyer"}  # of each the role
    packages = "samples/{}/package"

    def __init__(self, node):
        self.node, self.folder, self.begun, self.binding = node, node.folder, 0, None

    @staticmethod
    def deploy(chain, name, arguments):
        artifact = ROOT / f"contracts/artifacts/{name}.json"
        return cli("ledger", "deploy", chain.folder, artifact, "--arguments", json.dumps(arguments))["contractAddress"]

    @staticmethod
    def send(chain, to, call, arguments, *options, check=True):
        return cli("ledger", "send", chain.folder, to, call, "--arguments", json.dumps(arguments), *options, check=check)

    @staticmethod
    def number(chain, contract, data):
        return int(chain.ask("eth_call", {"to": contract, "data": data}, "latest"), 16)

    @classmethod
    def balance(cls, chain, token, owner):
        return cls.number(chain, token, "0x70a08231" + owner[2:].lower().rjust(64, "0"))  # balanceOf(address)

    def reach(self, chain):
        """Tells the node of a network."""
        network = chain.network
        cli("ledger", "add", network["chain"], network["endpoints"][0], "--genesis", network["genesis"], node=self.node)

    @staticmethod
    def target(chain, address, work, **more):
        """What the binding says of a contract on a chain."""
        return {"chain": chain.network["chain"], "address": address, "work": work, "deadline_minutes": 60,
                "finality": {"blocks": 1, "witness": "host"}, **more}

    def ledger_options(self, ledgers):
        options = []
        for name, target in ledgers.items():
            (self.folder / f"{name}-ledger.json").write_text(json.dumps(target))
            options += ["--ledger", f"{name}=@{self.folder / name}-ledger.json"]
        return options

    def lock(self, sample, terms, ledgers):
        """The accounts, by ledger, with which the contract acts. `ledgers`: what the binding says of each."""
        node, folder = self.node, self.folder
        cli("package", "build", ROOT / self.packages.format(sample), "-o", folder / "package.tar")
        cli("package", "publish", folder / "package.tar", node=node)
        options = self.ledger_options(ledgers)
        for party, role in self.parties.items():
            public = cli("key", "new", folder / f"{party}.key", "--id", f"did:web:{party}.example")
            (folder / f"{party}.json").write_text(json.dumps(public))
            options += ["--party", f"{role}={folder / party}.json"]
        cli("binding", "draft", "--package", f"{sample}:1.0.0", "--terms", json.dumps(terms), *options, "-o", folder / "draft", node=node)
        self.binding = self.sign(folder / "draft")
        return {one["ledger"]: one["account"] for one in cli("transaction", "accounts", self.binding, node=node)["accounts"]}

    def amend(self, terms, ledgers):
        """Other terms, and these of the ledgers anew."""
        folder, key = self.folder, self.folder / f"{next(iter(self.parties))}.key"
        cli("binding", "amend", self.binding, "--terms", json.dumps(terms), *self.ledger_options(ledgers), "--key", key, "-o",
            folder / "amendment", node=self.node)
        self.sign(folder / "amendment")

    def sign(self, draft):
        first, *others = self.parties
        binding = cli("binding", "propose", draft, "--key", self.folder / f"{first}.key", node=self.node)["binding"]
        for party in others:
            cli("binding", "sign", binding, "--key", self.folder / f"{party}.key", node=self.node)
        return binding

    def message(self, party, action, body, *options):
        cli("message", "send", self.binding, action, "--body", json.dumps(body), "--key", self.folder / f"{party}.key", *options,
            node=self.node)

    def newest(self):
        """The newest transaction, once there are as many as were asked for."""
        status, page = self.node.ask("GET", f"/v1/bindings/{self.binding}/transactions?limit=100")
        if status != 200:
            raise OSError(page)
        found = page["transactions"]
        return found[0] if len(found) == self.begun else None

    def has(self, *statuses):
        newest = self.newest()
        return newest if newest and newest["status"] in statuses else None

    def pinned(self, calls):
        newest = self.newest()
        return newest if newest and len(newest["calls"]) >= calls else None

    def ends(self, status):
        found = until(lambda: self.has("committed", "aborted", "disputed"), "an outcome", 120)
        assert found["status"] == status, found

    def outcomes(self):
        """How each transaction ended, and the state now."""
        status, page = self.node.ask("GET", f"/v1/bindings/{self.binding}/entries?limit=500")
        assert status == 200, page
        endings = [entry["ending"] for entry in page["entries"] if entry["type"] == "outcome"]
        assert len(endings) == self.begun, f"{self.begun} transactions, {endings}"
        return endings, page["entries"][-1]["state"]

    def receipt(self):
        """Of the last entry."""
        cli("receipt", self.binding, "-o", self.folder / "receipt.json", node=self.node)
        return self.folder / "receipt.json"

    def verify(self, *chains, anchors=None, holds=True):
        """Whether the last entry's receipt holds, for whoever takes the host's word for these chains. With the address of a RootAnchor
        on the first of them: who takes nobody's word on rollbacks. Returns that trust file."""
        receipt, trust = self.receipt(), self.folder / "trust.json"
        words = [part for chain in chains for part in ("--host-finality", chain.network["chain"])]
        if anchors:
            words += ["--anchor", f"{chains[0].network['chain']}={anchors}"]
        parties = [part for party in self.parties for part in ("--party", self.folder / f"{party}.json")]
        asserted = "clock" if anchors else "clock,rollback"
        cli("trust", "init", "--allow-development", "--allow-asserted", asserted, *words, *parties, "-o", trust, node=self.node)
        for verifier in ([BIN / "concordat-verify", receipt, "--trust", trust], [ROOT / "tests/independent/run.sh", receipt, trust]):
            done = subprocess.run(verifier, capture_output=True, text=True, check=False)
            assert (done.returncode == 0) == holds, done.stdout + done.stderr
            assert holds or "rollback" in done.stdout + done.stderr, done.stdout + done.stderr
        return trust

    def audit(self, trust, *expected):
        """A report holds and says what is expected; with a trust file that accepts other code it does not; without one it says that nothing
        was verified."""
        report = self.folder / "report.html"

        def told(status, *options):
            command = [BIN / "concordat", "audit", self.binding, "--out", report, *options]
            environment = {**os.environ, "CONCORDAT_NODE": f"http://127.0.0.1:{self.node.port}"}
            done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
            assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
            return report.read_text() if report.exists() else ""

        text = told(0, "--trust", trust)
        for one in (">Verified<", "complete: the record ledger signed", *expected):
            assert one in text, f"the report does not say {one}"
        assert "does not hold" not in text.split('id="method"')[0], "the report says that something does not hold"
        assert told(2, "--trust", trust) == text, "a report is overwritten only by force"
        other = json.loads(trust.read_text())
        other["measurements"] = ["sha256:" + 64 * "0"]
        wrong = self.folder / "wrong.json"
        wrong.write_text(json.dumps(other, separators=(",", ":"), sort_keys=True))
        assert ">Does not hold<" in told(1, "--trust", wrong, "--force")
        assert ">Not verified<" in told(0, "--force")


class Crossing:
    """A kind of message of an agreement that is compensatable on the chain `first` and has its pivot on `second`. begin() asks for one;
    forbid() has the pivot fail, permit() ends that. Each of what is named in POINTS begins one and leaves it at that point, by
    holding a chain."""

    def __init__(self, agreement, first, second, begin, forbid=lambda: None, permit=lambda: None):
        self.agreement, self.first, self.second = agreement, first, second
        self.begin, self.forbid, self.permit = begin, forbid, permit

    def asked(self):
        self.begin()

    def locking(self):
        hold(self.first, signal.SIGSTOP)
        self.begin()
        until(lambda: self.agreement.pinned(1), "the lock is pinned")

    def locked(self):
        hold(self.second, signal.SIGSTOP)
        self.begin()
        until(lambda: self.agreement.pinned(2), "the pivot is pinned")

    def decided(self, status="committing"):
        self.locked()
        hold(self.first, signal.SIGSTOP)
        hold(self.second, signal.SIGCONT)
        until(lambda: self.agreement.has(status), "decided")

    def refused(self):
        self.forbid()
        self.decided("aborting")

    def ended(self):
        self.begin()
        until(lambda: self.agreement.has("committed"), "committed")

    POINTS = {one.__name__: one for one in (asked, locking, locked, decided, refused, ended)}

    def go_on(self):
        for chain in (self.first, self.second):
            hold(chain, signal.SIGCONT)

    def kill_at(self, name, label):
        """The node is killed there, and the transaction ends all the same: as it must."""
        self.POINTS[name](self)
        kill_node(self.agreement)
        self.go_on()
        self.agreement.node.wait_ready()
        status = "aborted" if name == "refused" else "committed"
        self.agreement.ends(status)
        if name == "refused":
            self.permit()
        print(f"{label:10} {name:10} {status}", flush=True)
