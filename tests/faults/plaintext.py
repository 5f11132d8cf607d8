#!/usr/bin/env python3
"""No plaintext of a confidential field outside the enclave: terms, messages, results and states of a contract (contracts/pledges) each
have words of their own that nobody but the parties is to read, in transactions with a real anvil that are committed, stuck, given up,
refused by the contract and interrupted by kills of node, enclave and record ledger, with the node's log at its most talkative. Then
they are looked for, as text and in hexadecimal, base64 and UTF-16, in every file of the node, in all that went through its sockets
to clients and chain, and in the memory of the node's and the record ledger's process.

That the search can find something is seen too: the enclave's memory has the words, and words that the contract itself makes public
are found in files, sockets and memory. Standard library only.

usage: plaintext.py     environment: CONCORDAT_BIN, TOOLCHAIN
"""
import base64
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import threading

from payments import Chain, cli, on_a_chain, until
from resolve import AMOUNT, REASON, TAKER, Pledges
from system import free_port


class Wire:
    """Passes a port on to another one, and keeps all that goes through in either direction."""

    def __init__(self, port):
        self.target, self.port, self.kept, self.lock = port, free_port(), bytearray(), threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=30)
            except OSError:
                near.close()
                continue
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                with self.lock:
                    self.kept += data
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def forms(words):
    """How they could be written."""
    raw = words.encode()
    out = {raw, raw.hex().encode(), raw.hex().upper().encode(), words.encode("utf-16-le"), words.encode("utf-16-be")}
    for shift in range(3):  # wherever they stand in what is encoded; what their neighbours have a part in is left out
        text = base64.b64encode(bytes(shift) + raw)[4 if shift else 0:][:len(raw) // 3 * 4 - 4]
        out |= {text, text.replace(b"+", b"-").replace(b"/", b"_")}
    return out


def found_in(data, words):
    return any(one in data for one in forms(words))


def memory_of(pid):
    """All that a process has written to and still holds."""
    out = bytearray()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            begin, end = (int(one, 16) for one in span.split("-"))
            if not rights.startswith("rw"):
                continue
            with contextlib.suppress(OSError, ValueError, OverflowError):
                memory.seek(begin)
                out += memory.read(end - begin)
    return bytes(out)


class Search:
    """What is looked through: by name, bytes."""

    def __init__(self, node, *wires):
        self.node, self.wires = node, wires
        self.memories = {}  # as it was at each look

    def look(self):
        """At the memory, as it is now. The words may be in the enclaves' only."""
        now = {"node": [self.node.process.pid], **{name: self.node.children(f"concordat-{name}") for name in ("ledger", "enclave")}}
        for name, pids in now.items():
            for pid in pids:
                try:
                    self.memories.setdefault(name, []).append(memory_of(pid))
                except PermissionError:
                    print("skipped: who runs this may not read the memory of other processes")
                    raise SystemExit(77) from None
                except (ProcessLookupError, FileNotFoundError):
                    pass  # it has just been killed

    def places(self):
        for path in sorted(self.node.folder.rglob("*")):
            if path.is_file():
                yield f"file {path.relative_to(self.node.folder)}", path.read_bytes()
        for wire in self.wires:
            with wire.lock:
                yield f"socket to port {wire.target}", bytes(wire.kept)
        for name in ("node", "ledger"):
            for number, data in enumerate(self.memories.get(name, [])):
                yield f"memory of {name}, look {number}", data

    def found(self, words):
        return [name for name, data in self.places() if found_in(data, words)]


class Whispers(Pledges):
    """Each says words of its own."""

    def __init__(self, node, chain, wire):
        self.said, self.wire = [], wire
        super().__init__(node, chain)

    def words(self):
        self.said.append("whisper" + secrets.token_hex(16))
        return self.said[-1]

    def reach(self, chain):
        network = chain.network
        cli("ledger", "add", network["chain"], f"http://127.0.0.1:{self.wire.port}", "--genesis", network["genesis"], node=self.node)

    def lock(self, sample, terms, ledgers):
        return super().lock(sample, {"words": self.words()}, ledgers)

    def message(self, action, amount, *options):
        body = json.dumps({"amount": amount, "to": TAKER, "words": self.words()})
        return "message", "send", self.binding, action, "--body", body, *self.key("giver"), *options

    def say(self, action, amount, *options):
        cli(*self.message(action, amount, *options), node=self.client)

    def pledge(self):
        self.begun += 1
        self.say("pledge", AMOUNT, "--async")


def kill_children(node, name):
    for pid in node.children(f"concordat-{name}"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def tell(whispers, search):
    """A history in which confidential words go every way that there is."""
    node = whispers.node
    whispers.begun += 1
    whispers.say("pledge_soon", AMOUNT)
    search.look()
    for victim in ("node", "enclave", "ledger"):
        whispers.pledge()
        until(lambda: whispers.has("committing"), "decided")
        search.look()
        if victim == "node":
            node.process.kill()
            node.process.wait()
            node.start()
        else:
            kill_children(node, victim)
        node.wait_ready()
        stuck = whispers.stuck()
        cli("transaction", "resolve", stuck, "--reason", REASON, *whispers.key("giver"), node=node)
        cli("binding", "sign", whispers.binding, *whispers.key("taker"), node=node)
        whispers.ends("committed")
        search.look()
    whispers.refused("contract_aborted", *whispers.message("shout", 13))
    whispers.refused("out_of_order", *whispers.message("pledge", 1, "--number", "1"))
    state = cli("state", whispers.binding, *whispers.key("taker"), node=whispers.client)
    assert any(words in json.dumps(state) for words in whispers.said), state  # it is there, for those who may read it
    whispers.receipt()
    search.look()


class Client:
    """Where the node is for its clients: behind a wire."""

    def __init__(self, node, wire):
        self.port, self.data = wire.port, node.data


def run(node, chain):
    to_chain, to_node = Wire(int(chain.network["endpoints"][0].rsplit(":", 1)[1].split("/")[0])), Wire(node.port)
    Whispers.client = Client(node, to_node)
    whispers = Whispers(node, chain, to_chain)
    search = Search(node, to_chain, to_node)
    tell(whispers, search)
    for number, words in enumerate(whispers.said):
        # The record ledger, attested as the enclaves are, opens the terms for them (docs/formats.md §4), and nothing else.
        places = [one for one in search.found(words) if number > 0 or not one.startswith("memory of ledger")]
        assert not places, f"text {number} is in {places}"
    enclaves = search.memories["enclave"]
    in_enclaves = [words for words in whispers.said if any(found_in(data, words) for data in enclaves)]
    assert len(in_enclaves) > 2, "the search finds nothing where the words are"
    # What the contract makes public is found everywhere: so would a leak be.
    whispers.say("shout", 1)
    search.look()
    whispers.receipt()  # in base64
    places = search.found(whispers.said[-1])
    for one in ("file receipt.json", f"socket to port {node.port}", "memory of node"):
        assert any(place.startswith(one) for place in places), f"public words are not found in {one}: {places}"
    print(f"{len(whispers.said) - 1} confidential texts, {len(list(search.places()))} files, sockets and memories: none is there; "
          f"{len(in_enclaves)} are in the enclaves' memory, and what was made public is in {len(places)} places")


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(__doc__)
    sys.exit(on_a_chain("evm", lambda folder: Chain(folder, "anvil"), run, CONCORDAT_LOG_LEVEL="debug"))
