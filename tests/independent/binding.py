"""A binding's versions and who must sign them, as docs/formats.md §4 has it."""

import json

import route
from signed import Key, digest, need, members, sha, strict, time_ms, unb64


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
        for place in d["ledgers"].values():
            route.check_place(place)
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
    check_owners(None, binding, jws)


def check_owners(current, new, jws):
    """A shared account's owner has signed the version that first has the account."""
    def account(target):
        return target["chain"], target["account"], target["owner"]

    def targets(binding):
        return [one for place in binding.document["ledgers"].values() for one in place.get("candidates", [place])]

    known = {account(one) for one in targets(current) if "owner" in one} if current else set()
    signed = {head["kid"] for head, _, _ in jws.signatures}
    for target in targets(new):
        need("owner" not in target or account(target) in known or target["owner"] in signed, "an account's owner must sign")


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
    check_owners(current, new, jws)
    added = set(new.role_of) - set(current.role_of)
    if rule_satisfied(current, ids) and added <= ids:
        return
    need(current.rule["self"] is True and own_change(current, new) in ids, "an amendment must be signed as its rule asks")
