"""Other bindings: the calls of their actions, and their receipts as evidence, from docs/sub-contracts.md and docs/formats.md."""

import re

from signed import Compact, Key, digest, digest_text, is_count, jcs, members, need

MAX_CALLERS = 4
MAX_BODY = 64 << 10


def pinned_call(action, target, role, step, arguments, callers):
    """The call of a step (its 32-byte name) in a role; `callers`: who waits for it, the outermost first."""
    need(isinstance(arguments, dict) and len(jcs(arguments)) <= MAX_BODY, "arguments of at most 64 KiB")
    call = {"binding": target["address"], "action": action, "body": arguments, "fuel": target["work"], "callers": callers}
    return check_call({**call, "role": role, "step": digest_text(step)})


def check_call(call):
    members(call, ("binding", "action", "body", "fuel", "callers", "role", "step"))
    digest(call["binding"]), digest(call["step"])
    need(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", call["action"]), "the name of an action")
    need(isinstance(call["body"], dict) and re.fullmatch(r"0|[1-9][0-9]{0,19}", call["fuel"]), "body and fuel of a call")
    callers = call["callers"]
    need(isinstance(callers, list) and 1 <= len(callers) <= MAX_CALLERS, "1 to 4 callers")
    need(len({digest(one) for one in callers}) == len(callers), "each caller once")
    need(call["role"] in ("call", "commit", "undo"), "the role of a call")
    return call


def read(raw):
    """A call as an input."""
    jws = Compact(raw.decode(), ("concordat/call/1",))
    members(jws.content, ("typ", "number", "purpose", "call"))
    need(is_count(jws.content["number"]) and jws.content["number"] > 0, "the number of a call")
    need(jws.content["purpose"] in ("call", "cancel"), "the purpose of a call")
    check_call(jws.content["call"])
    return jws


def account_key(account):
    x, _, y = account.partition(".")
    return Key({"kty": "EC", "crv": "secp256k1", "x": x, "y": y})


def check_target(target):
    """That the binding which the document names is the one that its chain is named after."""
    named = digest(target["genesis"]).hex()
    need(target["address"] == target["genesis"] and target["chain"] == "binding:" + named[:32], "chain: the called binding")


def judge(pin, finality, evidence, verify):
    """("called" | "failed" | "cancelled", proved). `verify` reads a receipt by a trust file and gives its verifier."""
    need(finality["witness"] == "receipt" and finality["blocks"] == 1, "a binding's only witness is its receipt")
    trust = members(finality["parameters"], ("trust",))["trust"]
    told = verify(jcs(members(evidence, ("receipt",))["receipt"]), trust)
    made, last = told.ran, told.last
    need(made.type in ("execute", "prepare") and "fate" in made.d, "the receipt of a call")
    need(digest_text(told.in_force.id) == pin["call"]["binding"], "the receipt of another binding")
    jws, key = read(made.raw_input), account_key(pin["account"])
    need(jws.header["kid"] == key.kid == made.d["sender"]["key"], "a call of the account")
    need(jws.content["number"] == int(pin["slot"]) + 1, "the call with the slot's number")
    if jws.content["purpose"] != "call" or jws.content["call"] != pin["call"]:
        return "cancelled", True
    if made.type == "execute":
        return made.d["fate"], True
    if "commit" in made.d or last.d.get("decision") == "commit" or last.d.get("ending") == "committed":
        return "called", True
    need(last.type == "outcome", "a transaction that has ended")
    return "failed", True
