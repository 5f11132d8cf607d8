#!/usr/bin/env python3
"""Records blocks of an anvil chain as vectors: python3 record_blocks.py <anvil binary> > blocks.json"""
import json, socket, subprocess, sys, time, urllib.request

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]

class Anvil:
    def __init__(self, binary, fork):
        self.port = free_port()
        self.process = subprocess.Popen(
            [binary, "--port", str(self.port), "--hardfork", fork, "--no-mining", "--order", "fifo", "--silent",
             "--timestamp", "1700000000"])
        for _ in range(100):
            try:
                self.version = self.call("web3_clientVersion")
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("anvil does not answer")

    def call(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}", body, {"content-type": "application/json"})
        answer = json.load(urllib.request.urlopen(request))
        if "error" in answer:
            raise SystemExit(f"{method}: {answer['error']}")
        return answer["result"]

    def block(self, number):
        block = self.call("eth_getBlockByNumber", hex(number), False)
        for name in ("transactions", "uncles", "withdrawals", "size", "totalDifficulty"):
            block.pop(name, None)
        return block

    def stop(self):
        self.process.terminate()
        self.process.wait()

RECEIPT = ("type", "status", "root", "cumulativeGasUsed", "logsBloom", "logs", "gasUsed", "contractAddress")

def trimmed(receipt):
    out = {name: receipt[name] for name in RECEIPT if receipt.get(name) is not None}
    out["logs"] = [{name: log[name] for name in ("address", "topics", "data")} for log in out["logs"]]
    return out

LOGGER = "0x600f80600b6000396000f3602a600052600260016020600 0a200".replace(" ", "")
REVERTER = "0x600580600b6000396000f360006000fd"

def full_block(anvil):
    accounts = anvil.call("eth_accounts")
    created = [anvil.call("eth_sendTransaction", {"from": accounts[0], "data": code, "gas": "0x30000"})
               for code in (LOGGER, REVERTER)]
    anvil.call("evm_mine")
    logger, reverter = (anvil.call("eth_getTransactionReceipt", h)["contractAddress"] for h in created)
    sent = []
    for i in range(18):
        kind = ({"gasPrice": "0x77359400"}, {"gasPrice": "0x77359400", "accessList": []},
                {"maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x1"})[i % 3]
        to = (logger, reverter, accounts[9])[(i // 3) % 3]
        sent.append(anvil.call("eth_sendTransaction",
                               {"from": accounts[i % 4], "to": to, "gas": "0x13880", "value": "0x0", **kind}))
    sent.append(anvil.call("eth_sendTransaction", {"from": accounts[5], "data": LOGGER, "gas": "0x30000"}))
    for _ in range(3):
        anvil.call("evm_mine")
    mined = anvil.call("eth_getBlockByNumber", "0x2", False)["transactions"]
    assert sorted(mined) == sorted(sent)
    return {"source": anvil.version, "block": anvil.block(2), "descendants": [anvil.block(n) for n in (3, 4)],
            "transactions": [anvil.call("eth_getRawTransactionByBlockNumberAndIndex", "0x2", hex(i)) for i in range(len(mined))],
            "hashes": mined,
            "receipts": [trimmed(anvil.call("eth_getTransactionReceipt", h)) for h in mined]}

def main():
    out = {"forks": {}}
    for fork in ("istanbul", "london", "shanghai", "cancun", "prague", "osaka"):
        anvil = Anvil(sys.argv[1], fork)
        try:
            anvil.call("evm_mine")
            out["forks"][fork] = anvil.block(1)
        finally:
            anvil.stop()
    anvil = Anvil(sys.argv[1], "prague")
    try:
        out["full"] = full_block(anvil)
    finally:
        anvil.stop()
    json.dump(out, sys.stdout, separators=(",", ":"))
    print()

main()
