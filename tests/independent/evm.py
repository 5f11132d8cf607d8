"""Ethereum evidence, judged from docs/evm.md and docs/formats.md alone, with other people's RLP, tries, ABI and key recovery."""

import re

import rlp
from eth_abi import encode
from eth_abi.exceptions import EncodingError, ParseError
from eth_hash.auto import keccak
from eth_keys import keys
from eth_keys.exceptions import BadSignature, ValidationError
from eth_utils import to_checksum_address
from rlp.exceptions import RLPException
from trie import HexaryTrie
from trie.exceptions import BadTrieProof, MissingTrieNode

HALF_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2
PARENT, UNCLES, MINER, TRANSACTIONS, RECEIPTS, DIFFICULTY, NUMBER, GAS_USED, TIME, EXTRA, MIX, NONCE, BASE_FEE = 0, 1, 2, 4, 5, 7, 8, 10, 11, 12, 13, 14, 15
MAX_DESCENDANTS = 1024


class BadEvidence(Exception):
    """What the evidence shows is not what it must show."""


def need(condition, rule):
    if not condition:
        raise BadEvidence(rule)


def hex_bytes(text):
    need(isinstance(text, str) and re.fullmatch(r"0x([0-9a-f]{2})*", text), "bytes must be 0x and lower-case hex")
    return bytes.fromhex(text[2:])


def number(raw):
    need(isinstance(raw, bytes) and not raw.startswith(b"\0"), "a number must have no leading zeros")
    return int.from_bytes(raw, "big")


def decode_rlp(raw):
    try:
        return rlp.decode(raw, strict=True)
    except RLPException as error:
        raise BadEvidence(f"not RLP: {error}") from error


def recover(parity, r, s, digest):
    need(parity in (0, 1) and 0 < s <= HALF_ORDER, "a signature must be low-S")
    try:
        return keys.Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(digest).to_checksum_address()
    except (BadSignature, ValidationError) as error:
        raise BadEvidence("no key made this signature") from error


# ------------------------------------------------------------------------------------------------------------ inclusion


def trie_value(root, index, texts):
    """What the trie holds for an index; the proof must hold the nodes on the way, root first, and no other."""
    nodes = [hex_bytes(text) for text in texts]
    need(nodes and keccak(nodes[0]) == root, "a trie proof must begin with the root")
    for above, below in zip(nodes, nodes[1:]):
        need(keccak(below) in above, "a trie proof must hold each node below the one before")
    key = rlp.encode(index)
    decoded = [decode_rlp(node) for node in nodes]
    try:
        value = HexaryTrie.get_from_proof(root, key, decoded)
    except (BadTrieProof, MissingTrieNode) as error:
        raise BadEvidence("a trie proof must lead to its key") from error
    need(value, "must be in the block")
    return value


class Transaction:
    def __init__(self, raw):
        self.hash, self.type = keccak(raw), 0 if raw[0] >= 0xC0 else raw[0]
        need(self.type in (0, 1, 2), "a transaction of an unknown type")
        f = decode_rlp(raw if self.type == 0 else raw[1:])
        need(len(f) == (9, 11, 12)[self.type], "a transaction must have its type's fields")
        if self.type == 0:
            self.nonce, self.tip, self.most = number(f[0]), None, number(f[1])
            self.gas, self.to, self.value, self.data = number(f[2]), f[3], number(f[4]), f[5]
            v, signed = number(f[6]), f[:6]
            self.chain = 0 if v in (27, 28) else (v - 35) // 2
            need(v in (27, 28) or v >= 37, "a transaction's v")
            if self.chain:
                signed = [*signed, rlp.sedes.big_endian_int.serialize(self.chain), b"", b""]
            parity, payload = (v - 27 if v < 37 else (v - 35) % 2), rlp.encode(signed)
        else:
            self.chain, self.nonce = number(f[0]), number(f[1])
            self.tip, self.most = (number(f[2]), number(f[3])) if self.type == 2 else (None, number(f[2]))
            self.gas, self.to, self.value, self.data = number(f[-8]), f[-7], number(f[-6]), f[-5]
            parity, payload = number(f[-3]), bytes([self.type]) + rlp.encode(f[:-3])
        need(len(self.to) in (0, 20), "a transaction's receiver")
        self.sender = recover(parity, number(f[-2]), number(f[-1]), keccak(payload))


def receipt(raw):
    kind = 0 if raw[0] >= 0xC0 else raw[0]
    fields = decode_rlp(raw if kind == 0 else raw[1:])
    need(len(fields) == 4 and fields[0] in (b"", b"\1"), "a receipt must give a status")
    return kind, fields[0] == b"\1", number(fields[1]), fields[3]


