"""A receipt as a party holds it, shown to the kept contracts on a real chain: anvil under London rules.

usage: on_chain_test.py [RECEIPT]     (default: tests/vectors/receipt.json)
Takes what it needs from the receipt with nothing but base64url and SHA-256, as docs/contracts.md describes.
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ANVIL = ROOT / "build/toolchain/evm/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
TYPES = "bind amend execute prepare cancelling outcome terminate disputed propose close step".split()


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def digest(text):
    return bytes.fromhex(text.removeprefix("sha256:"))


def jcs(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def milliseconds(text):
    delta = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ") - datetime(1970, 1, 1)
    return (delta.days * 86400 + delta.seconds) * 1000 + delta.microseconds // 1000


# ------------------------------------------------------------------------------------------- arguments, from the receipt


def coordinates(jwk):
    return unb64(jwk["x"]), unb64(jwk["y"])


def signature(text):
    raw = unb64(text)
    return [raw[:32], raw[32:]]


def arguments(entry):
    """entry, claim and receipt as the contract takes them."""
    raw = unb64(entry["document"])
    d = json.loads(raw)
    effects = sha(jcs(d["effects"])) if "effects" in d else bytes(32)
    nine = [TYPES.index(d["type"]) + 1, digest(d["binding"]), digest(d["version"]), d["sequence"], digest(d["previous"])]
    nine += [digest(d["input"]), digest(d["state_after"]), effects, sha(raw)]
    c, r = entry["claim"], entry["receipt"]
    claim = [unb64(c["key"]), c["index"], c["size"], [unb64(p) for p in c["path"]], signature(c["signature"])]
    receipt = [r["index"], r["size"], [unb64(p) for p in r["path"]], milliseconds(r["time"]), r["flags"]]
    return nine, claim, receipt + [signature(r["signature"])]


def entry_id(nine):
    words = [v if isinstance(v, bytes) else v.to_bytes(32, "big") for v in nine[1:]]
    return sha(b"\0", bytes([nine[0]]), *words)


def tree(leaves):
    """The root, and each leaf's path (RFC 9162 §2.1)."""
    if len(leaves) == 1:
        return leaves[0], [[]]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    (left, left_paths), (right, right_paths) = tree(leaves[:k]), tree(leaves[k:])
    paths = [path + [right] for path in left_paths] + [path + [left] for path in right_paths]
    return sha(b"\1", left, right), paths


def climb(leaf, index, size, path):
    """The root above a leaf, by the definition: the path's last element is the other half of the whole tree."""
    if size == 1:
        return leaf
    k = 1
    while 2 * k < size:
        k *= 2
    if index < k:
        return sha(b"\1", climb(leaf, index, k, path[:-1]), path[-1])
    return sha(b"\1", path[-1], climb(leaf, index - k, size - k, path[:-1]))


# ---------------------------------------------------------------------------------------------------------------- chain


def dynamic(t):
    return t["type"].endswith("[]") or t["type"] in ("bytes", "string") or (t["type"] == "tuple" and any(map(dynamic, t["components"])))


def encode(types, values):
    """Contract ABI, for the types that occur here."""
    heads, tails = [], []
    for t, v in zip(types, values, strict=True):
        (tails if dynamic(t) else heads).append(one(t, v))
        if dynamic(t):
            heads.append(None)
    size = sum(32 if head is None else len(head) for head in heads)
    rest = iter(tails)
    out, body = b"", b""
    for head in heads:
        if head is None:
            out, body = out + (size + len(body)).to_bytes(32, "big"), body + next(rest)
        else:
            out += head
    return out + body


def one(t, v):
    if t["type"] == "tuple":
        return encode(t["components"], v)
    if t["type"].endswith("[]"):
        item = dict(t, type=t["type"][:-2])
        return len(v).to_bytes(32, "big") + encode([item] * len(v), v)
    if t["type"] in ("bytes", "string"):
        raw = v if isinstance(v, bytes) else v.encode()
        return len(raw).to_bytes(32, "big") + raw + bytes(-len(raw) % 32)
    if t["type"] == "address":
        return bytes(12) + bytes.fromhex(v[2:])
    return v if isinstance(v, bytes) else int(v).to_bytes(32, "big")


