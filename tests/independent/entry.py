"""Entries and the trees over them, as docs/formats.md §2 and §6 have it."""

import re

from signed import MAX_INTEGER, digest, is_count, jcs, members, need, sha, strict, time_ms, u256, unb64

TYPES = "bind amend execute prepare cancelling outcome terminate disputed propose close step resolve".split()
REQUIRED = (
    "typ type ledger binding version sequence previous time input state_before state_after disclosures private".split()
)
OPTIONAL = (
    "sender action package number result effects events fuel meter audiences accounts proposal deadline".split()
    + "transaction call fate decision ending reason commit given_up costs".split()
)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
LATER = ("cancelling", "step", "outcome", "disputed", "resolve")  # entries of a transaction that a prepare entry began
ONLY_IN = {
    "accounts": ("bind", "amend"),
    "audiences": ("bind", "amend"),
    "transaction": LATER,
    "call": ("step", "outcome", "disputed", "resolve"),
    "fate": ("step", "outcome", "execute", "prepare"),
    "decision": ("prepare", "cancelling", "step"),
    "ending": ("outcome",),
    "commit": ("prepare",),
    "given_up": ("outcome",),
}
VALUES = {
    "fate": ("called", "failed", "cancelled"),
    "decision": ("commit", "abort"),
    "ending": ("committed", "aborted"),
    "commit": ("early",),
}
MUST = {
    "execute": ("sender", "action"),
    "prepare": ("sender", "action", "effects", "deadline"),
    "cancelling": ("transaction",),
    "step": ("transaction", "fate"),
    "outcome": ("transaction", "ending"),
    "disputed": ("transaction",),
    "resolve": ("transaction", "reason"),
}
MUST_NOT = {
    "cancelling": ("sender", "result", "action"),
    "step": ("sender", "result", "action"),
    "outcome": ("sender", "result", "effects"),
    "disputed": ("sender", "result", "action", "effects"),
    "resolve": ("sender", "result", "action", "effects"),
}


def check_members(d):
    """Which entry has which members, and what those may say that are one of a few words."""
    for name, types in ONLY_IN.items():
        need(name not in d or d["type"] in types, f"{name}: not in an entry of this type")
    for name, words in VALUES.items():
        need(name not in d or d[name] in words, f"{name}: one of {', '.join(words)}")
    for name in MUST.get(d["type"], ()):
        need(name in d, f"{name}: must be in an entry of this type")
    for name in MUST_NOT.get(d["type"], ()):
        need(name not in d, f"{name}: must not be in an entry of this type")
    need("call" not in d or (is_count(d["call"]) and d["call"] > 0), "call: the number of one, 0 being left out")
    if d["type"] in ("execute", "prepare"):
        check_called(d)
    need("effects" not in d or (isinstance(d["effects"], list) and d["effects"]), "effects: absent rather than empty")


def check_called(d):
    """What came of another binding's call: one that did not happen leaves no trace but this."""
    if "fate" not in d:
        return
    need(("reason" in d) == (d["fate"] == "failed"), "reason: of a call that failed")
    if d["fate"] != "called":
        need(d["type"] == "execute" and d["state_after"] == d["state_before"], "what failed changes nothing")
        need(not {"result", "events", "effects"} & set(d), "what failed gives nothing")


ROUND_BYTES = 1024


def figure(text, bits):
    need(isinstance(text, str) and re.fullmatch(r"0|[1-9][0-9]*", text) and int(text) < 1 << bits, "costs: a whole number as text")
    return int(text)


