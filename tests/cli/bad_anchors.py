#!/usr/bin/env python3
"""bad_anchors.py NODE TOKEN_FILE RECEIPT: hands the node a receipt's anchor, altered in each way that must be refused, then as it is."""
import copy
import json
import sys
import urllib.error
import urllib.request

STRANGER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def main() -> int:
    node, token_file, receipt = sys.argv[1:]
    token = open(token_file, encoding="ascii").read().strip()
    good = json.load(open(receipt, encoding="utf-8"))["anchor"]
    del good["consistency"]

    def ask(body, bearer=token):
        """(status, code, field)"""
        data = None if body is None else (body if isinstance(body, bytes) else json.dumps(body).encode())
        request = urllib.request.Request(node + "/v1/ledger/anchors", data, {"content-type": "application/json"})
        if bearer:
            request.add_header("Authorization", "Bearer " + bearer)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response), None
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            return error.code, problem["code"], problem.get("field")

    def other(path, value):
        changed = at = copy.deepcopy(good)
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = value
        return changed

    def flipped(text):
        return text[:-1] + ("0" if text[-1] != "0" else "1")

    inclusion = good["evidence"]["inclusion"]
    cases = [
        (b"{", (400, "bad_json", "body")),
        ({}, (400, "missing_field", "/chain")),
        ({**good, "more": 1}, (400, "unknown_field", "/more")),
        (other(["chain"], "eip155:1"), (404, "not_found", "/chain")),
        (other(["contract"], STRANGER), (400, "bad_receipt", "/evidence/inclusion/receipt_proof")),
        (other(["contract"], good["contract"].lower()), (400, "bad_format", "/contract")),
        (other(["root", "size"], good["root"]["size"] + 1), (400, "bad_receipt", "/root/signature")),
        (other(["root", "size"], 0), (400, "bad_receipt", "/root/size")),
        (other(["root", "root"], flipped(good["root"]["root"])), (400, "bad_receipt", "/root/signature")),
        (other(["root", "flags"], 2), (400, "bad_receipt", "/root/flags")),
        (other(["evidence"], None), (400, "bad_format", "/evidence")),
        (other(["evidence", "inclusion", "transaction"], flipped(inclusion["transaction"])), (400, "bad_receipt", None)),
    ]
    before, wrong, refused = ask(None)[1], [], 0
    for body, expected in cases:
        answer = ask(body)
        refused += answer[0] != 200
        if answer[:2] != expected[:2] or expected[2] not in (None, answer[2]):
            wrong.append(f"{answer}, not {expected}")
    answer = ask(good, bearer="")
    refused += answer[0] == 401
    if ask(None)[1] != before:
        wrong.append("what was refused changed what is kept")
    if (ask(good)[0], len(ask(None)[1]["anchors"])) != (200, len(before["anchors"])):
        wrong.append("what is so is refused, or kept twice")
    print("\n".join(wrong), end="")
    print(f"{refused} refused")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
