"""Validates the documents in tests/vectors against docs/schemas. Exit status: 0 all fit, 1 one does not.

That a schema refuses is tried too: each valid document with one more member, and with each member removed in turn."""

import base64
import json
import pathlib
import sys

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

root = pathlib.Path(__file__).resolve().parents[2]
schemas = {path.stem: json.loads(path.read_text()) for path in (root / "docs/schemas").glob("*.json")}
registry = Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in schemas.values())
OPTIONAL = {"sealed", "sender", "action", "package", "number", "result", "effects", "events", "fuel", "meter"}
OPTIONAL |= {"audiences", "accounts", "proposal", "deadline", "reason", "parties", "chains", "package", "anchor", "anchors"}
OPTIONAL |= {"from", "to", "party", "opening"}
OPTIONAL |= {"call", "fate", "decision", "commit", "given_up", "costs"}
NEEDED = {"execute": ("sender", "action"), "prepare": ("sender", "action", "effects", "deadline"), "step": ("fate",), "resolve": ("reason",)}


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def within(receipt):
    """A receipt, its documents, and those of the receipts of other bindings that are evidence in it."""
    yield "receipt", receipt
    for one in receipt["bindings"]:
        yield "binding", json.loads(unb64(one["payload"]))
    for one in receipt["entries"]:
        yield "entry", json.loads(unb64(one["document"]))
    inputs = [unb64(one["input"]).decode() for one in receipt["entries"] if "input" in one]
    ran = json.loads(unb64(inputs[0].split(".")[1]))
    yield ran["typ"].split("/")[1], ran
    for evidence in inputs[1:]:
        if evidence.startswith('{"receipt":'):
            yield from within(json.loads(evidence)["receipt"])


def documents():
    vectors = root / "tests/vectors"
    for name in ("trust.json", "trust_clique.json", "trust_host.json", "trust_anchor.json", "trust_delivery.json",
                 "trust_participant.json", "trust_called.json"):
        yield "trust", json.loads((vectors / name).read_text())
    for name in ("receipt.json", "receipt_disclosed.json", "receipt_committed.json", "receipt_asserted.json",
                 "receipt_disputed.json", "receipt_anchored.json", "receipt_delivered.json", "receipt_refunded.json",
                 "receipt_repeated.json", "receipt_cancelled.json", "receipt_resolved.json", "receipt_costs.json",
                 "receipt_called.json", "receipt_routed.json"):
        yield from within(json.loads((vectors / name).read_text()))
    statement = json.loads((vectors / "statement.json").read_text())
    yield "statement", json.loads(unb64(statement["statement"].split(".")[1]))
    for one in json.loads((vectors / "documents.json").read_text()):
        yield one["schema"], one["document"]


def main():
    seen, wrong = set(), 0
    for name, document in documents():
        seen.add(name)
        validator = Draft202012Validator(schemas[name], registry=registry)
        for error in validator.iter_errors(document):
            wrong += 1
            print(f"{name}: {error.json_path}: {error.message}")
        variants = [{**document, "unknown member": 1}]
        for member in document:
            if member in OPTIONAL and name != "binding" and member not in NEEDED.get(document.get("type"), ()):
                continue
            variants.append({key: value for key, value in document.items() if key != member})
        for variant in variants:
            if validator.is_valid(variant):
                wrong += 1
                print(f"{name}: accepts what it should refuse: {sorted(set(document) ^ set(variant))}")
    untried = set(schemas) - seen - {"common"}
    if untried:
        wrong += 1
        print(f"no vector for: {sorted(untried)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
