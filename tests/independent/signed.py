"""Signed JSON as docs/formats.md §1 has it: strict texts, digests, keys, and signatures over them."""

import base64
import hashlib
import json
import re
from datetime import datetime

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

MAX_INTEGER = 2**53 - 1
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


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER
