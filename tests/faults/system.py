"""A node as its own processes in a temporary folder, for the scripts beside this file. Standard library only."""
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

BIN = pathlib.Path(os.environ.get("CONCORDAT_BIN", pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    """Start, kill and ask one node. Its children are the record ledger and the enclaves."""

    def __init__(self, **environment):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="concordat-faults-"))
        self.data = self.folder / "data"
        self.port = free_port()
        self.log = open(self.folder / "log", "ab")
        self.environment = {**os.environ, "CONCORDAT_LOG_LEVEL": "warning", **environment}
        self.process = None

    def start(self):
        command = [BIN / "concordat", "node", "--data", self.data, "--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=self.environment)

    def wait_ready(self, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"the node ended with {self.process.returncode}; see {self.folder / 'log'}")
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the node is not ready after {seconds} s; see {self.folder / 'log'}")

    def children(self, name):
        """Process ids of the node's children of that name."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            comm, rest = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
            if comm == name[:15] and int(rest[1]) == self.process.pid and rest[0] != "Z":
                found.append(int(entry.name))
        return found

    def raw(self, method, path, body=b"", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def ask(self, method, path, body=b"", headers=None):
        status, kind, text = self.raw(method, path, body, headers)
        return status, json.loads(text) if "json" in kind else text

    def token(self):
        return (self.data / "operator.token").read_text().strip()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(60)
        if code != 0:
            raise RuntimeError(f"the node ended with {code}; see {self.folder / 'log'}")

    def audit(self):
        return subprocess.run([BIN / "concordat-ledger", "--data", self.data / "ledger", "--attestation",
                               self.data / "attestation", "--audit"], capture_output=True, text=True, check=False)

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
