"""That the independent judge of Ethereum evidence refuses what is not so: changes of pin, finality and evidence, each tried on the
vectors. Exit status: 0 all are refused and what is so is not, 1 otherwise."""

import base64
import copy
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


def main():
    wrong = tried = 0
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
