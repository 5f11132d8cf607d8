#!/usr/bin/env bash
# Runs every benchmark, prints the table, writes build/bench.json.
set -euo pipefail
cd "$(dirname "$0")/.."
exec build/bin/concordat-bench --out build/bench.json "$@"
