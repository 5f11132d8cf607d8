#!/usr/bin/env bash
# demo_test.sh PROGRAMS FOLDER: runs the sample, checks what it leaves with three verifiers, changes every value of its receipt,
# starts the node again on the same data, and gives it wrong inputs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/support.sh"
programs=$1
demo=$2
concordat=$programs/concordat
cd "$here/../.."

echo "== the sample"
DEMO_EXIT=1 DEMO_DIR=$demo CONCORDAT_BIN=$programs samples/equity-forward/demo.sh > "$demo.log" 2>&1 || { tail -30 "$demo.log"; exit 1; }
grep -q "none in the clear" "$demo.log" || complain "the demo does not say that nothing leaked"
[ ! -e "/proc/$(cat "$demo/node.pid")" ] || complain "the node still runs"

echo "== three verifiers"
for receipt in receipt receipt-auditor; do
  expect 0 "The receipt holds" -- "$concordat" verify "$demo/$receipt.json" --trust "$demo/trust.json"
  expect 0 "The receipt holds" -- "$programs/concordat-verify" "$demo/$receipt.json" --trust "$demo/trust.json"
  expect 0 -- tests/independent/run.sh "$demo/$receipt.json" "$demo/trust.json"
done
expect 0 "asserted" "The receipt holds" -- "$concordat" verify "$demo/payment.json" --trust "$demo/trust-chain.json"
expect 0 "The receipt holds" -- "$programs/concordat-verify" "$demo/payment.json" --trust "$demo/trust-chain.json"
expect 0 -- tests/independent/run.sh "$demo/payment.json" "$demo/trust-chain.json"
for receipt in receipt payment; do
  expect 0 "The receipt holds" "the ledger's first 25 entries are anchored on eip155:31337" -- "$concordat" verify "$demo/$receipt.json" --trust "$demo/trust-anchor.json"
  expect 0 -- tests/independent/run.sh "$demo/$receipt.json" "$demo/trust-anchor.json"
done
expect 1 "DOES NOT HOLD" "does not take the host's word" -- "$programs/concordat-verify" "$demo/payment.json" --trust "$demo/trust.json"
expect 0 'settlement = {"amount":"86224.91","payer":"buyer","price":"28.80"}' -- "$concordat" verify "$demo/receipt-auditor.json" --trust "$demo/trust.json"
expect 0 "nothing in this receipt is sealed to this key" -- "$concordat" open "$demo/receipt.json" --key "$demo/auditor/key.json"
expect 0 "terms/strike" '"22.4375"' -- "$concordat" open "$demo/receipt.json" --key "$demo/south/key.json"
grep -q 86224.91 "$demo/receipt.json" && complain "the receipt shows the settlement to everybody"

if [ -e build/toolchain/evm/node_modules ]; then  # with tools/install.sh --evm, as make test does
  echo "== contracts on a chain"
  expect 0 "accepted: bind" "altered ones" "anchored: 25 entries" -- python3 tests/contracts/on_chain_test.py "$demo/receipt.json"
fi

echo "== every value changed, one at a time"
python3 "$here/mutate.py" "$programs/concordat-verify" "$demo/receipt-auditor.json" "$demo/trust.json" "$demo/mutated.json" || complain "a changed receipt was accepted"

start() {
  "$concordat" --json node --data "$demo/node" --listen 127.0.0.1:0 > "$demo/node.url" 2>> "$demo/node.log" &
  node=$!
  for _ in $(seq 200); do [ -s "$demo/node.url" ] && break; sleep 0.1; done
  CONCORDAT_NODE=$(python3 -c 'import json,sys; print(json.load(sys.stdin)["url"])' < "$demo/node.url")
  export CONCORDAT_NODE
  for _ in $(seq 100); do "$concordat" enclaves 2>/dev/null | grep -q ready && return; sleep 0.1; done
  complain "no enclave is ready after the start"
}
stop() { kill "$node" 2>/dev/null || true; wait "$node" || complain "the node did not stop gracefully"; }
trap 'kill "${node:-0}" 2>/dev/null || true' EXIT

