#!/usr/bin/env bash
# The Solidity in contracts/, with what tools/install.sh --evm installs.
#   tools/contracts.sh check      layout, every test, gas figures and artifacts against those that are kept (ctest runs it)
#   tools/contracts.sh test …     forge's tests; further arguments go to forge, as --match-test NAME -vvv
#   tools/contracts.sh update     lays the sources out and writes snapshots, artifacts and the table in docs anew
set -euo pipefail
cd "$(dirname "$0")/.."
evm=build/toolchain/evm
forge=$evm/node_modules/@foundry-rs/forge-linux-amd64/bin/forge
[ -x "$forge" ] || { echo "forge is not installed: run tools/install.sh --evm" >&2; exit 1; }
export FOUNDRY_CONFIG="$PWD/contracts/foundry.toml"

forge() {  # forge COMMAND arguments…
  local command=$1; shift
  local options=(--root .)
  [ "$command" = fmt ] || options+=(--use tools/evm/solc.mjs)
  "$forge" "$command" "${options[@]}" "$@"
}
gas_table() { node tools/evm/gas_table.mjs contracts/snapshots docs/contracts.md "$@"; }
artifacts() { node tools/evm/artifacts.mjs build/contracts/out contracts/artifacts "$@"; }

case "${1:-}" in
  check)
    forge fmt --check contracts
    forge test --no-match-contract GasTest
    FORGE_SNAPSHOT_CHECK=true forge test --match-contract GasTest --isolate
    artifacts --check
    gas_table --check ;;
  test) shift; FORGE_SNAPSHOT_EMIT=false forge test "$@" ;;
  update)
    forge fmt contracts
    rm -rf contracts/snapshots
    forge test --match-contract GasTest --isolate
    artifacts
    gas_table ;;
  *) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
