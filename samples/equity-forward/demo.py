#!/usr/bin/env python3
"""The small jobs of demo.sh that a shell does badly.

at PATH                        a member of the JSON on standard input; nothing when it is absent
fixings CSV FIRST LAST         date,price lines between two dates, both included
accounts TERMS BUYER SELLER    the terms with the parties' accounts on a chain
ledger NETWORK TOKEN           what a binding says of a local network's chain, as network.json describes it
signers NETWORK                who seals the network's blocks, separated by commas; nothing where anybody's word is as good
secrets TERMS                  the confidential values of a terms file, one a line
search SECRETS PUBLIC PATH…    looks for each secret in every file, as text and as base64; fails when it finds one, and when it
                               does not find PUBLIC, because then the search itself does not work
"""
import base64
import csv
import json
import sys
from pathlib import Path

CONFIDENTIAL_TERMS = ("notional", "strike", "margin_threshold")


def at(path: str) -> None:
    value = json.load(sys.stdin)
    for name in path.split("."):
        if isinstance(value, list):
            value = value[int(name)] if int(name) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    if value is not None:
        print(value if isinstance(value, str) else json.dumps(value))


def fixings(file: str, first: str, last: str) -> None:
    for row in csv.DictReader(open(file, encoding="utf-8")):
        if first <= row["date"] <= last:
            print(f"{row['date']},{row['price']}")


def accounts(file: str, buyer: str, seller: str) -> None:
    terms = json.load(open(file, encoding="utf-8"))
    print(json.dumps({**terms, "accounts": {"buyer": buyer, "seller": seller}}, indent=2))


def ledger(network_file: str, token: str) -> None:
    """Where the contract pays, and when a payment counts: by the signers' seals where the chain has signers that prove it."""
    network = json.load(open(network_file, encoding="utf-8"))
    signers = network["signers"]
    finality = {"blocks": 1, "witness": "host"}
    if signers:
        finality = {"blocks": len(signers) // 2 + 1, "witness": "clique", "parameters": {"signers": signers}}
    print(json.dumps({"chain": network["chain"], "address": token, "work": "150000", "finality": finality}, indent=2))


def signers(network_file: str) -> None:
    print(",".join(json.load(open(network_file, encoding="utf-8"))["signers"]))


def secrets(file: str) -> None:
    terms = json.load(open(file, encoding="utf-8"))
    for name in CONFIDENTIAL_TERMS:
        if name in terms:
            print(terms[name])


def base64_forms(raw: bytes) -> set[bytes]:
    """What base64 and base64url make of it wherever it stands in a longer text."""
    found = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        first = (before * 8 + 5) // 6          # the characters that depend on these bytes alone
        last = (before + len(raw)) * 8 // 6
        inner = encoded[first:last]
        found |= {inner.encode(), inner.replace("+", "-").replace("/", "_").encode()}
    return found


def forms(text: str) -> set[bytes]:
    """The text itself, in UTF-16, in base64, and in base64 twice, as a disclosure in a signed payload would be."""
    once = base64_forms(text.encode())
    twice = {form for inner in once for form in base64_forms(inner)}
    return {text.encode(), text.encode("utf-16-le")} | once | twice


def search(secrets_file: str, public: str, *paths: str) -> None:
    wanted = {text.lstrip("-") for text in Path(secrets_file).read_text(encoding="utf-8").split("\n") if text}
    files = [file for path in map(Path, paths) for file in ([path] if path.is_file() else sorted(path.rglob("*"))) if file.is_file()]
    total, public_hits, leaks = 0, 0, []
    for file in files:
        content = file.read_bytes()
        total += len(content)
        public_hits += any(form in content for form in forms(public))
        leaks += [f"{file}: {secret}" for secret in wanted if any(form in content for form in forms(secret))]
    if leaks:
        raise SystemExit("LEAKED IN THE CLEAR:\n" + "\n".join(leaks))
    if not public_hits:
        raise SystemExit(f"the search is broken: it does not find the public value {public}")
    print(f"{len(wanted)} confidential values searched in {len(files)} files ({total:,} bytes), as text and as base64: none in the clear.")
    print(f"(The public value {public} is found in {public_hits} of them, so the search does find things.)")


if __name__ == "__main__":
    {"at": at, "accounts": accounts, "ledger": ledger, "signers": signers, "fixings": fixings, "secrets": secrets, "search": search}[sys.argv[1]](*sys.argv[2:])
