"""That the independent judge of Ethereum evidence refuses what is not so: changes of pin, finality and evidence, each tried on the
vectors. Exit status: 0 all are refused and what is so is not, 1 otherwise."""

import base64
import copy
import datetime
import hashlib
import json
import pathlib
import sys

import evm

vectors = pathlib.Path(__file__).resolve().parents[2] / "tests/vectors"
STRANGER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def load(name):
    receipt = json.loads((vectors / name).read_text())
    finality = json.loads(unb64(receipt["bindings"][0]["payload"]))["ledgers"]["cash"]["finality"]
    entries = [json.loads(unb64(one["document"])) for one in receipt["entries"]]
    pin = next(one["effects"][0]["pin"] for one in entries if one["type"] == "prepare")
    evidence = next(unb64(one["input"]) for one, entry in zip(receipt["entries"], entries) if entry["type"] == "outcome")
    return pin, finality, json.loads(evidence)


def fate(pin, finality, evidence):
    try:
        return evm.judge(pin, finality, evidence)[0]
    except (evm.BadEvidence, KeyError, TypeError, ValueError):
        return "refused"


def flipped(text, at):
    return text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :]


def cases(pin, finality, evidence):
    signers = finality["parameters"]["signers"]
    for member, value in (("chain", "eip155:1"), ("account", STRANGER), ("slot", "5"), ("slot", "04")):
        yield member, {**pin, member: value}, finality, evidence
    for some in (signers[:2], [*signers, STRANGER], [STRANGER], [*signers, signers[0]], []):
        yield f"{len(some)} signers", pin, {**finality, "parameters": {"signers": some}}, evidence
    yield "a checkpoint", pin, {**finality, "parameters": {"signers": signers, "epoch": 40}}, evidence
    yield "depth", pin, {**finality, "blocks": 3}, evidence
    yield "witness", pin, {**finality, "witness": "oracle"}, evidence
    for member, value in evidence["inclusion"].items():
        changes = [[], [*value, value[-1]], value[:-1]] if isinstance(value, list) else [None]
        if isinstance(value, list):
            changes += [[flipped(value[0], at), *value[1:]] for at in range(4, len(value[0]), 23)]
        elif isinstance(value, str) and value.startswith("0x"):
            changes += [flipped(value, at) for at in range(4, len(value), 23)]
        for change in changes:
            changed = copy.deepcopy(evidence)
            changed["inclusion"][member] = change
            yield f"inclusion/{member}", pin, finality, changed


def anchor_cases(chain, contract, ledger, values, finality, evidence):
    """What is shown, changed in one place at a time; and whether it is still what the chain shows."""
    yield "chain", "eip155:1", contract, ledger, values, finality, evidence
    yield "contract", chain, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", ledger, values, finality, evidence
    yield "contract's spelling", chain, contract.lower(), ledger, values, finality, evidence
    yield "ledger", chain, contract, bytes(32), values, finality, evidence
    for at in range(len(values)):
        yield f"value, byte {at}", chain, contract, ledger, values[:at] + bytes([values[at] ^ 1]) + values[at + 1 :], finality, evidence
    yield "witness", chain, contract, ledger, values, {**finality, "witness": "oracle"}, evidence
    yield "signer", chain, contract, ledger, values, {**finality, "parameters": {"signers": [STRANGER]}}, evidence
    short = copy.deepcopy(evidence)
    short["inclusion"]["descendants"].pop()
    yield "depth", chain, contract, ledger, values, finality, short
    for name in ("header", "transaction"):
        for at in range(2, len(evidence["inclusion"][name]), 41):
            changed = copy.deepcopy(evidence)
            changed["inclusion"][name] = flipped(changed["inclusion"][name], at)
            yield f"{name}, digit {at}", chain, contract, ledger, values, finality, changed


def check_anchors():
    """(tried, wrong) over the anchor of a receipt."""
    anchor = json.loads((vectors / "receipt_anchored.json").read_text())["anchor"]
    trust = json.loads((vectors / "trust_anchor.json").read_text())
    jwk = json.dumps(trust["ledgers"][0]["service_key"], sort_keys=True, separators=(",", ":"))
    ledger, root = hashlib.sha256(jwk.encode()).digest(), anchor["root"]
    time = datetime.datetime.fromisoformat(root["time"].replace("Z", "+00:00"))
    ms = round(time.timestamp() * 1000)
    values = b"".join(n.to_bytes(32, "big") for n in (root["size"], int(root["root"][7:], 16), ms, root["flags"]))
    good = (anchor["chain"], anchor["contract"], ledger, values, trust["chains"][anchor["chain"]], anchor["evidence"])
    tried = wrong = 0
    for what, *case in [("", *good), *anchor_cases(*good)]:
        tried += 1
        try:
            holds = evm.check_anchor(*case)
        except (evm.BadEvidence, KeyError, TypeError, ValueError):
            holds = False
        if holds != (what == ""):
            wrong += 1
            print(f"an anchor with another {what} is accepted" if what else "an anchor is refused")
    return tried, wrong


def main():
    tried, wrong = check_anchors()
    for name, expected in (("receipt_committed.json", "called"), ("receipt_disputed.json", "cancelled")):
        good = load(name)
        if fate(*good) != expected:
            wrong += 1
            print(f"{name}: {fate(*good)}, not {expected}")
        for what, *case in cases(*good):
            tried += 1
            if fate(*case) != "refused":
                wrong += 1
                print(f"{name}: accepts another {what}")
    print(f"{tried} changes tried")
    return 1 if wrong or tried < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
