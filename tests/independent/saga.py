"""Which calls of a transaction are due, and what is decided: docs/formats.md §6, replayed entry by entry."""

from signed import need

ROLES = ("call", "commit", "undo")
MAX_CALLS = 256


class Step:
    def __init__(self, kind, commit, after):
        """kind as the contract has it; commit: whether a second call makes it hold; after: numbers of steps."""
        self.kind, self.commit, self.after = kind, commit, after


class Call:
    def __init__(self, step, role, pin):
        self.step, self.role, self.pin, self.fate = step, role, pin, None
        self.given_up = False


class Saga:
    def __init__(self, steps):
        self.steps, self.calls, self.cancelling, self.decision = steps, [], False, None
        self.decide()

    # What the entries say

    def pin(self, pins):
        """Pins, as (step, role, pin) in order: exactly the calls that are due."""
        due = self.due()
        need([(step, role) for step, role, _ in pins] == due, f"pins: exactly the calls that are due: {due}")
        again = any(self.of(step, role) for step, role in due)
        need(not again or len(self.calls) < MAX_CALLS, "pins: after 256 calls none is made again")
        self.calls += [Call(*one) for one in pins]

    def cancel(self):
        need(self.decision is None and not self.cancelling, "cancelling: once, and only what is undecided")
        self.cancelling = True
        self.decide()

    def fill(self, call, fate):
        call.fate = fate
        self.decide()

    def give_up(self, number, step, role):
        """The newest call of a step in a role, which has to succeed and has not."""
        need(self.of(step, role) and number < len(self.calls), "resolve: a call that is pinned")
        call = self.calls[number]
        need(call is self.of(step, role)[-1], "resolve: the newest call of that step in that role")
        tried = role == "call" and self.steps[step].kind != "retriable"
        need(not tried and call.fate is None and not call.given_up, "resolve: has to succeed, has not ended, and once")
        call.given_up = True

    def in_vain(self):
        return [i for i, one in enumerate(self.calls) if one.given_up and one.fate not in (None, "called")]

    def is_left(self, step, role):
        """Given up, and not done: nothing more is done about it."""
        before = self.of(step, role)
        return bool(before) and before[-1].given_up and before[-1].fate not in (None, "called")

    def ended(self):
        return all(one.fate is not None for one in self.calls) and not self.due()

    # What follows from that

    def of(self, step, role):
        return [one for one in self.calls if (one.step, one.role) == (step, role)]

    def done(self, step, role):
        return any(one.fate == "called" for one in self.of(step, role))

    def numbers(self, kind):
        return [number for number, step in enumerate(self.steps) if step.kind == kind]

    def decide(self):
        if self.decision is not None:
            return
        tried = self.numbers("compensatable") + self.numbers("pivot")
        if any(one.fate not in (None, "called") for step in tried for one in self.of(step, "call")):
            self.decision = "abort"
        elif self.cancelling and not any(self.of(step, "call") for step in self.numbers("pivot")):
            self.decision = "abort"
        elif all(self.done(step, "call") for step in tried):
            self.decision = "commit"

    def due(self):
        """Due and not yet pinned, in the order of roles and of steps."""
        numbers = range(len(self.steps))
        every = [(step, role) for role in ROLES for step in numbers]
        return [one for one in every if self.is_unpinned(*one) and self.is_due(*one)]

    def is_unpinned(self, step, role):
        """What has to succeed, once that is decided, is pinned again when something else filled its slot."""
        before = self.of(step, role)
        if self.is_left(step, role):
            return False
        return not before or (self.decision is not None and before[-1].fate not in (None, "called"))

    def is_due(self, number, role):
        step = self.steps[number]
        if role == "commit":
            return self.decision == "commit" and step.commit
        if role == "undo":
            return self.decision == "abort" and step.kind == "compensatable" and self.is_to_undo(number)
        if not all(self.done(before, "call") for before in step.after):
            return False
        if step.kind == "retriable":
            return self.decision == "commit"
        if step.kind == "pivot" and not all(self.done(before, "call") for before in self.numbers("compensatable")):
            return False
        return self.decision is None and not self.cancelling

    def is_to_undo(self, number):
        later = [n for n, one in enumerate(self.steps) if number in one.after]
        return self.done(number, "call") and all(self.is_nothing_left(n) or self.is_left(n, "undo") for n in later)

    def is_nothing_left(self, number):
        calls = self.of(number, "call")
        never = all(one.fate not in (None, "called") for one in calls)
        return never or self.done(number, "undo")