def members(value, required, optional=()):
    need(isinstance(value, dict) and set(required) <= set(value) <= set(required) | set(optional), "unknown or missing members")
    return value


class Inclusion:
    def __init__(self, proof):
        required = "typ header descendants index transaction transaction_proof receipt_proof".split()
        members(proof, required, ("previous_receipt_proof",))
        need(proof["typ"] == "concordat/evm-inclusion/1", "typ of an inclusion proof")
        index = proof["index"]
        need(isinstance(index, int) and not isinstance(index, bool) and 0 <= index < 65536, "index of a transaction")
        need(("previous_receipt_proof" in proof) == (index > 0), "the receipt before it, except at index 0")
        need(len(proof["descendants"]) <= MAX_DESCENDANTS, "at most 1,024 descendants")
        raw = [hex_bytes(proof["header"])] + [hex_bytes(text) for text in proof["descendants"]]
        self.headers = [decode_rlp(one) for one in raw]
        need(all(isinstance(one, list) and len(one) >= 15 for one in self.headers), "a header's fields")
        for before, above, one in zip(raw, self.headers, self.headers[1:]):
            need(one[PARENT] == keccak(before), "a header must name the one before")
            need(number(one[NUMBER]) == number(above[NUMBER]) + 1, "numbers must count up")
            need(number(one[TIME]) >= number(above[TIME]), "times must not fall")
        block = self.headers[0]
        self.block = number(block[NUMBER])
        raw_transaction = hex_bytes(proof["transaction"])
        found = trie_value(block[TRANSACTIONS], index, proof["transaction_proof"])
        need(found == raw_transaction, "the transaction must be the one in the block")
        self.transaction = Transaction(raw_transaction)
        kind, self.succeeded, gas, self.logs = receipt(trie_value(block[RECEIPTS], index, proof["receipt_proof"]))
        need(kind == self.transaction.type, "the receipt must be of the transaction's type")
        before = receipt(trie_value(block[RECEIPTS], index - 1, proof["previous_receipt_proof"]))[2] if index else 0
        need(before <= gas <= number(block[GAS_USED]), "gas must be counted up")
        self.gas = gas - before


# --------------------------------------------------------------------------------------------------------------- clique


def check_clique(headers, parameters):
    """That a majority of these signers has sealed the block or one behind it, by EIP-225's rules."""
    members(parameters, ("signers",), ("epoch",))
    signers = sorted(hex_bytes(one.lower()) for one in parameters["signers"])
    epoch = parameters.get("epoch", 30000)
    need(signers and len(set(signers)) == len(signers) and epoch >= 1, "the signers of a chain")
    majority, sealers = len(signers) // 2 + 1, []
    for one in headers:
        extra, block = one[EXTRA], number(one[NUMBER])
        need(len(extra) >= 97, "a sealed header has a vanity and a seal")
        need(one[MIX] == bytes(32) and one[UNCLES] == keccak(b"\xc0"), "a sealed header has no uncles and no mix")
        if block % epoch == 0:
            need(extra[32:-65] == b"".join(signers), "a checkpoint must list the signers")
            need(one[MINER] == bytes(20) and one[NONCE] == bytes(8), "a checkpoint carries no vote")
        else:
            need(len(extra) == 97 and one[NONCE] in (bytes(8), b"\xff" * 8), "a header between checkpoints")
        unsealed = [*one[:EXTRA], extra[:-65], *one[EXTRA + 1 :]]
        seal = extra[-65:]
        digest = keccak(rlp.encode(unsealed))
        signer = recover(seal[64], int.from_bytes(seal[:32], "big"), int.from_bytes(seal[32:64], "big"), digest)
        signer = hex_bytes(signer.lower())
        need(signer in signers, f"sealed by a stranger: 0x{signer.hex()}")
        in_turn = block % len(signers) == signers.index(signer)
        need(number(one[DIFFICULTY]) == (2 if in_turn else 1), "a seal's difficulty is its turn")
        need(signer not in sealers[len(sealers) - min(len(sealers), majority - 1) :], "sealed again too soon")
        sealers.append(signer)
    need(len(set(sealers)) >= majority, "too few seals")


# ---------------------------------------------------------------------------------------------------------------- calls


def abi_type(parameter):
    if not parameter["type"].startswith("tuple"):
        return parameter["type"]
    return "(" + ",".join(abi_type(one) for one in parameter["components"]) + ")" + parameter["type"][5:]


