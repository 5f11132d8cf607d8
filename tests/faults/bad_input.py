#!/usr/bin/env python3
"""Sends a real node what it must refuse, over HTTP: each is answered by a problem document that names field and rule, and changes
nothing. Standard library only.

usage: bad_input.py LOAD_PROGRAM      environment: CONCORDAT_BIN
"""
import base64
import io
import json
import socket
import subprocess
import sys
import tarfile

from system import Node

MESSAGE_KEY = "A" * 43


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# What no JSON from outside may hold, as a whole text; %s is a place for a value.
BAD_JSON = {
    "empty": b"",
    "truncated": b'{"typ":"concordat/binding/1","version":1',
    "not JSON": b"typ: concordat/binding/1",
    "text after it": b'{"a":1} {"b":2}',
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "duplicate keys": b'{"payload":"e30","payload":"e30","signatures":[]}',
    "escaped duplicate keys": b'{"payload":"e30","p\\u0061yload":"e30","signatures":[]}',
    "beyond 2^53": b'{"payload":9007199254740993,"signatures":[]}',
    "below -2^53": b'{"payload":-9007199254740993,"signatures":[]}',
    "a huge number": b'{"payload":' + b"9" * 400 + b"}",
    "fraction": b'{"payload":1.5}',
    "exponent": b'{"payload":1e3}',
    "minus zero": b'{"payload":-0}',
    "leading zero": b'{"payload":007}',
    "NaN": b'{"payload":NaN}',
    "comment": b'{"payload":1 /* one */}',
    "trailing comma": b'{"payload":[1,]}',
    "invalid UTF-8": b'{"payload":"\xff\xfe"}',
    "overlong UTF-8": b'{"payload":"\xc0\xaf"}',
    "lone surrogate": b'{"payload":"\\ud800"}',
    "control character": b'{"payload":"\x01"}',
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deep but short": b"[" * 33 + b"]" * 33,
}
WRONG_SHAPE = {
    "an array": b"[]",
    "a string": b'"payload"',
    "null": b"null",
    "no members": b"{}",
    "unknown member": b'{"payload":"e30","signatures":[],"extra":1}',
    "unprotected header": b'{"payload":"e30","signatures":[{"header":{},"protected":"e30","signature":""}]}',
    "padding in base64url": b'{"payload":"e30=","signatures":[]}',
    "payload is no object": b'{"payload":"W10","signatures":[]}',
    "too many signatures": b'{"payload":"e30","signatures":[' + b",".join([b"{}"] * 65) + b"]}",
}


def compact(payload, header=None):
    header = header or {"alg": "EdDSA", "kid": MESSAGE_KEY, "typ": "concordat/message/1"}
    return f"{b64(json.dumps(header, separators=(',', ':')).encode())}.{b64(payload)}.{b64(bytes(64))}".encode()


class Checks:
    def __init__(self, node):
        self.node, self.faults, self.count = node, [], 0

    def refused(self, what, method, path, body=b"", headers=None, statuses=range(400, 500)):
        self.count += 1
        try:
            status, kind, text = self.node.raw(method, path, body, headers)
        except OSError as error:
            return self.faults.append(f"{what}: no answer: {error}")
        problem = json.loads(text) if "json" in kind else {}
        if status not in statuses:
            self.faults.append(f"{what}: answered {status} {text[:200]}")
        elif kind.split(";")[0] != "application/problem+json":
            self.faults.append(f"{what}: not a problem document but {kind}")
        elif not problem.get("code") or not problem.get("rule") or "field" not in problem or problem.get("status") != status:
            self.faults.append(f"{what}: code, field, rule and status are not all there: {problem}")
        return None


def json_cases(checks, binding):
    documents = ["/v1/bindings", f"/v1/bindings/{binding}/signatures", f"/v1/bindings/{binding}/amendments",
                 f"/v1/bindings/{binding}/termination"]
    kind = {"Content-Type": "application/jose+json"}
    for path in documents:
        for name, text in {**BAD_JSON, **WRONG_SHAPE}.items():
            checks.refused(f"{path} {name}", "POST", path, text, kind)
            wrapped = json.dumps({"payload": b64(text), "signatures": []}).encode()
            checks.refused(f"{path} {name}, as payload", "POST", path, wrapped, kind)
        checks.refused(f"{path} oversized", "POST", path, b'{"payload":"' + b"A" * (3 << 20) + b'"}', kind, [413])


