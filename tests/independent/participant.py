"""Systems behind HTTP: their calls, and their signed answers as evidence, from docs/participants.md alone."""

from signed import Compact, Key, digest_text, is_count, jcs, members, need, sha, time_ms

MAX_ANSWER = 16 << 10
MAX_DETAIL = 1024


def pinned_call(operation, target, role, step, arguments):
    """The call of a step (its 32-byte name) in a role; the second calls need nothing but the name."""
    need(role == "call" or arguments == {}, "the second calls have no arguments")
    names = {"resource": target["address"], "operation": operation, "role": role, "step": digest_text(step)}
    return {**names, "arguments": arguments}


def chain_of(key):
    return "http:" + key.thumbprint.hex()[:32]


def check_target(target):
    """That the genesis a binding names is the whole thumbprint of the key that its answers are checked with."""
    key = Key(target["finality"]["parameters"]["key"])
    found = target["genesis"], target["chain"]
    need(found == (digest_text(key.thumbprint), chain_of(key)), "chain: the participant's key")


def holds(content, parameters):
    """Whether what was tried holds for as long as the binding asks."""
    if "holds_until" not in content:
        return True
    wanted = parameters.get("hold_minutes")
    return wanted is not None and time_ms(content["holds_until"]) - time_ms(content["time"]) >= wanted * 60000


def judge(pin, finality, evidence):
    """("called" | "failed" | "cancelled", proved): what the participant says became of the pin's number."""
    need(finality["witness"] == "signature", "a participant's only witness is its signature")
    parameters = members(finality["parameters"], ("key",), ("hold_minutes",))
    need(is_count(parameters.get("hold_minutes", 0)), "for how long what was tried must hold")
    key = Key(parameters["key"])
    need(chain_of(key) == pin["chain"], "the key of another participant")
    text = members(evidence, ("answer",))["answer"]
    need(isinstance(text, str) and len(text) <= MAX_ANSWER, "an answer of at most 16 KiB")
    jws = Compact(text, ("concordat/answer/1",))
    jws.verify(key, "answer")
    required = "typ participant account number request fate time".split()
    c = members(jws.content, required, ("detail", "holds_until"))
    need(jcs(c) == jws.payload, "an answer in RFC 8785 form")
    said = c["participant"], c["account"], c["number"]
    need(said == (pin["chain"], pin["account"], pin["slot"]), "an answer to another number, account or participant")
    need(c["fate"] in ("called", "failed", "cancelled"), "an answer's fate")
    time_ms(c["time"])
    if "detail" in c:
        need(c["fate"] == "failed" and len(c["detail"].encode()) <= MAX_DETAIL, "a detail, where it failed")
    need(isinstance(c["request"], str), "the digest of a request")
    if c["request"] != digest_text(sha(jcs(pin["call"]))):
        return "cancelled", True
    if "holds_until" in c:
        need(c["fate"] == "called" and pin["call"]["role"] == "call", "only what was tried may expire")
    if c["fate"] == "called" and not holds(c, parameters):
        return "failed", True
    return c["fate"], True
