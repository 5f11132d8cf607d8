"""Judges the answer in tests/vectors/participant, and others made here: what a participant may say, and what not.

Exit status: 0 as docs/participants.md has it, 1 not."""

import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric import ed25519

import participant
from signed import Bad, Compact, Key, b64, digest_text, jcs, sha, unb64

vectors = pathlib.Path(__file__).resolve().parents[1] / "vectors/participant"
example = json.loads((vectors / "example.json").read_text())
secret = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(example["participant_secret"]))
key = Key(example["participant_key"])
call = example["call"]
pin = {"chain": example["participant"], "account": example["account"], "slot": "7", "call": call, "ceiling": "0"}
wrong = []


def finality(**more):
    return {"blocks": 1, "witness": "signature", "parameters": {"key": example["participant_key"], **more}}


def answer(**changed):
    content = json.loads(unb64(example["answer"].split(".")[1]))
    content = {name: value for name, value in {**content, **changed}.items() if value is not None}
    head = jcs({"alg": "EdDSA", "kid": key.kid, "typ": "concordat/answer/1"})
    signed = f"{b64(head)}.{b64(jcs(content))}"
    return {"answer": f"{signed}.{b64(secret.sign(signed.encode()))}"}


def expect(fate, evidence, what, pinned=pin, how=None):
    try:
        found = participant.judge(pinned, how or finality(), evidence)
    except Bad as error:
        found = (f"refused ({error})", True) if fate != "refused" else ("refused", True)
    if found != (fate, True):
        wrong.append(f"{what}: {found[0]}, not {fate}")


def check_example():
    if sha(jcs(call)) != bytes.fromhex(example["digest"][7:]):
        wrong.append("the digest of the call")
    for name, purpose in (("request", "call"), ("cancel", "cancel")):
        jws = Compact(example[name], ("concordat/request/1",))
        jws.verify(Key(example["account_key"]), name)
        if jws.content["purpose"] != purpose or jws.content["call"] != call:
            wrong.append(f"the content of {name}")
    expect("called", {"answer": example["answer"]}, "the example")
    expect("called", answer(), "the example, signed here")
    name = bytes.fromhex(call["step"][7:])
    if participant.pinned_call("reserve", {"address": "payments"}, "call", name, call["arguments"]) != call:
        wrong.append("the call that is made")


def check_answers():
    day = "2023-11-15T22:13:20.000Z"
    commit = {**call, "role": "commit", "arguments": {}}
    of_commit = digest_text(sha(jcs(commit)))
    expect("failed", answer(fate="failed", detail="no money"), "a failure")
    expect("cancelled", answer(fate="cancelled"), "a cancellation")
    expect("cancelled", answer(request=digest_text(bytes(32))), "another call")
    expect("failed", answer(holds_until=day), "what expires where nothing may")
    expect("called", answer(holds_until=day), "what holds long enough", how=finality(hold_minutes=1440))
    expect("failed", answer(holds_until=day), "what expires too early", how=finality(hold_minutes=1441))
    expect("called", answer(request=of_commit), "a commit", pinned={**pin, "call": commit})
    expect("refused", answer(holds_until=day, request=of_commit), "a commit that expires", pinned={**pin, "call": commit})
    expect("refused", answer(holds_until=day, fate="failed"), "a failure that expires")
    expect("refused", answer(detail="why"), "a detail without a failure")
    expect("refused", answer(fate="failed", detail="x" * 1025), "a detail that is too long")
    expect("refused", answer(fate="unknown"), "a fate that there is not")
    expect("refused", answer(more=1), "one more member")
    for name in ("participant", "account", "number", "request", "fate", "time"):
        expect("refused", answer(**{name: None}), f"without {name}")
    for name, value in (("participant", "http:" + "0" * 32), ("account", key.kid), ("number", "8")):
        expect("refused", answer(**{name: value}), f"another {name}")
    head, body, signature = example["answer"].split(".")
    expect("refused", {"answer": f"{head}.{body}.{b64(bytes(64))}"}, "another signature")
    expect("refused", {"answer": example["request"]}, "a request")
    expect("refused", {"answer": example["answer"], "more": 1}, "evidence with more")
    expect("refused", answer(), "the host's word", how={"blocks": 1, "witness": "host"})
    stranger = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    other = {"kty": "OKP", "crv": "Ed25519", "x": b64(stranger)}
    expect("refused", answer(), "another participant's key", how=finality(key=other))


def main():
    check_example()
    check_answers()
    print("\n".join(wrong) or "as described")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