class Refused(Exception):
    pass


class Chain:
    def __init__(self, url):
        self.url = url
        self.account, self.owner, self.other, self.agent = self.call("eth_accounts")[:4]

    def call(self, method, *parameters):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as reply:
            answer = json.load(reply)
        if "error" in answer:
            raise Refused(answer["error"]["message"])
        return answer["result"]

    def send(self, transaction):
        name = self.call("eth_sendTransaction", transaction)
        for _ in range(500):
            if receipt := self.call("eth_getTransactionReceipt", name):
                assert receipt["status"] == "0x1", receipt
                return receipt
            time.sleep(0.01)
        raise AssertionError("a transaction that is in no block")


class Contract:
    def __init__(self, chain, name, *values):
        self.chain = chain
        artifact = json.loads((ROOT / f"contracts/artifacts/{name}.json").read_text())
        self.abi = {item.get("name", item["type"]): item for item in artifact["abi"] if item["type"] in ("function", "constructor")}
        self.selectors = {text.split("(")[0]: selector for text, selector in artifact["selectors"].items()}
        inputs = self.abi["constructor"]["inputs"] if "constructor" in self.abi else []
        data = artifact["bytecode"] + encode(inputs, values).hex()
        self.address = chain.send({"from": chain.account, "data": data})["contractAddress"]
        code = chain.call("eth_getCode", self.address, "latest")
        kept, there = bytes.fromhex(artifact["deployed_bytecode"][2:]), bytes.fromhex(code[2:])
        # Immutable values stand as zeros in the artifact.
        assert len(kept) == len(there) and all(a in (0, b) for a, b in zip(kept, there)), f"{name}: other code than the artifact's"

    def transaction(self, name, *values, by=None):
        data = "0x" + self.selectors[name] + encode(self.abi[name]["inputs"], values).hex()
        return {"from": by or self.chain.account, "to": self.address, "data": data}

    def ask(self, name, *values, by=None):
        return bytes.fromhex(self.chain.call("eth_call", self.transaction(name, *values, by=by), "latest")[2:])

    def number(self, name, *values):
        return int.from_bytes(self.ask(name, *values), "big")

    def send(self, name, *values, by=None):
        return self.chain.send(self.transaction(name, *values, by=by))


# ---------------------------------------------------------------------------------------------------------------- tests


def alterations(values):
    """Every value that differs from `values` in one integer or in one byte of one hash."""
    for i, v in enumerate(values):
        if isinstance(v, list):
            changed = alterations(v)
        elif isinstance(v, bytes):
            changed = (v[:k] + bytes([v[k] ^ 1]) + v[k + 1 :] for k in range(0, len(v), 7))
        else:
            changed = [v + 1]
        for other in changed:
            yield values[:i] + [other] + values[i + 1 :]


def refused(contract, name, *values, by=None):
    try:
        contract.ask(name, *values, by=by)
    except Refused:
        return
    raise AssertionError(f"{name} accepted {values}")


def check_entries(verifier, ledger, receipt):
    altered = 0
    for entry in receipt["entries"]:
        given = arguments(entry)
        assert verifier.ask("verify", ledger, *given) == entry_id(given[0])
        gas = int(verifier.send("verify", ledger, *given)["gasUsed"], 16)
        print(f"accepted: {json.loads(unb64(entry['document']))['type']}, {gas} gas")
        for part in range(3):
            for other in alterations(given[part]):
                refused(verifier, "verify", ledger, *given[:part], other, *given[part + 1 :])
                altered += 1
    print(f"refused: {altered} altered ones")


def leaf(name, value):
    return sha(b"\0\x53", sha(name.encode()), sha(jcs(value)))


