"""Ledgers that are chosen for each transaction among those that the parties signed, as docs/formats.md §4 and §6 have it."""

import re

from signed import is_count, members, need

MOST_SECONDS = 60 * 24 * 31 * 60
TARGET = ("chain", "genesis", "address", "account", "work", "ceiling", "finality", "deadline_minutes")
UNUSABLE = ("not_configured", "other_genesis", "silent", "failing", "unfunded", "too_dear", "overloaded")
# Why one that could be used was passed over, and what that leaves as the reason of the one that is.
PASSED = {"dearer": "cheapest", "more_loaded": "least_loaded", "later": "first"}


def number(text):
    need(isinstance(text, str) and re.fullmatch(r"0|[1-9][0-9]{0,19}", text) and int(text) < 2**64, "a number as text")
    return int(text)


def seconds(value):
    need(is_count(value) and value <= MOST_SECONDS, "seconds: a count")
    return value


def check_asset(asset, chain=None):
    found = re.fullmatch(r"([^/]+:[^/]+)/([^:]+:.+)", asset) if isinstance(asset, str) and len(asset) <= 128 else None
    need(found, "an asset as CAIP-19 has it")
    need(chain is None or found[1] == chain, "asset: one of the chain")


def read_target(target, offers=()):
    members(target, TARGET, ("owner", *offers))
    finality = members(target["finality"], ("blocks", "witness"), ("parameters", "seconds"))
    seconds(finality.get("seconds", 0))
    number(target["work"]), number(target["ceiling"])


def check_needs(needs, one):
    if "finality_seconds" in needs:
        need("seconds" in one["finality"], "finality: how long it takes must be said")
        need(one["finality"]["seconds"] <= needs["finality_seconds"], "finality: not as fast as needed")
    need("private" not in needs or one.get("private") is True, "private: needed")
    if "assets" in needs:
        need(one.get("asset") in needs["assets"], "asset: one that is needed")
        need(int(one["work"]) * int(one["ceiling"]) <= number(needs["assets"][one["asset"]]), "a call may cost too much")


def check_place(place):
    """A ledger's part of a binding's document."""
    if "needs" not in place:
        return read_target(place)
    members(place, ("needs", "candidates"))
    needs = members(place["needs"], (), ("finality_seconds", "assets", "private"))
    seconds(needs.get("finality_seconds", 0))
    need(needs.get("private", True) is True, "private: true where it is there")
    if "assets" in needs:
        need(1 <= len(needs["assets"]) <= 8, "1 to 8 assets")
        for asset, most in needs["assets"].items():
            check_asset(asset)
            number(most)
    need(1 <= len(place["candidates"]) <= 8, "1 to 8 candidates")
    for one in place["candidates"]:
        read_target(one, ("asset", "private"))
        if "asset" in one:
            check_asset(one["asset"], one["chain"])
        need(one.get("private", True) is True, "private: true where it is there")
        check_needs(needs, one)
    chains = [one["chain"] for one in place["candidates"]]
    need(len(set(chains)) == len(chains), "candidates are on different chains")
    need(len({chain.split(":")[0] for chain in chains}) == 1, "candidates are of one kind")


def chosen(place, route):
    """The candidate that a step uses; the ledger that there is where nothing is chosen."""
    need(("needs" in place) == (route is not None), "route: where the ledger has candidates, and only there")
    if route is None:
        return place
    members(route, ("chain", "reason"), ("passed",))
    passed = [members(one, ("chain", "reason")) for one in route.get("passed", [])]
    need(passed or "passed" not in route, "passed: absent rather than empty")
    others = [one["chain"] for one in place["candidates"] if one["chain"] != route["chain"]]
    need(len(others) == len(place["candidates"]) - 1, "route: one of the candidates")
    need([one["chain"] for one in passed] == others, "passed: all others, in the document's order")
    need(all(one["reason"] in UNUSABLE or one["reason"] in PASSED for one in passed), "passed: a reason that there is")
    left = [list(PASSED).index(one["reason"]) for one in passed if one["reason"] in PASSED]
    need(route["reason"] == (list(PASSED.values())[max(left)] if left else "only"), "route: the reason that is left")
    return next(one for one in place["candidates"] if one["chain"] == route["chain"])
