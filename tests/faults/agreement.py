"""An agreement of a seller and a buyer on a real node, whose messages are transactions of several steps; for the scripts beside this
file. Standard library only."""
import json
import os
import subprocess

from payments import ROOT, cli
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


class Agreement:
    """Bound by lock(); `begun` counts the transactions that were asked for."""

    def __init__(self, node):
        self.node, self.folder, self.begun, self.binding = node, node.folder, 0, None

    @staticmethod
    def deploy(chain, name, arguments):
        artifact = ROOT / f"contracts/artifacts/{name}.json"
        return cli("ledger", "deploy", chain.folder, artifact, "--arguments", json.dumps(arguments))["contractAddress"]

    @staticmethod
    def send(chain, to, call, arguments):
        cli("ledger", "send", chain.folder, to, call, "--arguments", json.dumps(arguments))

    @staticmethod
    def balance(chain, token, owner):
        data = "0x70a08231" + owner[2:].lower().rjust(64, "0")  # balanceOf(address)
        return int(chain.ask("eth_call", {"to": token, "data": data}, "latest"), 16)

    def lock(self, sample, terms, ledgers):
        """The accounts, by ledger, with which the contract acts. `ledgers`: what the binding says of each."""
        node, folder = self.node, self.folder
        cli("package", "build", ROOT / f"samples/{sample}/package", "-o", folder / "package.tar")
        cli("package", "publish", folder / "package.tar", node=node)
        options = []
        for role in ("seller", "buyer"):
            (folder / f"{role}.json").write_text(json.dumps(cli("key", "new", folder / f"{role}.key", "--id", f"did:web:{role}.example")))
            options += ["--party", f"{role}={folder / role}.json"]
        for name, target in ledgers.items():
            (folder / f"{name}-ledger.json").write_text(json.dumps(target))
            options += ["--ledger", f"{name}=@{folder / name}-ledger.json"]
        cli("binding", "draft", "--package", f"{sample}:1.0.0", "--terms", json.dumps(terms), *options, "-o", folder / "draft", node=node)
        self.binding = cli("binding", "propose", folder / "draft", "--key", folder / "seller.key", node=node)["binding"]
        cli("binding", "sign", self.binding, "--key", folder / "buyer.key", node=node)
        return {one["ledger"]: one["account"] for one in cli("transaction", "accounts", self.binding, node=node)["accounts"]}

    def message(self, role, action, body, *options):
        cli("message", "send", self.binding, action, "--body", json.dumps(body), "--key", self.folder / f"{role}.key", *options,
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

    def outcomes(self):
        """How each transaction ended, and the state now."""
        status, page = self.node.ask("GET", f"/v1/bindings/{self.binding}/entries?limit=500")
        assert status == 200, page
        endings = [entry["ending"] for entry in page["entries"] if entry["type"] == "outcome"]
        assert len(endings) == self.begun, f"{self.begun} transactions, {endings}"
        return endings, page["entries"][-1]["state"]

    def verify(self, *chains):
        """The last entry's receipt holds, for whoever takes the host's word for these chains."""
        receipt, trust = self.folder / "receipt.json", self.folder / "trust.json"
        cli("receipt", self.binding, "-o", receipt, node=self.node)
        words = [part for chain in chains for part in ("--host-finality", chain.network["chain"])]
        cli("trust", "init", "--allow-development", "--allow-asserted", "clock,rollback", *words, "--party", self.folder / "seller.json",
            "--party", self.folder / "buyer.json", "-o", trust, node=self.node)
        for verifier in ([BIN / "concordat-verify", receipt, "--trust", trust], [ROOT / "tests/independent/run.sh", receipt, trust]):
            done = subprocess.run(verifier, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
