#!/usr/bin/env bash
# anchors_test.sh PROGRAMS FOLDER: a node's roots anchored on anvil: once, again, every minute until it is interrupted, with
# the evidence lost on the way; and what is seen when the node's whole folder is put back. Skipped, and says so, without anvil.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/support.sh"
concordat=$(realpath "$1")/concordat
root=$(realpath "$here/../..")
if ! compgen -G "$1/../toolchain/evm/node_modules/@foundry-rs/anvil-linux-*/bin/anvil" > /dev/null; then echo "skipped: anvil is not installed"; exit 0; fi
rm -rf "$2"; mkdir -p "$2"; cd "$2"
end() { kill "${node:-0}" 2> /dev/null || true; "$concordat" ledger down chain > /dev/null 2>&1 || true; }
trap end EXIT
at() { python3 -c 'import functools, json, sys; print(functools.reduce(lambda v, k: v[int(k)] if isinstance(v, list) else v[k], sys.argv[1].split("."), json.load(sys.stdin)))' "$1"; }

start() {
  "$concordat" --json node --data data --listen 127.0.0.1:0 > node.url 2>> node.log &
  node=$!
  for _ in $(seq 200); do [ -s node.url ] && break; sleep 0.1; done
  CONCORDAT_NODE=$(at url < node.url)
  export CONCORDAT_NODE CONCORDAT_TOKEN_FILE=data/operator.token
  for _ in $(seq 200); do "$concordat" enclaves 2> /dev/null | grep -q ready && return; sleep 0.1; done
  complain "no enclave is ready"
}
stop() { kill "$node"; wait "$node" || complain "the node did not stop gracefully"; : > node.url; }
# Two entries more.
agree() {
  local id
  "$concordat" binding draft --package equity-forward:1.0.0 --terms "@$root/samples/equity-forward/demo-terms.json" \
    --party buyer=north.json --party seller=south.json --source fixing=prices.json -o offer.json > /dev/null 2>&1
  id=$("$concordat" --json binding propose offer.json --key north.key | at binding)
  "$concordat" binding sign "$id" --key south.key > /dev/null 2>&1
  "$concordat" message send "$id" confirm --body '{"reference":"1"}' --key north.key > /dev/null
  binding=$id
}
# Where the rollback line of the last receipt stands with a trust file that relies on the contract.
rollback() {
  "$concordat" receipt "$binding" -o receipt.json > /dev/null 2>&1
  "$concordat" trust init --allow-development --allow-asserted clock --host-finality eip155:31337 --anchor "eip155:31337=$1" -o trust.json > /dev/null 2>&1
  "$concordat" verify receipt.json --trust trust.json 2>&1 | grep -A1 "rollback:" || true
}

"$concordat" package build "$root/samples/equity-forward/package-1.0.0" -o package.tar > /dev/null 2>&1
"$concordat" key new north.key --id did:web:north.example > north.json
"$concordat" key new south.key --id did:web:south.example > south.json
"$concordat" key new prices.key --id did:web:prices.example > prices.json
start
"$concordat" package publish package.tar > /dev/null
"$concordat" ledger up anvil chain > /dev/null 2>&1
contract=$("$concordat" ledger deploy chain "$root/contracts/artifacts/RootAnchor.json")

echo "== nothing there yet, and wrong inputs"
expect 0 '"status":"nothing new"' '"size":0' -- "$concordat" --json ledger anchor chain "$contract"
expect 1 "field: CONTRACT" "must be a RootAnchor" -- "$concordat" ledger anchor chain 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
expect 1 "field: CONTRACT" -- "$concordat" ledger anchor chain 0x12
expect 1 "unauthenticated" -- env -u CONCORDAT_TOKEN_FILE "$concordat" ledger anchor chain "$contract"
expect 2 "--every" -- "$concordat" ledger anchor chain "$contract" --every 0
expect 1 "not_found" "holds no network" -- "$concordat" ledger anchor nowhere "$contract"

echo "== once, again, and after more"
agree
rollback "$contract" | grep -q 'does not list "rollback"' || complain "a receipt without an anchor is believed"
expect 0 "anchored" "2 entries" " gas, " -- "$concordat" ledger anchor chain "$contract"
expect 0 "nothing new" -- "$concordat" ledger anchor chain "$contract"
rollback "$contract" | grep -q "✓ rollback: the ledger's first 2 entries are anchored" || complain "the anchor does not count"
"$concordat" ledger account other > other.account
"$concordat" ledger fund chain "$(cat other.account)" > /dev/null
agree
expect 0 '"status":"anchored"' '"size":4' -- "$concordat" --json ledger anchor chain "$contract" --from other
rollback "$contract" | grep -q "✓ rollback: the ledger's first 4 entries" || complain "the second anchor does not count"

echo "== each minute, until it is interrupted"
agree
"$concordat" --json ledger anchor chain "$contract" --every 1 > every 2> every.log &
every=$!
for _ in $(seq 200); do grep -q '"size":6' every && break; sleep 0.1; done
kill -INT "$every"
wait "$every" || complain "an interruption is an error: $(cat every.log)"
grep -q '"size":6' every || complain "not anchored: $(cat every every.log)"
grep -q stopped every.log || complain "does not say that it stopped"

echo "== the evidence got lost"
stop
python3 -c 'import sqlite3; db = sqlite3.connect("data/node.db"); db.execute("DELETE FROM anchors"); db.commit()'
start
rollback "$contract" | grep -q 'does not list "rollback"' || complain "an anchor came from nowhere"
expect 0 "recovered" "6 entries" -- "$concordat" ledger anchor chain "$contract"
expect 0 "nothing new" -- "$concordat" ledger anchor chain "$contract"
rollback "$contract" | grep -q "✓ rollback: the ledger's first 6 entries" || complain "the recovered anchor does not count"

echo "== the whole folder put back: the node cannot know, the chain does"
stop
cp -r data earlier
start
agree
expect 0 "anchored" "8 entries" -- "$concordat" ledger anchor chain "$contract"
"$concordat" receipt "$binding" -o later.json > /dev/null 2>&1
stop
rm -rf data; mv earlier data
start
expect 1 "rolled_back" "8 entries that this record ledger signed, and it has 6" -- "$concordat" ledger anchor chain "$contract"
agree; agree  # another history, longer than the anchored one
expect 1 "rolled_back" "its entries are others" -- "$concordat" ledger anchor chain "$contract"
python3 - "$CONCORDAT_NODE" data/operator.token later.json > posted <<'PY'
import json, sys, urllib.error, urllib.request
anchor = json.load(open(sys.argv[3]))["anchor"]
del anchor["consistency"]
token = open(sys.argv[2]).read().strip()
request = urllib.request.Request(sys.argv[1] + "/v1/ledger/anchors", json.dumps(anchor).encode(), {"Authorization": "Bearer " + token})
try:
    print(urllib.request.urlopen(request, timeout=30).read().decode())
except urllib.error.HTTPError as error:
    print(error.read().decode())
PY
grep -q '"code":"rolled_back"' posted || complain "the node takes an anchor of another history: $(cat posted)"
expect 0 "are anchored" -- "$concordat" verify later.json --trust trust.json
stop
finish
