#!/usr/bin/env python3
"""mutate.py VERIFIER RECEIPT TRUST SCRATCH: changes each value of a receipt, one at a time, and asks the verifier.

Each must be refused with status 1 and a line that names a layer. Prints how often each layer broke first."""
import collections
import copy
import json
import subprocess
import sys

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
LAYERS = {"format", "binding", "message", "source", "entries", "enclave", "ledger", "state", "disclosures", "clock", "rollback"}
LAYERS |= {"transaction", "chain", "account", "call", "inclusion", "finality", "disputed", "anchor"}


def leaves(value, path=()):
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, path + (name,))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, path + (index,))
    else:
        yield path, value


def changes(value):
    """Other values for one: strings in their first, middle and last character, so that the form stays what it was."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, str):
        if not value:
            yield "x"
        for at in sorted({0, len(value) // 2, len(value) - 1}) if value else ():
            old = value[at]
            place = ALPHABET.find(old)
            new = "A" if place < 0 else ALPHABET[(place + 16) % 64]
            yield value[:at] + new + value[at + 1:]


def put(document, path, value):
    changed = copy.deepcopy(document)
    at = changed
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return changed


def first_broken(lines):
    for line in lines:
        below = first_broken(line.get("below", []))
        if below:
            return below
        if not line["ok"]:
            return line["layer"]
    return None


def main() -> int:
    verifier, receipt, trust, scratch = sys.argv[1:]
    document = json.load(open(receipt, encoding="utf-8"))
    broken, missed = collections.Counter(), []
    for path, value in leaves(document):
        for other in changes(value):
            with open(scratch, "w", encoding="utf-8") as out:  # the sample is ASCII: this is its RFC 8785 form
                json.dump(put(document, path, other), out, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            done = subprocess.run([verifier, scratch, "--trust", trust, "--json"], capture_output=True, text=True, check=False)
            layer = first_broken(json.loads(done.stdout)["lines"]) if done.stdout else None
            if done.returncode != 1 or layer not in LAYERS:
                missed.append(f"/{'/'.join(map(str, path))}: status {done.returncode}, layer {layer}: {done.stderr.strip()}")
            broken[layer] += 1
    print(f"{sum(broken.values())} changed receipts, all refused but {len(missed)}; first layer that broke: {dict(broken)}")
    print("\n".join(missed[:20]), end="")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
