#!/usr/bin/env bash
# make demo: the sample on a chain whose finality is its host's word, step by step; then once more on one whose signers prove it,
# of which only the verdict is shown. DEMO_CHAIN=anvil|geth-dev|geth-clique: on that one only.
set -euo pipefail
cd "$(dirname "$0")/.."
samples/equity-forward/demo.sh
[ -z "${DEMO_CHAIN:-}" ] || exit 0
demo=build/demo-clique
printf '\nThe same again on a clique network of two signers (a minute; %s.log) …\n' "$demo"
DEMO_CHAIN=geth-clique DEMO_EXIT=1 DEMO_DIR=$demo samples/equity-forward/demo.sh > "$demo.log" 2>&1 || { tail -20 "$demo.log"; exit 1; }
build/bin/concordat verify "$demo/payment.json" --trust "$demo/trust-chain.json" | grep -E "chain:|finality|receipt holds"
echo "    Receipt: $demo/payment.json   Trust file: $demo/trust-chain.json"
