"""An independent verifier of Concordat receipts, written from docs/formats.md alone: it shares no code with the product.

usage: verify_receipt.py RECEIPT TRUST
Exit status: 0 the receipt holds, 1 it does not, 2 wrong use or a file that cannot be read.
"""

import base64
import hashlib
import json
import re
import sys
from datetime import datetime

import evm
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

MAX_INTEGER = 2**53 - 1
TYPES = ["bind", "amend", "execute", "prepare", "cancelling", "outcome", "terminate", "disputed", "propose", "close"]
CURVES = {
    "secp256k1": ("ES256K", ec.SECP256K1(), 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141),
    "P-256": ("ES256", ec.SECP256R1(), 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551),
}


class Bad(Exception):
    """Something in the receipt does not hold."""


def need(condition, rule):
    if not condition:
        raise Bad(rule)


# ---------------------------------------------------------------------------------------------------- texts and hashes


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def digest_text(raw):
    return "sha256:" + raw.hex()


def digest(text):
    need(isinstance(text, str) and re.fullmatch(r"sha256:[0-9a-f]{64}", text), f"not a digest: {text!r}")
    return bytes.fromhex(text[7:])


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text):
    need(isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9_-]*", text) is not None, "not base64url")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise Bad("not base64url") from error
    need(b64(raw) == text, "not strict base64url")
    return raw


def time_ms(text):
    need(isinstance(text, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text), f"not a time: {text!r}")
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError as error:
        raise Bad(f"not a time: {text!r}") from error
    delta = moment - datetime(1970, 1, 1)
    return (delta.days * 86400 + delta.seconds) * 1000 + delta.microseconds // 1000


def u256(value):
    return value.to_bytes(32, "big")


def pad(text):
    return text.encode().ljust(32, b"\0")


def refuse(text):
    raise Bad(f"not allowed in signed JSON: {text}")


def no_duplicates(pairs):
    out = dict(pairs)
    need(len(out) == len(pairs), "a key stands twice")
    return out


def small_integer(text):
    need(text != "-0", "-0 is not allowed")
    value = int(text)
    need(abs(value) <= MAX_INTEGER, "an integer beyond 2^53-1")
    return value


def strict(raw):
    try:
        return json.loads(
            raw.decode("utf-8"), object_pairs_hook=no_duplicates, parse_float=refuse, parse_constant=refuse, parse_int=small_integer
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise Bad(f"not strict JSON: {error}") from error


def jcs(value):
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise Bad(f"cannot be canonical: {error}") from error


def members(value, required, optional=()):
    need(isinstance(value, dict), "must be an object")
    names = set(value)
    need(set(required) <= names, f"missing: {sorted(set(required) - names)}")
    need(names <= set(required) | set(optional), f"unknown: {sorted(names - set(required) - set(optional))}")
    return value


# ------------------------------------------------------------------------------------------------------------- keys, JWS


class Key:
    def __init__(self, jwk):
        need(isinstance(jwk, dict), "a key must be a JWK")
        if jwk.get("kty") == "OKP":
            members(jwk, ("kty", "crv", "x"))
            need(jwk["crv"] == "Ed25519", "unknown curve")
            self.alg = "EdDSA"
            need(len(unb64(jwk["x"])) == 32, "x must be 32 bytes")
            self.key = ed25519.Ed25519PublicKey.from_public_bytes(unb64(jwk["x"]))
        else:
            members(jwk, ("kty", "crv", "x", "y"))
            need(jwk["kty"] == "EC" and jwk["crv"] in CURVES, "unknown curve")
            self.alg, curve, self.order = CURVES[jwk["crv"]]
            x, y = unb64(jwk["x"]), unb64(jwk["y"])
            need(len(x) == 32 and len(y) == 32, "coordinates must be 32 bytes")
            try:
                numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve)
                self.key = numbers.public_key()
            except ValueError as error:
                raise Bad("not a point of the curve") from error
        self.thumbprint = sha(jcs(jwk))
        self.kid = b64(self.thumbprint)

    def verify(self, message, signature, what):
        need(len(signature) == 64, f"{what}: a signature must be 64 bytes")
        try:
            if self.alg == "EdDSA":
                self.key.verify(signature, message)
                return
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            need(0 < s <= self.order // 2, f"{what}: high-S signature")
            self.key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError) as error:
            raise Bad(f"{what}: the signature does not hold") from error


