#!/usr/bin/env bash
# tls_test.sh PROGRAMS FOLDER: a node reaches anvil through TLS, and only with an authority that counts. Skipped, and says so,
# without anvil or openssl.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/support.sh"
concordat=$(realpath "$1")/concordat
if ! compgen -G "$1/../toolchain/evm/node_modules/@foundry-rs/anvil-linux-*/bin/anvil" > /dev/null; then echo "skipped: anvil is not installed"; exit 0; fi
if ! command -v openssl > /dev/null; then echo "skipped: openssl is not installed"; exit 0; fi
rm -rf "$2"; mkdir -p "$2"; cd "$2"
end() { kill "${node:-}" "${proxy:-}" 2> /dev/null || true; "$concordat" ledger down chain > /dev/null 2>&1 || true; }
trap end EXIT
at() { python3 -c 'import functools, json, sys; print(functools.reduce(lambda v, k: v[int(k)] if isinstance(v, list) else v[k], sys.argv[1].split("."), json.load(sys.stdin)))' "$1"; }
await() { for _ in $(seq 200); do [ -s "$1" ] && return; sleep 0.05; done; complain "$1 does not come"; }

start() {
  : > node.url
  "$concordat" --json node --data data --listen 127.0.0.1:0 > node.url 2>> node.log &
  node=$!
  await node.url
  CONCORDAT_NODE=$(at url < node.url)
  export CONCORDAT_NODE CONCORDAT_TOKEN_FILE=data/operator.token
}
stop() { kill "$node"; wait "$node" || complain "the node did not stop gracefully"; }

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=test" -keyout key.pem -out ca.pem \
  -addext "subjectAltName=DNS:localhost" 2> openssl.log || { cat openssl.log >&2; exit 1; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=other" -keyout other.key -out other.pem 2> openssl.log
cat ca.pem key.pem > both.pem
"$concordat" --json ledger up anvil chain > chain.json 2> /dev/null
python3 "$here/tls_proxy.py" ca.pem key.pem "$(at endpoints.0 < chain/network.json | grep -o '[0-9]*$')" > port 2> proxy.log &
proxy=$!
await port
port=$(cat port)
start

echo "== an authority that is not known"
expect 0 "eip155:31337" -- "$concordat" ledger add eip155:31337 "https://localhost:$port/?key-7741"
expect 1 "certificate that does not count: self-signed certificate" -- "$concordat" ledger test eip155:31337
expect 0 -- "$concordat" ledger add eip155:31337 "https://localhost:$port/?key-7741" --ca other.pem
expect 1 "does not count" -- "$concordat" ledger test eip155:31337
expect 0 -- "$concordat" ledger add eip155:31337 "https://127.0.0.1:$port" --ca ca.pem
expect 1 "does not count: IP address mismatch" -- "$concordat" ledger test eip155:31337

echo "== wrong inputs"
expect 1 "field: --ca" -- "$concordat" ledger add eip155:31337 "https://localhost:$port" --ca both.pem
expect 1 "field: --ca" -- "$concordat" ledger add eip155:31337 "https://localhost:$port" --ca chain.json
expect 1 "not_found" -- "$concordat" ledger add eip155:31337 "https://localhost:$port" --ca nowhere.pem
head -c 200 ca.pem > half.pem
expect 1 "bad_format" "field: /ca" -- "$concordat" ledger add eip155:31337 "https://localhost:$port" --ca half.pem
expect 1 "bad_format" "field: /endpoints" -- "$concordat" ledger add eip155:31337 "https://me:secret@localhost:$port" --ca ca.pem

echo "== one that counts, kept over a restart"
expect 0 "eip155:31337" -- "$concordat" ledger add eip155:31337 "https://localhost:$port/?key-7741" "wss://localhost:$port/?key-7741" --ca ca.pem
expect 0 "works" "height" -- "$concordat" ledger test eip155:31337
stop; start
expect 0 "works" "height" "key-7741" -- "$concordat" ledger test eip155:31337
hidden=$(env -u CONCORDAT_TOKEN_FILE "$concordat" --json ledger list)
grep -q "https://localhost:$port" <<< "$hidden" || complain "the endpoint is not listed: $hidden"
grep -q "key-7741" <<< "$hidden" && complain "anybody sees the key in an endpoint's path: $hidden"
expect 0 "eip155:31337" -- "$concordat" ledger add eip155:31337 "wss://localhost:$port/" --ca ca.pem
expect 0 "works" -- "$concordat" ledger test eip155:31337
stop
finish
