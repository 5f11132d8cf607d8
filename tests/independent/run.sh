#!/usr/bin/env bash
# Checks a receipt with the independent verifier: run.sh RECEIPT TRUST. Exit status as concordat-verify's.
# The virtual environment is made once, from packages pinned by hash.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv="$here/../../build/venv"
stamp="$venv/$(sha256sum "$here/requirements.txt" | cut -c1-16)"
if [ ! -e "$stamp" ]; then
    mkdir -p "$(dirname "$venv")"
    exec 9>"$venv.lock"
    flock 9
    if [ ! -e "$stamp" ]; then
        rm -rf "$venv"
        python3 -m venv "$venv" >&2 || exit 2
        "$venv/bin/pip" install --quiet --require-hashes -r "$here/requirements.txt" >&2 || exit 2
        touch "$stamp"
    fi
    exec 9>&-
fi
script="$here/verify_receipt.py"
if [ "${1:-}" = "--schemas" ]; then
    script="$here/check_schemas.py"
    shift
fi
if [ "${1:-}" = "--transaction" ]; then
    script="$here/check_transaction.py"
    shift
fi
if [ "${1:-}" = "--participant" ]; then
    script="$here/check_participant.py"
    shift
fi
if [ "${1:-}" = "--evm" ]; then
    script="$here/check_evm.py"
    shift
fi
exec "$venv/bin/python" "$script" "$@"