class Costs:
    """What a binding has used so far: (unit, or a ledger's chain) → figure; and how its version shares that."""

    def __init__(self, value):
        members(value, ("bytes", "fuel", "signatures"), ("fees", "split", "rates"))
        self.used = {("unit", name): figure(value[name], 64) for name in ("bytes", "fuel", "signatures")}
        need(self.used["unit", "bytes"] % ROUND_BYTES == 0, "costs: bytes are rounded up")
        need("fees" not in value or 0 < len(value["fees"]) <= 256, "costs: fees are absent rather than empty")
        for chain, fee in value.get("fees", {}).items():
            need(re.fullmatch(r"[-_a-zA-Z0-9]+:[-_:a-zA-Z0-9]+", chain) and len(chain) <= 41 and fee != "0", "costs: fees by chain")
            self.used["fee", chain] = figure(fee, 256)
        self.split, self.rates = value.get("split"), value.get("rates")
        need(self.split is not None or self.rates is None, "costs: rates of a version that shares costs")
        if self.split is not None:
            need(self.split and all(NAME.fullmatch(role) for role in self.split), "costs: a split is by role")
            weights = self.split.values()
            need(all(is_count(one) and 1 <= one <= 1000000 for one in weights), "costs: weights from 1 to 1000000")
        if self.rates is not None:
            members(self.rates, ("currency",), ("bytes", "fuel", "signatures"))
            prices = [price for name, price in self.rates.items() if name != "currency"]
            need(NAME.fullmatch(self.rates["currency"]) and prices, "costs: rates have a currency and a price")
            for price in prices:
                fits = re.fullmatch(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?", price)
                need(fits and price.strip("0."), "costs: a price above 0")

    @property
    def terms(self):
        return {name: one for name, one in (("split", self.split), ("rates", self.rates)) if one is not None} or None

    def since(self, earlier):
        """What was used in between; figures never fall."""
        out = {name: self.used.get(name, 0) - earlier.get(name, 0) for name in set(self.used) | set(earlier)}
        need(all(value >= 0 for value in out.values()), "costs: must not fall from an entry to a later one")
        return {name: value for name, value in out.items() if value}


def signatures_in(raw):
    """A general JWS holds its own, compact ones are one a line, evidence is one's."""
    if not raw.startswith(b"{"):
        return len(raw.splitlines())
    value = strict(raw)
    return len(value["signatures"]) if raw.startswith(b'{"payload":') else 1


def used_by(entry, raw, sealed_bytes):
    """What the entry used by itself, as far as it and its input show that."""
    pins = [one for one in entry.d.get("effects", []) if "pin" in one]
    return {
        "bytes": -(-(len(raw) + sealed_bytes) // ROUND_BYTES) * ROUND_BYTES,
        "fuel": entry.d.get("fuel", 0),
        "signatures": signatures_in(raw) + 1 + len(pins),
    }


class Entry:
    def __init__(self, raw):
        self.d = d = members(strict(raw), REQUIRED, OPTIONAL)
        need(jcs(d) == raw, "an entry must be in RFC 8785 form")
        need(d["typ"] == "concordat/entry/1" and d["type"] in TYPES, "typ or type of an entry")
        need(is_count(d["sequence"]), "a sequence number")
        self.type, self.sequence, self.time = d["type"], d["sequence"], time_ms(d["time"])
        self.input, self.state_after = digest(d["input"]), digest(d["state_after"])
        need((self.type == "bind") == (self.sequence == 0) == (digest(d["previous"]) == bytes(32)), "bind is entry 0")
        check_members(d)
        self.costs = Costs(d["costs"]) if "costs" in d else None
        shares = self.costs is not None and self.costs.terms is not None
        need(not shares or self.type in ("bind", "amend"), "costs: a split in an entry that brings a version")
        effects = sha(jcs(d["effects"])) if d.get("effects") else bytes(32)
        self.id = sha(
            b"\0",
            bytes([TYPES.index(self.type) + 1]),
            digest(d["binding"]),
            digest(d["version"]),
            u256(self.sequence),
            digest(d["previous"]),
            self.input,
            self.state_after,
            effects,
            sha(raw),
        )


def root_of_path(leaf, index, size, path):
    """RFC 9162, 2.1.3.2."""
    need(0 <= index < size <= MAX_INTEGER, "index and size of a path")
    fn, sn, node = index, size - 1, leaf
    for step in path:
        need(sn != 0, "a path that is too long")
        if fn & 1 or fn == sn:
            node = sha(b"\1", step, node)
            while fn & 1 == 0 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = sha(b"\1", node, step)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "a path that is too short")
    return node


def is_consistent(old_size, old_root, new_size, new_root, path):
    """RFC 9162, 2.1.4.2."""
    if old_size >= new_size:
        return old_size == new_size and old_root == new_root and not path
    if not path:
        return False
    steps = [old_root, *path] if old_size & (old_size - 1) == 0 else path
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old, new = sha(b"\1", step, old), sha(b"\1", step, new)
            while fn & 1 == 0 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = sha(b"\1", new, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and old == old_root and new == new_root


def tree_root(leaves):
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha(b"\1", tree_root(leaves[:split]), tree_root(leaves[split:]))


def state_root(state):
    names = sorted(state, key=lambda name: name.encode("utf-16-be"))
    return tree_root([sha(b"\0\x53", sha(name.encode()), sha(jcs(state[name]))) for name in names])


def path_of(value):
    path = [unb64(one) for one in value["path"]]
    need(all(len(one) == 32 for one in path) and is_count(value["index"]) and is_count(value["size"]), "a Merkle path")
    return path