def message_cases(checks, binding):
    path = f"/v1/bindings/{binding}/messages"
    decisions = f"/v1/bindings/{binding}/decisions"
    kind = {"Content-Type": "application/jose"}
    for name, text in {**BAD_JSON, **WRONG_SHAPE}.items():
        checks.refused(f"message {name}", "POST", path, compact(text), kind)
        checks.refused(f"message {name}, in the clear", "POST", path, text, kind)
        checks.refused(f"decision {name}", "POST", decisions, compact(text), kind)
    whole = {"typ": "concordat/message/1", "binding": binding, "version": binding, "ledger": "ccl:" + "0" * 32, "action": "poke",
             "number": 1, "seen": binding, "expires": "2036-01-31T09:00:00.000Z", "body": {"way": "nothing"}}
    changes = {"unknown member": {"more": 1}, "fractional number": {"number": 1.5}, "number 0": {"number": 0},
               "number beyond 2^53": {"number": 2**53}, "a number as text": {"number": "1"}, "negative": {"number": -1},
               "a bad time": {"expires": "2036-02-31T09:00:00.000Z"}, "time with offset": {"expires": "2036-01-31T09:00:00+01:00"},
               "upper case digest": {"seen": "sha256:" + "A" * 64}, "short digest": {"seen": "sha256:00"}, "body is text": {"body": "x"},
               "empty sealed": {"sealed": {}}, "another typ": {"typ": "concordat/observation/1"}, "long action": {"action": "a" * 65},
               "of nobody": {}}
    for name, change in changes.items():
        text = json.dumps({**whole, **change}, separators=(",", ":"), sort_keys=True).encode()
        checks.refused(f"message {name}", "POST", path, compact(text), kind)
    for missing in whole:
        text = json.dumps({k: v for k, v in whole.items() if k != missing}, separators=(",", ":"), sort_keys=True).encode()
        checks.refused(f"message without {missing}", "POST", path, compact(text), kind)
    sound = json.dumps(whole, separators=(",", ":"), sort_keys=True).encode()
    for header in ({"alg": "none", "kid": MESSAGE_KEY, "typ": "concordat/message/1"},
                   {"alg": "HS256", "kid": MESSAGE_KEY, "typ": "concordat/message/1"},
                   {"alg": "EdDSA", "kid": MESSAGE_KEY, "typ": "concordat/message/1", "crit": []},
                   {"alg": "EdDSA", "kid": MESSAGE_KEY, "typ": "concordat/message/1", "jku": "http://127.0.0.1/"},
                   {"alg": "EdDSA", "typ": "concordat/message/1"}, {}):
        checks.refused(f"message with header {header}", "POST", path, compact(sound, header or {"": 0}), kind)
    checks.refused("message oversized", "POST", path, compact(b"x" * (2 << 20)), kind, [413])
    checks.refused("message to nobody", "POST", f"/v1/bindings/sha256:{'0' * 64}/messages", compact(sound), kind, [404])
    checks.refused("message later, unsound", "POST", path, compact(b"{}"), {**kind, "Prefer": "respond-async"})


def reading_cases(checks, binding):
    for path in ("/v1/bindings/x", "/v1/bindings/sha256:zz", f"/v1/bindings/{binding}/entries/-1", f"/v1/bindings/{binding}/entries/1e3",
                 f"/v1/bindings/{binding}/entries/99999999999999999999", f"/v1/bindings/{binding}/entries?limit=0",
                 f"/v1/bindings/{binding}/entries?limit=501", f"/v1/bindings/{binding}/entries?limit=x",
                 f"/v1/bindings/{binding}/entries?after=9999999999999999999999", f"/v1/bindings/{binding}/head",
                 f"/v1/bindings/{binding}/head?nonce=AA", f"/v1/bindings/{binding}/entries/9999999/receipt", "/v1/messages/x",
                 "/v1/packages/..%2f..%2fetc%2fpasswd", "/v1/packages/sha256:" + "0" * 64, "/v1/nothing", "/v1/bindings"):
        checks.refused(f"GET {path}", "GET", path)
    checks.refused("DELETE", "DELETE", f"/v1/bindings/{binding}", statuses=[405])