echo "== the same node, started again"
export CONCORDAT_TOKEN_FILE=$demo/node/operator.token
start
binding=$("$concordat" --json binding list | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["binding"])')
"$concordat" entries "$binding" > "$demo/entries.before"
expect 0 '"closed"' '"NORTH-DESK-7741"' -- "$concordat" state "$binding" --key "$demo/north/key.json"
"$concordat" receipt "$binding" -o "$demo/again.json" 2> /dev/null
expect 0 "The receipt holds" -- "$concordat" verify "$demo/again.json" --trust "$demo/trust.json"
expect 0 "The receipt holds" "are anchored" -- "$concordat" verify "$demo/again.json" --trust "$demo/trust-anchor.json"

echo "== the rest of what the API tells"
expect 0 "ready" -- "$concordat" ready
expect 0 "NOT hardware-protected" -- "$concordat" attestation
expect 0 "version 1" "sealed terms" -- "$concordat" binding show "$binding" --version 1
expect 1 "not_found" -- "$concordat" binding show "$binding" --version 9
expect 0 "locked" -- "$concordat" binding document "$binding"
expect 0 '"path"' -- "$concordat" ledger consistency 1 25
expect 0 '"size": 25' -- "$concordat" ledger head
expect 0 "entry 24" -- "$concordat" ledger head "$binding"
expect 0 "written" -- "$concordat" package fetch "$("$concordat" --json package list | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["package"])')" -o "$demo/fetched.tar"
expect 0 "well formed" -- "$concordat" package verify "$demo/fetched.tar"
expect 0 "cct_" -- "$concordat" node token second --data "$demo/node"

expect 0 "committed" "eip155:31337" -- "$concordat" transaction list "$binding"
expect 0 "committed" "slot 0" -- "$concordat" transaction show "$("$concordat" --json transaction list "$binding" | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["transaction"])')"
expect 0 "eip155:31337" "does not answer" -- "$concordat" transaction accounts "$binding"  # the chain is down by now
expect 1 "eip155:31337" -- "$concordat" ledger test eip155:31337
expect 0 '"outcome"' '"committed"' -- "$concordat" entries "$binding" 22

echo "== wrong inputs"
expect 1 "not_found" "field: /transaction" -- "$concordat" transaction show "sha256:$(printf '0%.0s' {1..64})"
expect 1 "not_found" "field: /chain" -- "$concordat" ledger test eip155:5
expect 1 "field: /chain" -- "$concordat" ledger add 31337 http://127.0.0.1:1
expect 1 "field: /endpoints" -- "$concordat" ledger add eip155:5 127.0.0.1:1
expect 1 "field: /genesis" -- "$concordat" ledger add eip155:5 http://127.0.0.1:1 --genesis 0x12
expect 1 "unauthenticated" -- env -u CONCORDAT_TOKEN_FILE "$concordat" ledger add eip155:5 http://127.0.0.1:1
expect 0 "eip155:5" -- "$concordat" ledger add eip155:5 http://127.0.0.1:1
expect 1 "eip155:5" -- "$concordat" ledger test eip155:5
expect 0 "removed" -- "$concordat" ledger remove eip155:5
north=(--key "$demo/north/key.json")
none=sha256:0000000000000000000000000000000000000000000000000000000000000000
expect 1 "action_refused" -- "$concordat" message send "$binding" confirm "${north[@]}"
expect 1 "field: ACTION" "acknowledge" -- "$concordat" message send "$binding" explode "${north[@]}"
expect 1 "schema_mismatch" "field: /body" -- "$concordat" message send "$binding" acknowledge --body '{"sum":"1"}' "${north[@]}"
expect 1 "bad_json" "field: --body" -- "$concordat" message send "$binding" acknowledge --body '{"amount":"1","amount":"2"}' "${north[@]}"
expect 1 "not_a_party" -- "$concordat" message send "$binding" dispute --body '{"reason":"none"}' --key "$demo/auditor/key.json"
expect 1 "out_of_order" "do:" -- "$concordat" message send "$binding" dispute --body '{"reason":"none"}' --number 1 "${north[@]}"
expect 1 "expired" -- "$concordat" message send "$binding" dispute --body '{"reason":"none"}' --expires 2020-01-01T00:00:00.000Z "${north[@]}"
expect 1 "field: --expires" -- "$concordat" message send "$binding" dispute --body '{"reason":"none"}' --expires soon "${north[@]}"
expect 1 "schema_mismatch" "price" -- "$concordat" message observe "$binding" fixing --body '{"symbol":"MSFT","date":"2010-04-01","price":29}' --key "$demo/prices/key.json"
expect 1 "field: SOURCE" -- "$concordat" message observe "$binding" weather --body '{}' --key "$demo/prices/key.json"
expect 1 "not_found" -- "$concordat" state "$none"
expect 1 "not_found" -- "$concordat" binding show "$none"
expect 1 "not_found" -- "$concordat" receipt "$binding" 999
expect 1 "not_found" -- "$concordat" message status "$none"
expect 1 "field: BINDING" "no open document" -- "$concordat" binding sign "$binding" "${north[@]}"
expect 1 "unauthenticated" "Authorization" "do:" -- env -u CONCORDAT_TOKEN_FILE "$concordat" package publish "$demo/equity-forward-1.0.0.tar"
expect 1 "field: --field" "state/settlement" -- "$concordat" disclose "$demo/receipt.json" --field state/colour "${north[@]}"
expect 1 "field: --package" -- "$concordat" binding amend "$binding" --package equity-forward:9.9.9 "${north[@]}"