def header(text):
    out = members(strict(unb64(text)), ("alg", "kid", "typ"))
    need(all(isinstance(v, str) for v in out.values()), "a JWS header must hold texts")
    return out


class Compact:
    def __init__(self, text, typ):
        parts = text.split(".")
        need(len(parts) == 3, "not a compact JWS")
        self.header, self.signature = header(parts[0]), unb64(parts[2])
        self.payload = unb64(parts[1])
        self.signed = f"{parts[0]}.{parts[1]}".encode()
        self.content = strict(self.payload)
        need(isinstance(self.content, dict), "a payload must be an object")
        need(self.header["typ"] == self.content.get("typ") and self.content["typ"] in typ, "the typ is not the one expected")

    def verify(self, key, what):
        need(self.header["alg"] == key.alg and self.header["kid"] == key.kid, f"{what}: alg or kid is not the key's")
        key.verify(self.signed, self.signature, what)


class General:
    def __init__(self, value):
        members(value, ("payload", "signatures"))
        self.payload = unb64(value["payload"])
        self.content = strict(self.payload)
        self.signatures = []
        for one in value["signatures"]:
            members(one, ("protected", "signature"))
            signed = f"{one['protected']}.{value['payload']}".encode()
            self.signatures.append((header(one["protected"]), signed, unb64(one["signature"])))

    def signers(self, find, typ):
        """The ids behind the signatures; find gives (key, ids) for a key id."""
        ids = set()
        for head, signed, signature in self.signatures:
            found = find(head["kid"])
            need(found is not None, f"signed by somebody who is no party: {head['kid']}")
            key, by = found
            need(head["typ"] == typ and head["alg"] == key.alg, "a signature's header is not what it must be")
            key.verify(signed, signature, f"signature by {by}")
            need(not ids & by, f"signed twice by {by}")
            ids |= by
        return ids


# --------------------------------------------------------------------------------------------------------------- bindings


def chain_of(key):
    return "ccl:" + key.thumbprint.hex()[:32]


class Binding:
    def __init__(self, payload):
        self.document = d = strict(payload)
        self.hash = sha(payload)
        need(isinstance(d, dict), "a binding must be an object")
        common = (
            "typ version package record enclaves parties sources ledgers terms sealed_terms suite amendment expires".split()
        )
        self.number = d.get("version")
        need(isinstance(self.number, int) and not isinstance(self.number, bool) and self.number >= 1, "a version number")
        members(d, common + (["nonce"] if self.number == 1 else ["binding", "previous"]))
        need(d["typ"] == "concordat/binding/1" and d["suite"] == "ECDH-ES+A256KW/A256GCM", "typ or suite of a binding")
        if self.number == 1:
            need(len(unb64(d["nonce"])) == 16, "a nonce of 16 bytes")
        self.id = self.hash if self.number == 1 else digest(d["binding"])
        self.previous = None if self.number == 1 else digest(d["previous"])
        self.package = digest(d["package"])
        record = members(d["record"], ("chain", "service_key", "encryption_key"))
        self.service_key = Key(record["service_key"])
        self.encryption_kid = Key(record["encryption_key"]).kid
        self.chain = record["chain"]
        need(self.chain == chain_of(self.service_key), "the chain of the service key")
        self.enclaves = members(
            d["enclaves"], ("evidence", "development_roots", "measurements", "minimum_svn", "isolation")
        )
        self.expires = time_ms(d["expires"])
        self.read_signers(d)
        self.rule = d["amendment"]
        extra = {"all": (), "m-of-n": ("m",), "roles": ("roles",)}.get(self.rule.get("rule"))
        need(extra is not None, "an amendment rule")
        members(self.rule, ("rule", "self", "meanwhile", "deadline_hours") + extra)

    def read_signers(self, d):
        self.keys, self.role_of, self.source_of = {}, {}, {}
        taken = {self.service_key.kid}
        for role, parties in d["parties"].items():
            need(isinstance(parties, list) and parties, "a role must have parties")
            for party in parties:
                members(party, ("id", "keys", "encryption"))
                need(party["id"] not in self.role_of, "two parties of one id")
                self.role_of[party["id"]] = role
                self.take_keys(party, taken)
        for name, source in d["sources"].items():
            members(source, ("id", "keys"))
            need(source["id"] not in self.role_of and source["id"] not in self.source_of, "two signers of one id")
            self.source_of[source["id"]] = name
            self.take_keys(source, taken)

    def take_keys(self, owner, taken):
        need(owner["keys"], "a signer must have a key")
        for jwk in owner["keys"]:
            key = Key(jwk)
            need(key.kid not in taken, "a key stands twice in the document")
            taken.add(key.kid)
            self.keys[key.kid] = (key, owner["id"])

    def party_key(self, kid):
        found = self.keys.get(kid)
        return found if found is not None and found[1] in self.role_of else None

    def party(self, party_id):
        for one in self.document["parties"].get(self.role_of.get(party_id), []):
            if one["id"] == party_id:
                return one
        return None


