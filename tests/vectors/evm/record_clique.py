#!/usr/bin/env python3
"""Records the headers of a clique network of two signers: python3 record_clique.py <geth 1.13 binary> > clique.json"""
import json, os, socket, subprocess, sys, tempfile, time, urllib.request

KEYS = ["45" * 32, "46" * 32]

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]

def call(port, method, *params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}", body, {"content-type": "application/json"})
    answer = json.load(urllib.request.urlopen(request))
    if "error" in answer:
        raise SystemExit(f"{method}: {answer['error']}")
    return answer["result"]

def wait_for(what, test):
    for _ in range(300):
        try:
            if test():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"no {what} within a minute")

class Signer:
    def __init__(self, geth, folder, key):
        self.geth, self.folder, self.port, self.p2p = geth, folder, free_port(), free_port()
        os.makedirs(folder)
        for name, text in (("key", key), ("password", "")):
            with open(f"{folder}/{name}", "w") as f:
                f.write(text)
        self.run("account", "import", "--lightkdf", "--password", f"{folder}/password", f"{folder}/key")
        listed = self.run("account", "list").split("{")[1]
        self.address = "0x" + listed[:40]

    def run(self, *arguments):
        return subprocess.run([self.geth, "--datadir", self.folder, *arguments], check=True, capture_output=True, text=True).stdout

    def start(self):
        self.process = subprocess.Popen(
            [self.geth, "--datadir", self.folder, "--networkid", "31338", "--port", str(self.p2p), "--nodiscover", "--nat", "none",
             "--syncmode", "full", "--http", "--http.port", str(self.port), "--http.api", "eth,web3,admin,miner", "--authrpc.port",
             str(free_port()), "--ipcdisable", "--miner.etherbase", self.address, "--unlock", self.address,
             "--password", f"{self.folder}/password", "--allow-insecure-unlock"],
            stdout=subprocess.DEVNULL, stderr=open(f"{self.folder}/log", "w"))
        wait_for("answer", lambda: call(self.port, "eth_chainId"))
        wait_for("unlocked key", lambda: "Unlocked account" in open(f"{self.folder}/log").read())

def genesis(signers):
    config = {name + "Block": 0 for name in ("homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople",
                                             "petersburg", "istanbul", "berlin", "london")}
    listed = "".join(sorted(s.address[2:] for s in signers))
    return {"config": {"chainId": 31338, **config, "clique": {"period": 1, "epoch": 4}}, "difficulty": "1",
            "gasLimit": "8000000", "extradata": "0x" + "00" * 32 + listed + "00" * 65, "alloc": {}}

def trimmed(block):
    for name in ("transactions", "uncles", "withdrawals", "size", "totalDifficulty"):
        block.pop(name, None)
    return block

def main():
    with tempfile.TemporaryDirectory() as folder:
        signers = [Signer(sys.argv[1], f"{folder}/{i}", key) for i, key in enumerate(KEYS)]
        with open(f"{folder}/genesis.json", "w") as f:
            json.dump(genesis(signers), f)
        try:
            for signer in signers:
                signer.run("init", f"{folder}/genesis.json")
                signer.start()
            enode = call(signers[0].port, "admin_nodeInfo")["enode"].split("@")[0]
            call(signers[1].port, "admin_addPeer", f"{enode}@127.0.0.1:{signers[0].p2p}")
            wait_for("connection", lambda: len(call(signers[0].port, "admin_peers")) == 1)
            for signer in signers:
                call(signer.port, "miner_start")
            wait_for("ninth block", lambda: int(call(signers[0].port, "eth_blockNumber"), 16) >= 9)
            blocks = [trimmed(call(signers[0].port, "eth_getBlockByNumber", hex(n), False)) for n in range(2, 8)]
            version = call(signers[0].port, "web3_clientVersion")
        finally:
            for signer in signers:
                if hasattr(signer, "process"):
                    signer.process.terminate()
                    signer.process.wait()
        json.dump({"source": version, "epoch": 4, "signers": [s.address for s in signers], "blocks": blocks}, sys.stdout,
                  separators=(",", ":"))
        print()

main()
