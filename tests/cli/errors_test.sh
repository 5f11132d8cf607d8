#!/usr/bin/env bash
# errors_test.sh PROGRAMS FOLDER: what the command line says about wrong use and bad files, without a node.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/support.sh"
concordat=$1/concordat
verifier=$1/concordat-verify
rm -rf "$2"; mkdir -p "$2"; cd "$2"
vectors=$here/../vectors
export CONCORDAT_NODE=http://127.0.0.1:1  # nobody answers there

expect 0 "concordat 0." -- "$concordat" --version
expect 2 "subcommand" -- "$concordat"
expect 2 "--frobnicate" -- "$concordat" key new a.json --id a --frobnicate
expect 2 "--id" -- "$concordat" key new a.json
expect 2 "--trust" -- "$concordat" verify receipt.json

# Keys
expect 0 '"id": "did:web:a.example"' '"encryption"' -- "$concordat" key new a.json --id did:web:a.example
expect 1 "conflict" -- "$concordat" key new a.json --id did:web:a.example
expect 1 "field: --alg" -- "$concordat" key new b.json --id b --alg RS256
[ ! -e b.json ] || complain "a refused key was made"
[ "$(stat -c %a a.json)" = 600 ] || complain "the key file can be read by others"
printf 'correct horse\n' > phrase; printf 'wrong horse\n' > wrong
expect 0 -- "$concordat" key new sealed.json --id sealed --alg EdDSA --passphrase-file phrase
expect 0 '"OKP"' -- "$concordat" key show sealed.json --passphrase-file phrase
expect 1 "unauthenticated" "do:" -- "$concordat" key show sealed.json --passphrase-file wrong
expect 1 "unauthenticated" -- "$concordat" key show sealed.json
chmod 644 a.json
expect 1 "forbidden" -- "$concordat" key show a.json
expect 1 "not_found" -- "$concordat" key show none.json

# Nobody answers, or the address is none
expect 1 "unavailable" "field: --node" "concordat node" -- "$concordat" package list
expect 1 "field: --node" "http://HOST:PORT" -- "$concordat" --node https://example.com package list
expect 1 '"code":"unavailable"' '"field":"--node"' '"advice"' -- "$concordat" --json package list
expect 1 "field: BINDING" "64" -- "$concordat" binding show sha256:abc
expect 1 "field: BINDING" -- "$concordat" message send sha256:abc confirm --key sealed.json --passphrase-file phrase

# Packages
expect 0 "made" -- "$concordat" package new my-contract
expect 1 "conflict" -- "$concordat" package new my-contract
expect 1 "bad_format" -- "$concordat" package new 'My Contract'
expect 1 "not_found" -- "$concordat" package build nowhere
printf 'not a package' > bad.tar
expect 1 "bad_package" -- "$concordat" package inspect bad.tar

# Costs
some=sha256:$(printf '0%.0s' {1..64}); by="--trust $vectors/trust.json"
expect 2 "--trust" -- "$concordat" costs
expect 1 "field: BINDING" "64" -- "$concordat" costs sha256:abc $by
expect 1 "field: /trust" -- "$concordat" costs "$some" --trust phrase
expect 1 "field: --from" "UTC" -- "$concordat" costs "$some" $by --from yesterday
expect 1 "field: --from" "before --to" -- "$concordat" costs "$some" $by --from 2026-02-01T00:00:00.000Z --to 2026-01-01T00:00:00.000Z
expect 1 "field: --to" "future" -- "$concordat" costs "$some" $by --to 9999-01-01T00:00:00.000Z
expect 1 "field: --key" "signed" -- "$concordat" costs "$some" $by -o costs.json
expect 1 "field: --output" "--force" -- "$concordat" costs "$some" $by -o phrase --key sealed.json
expect 1 "unavailable" -- "$concordat" costs "$some" $by
expect 1 "bad_json" -- "$concordat" costs verify phrase $by
expect 1 "field: /file/typ" -- "$concordat" costs verify "$vectors/receipt.json" $by