def rule_satisfied(binding, ids):
    kind = binding.rule["rule"]
    if kind == "m-of-n":
        return len(ids & set(binding.role_of)) >= binding.rule["m"]
    roles = set(binding.rule["roles"]) if kind == "roles" else set(binding.document["parties"])
    return {i for i, role in binding.role_of.items() if role in roles} <= ids


def own_change(current, new):
    """The one party whose own keys are all that changed, else None."""
    changed = [i for i in current.role_of if current.party(i) != new.party(i)]
    if len(changed) != 1 or current.role_of.get(changed[0]) != new.role_of.get(changed[0]):
        return None
    role = current.role_of[changed[0]]

    def rest(binding):
        copy = json.loads(json.dumps(binding.document))
        for name in ("version", "nonce", "binding", "previous", "expires"):
            copy.pop(name, None)
        for one in copy["parties"][role]:
            if one["id"] == changed[0]:
                del one["keys"], one["encryption"]
        for audience in copy["sealed_terms"]:
            if role in audience.split("+"):
                copy["sealed_terms"][audience] = None
        return copy

    return changed[0] if rest(current) == rest(new) else None


def check_first(binding, jws):
    need(binding.number == 1, "the first version must be version 1")

    def find(kid):
        found = binding.party_key(kid)
        return found and (found[0], {found[1]})

    need(jws.signers(find, "concordat/binding/1") == set(binding.role_of), "every party must sign version 1")


def successor(current, new):
    need(new.number == current.number + 1 and new.id == current.id, "versions must follow each other")
    need(new.previous == current.hash, "a version must name the one before")
    need(new.document["record"] == current.document["record"], "the record ledger must stay")


def amendment_signers(current, new, jws):
    def find(kid):
        old, fresh = current.keys.get(kid), new.party_key(kid)
        added = {fresh[1]} if fresh is not None and fresh[1] not in current.role_of else set()
        if old is not None:
            return (old[0], {old[1]} | added) if old[1] in current.role_of else None
        return (fresh[0], added) if added else None

    return jws.signers(find, "concordat/binding/1")


def check_amendment(current, new, jws):
    successor(current, new)
    ids = amendment_signers(current, new, jws)
    added = set(new.role_of) - set(current.role_of)
    if rule_satisfied(current, ids) and added <= ids:
        return
    need(current.rule["self"] is True and own_change(current, new) in ids, "an amendment must be signed as its rule asks")


# ---------------------------------------------------------------------------------------------------------------- entries

REQUIRED = (
    "typ type ledger binding version sequence previous time input state_before state_after disclosures private".split()
)
OPTIONAL = (
    "sender action package number result effects events fuel meter audiences accounts proposal deadline".split()
    + "transaction ending reason commit".split()
)


STEPS = {"cancelling": ["prepare"], "outcome": ["prepare"], "disputed": ["prepare", "outcome"]}


class Entry:
    def __init__(self, raw):
        self.d = d = members(strict(raw), REQUIRED, OPTIONAL)
        need(jcs(d) == raw, "an entry must be in RFC 8785 form")
        need(d["typ"] == "concordat/entry/1" and d["type"] in TYPES, "typ or type of an entry")
        need(isinstance(d["sequence"], int) and d["sequence"] >= 0, "a sequence number")
        self.type, self.sequence, self.time = d["type"], d["sequence"], time_ms(d["time"])
        self.input, self.state_after = digest(d["input"]), digest(d["state_after"])
        need((self.type == "bind") == (self.sequence == 0) == (digest(d["previous"]) == bytes(32)), "bind is entry 0")
        need((self.type in STEPS) == ("transaction" in d), "a transaction's steps name it, and nothing else does")
        need((self.type == "outcome") == ("ending" in d), "an outcome has an ending, and nothing else has")
        need(d.get("ending", "aborted") in ("committed", "aborted"), "an ending is committed or aborted")
        need(self.type not in STEPS or not {"sender", "result", "effects"} & set(d), "a step does nothing else")
        need(self.type not in ("cancelling", "disputed") or "action" not in d, "no action hears of this step")
        need("commit" not in d or (self.type == "prepare" and d["commit"] == "early"), "prepare may be committed early")
        need(self.type not in ("execute", "prepare") or {"sender", "action"} <= set(d), "an execution has sender and action")
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


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER


