#!/usr/bin/env bash
# Every test: the release build's, slow ones included; the sanitizer builds' unit tests; a short run of each fuzz target.
# Each part writes its log to build/test-logs and says how long it took.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/test-logs
jobs=${JOBS:-$(nproc)}
part() {  # part NAME command…
  local name=$1 begin=$SECONDS; shift
  echo "==> $name"
  if "$@" > "build/test-logs/$name.log" 2>&1; then
    echo "    passed in $((SECONDS - begin)) s"
  else
    tail -60 "build/test-logs/$name.log"; echo "    FAILED: build/test-logs/$name.log"; exit 1
  fi
}
part release ctest --test-dir build --output-on-failure -j "$jobs"
tail -4 build/test-logs/release.log
if [ "${SANITIZERS:-1}" = 1 ]; then
  for preset in asan tsan; do
    part "$preset-build" tools/build.sh "$preset"
    part "$preset" ctest --test-dir "build/$preset" --output-on-failure -j "$jobs" -LE "slow|no-$preset"
  done
  tools/install.sh --fuzz
  part fuzz tools/fuzz.sh "${FUZZ_SECONDS:-5}"
fi
tail -4 build/test-logs/release.log | grep "tests passed"