echo "== anchors that are not so"
expect 0 "13 refused" -- python3 "$here/bad_anchors.py" "$CONCORDAT_NODE" "$CONCORDAT_TOKEN_FILE" "$demo/receipt.json"
expect 1 "unavailable" "does not run" -- "$concordat" ledger anchor "$demo/chain" 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
expect 2 "--every" -- "$concordat" ledger anchor "$demo/chain" 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --every 0
expect 1 "field: --anchor" "CHAIN=ADDRESS" -- "$concordat" trust init --anchor eip155:1
expect 1 "field: --anchor" "--clique or --host-finality" -- "$concordat" trust init --anchor eip155:1=0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
expect 1 "field: --anchor" -- "$concordat" trust init --host-finality eip155:1 --anchor eip155:1=0x12

echo "== later, and events"
sent=$("$concordat" --json message send "$binding" dispute --body '{"reason":"none"}' --async "${north[@]}" | python3 -c 'import json,sys; print(json.load(sys.stdin)["message"])')
for _ in $(seq 50); do "$concordat" message status "$sent" | grep -q waiting || break; sleep 0.1; done
expect 1 "failed" "action_refused" -- "$concordat" message status "$sent"
[ "$("$concordat" events "$binding" | wc -l)" = 25 ] || complain "not 25 events"
[ "$("$concordat" events --after 20 | wc -l)" = 4 ] || complain "not 4 events behind the cursor"
"$concordat" entries "$binding" | diff "$demo/entries.before" - || complain "a refused input changed the entries"

echo "== offers that come to nothing"
offer() {  # OUT EXTRA…: a fresh offer by north; prints its id
  "$concordat" binding draft --package equity-forward:1.0.0 --terms @samples/equity-forward/demo-terms.json \
    --party "buyer=$demo/north/public.json" --party "seller=$demo/south/public.json" --source "fixing=$demo/prices/public.json" -o "$1" "${@:2}" > /dev/null 2>&1
  "$concordat" --json binding propose "$1" "${north[@]}" | python3 -c 'import json,sys; print(json.load(sys.stdin)["binding"])'
}
offered=$(offer "$demo/offer.json")
expect 0 "open" "did:web:south-bank.example" -- "$concordat" binding show "$offered"
expect 0 "$offered" -- "$concordat" binding list --open
expect 1 "only who has signed" -- "$concordat" binding withdraw "$offered" --reason "not mine" --key "$demo/south/key.json"
expect 1 "not_a_party" -- "$concordat" binding decline "$offered" --reason "nosy" --key "$demo/auditor/key.json"
expect 0 "declined" -- "$concordat" binding decline "$offered" --reason "the strike is too low" --key "$demo/south/key.json"
expect 1 "no open document" -- "$concordat" binding sign "$offered" --key "$demo/south/key.json"
expect 0 "withdrawn" -- "$concordat" binding withdraw "$(offer "$demo/offer.json")" --reason "a better one follows" "${north[@]}"
expect 1 "field: --party" -- "$concordat" binding draft --package equity-forward:1.0.0 --terms '{}' --party "buyer"
expect 1 "schema_mismatch" "/terms" -- "$concordat" binding draft --package equity-forward:1.0.0 --terms '{}' --party "buyer=$demo/north/public.json"
expect 1 "field: --amendment" -- "$concordat" binding draft --package equity-forward:1.0.0 --amendment most --terms @samples/equity-forward/demo-terms.json \
  --party "buyer=$demo/north/public.json" --party "seller=$demo/south/public.json"