def path_of(value):
    path = [unb64(one) for one in value["path"]]
    need(all(len(one) == 32 for one in path) and is_count(value["index"]) and is_count(value["size"]), "a Merkle path")
    return path


# --------------------------------------------------------------------------------------------------------------- evidence


def evidence_claims(evidence, key, use):
    members(evidence, ("kind", "root", "report"))
    need(evidence["kind"] == "development", "evidence of a kind that this verifier cannot check")
    root = Key(evidence["root"])
    need(root.alg == "ES256K", "a development root must be an ES256K key")
    report = Compact(evidence["report"], ("concordat/evidence/development/1",))
    report.verify(root, "evidence")
    members(report.content, ("typ", "product", "measurement", "svn", "report_data", "issued"))
    time_ms(report.content["issued"])
    need(digest(report.content["report_data"]) == sha(use.encode(), b"\0", key.thumbprint), "evidence about another key")
    return {**report.content, "root": digest_text(root.thumbprint)}


def accepts(policy, claims, product, development):
    need(development, "development evidence is not accepted")
    need(claims["product"] == product, f"evidence must be about {product}")
    need(claims["root"] in policy["development_roots"], "a development root that is not accepted")
    need(claims["measurement"] in policy["measurements"], "a measurement that is not accepted")
    need(is_count(claims["svn"]) and claims["svn"] >= policy["minimum_svn"], "a security version that is too low")


# ------------------------------------------------------------------------------------------------------------ transaction