def check_state(verifier, receipt):
    root = arguments(receipt["entries"][-1])[0][6]
    members = sorted(receipt["state"].items())
    computed, paths = tree([leaf(*one) for one in members])
    assert computed == root
    for i, (name, value) in enumerate(members):
        verifier.ask("verifyStateMember", root, name.encode(), jcs(value), i, len(members), paths[i])
        refused(verifier, "verifyStateMember", root, name.encode(), jcs(value) + b" ", i, len(members), paths[i])
    print(f"proven: the state's {len(members)} members")


def check_anchor(anchors, ledger, x, y, receipt):
    """A ledger receipt holds a signed root: whoever has one can anchor it."""
    anchors.send("register", x, y)
    nine, claim, r = arguments(receipt["entries"][-1])
    leaf = sha(b"\0\x4c", entry_id(nine), claim[0])
    root = climb(leaf, r[0], r[1], r[2])
    submission = [ledger, [r[1], root, r[3], r[4], r[5]], 0, []]
    for other in alterations(submission[:2]):
        refused(anchors, "anchor", [other + submission[2:]])
    log = anchors.send("anchor", [submission])["logs"][0]
    number = int(log["blockNumber"], 16)
    assert log["topics"][1] == "0x" + ledger.hex()
    expected = root + b"".join(v.to_bytes(32, "big") for v in (r[1], r[3], number, r[4]))
    assert anchors.ask("anchors", ledger) == expected
    assert anchors.ask("anchor", [submission]) == bytes(32)  # again: passed over
    print(f"anchored: {r[1]} entries at block {number}")


def check_registry(chain, verifier, ledger, receipt):
    """The versions of the receipt's agreement, in the order in which they came into force."""
    registry = Contract(chain, "BindingRegistry", verifier.address)
    for entry in receipt["entries"]:
        nine, claim, appended = arguments(entry)
        if nine[0] not in (1, 2):
            refused(registry, "record", ledger, nine, claim, appended)
            continue
        number = int(registry.send("record", ledger, nine, claim, appended)["blockNumber"], 16)
        words = (nine[2], entry_id(nine), nine[3], number, 0, 0)
        assert registry.ask("current", ledger, nine[1]) == b"".join(
            w if isinstance(w, bytes) else w.to_bytes(32, "big") for w in words
        )
        assert registry.ask("record", ledger, nine, claim, appended) == bytes(32)  # again: passed over
    print("recorded: the versions in force")


def check_escrow(chain, verifier, ledger, receipt):
    """What the owner locked until the agreement's public state says what it says now."""
    cash = Contract(chain, "CashToken", "Sample cash", "CASH", chain.account)
    escrow = Contract(chain, "Escrow")
    cash.send("mint", chain.owner, 100)
    cash.send("approve", escrow.address, 100, by=chain.owner)
    nine, claim, appended = arguments(receipt["entries"][-1])
    members = sorted(receipt["state"].items())
    index = len(members) - 1
    place = [index, len(members), tree([leaf(*one) for one in members])[1][index]]
    nobody, erc20, identifier = "0x" + "00" * 20, 1, sha(b"lock")
    later = int(chain.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16) + 3600

    def terms(condition):
        return [erc20, cash.address, 0, 40, chain.owner, chain.other, nobody, later, bytes(32), condition]

    wanted = leaf(*members[index])
    assert escrow.ask("memberOf", members[index][0].encode(), jcs(members[index][1])) == wanted
    escrow.send("lockWith", identifier, terms([verifier.address, ledger, nine[1], wanted]), by=chain.owner)
    shown = [chain.owner, identifier, nine, claim, appended, place]
    escrow.ask("releaseWithReceipt", *shown)
    for other in alterations(shown[1:]):
        refused(escrow, "releaseWithReceipt", chain.owner, *other)
    refused(escrow, "refund", identifier, by=chain.owner)  # before the deadline
    gas = int(escrow.send("releaseWithReceipt", *shown)["gasUsed"], 16)
    assert cash.number("balanceOf", chain.other) == 40 and cash.number("balanceOf", escrow.address) == 0
    refused(escrow, "releaseWithReceipt", *shown)  # it ends once
    print(f"released: by the entry, {gas} gas")

    # By an agent, as the steps of a transaction do: both phases, and both ends.
    lock = [erc20, cash.address, 0, 30, chain.owner, chain.other, 0]
    refused(escrow, "lock", identifier, *lock, by=chain.agent)
    escrow.send("authorize", chain.agent, chain.other, 1, by=chain.owner)
    for name, end in ((sha(b"1"), "release"), (sha(b"2"), "refund")):
        escrow.send("lock", name, *lock, by=chain.agent)
        refused(escrow, end, name, by=chain.other)
        least = int(chain.call("eth_estimateGas", escrow.transaction(end, name, by=chain.agent)), 16)
        assert least < 300_000, least  # what docs/contracts.md asks for
        escrow.send(end, name, by=chain.agent)
    assert cash.number("balanceOf", chain.other) == 70 and cash.number("balanceOf", chain.owner) == 30
    print("locked, released, refunded: by an agent")


