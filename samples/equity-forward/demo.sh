#!/usr/bin/env bash
# The equity forward, end to end, on real prices: two banks, a price source, an auditor, and a node that none of them has to
# trust. Asks nothing. Everything it makes lies in build/demo; the node stays up unless DEMO_EXIT=1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bin=$(realpath "${CONCORDAT_BIN:-build/bin}")
demo=${DEMO_DIR:-build/demo}
sample=samples/equity-forward
count=0
# Which chain the settlement is paid on: anvil, geth-dev, geth-clique.
chain=${DEMO_CHAIN:-anvil}
chain_options=
[ "$chain" != geth-clique ] || chain_options="--signers 2 --period 1"

step() { count=$((count + 1)); printf '\n%2d. %s\n' "$count" "$*"; }
indented() { sed 's/^/    /'; }
# Shows a command, short enough to read, and runs it.
run() {
  local shown="$*"
  shown=${shown//"$demo"\//}
  printf '    $ concordat %s\n' "${shown//"${binding:-none yet}"/\$BINDING}"
  "$bin/concordat" "$@" 2>&1 | indented
}
quiet() { "$bin/concordat" --json "$@" 2>> "$demo/commands.log"; }
fail() { printf '\ndemo failed: %s\n' "$*" >&2; exit 1; }
# A member of the JSON on standard input: at PATH.TO.MEMBER; nothing when it is absent.
at() { python3 "$sample/demo.py" at "$1"; }
as_bank() { quiet "${@:2}" --key "$demo/$1/key.json"; }

cleanup() {
  status=$?
  if [ $status != 0 ] || [ "${DEMO_EXIT:-}" = 1 ]; then stop_chain; fi
  [ $status = 0 ] || printf '\ndemo failed at step %s; see %s/node.log and %s/commands.log\n' "$count" "$demo" "$demo" >&2
  if [ -n "${node:-}" ] && { [ $status != 0 ] || [ "${DEMO_EXIT:-}" = 1 ]; }; then kill "$node" 2>/dev/null || true; wait "$node" 2>/dev/null || true; fi
}
trap cleanup EXIT

stop_chain() { [ ! -e "$demo/chain/network.json" ] || "$bin/concordat" ledger down "$demo/chain" > /dev/null 2>&1 || true; }
# What a contract on the chain says: FUNCTION ARGUMENTS.
on_chain() { "$bin/concordat" ledger read "$demo/chain" "$token" "$1" --arguments "$2"; }
balance() { on_chain "balanceOf(address) returns (uint256)" "[\"$1\"]" | tr -d '[]"'; }
cash() { printf '    %-8s has %s.%s\n' "$1" "${2:0:-2}" "${2: -2}"; }

stop_earlier_node() {
  local pid
  pid=$(cat "$demo/node.pid" 2>/dev/null) || return 0
  grep -qz -- "$(realpath "$demo")/node" "/proc/$pid/cmdline" 2>/dev/null || return 0
  echo "Stopping the node of an earlier run (pid $pid)."
  kill "$pid"
  for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
  fail "the node of an earlier run (pid $pid) does not stop"
}

start_folder() {
  stop_earlier_node
  stop_chain
  mkdir -p "$demo"
  find "$demo" -mindepth 1 -maxdepth 1 ! -name msft.csv -exec rm -rf {} +  # the prices need no second download
  mkdir -p "$demo"/{north,south,prices,auditor}
  demo=$(realpath "$demo")
}

start_node() {
  nohup "$bin/concordat" --json node --data "$demo/node" --listen 127.0.0.1:0 > "$demo/node.url" 2> "$demo/node.log" < /dev/null &
  node=$!
  echo "$node" > "$demo/node.pid"
  for _ in $(seq 300); do
    [ -s "$demo/node.url" ] && break
    kill -0 "$node" 2>/dev/null || { tail -5 "$demo/node.log" >&2; fail "the node ended"; }
    sleep 0.1
  done
  CONCORDAT_NODE=$(at url < "$demo/node.url")
  export CONCORDAT_NODE CONCORDAT_TOKEN_FILE="$demo/node/operator.token"
  for _ in $(seq 100); do quiet enclaves | grep -q '"state":"ready"' && break; sleep 0.1; done
  disown "$node"
}

# What one bank sees of the state.
state_of() { as_bank "$1" state "$binding"; }

post_margin_if_called() {
  local due from amount
  due=$(state_of north | at state.margin_due)
  [ -n "$due" ] || return 0
  from=$(at from <<< "$due"); amount=$(at amount <<< "$due")
  local bank=north; [ "$from" = seller ] && bank=south
  as_bank "$bank" message send "$binding" post_margin --body "{\"amount\":\"$amount\"}" > /dev/null
  printf '    %-10s  margin was called: the %s posts %s (the node sees that it posts, not how much)\n' "" "$from" "$amount"
}

fixings() {  # FIRST LAST
  local date price mark
  while IFS=, read -r date price; do
    quiet message observe "$binding" fixing --key "$demo/prices/key.json" --observed "${date}T21:00:00.000Z" \
      --body "{\"symbol\":\"MSFT\",\"date\":\"$date\",\"price\":\"$price\"}" > /dev/null
    mark=$(state_of north | at state.mark_to_market)
    echo "$mark" >> "$demo/secrets"
    printf '    %s  MSFT %6s   worth to the buyer %14s\n' "$date" "$price" "$mark"
    if [ "$3" = margin ]; then
      state_of north | at state.margin_due.amount >> "$demo/secrets"
      post_margin_if_called
    fi
  done < <(python3 "$sample/demo.py" fixings "$demo/msft.csv" "$1" "$2")
}

start_folder
echo "Two banks agree a cash-settled forward on MSFT. Everything lies in $demo."

step "The prices: MSFT, monthly, from the public package vega_datasets, by pip with its hash pinned."
python3 "$sample/data/extract.py" "$demo/msft.csv"
echo "    $(($(wc -l < "$demo/msft.csv") - 1)) prices, $(sed -n 2p "$demo/msft.csv") to $(tail -1 "$demo/msft.csv")"

step "The contract is compiled to WebAssembly and tested in the real runtime, both versions of it."
for version in 1.0.0 1.1.0; do
  run package test "$sample/package-$version"
  quiet package build "$sample/package-$version" -o "$demo/equity-forward-$version.tar" > /dev/null
done

step "Anyone who has the sources can check that they give this very package."
run package verify "$demo/equity-forward-1.0.0.tar" --from-source "$sample/package-1.0.0"

step "Both banks, the price source and the auditor make their own keys; only public parts leave them."
for who in "north did:web:north-bank.example ES256K" "south did:web:south-bank.example EdDSA" "prices did:web:prices.example ES256" \
  "auditor did:web:auditor.example ES256K"; do
  set -- $who
  "$bin/concordat" key new "$demo/$1/key.json" --id "$2" --alg "$3" > "$demo/$1/public.json"
  echo "    $2 ($3)"
done

step "An operator starts a node, with its record ledger and enclaves, and publishes the packages."
start_node
echo "    $CONCORDAT_NODE, pid $node"
for version in 1.0.0 1.1.0; do run package publish "$demo/equity-forward-$version.tar"; done
run enclaves

step "North Bank drafts the agreement. Notional and strike are sealed to both banks before anything leaves it."
cp "$sample/demo-terms.json" "$demo/north/terms.json"
python3 "$sample/demo.py" secrets "$demo/north/terms.json" > "$demo/secrets"
run binding draft --package equity-forward:1.0.0 --terms "@$demo/north/terms.json" --party "buyer=$demo/north/public.json" \
  --party "seller=$demo/south/public.json" --source "fixing=$demo/prices/public.json" --amendment all -o "$demo/north/forward.json"

step "North Bank signs and proposes."
binding=$(as_bank north binding propose "$demo/north/forward.json" | at binding)
run binding show "$binding"

step "South Bank opens the sealed terms, finds them as agreed, and countersigns: the binding locks."
run binding terms "$binding" --key "$demo/south/key.json"
run binding sign "$binding" --key "$demo/south/key.json"

step "North Bank, the buyer, confirms the trade under its own confidential reference."
echo "NORTH-DESK-7741" >> "$demo/secrets"
run message send "$binding" confirm --body '{"reference":"NORTH-DESK-7741"}' --key "$demo/north/key.json"

step "Prices arrive as signed observations; the enclave marks the trade to market at each."
fixings 2009-01-01 2009-08-01 plain

step "A chain, ${chain}, with a cash token: its issuer gives each bank an account and 20 million."
"$bin/concordat" --json ledger up "$chain" "$demo/chain" ${chain_options} > "$demo/chain.json" 2>> "$demo/commands.log"
run ledger list
issuer=$(at account < "$demo/chain.json")
chain_id=$(at chain < "$demo/chain.json")
signers=$(python3 "$sample/demo.py" signers "$demo/chain.json")
token=$("$bin/concordat" ledger deploy "$demo/chain" contracts/artifacts/CashToken.json --arguments "[\"Demo Dollar\",\"DUSD\",\"$issuer\"]")
for bank in north south; do
  account=$("$bin/concordat" ledger account "$demo/$bank/account.key")
  echo "$account" > "$demo/$bank/account"
  quiet ledger fund "$demo/chain" "$account" > /dev/null
  quiet ledger send "$demo/chain" "$token" "mint(address to, uint256 amount)" --arguments "[\"$account\",\"2000000000\"]" > /dev/null
  cash "$bank" "$(balance "$account")"
done

step "Halfway, North Bank proposes an amendment: version 1.1.0, which calls margin above a confidential threshold and pays by itself, on that chain."
python3 "$sample/demo.py" accounts "$sample/demo-terms-1.1.0.json" "$(cat "$demo/north/account")" "$(cat "$demo/south/account")" > "$demo/north/terms-1.1.0.json"
python3 "$sample/demo.py" ledger "$demo/chain.json" "$token" > "$demo/north/cash.json"
cat "$demo/north/cash.json" | indented
python3 "$sample/demo.py" secrets "$demo/north/terms-1.1.0.json" >> "$demo/secrets"
run binding amend "$binding" --package equity-forward:1.1.0 --terms "@$demo/north/terms-1.1.0.json" --ledger "cash=@$demo/north/cash.json" \
  -o "$demo/north/amendment.json"
run binding propose "$demo/north/amendment.json" --key "$demo/north/key.json"

step "While it is open the trade is paused; South Bank reads the new terms and countersigns. The state migrates inside the enclave."
run binding terms "$binding" --key "$demo/south/key.json"
run binding sign "$binding" --key "$demo/south/key.json"
state_of north | at state.margin_due.amount >> "$demo/secrets"
post_margin_if_called

step "The contract has an account on the chain now, whose key no one but its enclaves ever has. Both banks approve it to take what they owe."
account=$(quiet transaction accounts "$binding" | at accounts.0.account)
quiet ledger fund "$demo/chain" "$account" > /dev/null
for bank in north south; do
  quiet ledger send "$demo/chain" "$token" "approve(address spender, uint256 amount)" --arguments "[\"$account\",\"2000000000\"]" \
    --from "$demo/$bank/account.key" > /dev/null
done
run transaction accounts "$binding"

step "More prices; at maturity the contract settles by itself, and pays: the private entry and the token's transfer, both or neither."
fixings 2009-09-01 2010-03-01 margin
run transaction list "$binding"
for bank in north south; do cash "$bank" "$(balance "$(cat "$demo/$bank/account")")"; done
run state "$binding" --key "$demo/south/key.json"
settled=$(quiet transaction list "$binding" | at 0.last_sequence)

step "Both banks acknowledge the amount; the trade is closed."
amount=$(state_of south | at state.settlement.amount)
echo "$amount" >> "$demo/secrets"
for bank in north south; do run message send "$binding" acknowledge --body "{\"amount\":\"$amount\"}" --key "$demo/$bank/key.json"; done
run entries "$binding"

step "The record ledger is one node: nothing in it would tell that its disk was put back. A contract on the chain records its root."
anchors=$("$bin/concordat" ledger deploy "$demo/chain" contracts/artifacts/RootAnchor.json)
run ledger anchor "$demo/chain" "$anchors"
run ledger anchor "$demo/chain" "$anchors"

step "The receipts of the payment and of the last entry: files that prove all of it, offline, to anyone."
run receipt "$binding" "$settled" -o "$demo/payment.json"
run receipt "$binding" -o "$demo/receipt.json"

step "The auditor writes down whom it trusts. Here it takes that from the node; in earnest it compares the fingerprints by another way."
run trust init --allow-development --allow-asserted clock,rollback --party "$demo/north/public.json" --party "$demo/south/public.json" \
  -o "$demo/trust.json"

step "North Bank shows the auditor one field, the settlement, and nothing else."
run disclose "$demo/receipt.json" --key "$demo/north/key.json" --field state/settlement -o "$demo/receipt-auditor.json"

step "The auditor verifies, with the stand-alone verifier, which needs no node."
"$bin/concordat-verify" "$demo/receipt-auditor.json" --trust "$demo/trust.json" > "$demo/auditor/verdict.txt"
tail -8 "$demo/auditor/verdict.txt" | indented
run verify "$demo/receipt.json" --trust "$demo/trust.json"

trust() {  # FILE OPTIONS: whom the auditor trusts
  "$bin/concordat" trust init --allow-development --allow-asserted clock,rollback --party "$demo/north/public.json" \
    --party "$demo/south/public.json" "${@:2}" -o "$1" 2>> "$demo/commands.log"
}
step "The payment's receipt holds both ledgers."
if [ -n "$signers" ]; then
  echo "    The chain's signers have sealed the payment's block and those after it: that proves it. The auditor names them in its trust file."
  trust "$demo/trust-chain.json" --clique "$chain_id=$signers"
else
  echo "    Nothing proves which blocks of this chain are final: an auditor that does not take the host's word for it refuses the receipt."
  "$bin/concordat" verify "$demo/payment.json" --trust "$demo/trust.json" > "$demo/auditor/refused.txt" 2>&1 && fail "an asserted finality was believed"
  grep -A1 "✗ finality" "$demo/auditor/refused.txt" | indented
  echo "    One that does says so in its trust file:"
  trust "$demo/trust-chain.json" --host-finality "$chain_id"
fi
run verify "$demo/payment.json" --trust "$demo/trust-chain.json"

step "They hold the anchor too. An auditor that relies on its contract does not need the host's word that nothing was rolled back."
if [ -n "$signers" ]; then believed="--clique $chain_id=$signers"; else believed="--host-finality $chain_id"; fi
"$bin/concordat" trust init --allow-development --allow-asserted clock --party "$demo/north/public.json" --party "$demo/south/public.json" \
  $believed --anchor "$chain_id=$anchors" -o "$demo/trust-anchor.json" 2>> "$demo/commands.log"
"$bin/concordat" verify "$demo/receipt.json" --trust "$demo/trust-anchor.json" > "$demo/auditor/anchored.txt"
grep -A5 "rollback:" "$demo/auditor/anchored.txt" | indented

step "What the operator could read: node database, ledger files and logs are searched for every confidential value."
sort -u "$demo/secrets" -o "$demo/secrets"
python3 "$sample/demo.py" search "$demo/secrets" MSFT "$demo/node" "$demo/node.log" | indented

if [ "${DEMO_EXIT:-}" = 1 ]; then
  step "The node stops."
  quiet stop > /dev/null
  for _ in $(seq 150); do kill -0 "$node" 2>/dev/null || break; sleep 0.1; done
  ! kill -0 "$node" 2>/dev/null || fail "the node does not stop"
  node=
  echo "    Receipt: $demo/receipt.json   Trust file: $demo/trust.json"
else
  step "The node stays up."
  echo "    $CONCORDAT_NODE/docs   pid $node   stop it with: kill $node"
  echo "    export CONCORDAT_NODE=$CONCORDAT_NODE CONCORDAT_TOKEN_FILE=$CONCORDAT_TOKEN_FILE"
  echo "    Receipt: $demo/receipt.json   Trust file: $demo/trust.json"
fi
