#!/usr/bin/env bash
# networks_test.sh PROGRAMS FOLDER: local networks come up, answer as the chain they say they are, stop, and go on where
# they were. Kinds that are not installed are skipped, and that is said.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/support.sh"
concordat=$1/concordat
toolchain=$1/../toolchain
rm -rf "$2"; mkdir -p "$2"; cd "$2"
end() { for one in anvil geth-dev geth-clique; do [ ! -e "$one" ] || "$concordat" ledger down "$one" > /dev/null 2>&1 || true; done; }
trap end EXIT

expect 2 "KIND" -- "$concordat" ledger up ganache there
expect 2 "--signers" -- "$concordat" ledger up geth-clique there --signers 17
expect 2 "FOLDER" -- "$concordat" ledger up anvil
expect 1 "not_found" "holds no network" -- "$concordat" ledger down there
expect 1 "field: geth-clique" "tools/install.sh --evm" -- "$concordat" ledger up geth-clique none --programs "$2"
mkdir full; touch full/file
expect 1 "conflict" "must be empty" -- "$concordat" ledger up anvil full

ask() {  # ask FOLDER METHOD PARAMS
  local url
  url=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1] + "/network.json"))["endpoints"][0])' "$1")
  python3 -c 'import json, sys, urllib.request
body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": sys.argv[2], "params": json.loads(sys.argv[3])}).encode()
request = urllib.request.Request(sys.argv[1], body, {"content-type": "application/json"})
print(json.dumps(json.load(urllib.request.urlopen(request, timeout=10))))' "$url" "$2" "$3"
}

network() {  # network KIND CHAIN PROGRAM
  if [ ! -x "$3" ]; then echo "skipped: $1 is not installed"; return; fi
  local account
  expect 0 '"kind":"'"$1"'"' '"chain":"'"$2"'"' -- "$concordat" --json ledger up "$1" "$1"
  [ "$(stat -c %a "$1/account.key")" = 600 ] || complain "the key file can be read by others"
  account=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1] + "/network.json"))["account"])' "$1")
  ask "$1" eth_getBalance "[\"$account\", \"latest\"]" | grep -q '"0xd3c21bcecceda1000000"' || complain "$1: no money"
  expect 1 "conflict" "KIND" -- "$concordat" ledger up "$([ "$1" = anvil ] && echo geth-dev || echo anvil)" "$1"
  expect 0 "endpoint" "$account" -- "$concordat" ledger up "$1" "$1"  # it runs already: the same
  expect 0 "stopped" -- "$concordat" ledger down "$1"
  expect 0 "nothing of it was running" -- "$concordat" ledger down "$1"
  ask "$1" eth_chainId '[]' > /dev/null 2>&1 && complain "$1 still answers"
  expect 0 "endpoint" -- "$concordat" ledger up "$1" "$1"
  ask "$1" eth_getBalance "[\"$account\", \"latest\"]" | grep -q '"0xd3c21bcecceda1000000"' || complain "$1: lost its money"
  expect 0 '"stopped":' -- "$concordat" --json ledger down "$1"
}
network anvil eip155:31337 "$(echo "$toolchain"/evm/node_modules/@foundry-rs/anvil-linux-*/bin/anvil)"
network geth-dev eip155:1337 "$toolchain/geth/geth"
network geth-clique eip155:20260 "$toolchain/geth/clique/geth"
finish
