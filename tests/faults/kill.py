#!/usr/bin/env python3
"""Kills node, record ledger and enclave at random points under load, KILLS times (200), and then counts: every acknowledged
message is there, none ran twice, every sequence is whole, and the ledger's audit passes. Standard library only.

usage: kill.py LOAD_PROGRAM      environment: KILLS, BINDINGS, SEED, CONCORDAT_BIN
"""
import collections
import os
import random
import signal
import subprocess
import sys
import time

from system import Node

KILLS = int(os.environ.get("KILLS", "200"))
BINDINGS = int(os.environ.get("BINDINGS", "6"))
SEED = int(os.environ.get("SEED", str(int(time.time()))))
SECONDS = float(os.environ.get("SECONDS", "230"))  # no kill begins later than this


def kill_one(node, dice):
    """Kills one process, the node's own included; names it, or None when there was none to kill just then."""
    target = dice.choice(["node", "concordat-ledger", "concordat-enclave"])
    if target == "node":
        node.process.kill()
        node.process.wait()
        node.start()
        return target
    found = node.children(target)
    if not found:
        return None
    try:
        os.kill(dice.choice(found), signal.SIGKILL)
    except ProcessLookupError:
        return None
    return target


def storm(node, load, dice):
    begun, killed = time.monotonic(), collections.Counter()
    while sum(killed.values()) < KILLS and time.monotonic() - begun < SECONDS:
        if load.poll() is not None:
            raise SystemExit("the load ended early: a message was refused, or not answered in a minute")
        if dice.random() < 0.8:  # mostly when it serves; at times while it is still starting
            node.wait_ready()
        time.sleep(dice.random() ** 2 * 0.5)
        victim = kill_one(node, dice)
        if victim:
            killed[victim] += 1
    return killed


def entries_of(node, binding):
    status, page = node.ask("GET", f"/v1/bindings/{binding}/state")
    assert status == 200, page
    for sequence in range(page["sequence"] + 1):
        status, entry = node.ask("GET", f"/v1/bindings/{binding}/entries/{sequence}")
        assert status == 200, entry
        yield entry


def count(node, acknowledged):
    """Compares what was acknowledged with what is there. Returns faults and the number of executions."""
    faults, executions = [], 0
    for binding, answers in acknowledged.items():
        ran, previous, state = {}, "sha256:" + "0" * 64, None
        for sequence, entry in enumerate(entries_of(node, binding)):
            document = entry["document"]
            if document["sequence"] != sequence or document["previous"] != previous:
                faults.append(f"{binding}: the chain breaks at {sequence}")
            if state is not None and document["state_before"] != state:
                faults.append(f"{binding}: the state breaks at {sequence}")
            previous, state = entry["entry"], document["state_after"]
            if document["type"] == "execute":
                executions += 1
                key = (document["sender"]["role"], document["number"])
                if key in ran:
                    faults.append(f"{binding}: {key} ran twice, at {ran[key][1]} and {sequence}")
                ran[key] = (previous, sequence)
        for key, answer in answers.items():
            if ran.get(key) != answer:
                faults.append(f"{binding}: {key} was acknowledged as {answer}, and is {ran.get(key)}")
        for role in ("buyer", "seller"):
            numbers = sorted(number for who, number in ran if who == role)
            if numbers != list(range(1, len(numbers) + 1)):
                faults.append(f"{binding}: numbers of the {role} are missing")
        pokes = node.ask("GET", f"/v1/bindings/{binding}/state")[1]["state"]["pokes"]
        if pokes != len(ran):
            faults.append(f"{binding}: the contract counted {pokes} messages, not {len(ran)}")
    return faults, executions


def read_acknowledged(folder):
    out = collections.defaultdict(dict)
    for line in (folder / "acknowledged").read_text().splitlines():
        binding, role, number, entry, sequence = line.split()
        if (role, int(number)) in out[binding]:
            raise SystemExit(f"{binding}: {role} {number} was acknowledged twice")
        out[binding][(role, int(number))] = (entry, int(sequence))
    return out


def main():
    print(f"seed {SEED}, {KILLS} kills, {BINDINGS} bindings", flush=True)
    dice = random.Random(SEED)
    node = Node()
    load = None
    try:
        node.start()
        node.wait_ready()
        load = subprocess.Popen([sys.argv[1], str(node.port), node.data, str(BINDINGS), node.folder],
                                stdout=subprocess.PIPE, text=True)
        if load.stdout.readline().strip() != "ready":
            raise SystemExit("the load could not set up its bindings")
        begun = time.monotonic()
        killed = storm(node, load, dice)
        (node.folder / "stop").touch()
        if load.wait(90) != 0:
            raise SystemExit("the load failed: a message was refused, or not answered in a minute")
        node.wait_ready()
        acknowledged = read_acknowledged(node.folder)
        faults, executions = count(node, acknowledged)
        node.stop()
        audit = node.audit()
        if audit.returncode != 0:
            faults.append("the ledger's audit fails: " + audit.stderr + audit.stdout)
        total = sum(len(answers) for answers in acknowledged.values())
        print(f"killed {dict(killed)} in {time.monotonic() - begun:.0f} s; {total} messages acknowledged, {executions} ran")
        print(audit.stdout.strip())
        if sum(killed.values()) < KILLS:
            faults.append(f"only {sum(killed.values())} of {KILLS} kills within {SECONDS:.0f} s")
        for fault in faults[:20]:
            print("FAULT", fault)
        return 1 if faults else 0
    except BaseException:
        if node.folder.exists():
            print((node.folder / "log").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        if load and load.poll() is None:
            load.kill()
            load.wait()
        node.remove()


if __name__ == "__main__":
    sys.exit(main())