def check_bridged(chain, verifier, ledger, receipt):
    binding = arguments(receipt["entries"][0])[0][1]
    token = Contract(chain, "BridgedToken", "Bridged", "BRG", 2, chain.agent, verifier.address, ledger, binding)
    lock, release, there = sha(b"lock"), sha(b"release"), "eip155:1:0x" + "0b" * 20
    refused(token, "mint", lock, chain.owner, 40, by=chain.owner)
    token.send("mint", lock, chain.owner, 40, by=chain.agent)
    refused(token, "mint", lock, chain.owner, 40, by=chain.agent)
    text = token.ask("lockedValue", lock, chain.owner, 40)
    value = json.loads(text[64 : 64 + int.from_bytes(text[32:64], "big")])
    chain_id = int(chain.call("eth_chainId"), 16)
    assert value == {
        "amount": "40",
        "id": "0x" + lock.hex(),
        "to": chain.owner.lower(),
        "token": f"eip155:{chain_id}:{token.address.lower()}",
    }
    refused(token, "burn", release, 15, chain.owner, there, by=chain.agent)  # not allowed by the holder
    log = token.send("burn", release, 15, chain.owner, there, by=chain.owner)["logs"][-1]
    assert there.encode() in bytes.fromhex(log["data"][2:])
    assert token.number("totalSupply") == 25 == token.number("balanceOf", chain.owner)
    print("minted and burned: by agent and holder")


def run(chain, receipt):
    payload = json.loads(unb64(receipt["ledger"]["identity"].split(".")[1]))
    x, y = coordinates(payload["service_key"])
    verifier = Contract(chain, "ReceiptVerifier", chain.account)
    ledger = verifier.ask("addLedger", x, y, 1)
    assert "ccl:" + ledger.hex()[:32] == payload["chain"]
    verifier.send("addLedger", x, y, 1)
    for kid, enclave in receipt["enclaves"].items():
        assert verifier.ask("addEnclave", *coordinates(enclave["key"])) == unb64(kid)
        verifier.send("addEnclave", *coordinates(enclave["key"]))
    check_entries(verifier, ledger, receipt)
    check_state(verifier, receipt)
    check_anchor(Contract(chain, "RootAnchor"), ledger, x, y, receipt)
    check_registry(chain, verifier, ledger, receipt)
    check_escrow(chain, verifier, ledger, receipt)
    check_bridged(chain, verifier, ledger, receipt)


def main(path):
    receipt = json.loads(Path(path).read_bytes())
    command = [ANVIL, "--host", "127.0.0.1", "--port", "0", "--hardfork", "london"]
    with tempfile.NamedTemporaryFile() as log:  # not a pipe: anvil writes a line for every call
        anvil = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            for _ in range(600):
                if found := re.search(r"Listening on (127\.0\.0\.1:\d+)", Path(log.name).read_text()):
                    run(Chain(f"http://{found[1]}"), receipt)
                    return 0
                time.sleep(0.05)
            print(Path(log.name).read_text(), "anvil did not start", file=sys.stderr)
            return 1
        finally:
            anvil.kill()
            anvil.wait()


if __name__ == "__main__":
    if not ANVIL.exists():
        sys.exit("anvil is not installed: run tools/install.sh --evm")
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ROOT / "tests/vectors/receipt.json"))