def integer(value):
    """A decimal string in its one form; an integer is also taken."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    need(isinstance(value, str) and re.fullmatch(r"0|-?[1-9][0-9]*", value), "a decimal number")
    return int(value)


def abi_value(parameter, value):
    kind = parameter["type"]
    if kind.endswith("]"):
        inner = {**parameter, "type": kind[: kind.rindex("[")]}
        return [abi_value(inner, one) for one in value]
    if kind == "tuple":
        parts = value if isinstance(value, list) else [value[one["name"]] for one in parameter["components"]]
        return tuple(abi_value(one, part) for one, part in zip(parameter["components"], parts, strict=True))
    if kind.startswith(("uint", "int")):
        return integer(value)
    if kind.startswith("bytes"):
        return hex_bytes(value)
    return value


def parameters_of(interface, call):
    """The function's name and parameters, from a JSON ABI, or from text: name(type name, …)."""
    if interface is None:
        text = re.fullmatch(r"(?:function )?(\w+)\(([^()]*)\).*", call)
        need(text is not None, "the text of a function")
        parts = [part.split() for part in text[2].split(",") if part.strip()]
        return text[1], [{"type": part[0], "name": part[-1]} for part in parts]
    found = []
    for one in interface:
        if one.get("type", "function") == "function":
            signature = one["name"] + "(" + ",".join(abi_type(p) for p in one["inputs"]) + ")"
            if call in (one["name"], signature):
                found.append(one)
    need(len(found) == 1, "the interface must have one such function")
    return found[0]["name"], found[0]["inputs"]


def call_data(interface, call, arguments):
    name, parameters = parameters_of(interface, call)
    need(set(arguments) == {one["name"] for one in parameters}, "an argument for each parameter")
    types = [abi_type(one) for one in parameters]
    values = [abi_value(one, arguments[one["name"]]) for one in parameters]
    try:
        return keccak(f"{name}({','.join(types)})".encode())[:4] + encode(types, values)
    except (EncodingError, ParseError) as error:
        raise BadEvidence(f"arguments of other types than the call's: {error}") from error


def pinned_call(interface, call, target, arguments):
    data = call_data(interface, call, arguments)
    return {"to": target["address"], "data": "0x" + data.hex(), "value": "0", "gas": target["work"]}


def is_final(inclusion, finality):
    """Whether the witness proves that the block stands; else it is the host's word."""
    if finality["witness"] == "clique":
        check_clique(inclusion.headers, finality["parameters"])
        return True
    need(finality["witness"] == "host", "a witness that is not known")
    return False


def check_anchor(chain, contract, ledger, values, finality, evidence):
    """That the contract recorded these values (size, root, time, flags, 32 bytes each) of the ledger with this thumbprint."""
    inclusion = Inclusion(members(evidence, ("inclusion",))["inclusion"])
    need(chain in (f"eip155:{inclusion.transaction.chain}", chain if inclusion.transaction.chain == 0 else None), "another chain")
    need(contract == to_checksum_address(contract), "a contract's address as EIP-55 has it")
    topics = [keccak(b"Anchored(bytes32,uint64,bytes32,uint64,uint64)"), ledger]
    wanted = [hex_bytes(contract.lower()), topics, values]
    need(inclusion.succeeded and wanted in inclusion.logs, "the contract did not record this")
    return is_final(inclusion, finality)


def fee(evidence):
    """What executing it cost, in wei: gas used, at the price of EIP-1559."""
    inclusion = Inclusion(members(evidence, ("inclusion",))["inclusion"])
    price = inclusion.transaction.most
    if inclusion.transaction.tip is not None:
        price = min(price, number(inclusion.headers[0][BASE_FEE]) + inclusion.transaction.tip)
    return inclusion.gas * price


def judge(pin, finality, evidence):
    """("called" | "failed" | "cancelled", proved): what filled the pin's slot."""
    inclusion = Inclusion(members(evidence, ("inclusion",))["inclusion"])
    found, call = inclusion.transaction, pin["call"]
    need(f"eip155:{found.chain}" == pin["chain"] or found.chain == 0, "a transaction of another chain")
    need(found.sender == pin["account"] == to_checksum_address(pin["account"]), "a transaction of another account")
    need(str(found.nonce) == pin["slot"], "a transaction of another slot")
    need(len(inclusion.headers) >= finality["blocks"], "must be as deep as is asked")
    proved = is_final(inclusion, finality)
    pinned = (hex_bytes(call["to"].lower()) if "to" in call else b"", hex_bytes(call["data"]), int(call["value"]), int(call["gas"]))
    if pinned != (found.to, found.data, found.value, found.gas):
        return "cancelled", proved
    return ("called" if inclusion.succeeded else "failed"), proved