class Transaction:
    """A call on another ledger, as docs/formats.md §8 has it. Only ledgers of kind evm are known here."""

    def __init__(self, version, accounts, prepare, entries, package):
        self.version, self.accounts, self.prepare, self.entries = version, accounts, prepare, entries
        need(len(prepare.d["effects"]) == 1, "a prepare entry has one effect")
        self.effect = members(prepare.d["effects"][0], ("effect", "args", "ledger", "pin"))
        self.pin = members(self.effect["pin"], ("chain", "account", "slot", "call", "ceiling"))
        self.target = version.document["ledgers"].get(self.effect["ledger"])
        need(self.target is not None, "the version must have the ledger")
        members(package, ("manifest", "config"))
        manifest, config = unb64(package["manifest"]), unb64(package["config"])
        need(sha(manifest) == version.package, "the manifest must be the version's package")
        need(digest(strict(manifest)["config"]["digest"]) == sha(config), "the contract must be the manifest's")
        self.contract = strict(config)
        self.early = "commit" in prepare.d

    def hears(self):
        """The action that the ledger drives: a role or a source of its name comes first."""
        if self.effect["ledger"] in [*self.contract["roles"], *self.contract["sources"]]:
            return None
        return next((name for name, action in self.contract["actions"].items() if action["from"] == [self.effect["ledger"]]), None)

    def check(self, trust):
        self.check_steps()
        self.check_call()
        self.check_outcome(trust)

    def check_steps(self):
        after, before = self.prepare.state_after, digest(self.prepare.d["state_before"])
        for kind in STEPS:
            step = self.entries.get(kind)
            if step is None:
                continue
            need(digest(step.d["transaction"]) == self.prepare.id, "steps of one transaction")
            begins = digest(step.d["state_before"])
            if kind == "disputed":
                need(step.state_after == begins and not step.raw_input, "a dispute changes nothing")
                continue
            need(step.d["version"] == self.prepare.d["version"], "no other version meanwhile")
            need(self.early or begins == after, "nothing changes meanwhile")
            if kind == "cancelling":
                need(step.state_after == begins and not step.raw_input, "a cancellation changes nothing")
            elif self.early:
                heard = "action" in step.d
                need(heard != ("reason" in step.d), "who heard the outcome, or why nobody did")
                need(heard or step.state_after == begins, "what nobody heard changes nothing")
                need(not heard or step.d["action"] == self.hears(), "the contract's action that hears of outcomes")
            else:
                need("action" not in step.d, "an outcome that was waited for is heard by no action")
                need(step.state_after == (after if step.d["ending"] == "committed" else before), "the state after an outcome")

    def check_call(self):
        name, ledger = self.effect["effect"], self.effect["ledger"]
        need(self.pin["chain"] == self.target["chain"], "chain: the one that the version names")
        need(self.accounts.get(ledger) == self.pin["account"], "account: the one that the version's entry names")
        action = self.contract["actions"][self.prepare.d["action"]]
        need(name in action.get("effects", []), "an effect of the action")
        need((action.get("commit") == "early") == self.early, "committed early where the contract says so")
        declared, use = self.contract["effects"][name], self.contract["ledgers"][ledger]
        need(declared["ledger"] == ledger, "the effect's ledger")
        need(use["kind"] == "evm", f"call: a kind of ledger that is not known here: {use['kind']}")
        call = evm.pinned_call(use.get("interface"), declared["call"], self.target, self.effect["args"])
        need(self.pin["call"] == call, "call: the one that contract, version and arguments make")
        need(self.pin["ceiling"] == self.target["ceiling"], "the version's ceiling")
        deadline = self.prepare.time + self.target["deadline_minutes"] * 60000
        need(time_ms(self.prepare.d["deadline"]) == deadline, "the version's deadline")

    def check_outcome(self, trust):
        outcome, finality = self.entries.get("outcome"), self.target["finality"]
        known = trust.get("chains", {}).get(self.pin["chain"], {})
        if outcome is not None:
            evidence = strict(outcome.raw_input)
            need(jcs(evidence) == outcome.raw_input, "evidence must be in RFC 8785 form")
            fate, proved = evm.judge(self.pin, finality, evidence)
            need((outcome.d["ending"] == "committed") == (fate == "called"), "an ending that the evidence does not show")
            if known and known["witness"] != "host":
                own = evm.judge(self.pin, {"blocks": finality["blocks"], **known}, evidence)
                need(own == (fate, True), "finality: not proved as the trust file asks")
            else:
                need(proved or known, "finality: the host's word, which the trust file does not take")
        if "disputed" in self.entries:
            need(known.get("witness") == "host", "disputed: the host's word, which the trust file does not take")


# ---------------------------------------------------------------------------------------------------------------- receipt