def archive(parts, change):
    """The package's tar again, each part through `change(name, bytes)`; None leaves a part out."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in parts:
            data = change(name, data)
            if data is None:
                continue
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def special(kind, name, link=""):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        tar.addfile(info)
    return out.getvalue()


def package_cases(checks, node):
    status, listed = node.ask("GET", "/v1/packages")
    assert status == 200
    package = listed["packages"][0]["package"]
    whole = node.raw("GET", f"/v1/packages/{package}/archive")[2]
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        parts = [(member.name, tar.extractfile(member).read()) for member in tar if member.isfile()]
    operator = {"Authorization": f"Bearer {node.token()}", "Content-Type": "application/x-tar"}

    def send(what, body, headers=None, statuses=range(400, 500)):
        checks.refused(f"package {what}", "POST", "/v1/packages", body, headers or operator, statuses)

    send("by nobody", whole, {"Content-Type": "application/x-tar"}, [401])
    send("with a wrong token", whole, {**operator, "Authorization": "Bearer x"}, [401])
    send("empty", b"")
    send("of noise", bytes(range(256)) * 64)
    for size in (1, 511, 512, 1000, len(whole) // 2):
        send(f"cut to {size}", whole[:size])
    for name, _ in parts:
        flip = lambda n, data, name=name: bytes([data[0] ^ 1]) + data[1:] if n == name else data  # noqa: E731
        send(f"with {name} changed", archive(parts, flip))
        send(f"without {name}", archive(parts, lambda n, data, name=name: None if n == name else data))
    send("with a path out of it", archive(parts + [("../outside", b"x")], lambda _, data: data))
    send("with an absolute path", archive(parts + [("/tmp/outside", b"x")], lambda _, data: data))
    send("with a link", special(tarfile.SYMTYPE, "index.json", "/etc/passwd"))
    send("with a device", special(tarfile.CHRTYPE, "index.json"))
    send("with the same part twice", archive(parts + [parts[-1]], lambda _, data: data))
    send("oversized", bytes(32 << 20), statuses=[400, 413])
    return package


def raw_cases(checks, node):
    """Below HTTP: whatever comes, the connection ends or is answered 4xx, and the node lives."""
    for what, text in {
        "noise": bytes(range(256)), "a long line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        "long headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 200_000 + b"\r\n\r\n",
        "many headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 50_000 + b"\r\n",
        "two lengths": b"POST /v1/bindings HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "length and chunks": b"POST /v1/bindings HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "negative length": b"POST /v1/bindings HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "a huge length": b"POST /v1/bindings HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        "bad chunks": b"POST /v1/bindings HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    }.items():
        checks.count += 1
        with socket.create_connection(("127.0.0.1", node.port), timeout=20) as s:
            try:
                s.sendall(text)
                answer = s.recv(4096)
            except OSError:
                answer = b""
        if answer and not answer.startswith(b"HTTP/1.1 4") and not answer.startswith(b"HTTP/1.1 5"):
            checks.faults.append(f"{what}: answered {answer[:60]}")
        if answer.startswith(b"HTTP/1.1 500"):
            checks.faults.append(f"{what}: answered {answer[:60]}")


def look(node, binding):
    return (node.raw("GET", f"/v1/bindings/{binding}/state")[2], node.raw("GET", "/v1/packages")[2],
            node.raw("GET", "/v1/bindings?status=open", headers={"Authorization": f"Bearer {node.token()}"})[2])


def tampered(node, faults):
    """One byte of the ledger's log changed: the ledger says so, and the node does not start."""
    node.stop()
    audit = node.audit()
    if audit.returncode != 0:
        faults.append(f"the audit fails before anything was changed: {audit.stderr}")
    log = max((node.data / "ledger").glob("*"), key=lambda path: path.stat().st_size)
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    audit = node.audit()
    if audit.returncode == 0 or "tampered" not in audit.stderr + audit.stdout:
        faults.append(f"the audit does not tell a changed byte: {audit.returncode} {audit.stderr}{audit.stdout}")
    node.start()
    if node.process.wait(60) == 0:
        faults.append("a node starts on a log that was changed")
    if "tampered" not in (node.folder / "log").read_text():
        faults.append("the node does not say that the log was changed")


def main():
    node = Node()
    try:
        node.start()
        node.wait_ready()
        (node.folder / "stop").touch()  # the binding is all that is needed of the load
        subprocess.run([sys.argv[1], str(node.port), node.data, "1", node.folder], check=True, stdout=subprocess.DEVNULL)
        operator = {"Authorization": f"Bearer {node.token()}"}
        binding = node.ask("GET", "/v1/bindings", headers=operator)[1]["bindings"][0]["binding"]
        before = look(node, binding)
        checks = Checks(node)
        json_cases(checks, binding)
        message_cases(checks, binding)
        reading_cases(checks, binding)
        package_cases(checks, node)
        raw_cases(checks, node)
        if look(node, binding) != before:
            checks.faults.append("something has changed")
        if node.ask("GET", "/readyz")[0] != 200:
            checks.faults.append("the node is no longer ready")
        tampered(node, checks.faults)
        print(f"{checks.count} bad inputs, {len(checks.faults)} faults")
        for fault in checks.faults[:40]:
            print("FAULT", fault)
        return 1 if checks.faults else 0
    finally:
        node.remove()


if __name__ == "__main__":
    sys.exit(main())
