"""That the independent judge of transactions refuses what does not follow: entries of receipts in tests/vectors, each member of the
transaction changed in turn; entries left out, doubled, in another order; other bindings' ledgers. Exit status: 0 all refused, 1 not."""

import pathlib
import sys

from evm import BadEvidence
from signed import Bad, digest, strict
from verify_receipt import Verifier

vectors = pathlib.Path(__file__).resolve().parents[1] / "vectors"
RECEIPTS = (
    ("receipt_delivered.json", "trust_delivery.json", "committed"),
    ("receipt_refunded.json", "trust_delivery.json", "aborted"),
    ("receipt_repeated.json", "trust_participant.json", "committed"),
    ("receipt_cancelled.json", "trust_participant.json", "aborted"),
    ("receipt_resolved.json", "trust_clique.json", "committed"),
    ("receipt_routed.json", "trust_clique.json", "committed"),
    ("receipt_called.json", "trust_called.json", "aborted"),
)
ZERO = "sha256:" + "0" * 64
OWN = "transaction call fate decision ending given_up reason effects state_before state_after version".split()


def opened(name, trust):
    """The receipt as far as the transaction is judged from it."""
    verifier = Verifier((vectors / name).read_bytes(), strict((vectors / trust).read_bytes()))
    for layer in ("bindings", "entries", "message"):
        getattr(verifier, layer)()
    return verifier


def leaves(value, path=()):
    if isinstance(value, dict):
        for name in value:
            yield from leaves(value[name], (*path, name))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from leaves(one, (*path, index))
    else:
        yield path


def other(value):
    if isinstance(value, int):
        return value + 1
    if value.endswith("Z") and "T" in value:
        return value[:-2] + ("1Z" if value[-2] != "1" else "2Z")
    return ZERO if value.startswith("sha256:") and value != ZERO else value + "0"


def at(value, path):
    for one in path:
        value = value[one]
    return value


def change_leaf(number, path):
    def change(verifier):
        entry = chosen(verifier)[number]
        at(entry.d, path[:-1])[path[-1]] = other(at(entry.d, path))
        entry.state_after = digest(entry.d["state_after"])
    return change


def drop_member(number, path):
    def change(verifier):
        del at(chosen(verifier)[number].d, path[:-1])[path[-1]]
    return change


def chosen(verifier):
    return [verifier.prepare, *verifier.later]


# What follows either way: fates of steps that do not wait for each other may come in any order (their sequence numbers say
# which), a step never called has arguments that nothing used, and a call that was given up looks like one that was replaced.
EITHER = {
    "receipt_routed.json": ("a step as a cancellation",),  # of the only call: nothing is due, and nobody else's word is needed
    "receipt_repeated.json": ("later entries 4 and 5 swapped", "later entries 5 and 6 swapped"),
    "receipt_cancelled.json": (
        "prepare 0: ('effects', 1, 'args', 'amount') changed",
        "prepare 0: ('effects', 1, 'args', 'amount') left out",
        "later entry 1 left out",
    ),
}


def is_free(path, entry, ending):
    """What is not used in this transaction: the arguments of the second call that was never due."""
    never = "undo" if ending == "committed" else "commit"
    return entry.type == "prepare" and len(path) > 2 and path[0] == "effects" and path[2] == never and len(path) > 3


def members_of(verifier, ending):
    for number, entry in enumerate(chosen(verifier)):
        scope = ["effects", "deadline"] if number == 0 else [name for name in OWN if name in entry.d]
        for name in scope:
            for path in leaves(entry.d[name], (name,)):
                if is_free(path, entry, ending):
                    continue
                yield f"{entry.type} {number}: {path} changed", change_leaf(number, path)
                if name not in ("state_before", "state_after", "version", "transaction", "deadline"):
                    yield f"{entry.type} {number}: {path} left out", drop_member(number, path)


def orders(verifier):
    def take(what):
        def change(one):
            one.later = what(one.later)
        return change

    for i in range(len(verifier.later) - 1):
        yield f"later entry {i} left out", take(lambda later, i=i: later[:i] + later[i + 1 :])
        yield f"later entries {i} and {i + 1} swapped", take(lambda later, i=i: [*later[:i], later[i + 1], later[i], *later[i + 2 :]])
    for i in range(len(verifier.later)):
        yield f"later entry {i} doubled", take(lambda later, i=i: [*later[: i + 1], *later[i:]])


def evidence(verifier):
    for i, one in enumerate(verifier.later):
        for j, two in enumerate(verifier.later):
            if i != j and one.raw_input != two.raw_input:
                yield f"evidence of {j} for {i}", lambda v, i=i, j=j: setattr(v.later[i], "raw_input", v.later[j].raw_input)


def place(verifier, name):
    """What the version says of the ledger, or of its first candidate."""
    found = verifier.in_force.document["ledgers"][name]
    return found.get("candidates", [found])[0]


def ledgers(verifier):
    for name in verifier.in_force.document["ledgers"]:
        target = place(verifier, name)
        signed = target["finality"]["witness"] == "signature"
        for member in ("chain", "address", "ceiling") + (() if signed else ("work",)):
            def change(one, name=name, member=member):
                target = place(one, name)
                target[member] = target[member][:-1] + ("1" if target[member][-1] != "1" else "2")
            yield f"{name}: another {member}", change
        yield f"{name}: another deadline", lambda v, name=name: place(v, name).update(deadline_minutes=61)
        yield f"{name}: another account", lambda v, name=name: v.steps[0].d["accounts"].update({name: "0x" + "1" * 40})
        if signed:
            yield f"{name}: another genesis", lambda v, name=name: place(v, name).update(genesis=ZERO)
            continue
        yield f"{name}: more blocks", lambda v, name=name: place(v, name)["finality"].update(blocks=999)
        if target["finality"]["witness"] == "receipt":
            def distrust(one, name=name):
                place(one, name)["finality"]["parameters"]["trust"]["measurements"].clear()
            yield f"{name}: what its parties trust", distrust
            yield f"{name}: what this verifier trusts", lambda v: v.trust["measurements"].clear()
        chain = target["chain"]
        if target["finality"]["witness"] == "host":
            yield f"{name}: its word not taken", lambda v, chain=chain: v.trust["chains"].pop(chain)


def times(verifier):
    for i in range(len(verifier.later)):
        yield f"later entry {i} after the deadline", lambda v, i=i: setattr(v.later[i], "time", v.prepare.time + (1 << 40))


def cancellation(verifier):
    """A step that becomes a cancellation: what it pins and decides does not follow any more."""
    def change(one):
        one.later[0].type, one.later[0].raw_input = "cancelling", b""
    yield "a step as a cancellation", change


def main():
    tried, wrong = 0, []
    for name, trust, ending in RECEIPTS:
        verifier = opened(name, trust)
        verifier.transaction()
        groups = members_of(verifier, ending), orders(verifier), evidence(verifier), ledgers(verifier), times(verifier)
        for group in (*groups, cancellation(verifier)):
            for what, change in group:
                tried += 1
                one = opened(name, trust)
                change(one)
                try:
                    one.transaction()
                    if what not in EITHER.get(name, ()):
                        wrong.append(f"{name}: {what}: accepted")
                except (Bad, BadEvidence, KeyError, TypeError, ValueError, AttributeError, IndexError):
                    pass
    print("\n".join(wrong) or f"{tried} changes refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
