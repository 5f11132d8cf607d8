#!/usr/bin/env bash
# demo_clique_test.sh PROGRAMS FOLDER: the sample on a clique network, whose signers' seals prove what a host can only assert on
# other chains; 77 without geth.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/support.sh"
programs=$1
demo=$2
concordat=$programs/concordat
cd "$here/../.."
[ -e build/toolchain/geth/clique/geth ] || { echo "skipped: tools/install.sh --evm has not been run"; exit 77; }

DEMO_CHAIN=geth-clique DEMO_EXIT=1 DEMO_DIR=$demo CONCORDAT_BIN=$programs samples/equity-forward/demo.sh > "$demo.log" 2>&1 || { tail -30 "$demo.log"; exit 1; }
"$concordat" verify "$demo/payment.json" --trust "$demo/trust-chain.json" > "$demo/verdict.txt" || complain "the payment's receipt does not hold"
grep -q "finality.*proved" "$demo/verdict.txt" || complain "the finality of the payment is not proved"
grep "finality" "$demo/verdict.txt" | grep -q "asserted" && complain "the finality of the payment is asserted"
"$concordat" verify "$demo/receipt.json" --trust "$demo/trust-anchor.json" > "$demo/verdict.txt" || complain "the anchored receipt does not hold"
grep -q "rollback.*proved" "$demo/verdict.txt" || complain "that nothing was rolled back is not proved"
for trust in trust-chain trust-anchor; do
  expect 0 -- tests/independent/run.sh "$demo/payment.json" "$demo/$trust.json"
  expect 0 "The receipt holds" -- "$programs/concordat-verify" "$demo/payment.json" --trust "$demo/$trust.json"
done
# The seals are the signers': of others they prove nothing.
sed 's/"0x[0-9a-fA-F]\{40\}"\]/"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"]/' "$demo/trust-chain.json" > "$demo/trust-others.json"
cmp -s "$demo/trust-chain.json" "$demo/trust-others.json" && complain "the trust file holds no signers"
expect 1 "DOES NOT HOLD" -- "$concordat" verify "$demo/payment.json" --trust "$demo/trust-others.json"
finish
