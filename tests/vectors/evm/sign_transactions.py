#!/usr/bin/env python3
"""Signs one transaction of each type with eth-account and writes them as a node's objects: python3 sign_transactions.py > rpc-transactions.json"""
import json
from eth_account import Account

KEY = "0x" + "45" * 32
TO = "0x1111111111111111111111111111111111111111"
ACCESS = [{"address": TO, "storageKeys": ["0x" + "22" * 32, "0x" + "00" * 32]}]
AUTH = Account.from_key("0x" + "46" * 32).sign_authorization({"chainId": 1, "address": TO, "nonce": 7})
FEES = {"maxFeePerGas": 300, "maxPriorityFeePerGas": 2}
COMMON = {"nonce": 0, "gas": 21000, "value": 10**18, "chainId": 31337}
CASES = [
    {**COMMON, "gasPrice": 7, "to": TO, "data": "0x01"},
    {**COMMON, "gasPrice": 7, "data": "0x6000", "to": ""},
    {**COMMON, "type": 1, "gasPrice": 7, "to": TO, "data": "0x", "accessList": ACCESS},
    {**COMMON, "type": 2, **FEES, "to": TO, "data": "0xff", "accessList": []},
    {**COMMON, "type": 3, **FEES, "to": TO, "data": "0x", "accessList": ACCESS, "maxFeePerBlobGas": 9,
     "blobVersionedHashes": ["0x01" + "33" * 31]},
    {**COMMON, "type": 4, **FEES, "to": TO, "data": "0x", "accessList": [], "authorizationList": [AUTH]},
]

def as_object(case, signed):
    out = {name: hex(value) if isinstance(value, int) else value for name, value in case.items()}
    out["input"] = out.pop("data")
    if out["to"] == "":
        out["to"] = None
    if "authorizationList" in out:
        out["authorizationList"] = [{"chainId": hex(AUTH.chain_id), "address": "0x" + AUTH.address.hex(),
                                     "nonce": hex(AUTH.nonce), "yParity": hex(AUTH.y_parity), "r": hex(AUTH.r), "s": hex(AUTH.s)}]
    out.update(v=hex(signed.v), r=hex(signed.r), s=hex(signed.s), hash=signed.hash.to_0x_hex())
    return out

rows = []
for case in CASES:
    signed = Account.sign_transaction({k: v for k, v in case.items() if v != ""}, KEY)
    rows.append({"raw": signed.raw_transaction.to_0x_hex(), "transaction": as_object(case, signed)})
print("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]")
