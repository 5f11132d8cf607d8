"""A transaction across ledgers, judged as docs/formats.md §8 has it: from binding, package and evidence."""

import re

import called
import evm
import participant
import route
from binding import rule_satisfied
from saga import Saga, Step
from signed import General, digest, digest_text, is_count, jcs, members, need, sha, strict, time_ms, u256, unb64

MAX_STEPS = 16
ENDINGS = {"commit": "committed", "abort": "aborted"}
OWN_SECOND_CALLS = ("http",)


class Transaction:
    """Ledgers of the kinds evm, http and binding are known here. `verify`: reads a receipt within, by a trust file."""

    def __init__(self, version, accounts, prepare, package, verify):
        self.version, self.accounts, self.prepare, self.verify = version, accounts, prepare, verify
        members(package, ("manifest", "config"))
        manifest, config = unb64(package["manifest"]), unb64(package["config"])
        need(sha(manifest) == version.package, "call: the manifest must be the version's package")
        need(digest(strict(manifest)["config"]["digest"]) == sha(config), "call: the contract must be the manifest's")
        self.contract = strict(config)
        self.action = self.contract["actions"][prepare.d["action"]]
        self.effects = prepare.d["effects"]
        self.early = "commit" in prepare.d
        self.slots = {}

    def check(self, later, trust):
        self.check_prepare()
        self.saga = Saga([self.step(effect) for effect in self.effects])
        need(len(self.saga.numbers("pivot")) <= 1, "at most one pivot")
        pins = [(i, "call", effect["pin"]) for i, effect in enumerate(self.effects) if "pin" in effect]
        self.take(self.prepare, pins)
        self.ending, before = None, self.prepare
        for entry in later:
            need(digest(entry.d["transaction"]) == self.prepare.id, "entries of one transaction")
            need(self.ending is None or entry.type == "disputed", "after the outcome there are only disputes")
            self.check_time(before, entry)
            self.check_begin(entry)
            getattr(self, "check_" + entry.type)(entry, trust)
            self.check_state(entry)
            self.check_fee(before, entry)
            before = entry

    # The prepare entry: its steps follow from the contract

    def check_prepare(self):
        need(1 <= len(self.effects) <= MAX_STEPS, "1 to 16 steps")
        need((self.action.get("commit") == "early") == self.early, "committed early where the contract says so")
        need(not self.early or len(self.effects) == 1, "what is committed early has one effect")
        for effect in self.effects:
            need(effect["effect"] in self.action.get("effects", []), "call: an effect of the action")
            need(effect["ledger"] in self.version.document["ledgers"], "the version must have the ledger")
            same = [one.get("route") for one in self.effects if one["ledger"] == effect["ledger"]]
            need(all(one == same[0] for one in same), "route: one for all steps on a ledger")
        minutes = max(self.target(effect)["deadline_minutes"] for effect in self.effects)
        need(time_ms(self.prepare.d["deadline"]) == self.prepare.time + minutes * 60000, "the version's deadline")

    def target(self, effect):
        return route.chosen(self.version.document["ledgers"][effect["ledger"]], effect.get("route"))

    def step(self, effect):
        members(effect, ("effect", "args", "ledger"), ("kind", "commit", "undo", "after", "callers", "pin", "route"))
        declared = self.contract["effects"][effect["effect"]]
        need(declared["ledger"] == effect["ledger"], "the effect's ledger")
        kind = declared["kind"]
        need(kind in ("compensatable", "pivot", "retriable"), "an effect's kind")
        need(effect.get("kind", "pivot") == kind and effect.get("kind") != "pivot", "a step's kind is its effect's")
        own = self.contract["ledgers"][effect["ledger"]]["kind"] in OWN_SECOND_CALLS
        for role in ("commit", "undo"):
            has = kind == "compensatable" and (own or role in declared)
            need((role in effect) == has, f"{role}: where its effect has such a call")
            need(not (has and own) or effect[role] == {}, f"{role}: the kind's own call has no arguments")
            need(not has or isinstance(effect[role], dict), f"{role}: arguments")
        need(kind != "compensatable" or "undo" in effect, "undo: of what is compensatable")
        calls = self.contract["ledgers"][effect["ledger"]]["kind"] == "binding"
        need(effect.get("callers") == (self.callers() if calls else None), "callers: who waits for a binding that is called")
        after = [i for i, one in enumerate(self.effects) if one["effect"] in declared.get("after", [])]
        need(effect.get("after") == (after or None), "after: the steps of the effects that it names")
        return Step(kind, "commit" in effect, after)

    def callers(self):
        above = called.read(self.prepare.raw_input).content["call"]["callers"] if "fate" in self.prepare.d else []
        return [*above, digest_text(self.version.id)]

    # Each later entry: what it says follows from those before it

    def check_time(self, before, entry):
        """The host's claim; known only where the entry before it is at hand."""
        if entry.type == "resolve":  # bound by what the parties signed
            return
        latest = time_ms(self.prepare.d["deadline"]) + 1
        adjoins = entry.sequence == before.sequence + 1
        need(not adjoins or entry.time <= latest or before.time > latest, "not later than its transaction's deadline")

    def check_begin(self, entry):
        if entry.type == "disputed":
            return
        need(digest(entry.d["version"]) == self.version.hash, "no other version meanwhile")
        if not self.early and self.saga.decision != "commit":
            need(digest(entry.d["state_before"]) == self.prepare.state_after, "nothing changes until it is decided")

    def check_state(self, entry):
        begins = digest(entry.d["state_before"])
        if entry.type != "outcome":
            need(entry.state_after == begins, "of a transaction only the outcome changes the state")
        elif not self.early:
            left = begins if self.ending == "committed" else digest(self.prepare.d["state_before"])
            need(entry.state_after == left, "the state after an outcome")
            need(not {"action", "reason", "events"} & set(entry.d), "an outcome waited for is heard by no action")
        else:
            heard = "action" in entry.d
            need(heard != ("reason" in entry.d), "who heard the outcome, or why nobody did")
            need(heard or entry.state_after == begins, "what nobody heard changes nothing")
            need(not heard or entry.d["action"] == self.hears(), "the contract's action that hears of outcomes")

    def hears(self):
        """The action that the ledger drives: a role or a source of its name comes first."""
        ledger = self.effects[0]["ledger"]
        if ledger in [*self.contract["roles"], *self.contract["sources"]]:
            return None
        return next((name for name, action in self.contract["actions"].items() if action["from"] == [ledger]), None)

    def check_cancelling(self, entry, trust):
        need(not entry.raw_input, "a cancellation has no input")
        self.saga.cancel()
        self.take(entry, self.pins(entry))

    def check_step(self, entry, trust):
        self.check_fate(entry, trust)
        self.take(entry, self.pins(entry))
        need(not self.saga.ended(), "where nothing is open and nothing due, the entry is the outcome")

    def check_outcome(self, entry, trust):
        self.check_fate(entry, trust)
        need(self.saga.ended(), "an outcome comes when nothing is open and nothing due")
        self.ending = entry.d["ending"]
        need(self.ending == ENDINGS[self.saga.decision], "the ending that was decided")
        need(entry.d.get("given_up", []) == self.saga.in_vain(), "given_up: the calls that were given up in vain")

    def check_resolve(self, entry, trust):
        value = strict(entry.raw_input)
        need(jcs(value) == entry.raw_input, "resolution: must be in RFC 8785 form")
        jws = General(value)
        named = ("typ", "binding", "version", "transaction", "step", "role", "do", "reason", "expires")
        c = members(jws.content, named)
        need(c["typ"] == "concordat/resolution/1" and c["do"] == "give-up", "typ of a resolution, and what it asks for")
        need(digest(c["binding"]) == self.version.id, "resolution: of this binding")
        need(digest(c["version"]) == self.version.hash, "resolution: of the version in force")
        need(digest(c["transaction"]) == self.prepare.id, "resolution: of this transaction")
        need(is_count(c["step"]) and c["step"] < len(self.effects), "resolution: a step of the transaction")
        need(entry.time <= time_ms(c["expires"]), "a resolution that had expired")
        need(c["reason"] and entry.d["reason"] == c["reason"], "resolution: the entry gives its reason")

        def find(kid):
            found = self.version.party_key(kid)
            return found and (found[0], {found[1]})

        need(rule_satisfied(self.version, jws.signers(find, c["typ"])), "a resolution must be signed as an amendment")
        self.saga.give_up(entry.d.get("call", 0), c["step"], c["role"])

    def check_disputed(self, entry, trust):
        need(not entry.raw_input, "a dispute has no input")
        call = self.call(entry)
        need(call.fate is not None, "what is disputed had been filled")
        known = trust.get("chains", {}).get(call.pin["chain"], {})
        need(known.get("witness") == "host", "disputed: the host's word, which the trust file does not take")

    def call(self, entry):
        number = entry.d.get("call", 0)
        need(number < len(self.saga.calls), "call: one that is pinned")
        return self.saga.calls[number]

    # Pins, and what they must be

    @staticmethod
    def pins(entry):
        listed = [members(one, ("step", "role", "pin")) for one in entry.d.get("effects", [])]
        need(all(is_count(one["step"]) for one in listed), "the number of a step")
        return [(one["step"], one["role"], one["pin"]) for one in listed]

    def take(self, entry, pins):
        self.saga.pin(pins)
        need(entry.d.get("decision") == self.saga.decision, "decision: from the entry on in which it is certain")
        fresh = {}
        for step, role, pin in pins:
            members(pin, ("chain", "account", "slot", "call", "ceiling"))
            self.check_call(step, role, pin)
            self.take_slot(pin, fresh)

    def take_slot(self, pin, fresh):
        """Slots of an account rise; those that one entry takes leave none out."""
        need(isinstance(pin["slot"], str) and re.fullmatch(r"0|[1-9][0-9]{0,19}", pin["slot"]), "a slot's number")
        account, slot = (pin["chain"], pin["account"]), int(pin["slot"])
        need(slot > self.slots.get(account, -1), "an account's slots must rise")
        need(account not in fresh or slot == fresh[account] + 1, "an entry takes an account's next slots")
        self.slots[account] = fresh[account] = slot

    def check_call(self, number, role, pin):
        effect = self.effects[number]
        target, ledger = self.target(effect), effect["ledger"]
        need(pin["chain"] == target["chain"], "chain: the one that the version names")
        account = self.accounts.get(ledger)
        if "route" in effect:
            account = account.get(pin["chain"]) if isinstance(account, dict) else None
        need(account == pin["account"], "account: the one that the version's entry names")
        need(pin["call"] == self.made(number, role), "call: the one that contract, version and arguments make")
        need(pin["ceiling"] == target["ceiling"], "the version's ceiling")

    def made(self, number, role):
        effect = self.effects[number]
        declared, use = self.contract["effects"][effect["effect"]], self.contract["ledgers"][effect["ledger"]]
        arguments = effect["args" if role == "call" else role]
        if use["kind"] == "http":
            participant.check_target(self.target(effect))
            name = sha(b"\0\x50", self.version.id, u256(self.prepare.sequence), u256(number))
            return participant.pinned_call(declared["call"], self.target(effect), role, name, arguments)
        if use["kind"] == "binding":
            called.check_target(self.target(effect))
            name = sha(b"\0\x50", self.version.id, u256(self.prepare.sequence), u256(number))
            return called.pinned_call(declared[role], self.target(effect), role, name, arguments, effect["callers"])
        need(use["kind"] == "evm", f"call: a kind of ledger that is not known here: {use['kind']}")
        return evm.pinned_call(use.get("interface"), declared[role], self.target(effect), arguments)

    # Evidence

    def check_fate(self, entry, trust):
        call = self.call(entry)
        need(call.fate is None, "call: one that is open")
        fate = self.judged(call, entry, trust)
        single = len(self.effects) == 1 and "kind" not in self.effects[0]
        need(single == ("fate" not in entry.d), "fate: absent where the ending says it")
        need(single or entry.d["fate"] == fate, "inclusion: a fate that the evidence does not show")
        if single and "ending" in entry.d:
            shown = (entry.d["ending"] == "committed") == (fate == "called")
            need(shown, "inclusion: an ending that the evidence does not show")
        self.saga.fill(call, fate)

    def check_fee(self, before, entry):
        """Where costs are counted, what this call cost is; where the entry adjoins the one before it, nothing else."""
        if entry.type not in ("step", "outcome") or entry.costs is None or before.costs is None:
            return
        pin = self.call(entry).pin
        shown = evm.fee(strict(entry.raw_input)) if pin["chain"].startswith("eip155:") else 0
        grown = {name: value for name, value in entry.costs.since(before.costs.used).items() if name[0] == "fee"}
        mine = grown.pop(("fee", pin["chain"]), 0)
        adjoins = entry.sequence == before.sequence + 1
        need(mine == shown and not grown if adjoins else mine >= shown, "inclusion: fees grow by what the evidence shows")

    def judged(self, call, entry, trust):
        evidence = strict(entry.raw_input)
        need(jcs(evidence) == entry.raw_input, "inclusion: evidence must be in RFC 8785 form")
        effect = self.effects[call.step]
        kind = self.contract["ledgers"][effect["ledger"]]["kind"]
        judge = {"http": participant.judge, "binding": self.called, "evm": evm.judge}[kind]
        finality, known = self.target(effect)["finality"], trust.get("chains", {}).get(call.pin["chain"], {})
        fate, proved = judge(call.pin, finality, evidence)
        if known and known["witness"] != "host":
            own = judge(call.pin, {"blocks": finality["blocks"], **known}, evidence)
            need(own == (fate, True), "finality: not proved as the trust file asks")
        else:
            need(proved or known, "finality: the host's word, which the trust file does not take")
        if kind == "binding":  # and by the verifier's own trust file
            self.verify(jcs(evidence["receipt"]), trust)
        return fate

    def called(self, pin, finality, evidence):
        return called.judge(pin, finality, evidence, self.verify)
