"""Makes jwe.json: a JWE made without any code of this project (RFC 7516, 7518 §4.6, 3394), for every implementation to open.
Needs the Python package `cryptography`. The keys and the content are for tests only."""
import base64, hashlib, json, os, struct, sys
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(public):
    n = public.public_numbers()
    return {"crv": "P-256", "kty": "EC", "x": b64(n.x.to_bytes(32, "big")), "y": b64(n.y.to_bytes(32, "big"))}


def jcs(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def recipient(public, cek):
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    alg = b"ECDH-ES+A256KW"
    shared = ephemeral.exchange(ec.ECDH(), public)
    info = struct.pack(">I", len(alg)) + alg + struct.pack(">III", 0, 0, 256)
    kek = hashlib.sha256(struct.pack(">I", 1) + shared + info).digest()
    kid = b64(hashlib.sha256(jcs(jwk(public))).digest())
    header = {"alg": alg.decode(), "epk": jwk(ephemeral.public_key()), "kid": kid}
    return {"encrypted_key": b64(aes_key_wrap(kek, cek)), "header": header}


keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
cek, iv, plaintext = os.urandom(32), os.urandom(12), "The price is 29.50 €".encode()
protected = b64(jcs({"enc": "A256GCM", "typ": "concordat/test"}))
sealed = AESGCM(cek).encrypt(iv, plaintext, protected.encode())
json.dump({
    "about": "made by make_jwe.py, independently of the project's own code",
    "keys": [dict(jwk(k.public_key()), d=b64(k.private_numbers().private_value.to_bytes(32, "big"))) for k in keys],
    "typ": "concordat/test", "plaintext": b64(plaintext), "content_key": b64(cek),
    "jwe": {"protected": protected, "recipients": [recipient(k.public_key(), cek) for k in keys], "iv": b64(iv),
            "ciphertext": b64(sealed[:-16]), "tag": b64(sealed[-16:])}}, sys.stdout, indent=1)
print()