echo "== an enclave of its own; an amendment that is declined, and one's own keys changed alone"
dedicated=$(offer "$demo/offer.json" --isolation dedicated --self --meanwhile continue --amendment 2-of-n)
expect 0 "locked" -- "$concordat" binding sign "$dedicated" --key "$demo/south/key.json"
expect 0 "recorded as entry 1" -- "$concordat" message send "$dedicated" confirm "${north[@]}"
expect 0 "dedicated" -- "$concordat" enclaves
expect 1 "unavailable" "give a ceiling" -- "$concordat" binding amend "$dedicated" --package equity-forward:1.1.0 --terms "@$demo/north/terms-1.1.0.json" --ledger "cash=@$demo/north/cash.json"
python3 -c 'import json,sys; print(json.dumps({**json.load(open(sys.argv[1])), "ceiling": "5000000000"}))' "$demo/north/cash.json" > "$demo/cash.json"
"$concordat" binding amend "$dedicated" --package equity-forward:1.1.0 --terms "@$demo/north/terms-1.1.0.json" --ledger "cash=@$demo/cash.json" -o "$demo/next.json" > /dev/null
expect 0 "open" -- "$concordat" binding propose "$demo/next.json" "${north[@]}"
expect 0 "margin_threshold" -- "$concordat" binding terms "$dedicated" --key "$demo/south/key.json"
expect 0 "declined" -- "$concordat" binding decline "$dedicated" --reason "no margin" --key "$demo/south/key.json"
"$concordat" key new "$demo/south/key2.json" --id did:web:south-bank.example > "$demo/south/public2.json"
expect 1 "field: --key" "--terms" -- "$concordat" binding amend "$dedicated" --party "seller=$demo/south/public2.json" -o "$demo/next.json"
expect 0 -- "$concordat" binding amend "$dedicated" --party "seller=$demo/south/public2.json" --key "$demo/south/key.json" -o "$demo/next.json"
expect 0 "locked" -- "$concordat" binding propose "$demo/next.json" --key "$demo/south/key.json"
expect 0 '"22.4375"' -- "$concordat" binding terms "$dedicated" --key "$demo/south/key2.json"
expect 0 '"active"' -- "$concordat" state "$dedicated" --key "$demo/south/key2.json"

echo "== events, followed while the node is started again"
"$concordat" events "$dedicated" --follow > "$demo/followed" 2> "$demo/followed.log" &
follower=$!
sleep 1
port=${CONCORDAT_NODE##*:}
stop
"$concordat" --json node --data "$demo/node" --listen "127.0.0.1:$port" > "$demo/node.url" 2>> "$demo/node.log" &
node=$!
for _ in $(seq 200); do "$concordat" enclaves 2> /dev/null | grep -q ready && break; sleep 0.1; done
expect 0 "recorded as entry" -- "$concordat" message observe "$dedicated" fixing --body '{"symbol":"MSFT","date":"2009-02-01","price":"16.15"}' --key "$demo/prices/key.json"
for _ in $(seq 100); do [ -s "$demo/followed" ] && break; sleep 0.1; done
kill "$follower" && wait "$follower" || true
[ "$(wc -l < "$demo/followed")" = 1 ] || complain "not the one event after the break: $(cat "$demo/followed" "$demo/followed.log")"

echo "== the end"
"$concordat" binding terminate "$binding" --reason "matured" "${north[@]}" > /dev/null
expect 0 "locked" -- "$concordat" binding sign "$binding" --key "$demo/south/key.json"
expect 1 "not_running" -- "$concordat" message send "$binding" dispute --body '{"reason":"late"}' "${north[@]}"
"$concordat" entries "$binding" > "$demo/entries.before"
stop

echo "== the index made anew"
expect 0 "anew" -- "$concordat" node reindex --data "$demo/node"
start
"$concordat" entries "$binding" | diff "$demo/entries.before" - || complain "the new index differs"
expect 1 "locked_directory" -- "$concordat" node reindex --data "$demo/node"
stop
finish
