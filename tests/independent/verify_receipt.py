"""An independent verifier of Concordat receipts, written from docs/formats.md alone: it shares no code with the product.

usage: verify_receipt.py RECEIPT TRUST
Exit status: 0 the receipt holds, 1 it does not, 2 wrong use or a file that cannot be read.
"""

import re
import sys

import called
import evm
from binding import Binding, amendment_signers, chain_of, check_amendment, check_first, rule_satisfied, successor
from entry import LATER, Entry, is_consistent, path_of, root_of_path, state_root, used_by
from signed import Bad, Compact, General, Key, b64, digest, digest_text, is_count, jcs, members, need, pad, sha, strict
from signed import time_ms, u256, unb64
from transaction import Transaction

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


# ---------------------------------------------------------------------------------------------------------------- receipt


class Verifier:
    def __init__(self, raw, trust, depth=0):
        need(len(raw) <= 16 << 20, "larger than 16 MiB")
        self.trust, self.depth = check_trust(trust), depth
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
        self.prepare = others[0] if others and others[0].type == "prepare" else None
        self.later = others[1:] if self.prepare is not None else []
        need((self.last.raw_input is None) == (not others), "a version's entry is about nothing else")
        need(len(others) - len(self.later) <= 1, "the entry it is about, the earlier ones of its transaction, and no other")
        need(all(one.type in LATER for one in self.later), "of a transaction, its own entries and no other")
        need(self.prepare is not None or self.last.type not in LATER, "a transaction begins with its prepare entry")
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
        if "fate" in self.ran.d:
            return self.input_call()
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

    def input_call(self):
        jws, d, in_force = called.read(self.ran.raw_input), self.ran.d, self.in_force_for(self.ran)
        c, found = jws.content, in_force.keys.get(jws.header["kid"])
        need(found is not None and found[1] in in_force.role_of, "a call must be signed by a party's key")
        key, owner = found
        jws.verify(key, "call")
        need(digest(c["call"]["binding"]) == in_force.id and c["call"]["action"] == d["action"], "a call of something else")
        need(d.get("sender") == {"role": in_force.role_of[owner], "id": owner, "key": key.kid}, "an entry must name its sender")
        need(c["number"] == d.get("number"), "an entry must name its input's number")
        need((c["purpose"] == "cancel") == (d["fate"] == "cancelled"), "cancelled exactly where that was asked")

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
        version = self.in_force_for(self.prepare)
        locked = self.steps[self.version_of.index(version)]
        judged = Transaction(version, locked.d.get("accounts", {}), self.prepare, self.r["package"], self.within)
        terms = locked.costs.terms if locked.costs else None
        need(judged.contract.get("costs") == terms, "costs: shared in the version's entry as the contract shares them")
        judged.check(self.later, self.trust)

    def within(self, raw, trust):
        need(self.depth < called.MAX_CALLERS, "receipts nest too deep")
        inner = Verifier(raw, trust, self.depth + 1)
        for layer in LAYERS:
            getattr(inner, layer)()
        return inner

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

    def costs(self):
        """The totals are an enclave's word; that they follow from each other is checked where entries adjoin."""
        terms, before = None, None
        for i, entry in enumerate(self.steps):
            brings, counted = entry.raw_input is None, terms is not None
            if brings:
                terms = entry.costs.terms if entry.costs else None
            expected = terms is not None or (brings and counted)
            need((entry.costs is not None) == expected, "exactly where the version's contract has costs, or ends them")
            if entry.costs is not None and (counted or entry.type == "bind"):
                used = entry.costs.since(before.costs.used if counted else {})
                if not counted or entry.sequence == before.sequence + 1:
                    self.check_used(i, entry, used)
            elif entry.costs is not None:
                need(not any(entry.costs.used.values()), "begins at 0 where the version before has no costs")
            before = entry

    def check_used(self, i, entry, used):
        last = i + 1 == len(self.steps)
        raw = jcs(self.r["bindings"][self.versions.index(self.version_of[i])]) if entry.raw_input is None else entry.raw_input
        own = used_by(entry, raw, len(jcs(self.r["sealed"])) if last else 0)
        found = {name: used.get(("unit", name), 0) for name in own}
        need(found["bytes"] == own["bytes"] if last else found["bytes"] >= own["bytes"], "grow by the entry's bytes")
        need(all(found[name] == own[name] for name in ("fuel", "signatures")), "grow by the entry's fuel and signatures")
        fees = any(kind == "fee" for kind, _ in used)
        need(not fees or entry.type in ("step", "outcome"), "fees grow by what evidence shows")

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


LAYERS = ("bindings", "entries", "message", "transaction", "enclaves", "ledger", "state", "disclosures", "costs", "anchor", "asserted")


def check_trust(trust):
    members(
        trust,
        ("typ", "ledgers", "development_roots", "measurements", "minimum_svn", "allow_development", "allow_asserted"),
        ("parties", "chains", "anchors"),
    )
    need(trust["typ"] == "concordat/trust/1", "typ of a trust file")
    for chain, how in trust.get("chains", {}).items():
        members(how, ("witness",), ("parameters",))
        need(re.fullmatch(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}", chain), "a chain in CAIP-2")
    return trust


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(arguments[0], "rb") as file:
            raw = file.read((16 << 20) + 1)
        with open(arguments[1], "rb") as file:
            trust = check_trust(strict(file.read()))
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