# Receipts
expect 0 "The receipt holds" -- "$concordat" verify "$vectors/receipt.json" --trust "$vectors/trust.json"
diff <("$concordat" verify "$vectors/receipt.json" --trust "$vectors/trust.json") \
     <("$verifier" "$vectors/receipt.json" --trust "$vectors/trust.json") || complain "both verifiers must say the same"
expect 0 '"holds":true' -- "$concordat" verify "$vectors/receipt.json" --trust "$vectors/trust.json" --json
expect 2 "none.json" -- "$concordat" verify none.json --trust "$vectors/trust.json"
expect 2 "trust" -- "$concordat" verify "$vectors/receipt.json" --trust phrase
expect 1 "format" -- "$concordat" verify phrase --trust "$vectors/trust.json"
expect 0 "service key" "NOT hardware-protected" "proves nothing about itself" -- "$concordat" trust init --receipt "$vectors/receipt.json" -o trust.json
expect 1 "development" -- "$concordat" verify "$vectors/receipt.json" --trust trust.json
expect 1 "field: --allow-asserted" -- "$concordat" trust init --receipt "$vectors/receipt.json" --allow-asserted weather
expect 0 -- "$concordat" trust init --receipt "$vectors/receipt.json" --allow-development --allow-asserted clock,rollback -o trust.json
expect 0 "The receipt holds" -- "$concordat" verify "$vectors/receipt.json" --trust trust.json

# Transactions with other ledgers
paid=$vectors/receipt_committed.json
disputed=$vectors/receipt_disputed.json
init=("$concordat" trust init --receipt "$paid" --allow-development --allow-asserted clock,rollback -o trust.json)
stranger=0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
expect 0 -- "${init[@]}"
expect 0 "eip155:31337:0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf, slot 4" "as the binding names it [proved]" -- "$verifier" "$paid" --trust trust.json
expect 1 "finality: 2 block(s) deep, witness host" "does not take the host's word for eip155:31337" -- "$verifier" "$vectors/receipt_asserted.json" --trust trust.json
expect 1 "disputed" "does not take the host's word for eip155:31337" -- "$verifier" "$disputed" --trust trust.json
expect 0 "by the host's word: NOT proved" -- "${init[@]}" --host-finality eip155:31337
expect 0 "is the host's word [asserted]" -- "$verifier" "$vectors/receipt_asserted.json" --trust trust.json
expect 0 "the host says that the chain went back on this" -- "$concordat" verify "$disputed" --trust trust.json
expect 0 "sealed by $stranger" -- "${init[@]}" --clique "eip155:31337=$stranger"
expect 1 "finality" "/trust/chains/eip155:31337: is not satisfied" -- "$verifier" "$paid" --trust trust.json
expect 1 "field: --clique" -- "${init[@]}" --clique "eip155:31337=$stranger" --host-finality eip155:31337
expect 1 "field: --clique" -- "${init[@]}" --clique eip155:31337
expect 1 "signers" -- "${init[@]}" --clique eip155:31337=0x5aAe
expect 1 "field: /trust/chains/31337" -- "${init[@]}" --host-finality 31337

# A node's settings
expect 1 "port" "65535" -- "$concordat" node --data node --port 99999
expect 1 "--listen" "HOST:PORT" -- "$concordat" node --data node --listen nowhere
expect 1 "not_found" -- "$concordat" node reindex --data nowhere

# Completion knows every command, because it is made from them.
"$concordat" completion bash > completion.bash
bash -c 'source completion.bash; COMP_WORDS=(concordat binding am); COMP_CWORD=2; _concordat; [ "${COMPREPLY[*]}" = amend ]' || complain "completion does not complete"
bash -c 'source completion.bash; COMP_WORDS=(concordat --json message send --as); COMP_CWORD=4; _concordat; [ "${COMPREPLY[*]}" = --async ]' || complain "completion does not complete options"
expect 0 "bashcompinit" -- "$concordat" completion zsh
expect 2 "fish" -- "$concordat" completion fish
finish