class Verifier:
    def __init__(self, raw, trust):
        need(len(raw) <= 16 << 20, "larger than 16 MiB")
        self.trust = trust
        self.r = members(
            strict(raw),
            ("typ", "bindings", "entries", "enclaves", "ledger", "state", "sealed", "disclosures"),
            ("package", "anchor"),
        )
        need(jcs(self.r) == raw, "a receipt must be in RFC 8785 form")
        need(self.r["typ"] == "concordat/receipt/1", "typ of a receipt")

    def bindings(self):
        self.versions, inputs = [], []
        need(isinstance(self.r["bindings"], list) and self.r["bindings"], "at least one version")
        for value in self.r["bindings"]:
            jws = General(value)
            binding = Binding(jws.payload)
            if self.versions:
                check_amendment(self.versions[-1], binding, jws)
            else:
                check_first(binding, jws)
            self.versions.append(binding)
            inputs.append(sha(jcs(value)))
        self.inputs, self.in_force = inputs, self.versions[-1]
        for party, known in self.trust.get("parties", {}).items():
            for version in self.versions:
                kids = {kid for kid, (_, owner) in version.keys.items() if owner == party and party in version.role_of}
                need(kids <= set(known), f"{party} has a key that the trust file does not know")

    def entries(self):
        self.steps, self.version_of, others, current = [], [], [], -1
        for value in self.r["entries"]:
            members(value, ("document", "claim", "receipt"), ("input",))
            entry = Entry(unb64(value["document"]))
            entry.raw_input = unb64(value["input"]) if "input" in value else None
            if entry.type in ("bind", "amend"):
                current += 1
                need(current < len(self.versions), "one entry for each version")
                need(entry.type == ("amend" if current else "bind") and entry.raw_input is None, "the entry of a version")
                need(entry.input == self.inputs[current], "an entry must name its version as its input")
            else:
                need(current >= 0 and entry.raw_input is not None, "the entries of a version come before others")
                need(entry.input == sha(entry.raw_input), "an entry must name its input")
                others.append(entry)
            version = self.versions[current]
            need(digest(entry.d["version"]) == version.hash, "an entry must name the version in force")
            need(digest(entry.d["binding"]) == version.id, "an entry must name the binding")
            need(entry.d["ledger"] == version.chain, "an entry must name the record ledger")
            if "package" in entry.d:
                need(digest(entry.d["package"]) == version.package, "an entry must name the version's package")
            if self.steps:
                self.links(self.steps[-1], entry)
            self.steps.append(entry)
            self.version_of.append(version)
        need(current + 1 == len(self.versions), "one entry for each version")
        self.last = self.steps[-1]
        types = STEPS.get(self.last.type, []) + ([] if self.last.raw_input is None else [self.last.type])
        need([one.type for one in others] == types, "the entry it is about, the steps that it rests on, and no other")
        self.prepare = next((one for one in others if one.type == "prepare"), None)
        need(("package" in self.r) == (self.prepare is not None), "a package exactly where there is a prepare entry")

    def in_force_for(self, entry):
        return self.version_of[self.steps.index(entry)]

    @staticmethod
    def links(before, entry):
        need(entry.sequence > before.sequence and entry.time >= before.time, "entries must follow each other")
        if entry.sequence == before.sequence + 1:
            need(digest(entry.d["previous"]) == before.id, "an entry must name the one before")
            need(digest(entry.d["state_before"]) == before.state_after, "the state must be what the entry before left")

    def message(self):
        self.body, self.ran = {}, self.prepare or self.last
        if self.last.type in ("bind", "amend"):
            return
        check = getattr(self, "input_" + self.ran.type, None)
        need(check is not None, f"an entry of type {self.ran.type} cannot be checked")
        check()

    def input_prepare(self):
        self.input_execute()

    def input_execute(self):
        jws = Compact(self.ran.raw_input.decode(), ("concordat/message/1", "concordat/observation/1"))
        c, d, in_force = jws.content, self.ran.d, self.in_force_for(self.ran)
        found = in_force.keys.get(jws.header["kid"])
        need(found is not None, "an input must be signed by a party or source")
        key, owner = found
        jws.verify(key, "input")
        if c["typ"] == "concordat/message/1":
            members(
                c, ("typ", "binding", "version", "ledger", "action", "number", "seen", "expires", "body"), ("sealed",)
            )
            need(owner in in_force.role_of, "a message must be a party's")
            role = in_force.role_of[owner]
            need(digest(c["binding"]) == in_force.id, "a message for another binding")
            need(digest(c["version"]) == in_force.hash, "a message for another version")
            need(c["ledger"] == in_force.chain and c["action"] == d.get("action"), "a message for another place or action")
            need(digest(c["seen"]) != self.ran.id, "a message cannot have seen its own entry")
            self.body = c["body"]
        else:
            members(c, ("typ", "source", "number", "observed", "expires", "body"))
            need(owner in in_force.source_of and c["source"] == owner, "an observation must be its source's")
            role = in_force.source_of[owner]
        need(d.get("sender") == {"role": role, "id": owner, "key": key.kid}, "an entry must name its sender")
        need(is_count(c["number"]) and c["number"] == d.get("number"), "an entry must name its input's number")
        need(self.ran.time <= time_ms(c["expires"]), "an input that had expired")

    def input_propose(self):
        jws = General(strict(self.last.raw_input))
        new = Binding(jws.payload)
        successor(self.in_force, new)
        need(amendment_signers(self.in_force, new, jws), "a proposal must be signed by a party")
        need(digest(self.last.d["proposal"]) == new.hash, "an entry must name what is proposed")

    def input_close(self):
        for line in self.last.raw_input.decode().removesuffix("\n").split("\n") if self.last.raw_input else []:
            jws = Compact(line, ("concordat/decision/1",))
            members(jws.content, ("typ", "decision", "document", "party", "reason", "issued"))
            found = self.in_force.party_key(jws.header["kid"])
            need(found is not None and found[1] == jws.content["party"], "a decision must be its party's")
            jws.verify(found[0], "decision")
            need(jws.content["document"] == self.last.d.get("proposal"), "a decision about something else")

    def input_terminate(self):
        jws = General(strict(self.last.raw_input))
        c = members(jws.content, ("typ", "binding", "version", "reason", "expires"))
        need(c["typ"] == "concordat/termination/1", "typ of a termination")
        need(digest(c["binding"]) == self.in_force.id and digest(c["version"]) == self.in_force.hash, "terminates another")

        def find(kid):
            found = self.in_force.party_key(kid)
            return found and (found[0], {found[1]})

        need(rule_satisfied(self.in_force, jws.signers(find, c["typ"])), "a termination must be signed as an amendment")
        need(self.last.time <= time_ms(c["expires"]), "a termination that had expired")

    def transaction(self):
        if self.prepare is None:
            return
        entries = {one.type: one for one in self.steps}
        version = self.in_force_for(self.prepare)
        locked = self.steps[self.version_of.index(version)]
        Transaction(version, locked.d.get("accounts", {}), self.prepare, entries, self.r["package"]).check(self.trust)

    def enclaves(self):
        used = {value["claim"]["key"] for value in self.r["entries"]}
        need(used == set(self.r["enclaves"]), "exactly the enclaves that the claims name")
        for i, value in enumerate(self.r["entries"]):
            claim = members(value["claim"], ("key", "index", "size", "path", "signature"))
            enclave = members(self.r["enclaves"][claim["key"]], ("key", "evidence"))
            key = Key(enclave["key"])
            need(key.kid == claim["key"] and key.alg == "ES256K", "an enclave's key")
            version = self.version_of[i]
            claims = evidence_claims(enclave["evidence"], key, "concordat/enclave-key/1")
            accepts(version.enclaves, claims, "concordat-enclave", "development" in version.enclaves["evidence"])
            accepts(self.trust, claims, "concordat-enclave", self.trust["allow_development"])
            root = root_of_path(self.steps[i].id, claim["index"], claim["size"], path_of(claim))
            statement = (
                pad("concordat/enclave-root/1") + key.thumbprint + sha(version.chain.encode()) + u256(claim["size"]) + root
            )
            key.verify(statement, unb64(claim["signature"]), "claim")

    def ledger(self):
        members(self.r["ledger"], ("identity", "evidence"))
        jws = Compact(self.r["ledger"]["identity"], ("concordat/ledger-identity/1",))
        c = members(jws.content, ("typ", "chain", "service_key", "encryption_key", "created"))
        time_ms(c["created"])
        key = Key(c["service_key"])
        need(key.alg == "ES256K", "a service key must be an ES256K key")
        jws.verify(key, "ledger identity")
        need(c["chain"] == chain_of(key) == self.in_force.chain, "the binding's record ledger")
        need(Key(c["encryption_key"]).kid == self.in_force.encryption_kid, "the record ledger's encryption key")
        known = [(one["chain"], Key(one["service_key"]).kid) for one in self.trust["ledgers"]]
        need((c["chain"], key.kid) in known, "a record ledger that the trust file does not know")
        claims = evidence_claims(self.r["ledger"]["evidence"], key, "concordat/ledger-key/1")
        accepts(self.trust, claims, "concordat-ledger", self.trust["allow_development"])
        before, self.single_node = -1, False
        for value, step in zip(self.r["entries"], self.steps, strict=True):
            receipt = members(value["receipt"], ("index", "size", "path", "time", "flags", "signature"))
            leaf = sha(b"\0\x4c", step.id, unb64(value["claim"]["key"]))
            root = root_of_path(leaf, receipt["index"], receipt["size"], path_of(receipt))
            need(receipt["flags"] in (0, 1) and not isinstance(receipt["flags"], bool), "flags that are not known")
            statement = pad("concordat/ledger-root/1") + key.thumbprint + u256(receipt["size"]) + root
            statement += u256(time_ms(receipt["time"])) + u256(receipt["flags"])
            key.verify(statement, unb64(receipt["signature"]), "ledger receipt")
            self.last_tree = receipt["size"], root
            need(receipt["index"] > before, "ledger indices must rise")
            before = receipt["index"]
            self.single_node = self.single_node or receipt["flags"] == 1

    def state(self):
        need(isinstance(self.r["state"], dict), "a state must be an object")
        need(state_root(self.r["state"]) == self.last.state_after, "the state is not the one of the last entry")

    def disclosures(self):
        need(sha(jcs(self.r["sealed"])) == digest(self.last.d["disclosures"]), "the sealed parts are not the last entry's")
        for value in self.r["sealed"].values():
            members(value, ("iv", "ciphertext"))
            need(len(unb64(value["iv"])) == 32 and len(unb64(value["ciphertext"])) >= 16, "a sealed part")
        texts = self.r["disclosures"]
        need(isinstance(texts, list) and all(isinstance(one, str) for one in texts), "disclosures must be texts")
        need(texts == sorted(set(texts)), "disclosures must be in ascending order, each once")
        shown = []
        for document in (self.r["state"], self.ran.d.get("result"), self.body, self.in_force.document["terms"]):
            self.digests(document, shown)
        for text in texts:
            value = strict(unb64(text))
            need(isinstance(value, list) and len(value) == 3 and isinstance(value[1], str), "not a disclosure")
            need(len(unb64(value[0])) == 16 and jcs(value) == unb64(text), "not a disclosure")
            need(shown.count(b64(sha(text.encode()))) == 1, f"a disclosure of {value[1]!r} matches no single digest")

    def digests(self, value, out):
        if isinstance(value, list):
            for one in value:
                self.digests(one, out)
        elif isinstance(value, dict):
            for name, one in value.items():
                if name == "_sd" and isinstance(one, list):
                    out.extend(one)
                else:
                    self.digests(one, out)

    def anchor(self):
        """Whether an anchor that this trust file relies on excludes a rollback."""
        self.anchored, anchor = False, self.r.get("anchor")
        if anchor is None:
            return
        members(anchor, ("chain", "contract", "root", "consistency", "evidence"))
        signed = members(anchor["root"], ("size", "root", "time", "flags", "signature"))
        need(is_count(signed["size"]) and signed["size"] > 0, "size of an anchored root")
        need(signed["flags"] in (0, 1) and not isinstance(signed["flags"], bool), "flags that are not known")
        key, root = self.in_force.service_key, digest(signed["root"])
        values = u256(signed["size"]) + root + u256(time_ms(signed["time"])) + u256(signed["flags"])
        key.verify(pad("concordat/ledger-root/1") + key.thumbprint + values, unb64(signed["signature"]), "anchored root")
        path = [unb64(one) for one in anchor["consistency"]]
        need(all(len(one) == 32 for one in path), "a proof of consistency")
        need(is_consistent(*self.last_tree, signed["size"], root, path), "an anchor of another history")
        witness = self.trust.get("chains", {}).get(anchor["chain"])
        listed = {"chain": anchor["chain"], "contract": anchor["contract"]} in self.trust.get("anchors", [])
        self.anchored = listed and witness is not None
        need(anchor["chain"].startswith("eip155:"), "an anchor on a chain that this verifier cannot judge")
        finality = witness if self.anchored else {"witness": "host"}
        evm.check_anchor(anchor["chain"], anchor["contract"], key.thumbprint, values, finality, anchor["evidence"])

    def asserted(self):
        need("clock" in self.trust["allow_asserted"], "clock: times are only the host's claim")
        if self.single_node and not self.anchored:
            need("rollback" in self.trust["allow_asserted"], "rollback: a single node cannot detect it")


LAYERS = ("bindings", "entries", "message", "transaction", "enclaves", "ledger", "state", "disclosures", "anchor", "asserted")


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(arguments[0], "rb") as file:
            raw = file.read((16 << 20) + 1)
        with open(arguments[1], "rb") as file:
            trust = members(
                strict(file.read()),
                ("typ", "ledgers", "development_roots", "measurements", "minimum_svn", "allow_development", "allow_asserted"),
                ("parties", "chains", "anchors"),
            )
        need(trust["typ"] == "concordat/trust/1", "typ of a trust file")
        for chain, how in trust.get("chains", {}).items():
            members(how, ("witness",), ("parameters",))
            need(re.fullmatch(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}", chain), "a chain in CAIP-2")
    except (OSError, Bad) as error:
        print(f"cannot read: {error}", file=sys.stderr)
        return 2
    layer = "format"
    try:
        verifier = Verifier(raw, trust)
        for layer in LAYERS:
            getattr(verifier, layer)()
    except (Bad, evm.BadEvidence, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        print(f"does not hold: {layer}: {error}")
        return 1
    print("holds")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
