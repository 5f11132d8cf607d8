#!/usr/bin/env bash
# Every test of the release build, slow ones included. With --sanitizers instead: every module's unit tests under
# AddressSanitizer and UBSan, what runs on several threads under TSan, and a short run of each fuzz target.
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
    tail -60 "build/test-logs/$name.log"
    echo "    FAILED: build/test-logs/$name.log, of which these lines say why:"
    grep -nE 'Failure$|exception with description|^\[  FAILED|: (error|FAILED)|\*\*\*(Failed|Timeout)|Expected|Which is' \
      "build/test-logs/$name.log" | cut -c1-300 | tail -25 || true
    exit 1
  fi
}
# What fails beside others gets one more run with the machine to itself: the tests start real chains and many
# processes, which a busy machine can starve. What passes only then is named, to be looked into.
release_tests() {
  ctest --test-dir build --output-on-failure -j "$jobs" && return
  local failed; failed=$(sed 's/^[0-9]*://' build/Testing/Temporary/LastTestsFailed.log)
  ctest --test-dir build --output-on-failure --rerun-failed && echo "passed only alone:" $failed
}
case "${1:-}" in
  "")
    part release release_tests
    grep "tests passed\|^passed only alone" build/test-logs/release.log ;;
  --sanitizers)
    tools/install.sh --fuzz
    tools/install.sh --evm
    part asan-build tools/build.sh asan unit_tests fuzz_targets
    part asan ctest --test-dir build/asan --output-on-failure -j "$jobs" -L unit
    part fuzz tools/fuzz.sh "${FUZZ_SECONDS:-5}"
    part tsan-build tools/build.sh tsan concordat_base_test concordat_http_test concordat_node_test host_test
    export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp"
    part tsan ctest --test-dir build/tsan --output-on-failure -j "$jobs" -R '^concordat_(base|http|node)_test$'
    part tsan-enclave build/tsan/tests/host_test --gtest_filter='Parallel.*:Transact.Many*' ;;
  *) echo "usage: tools/test.sh [--sanitizers]" >&2; exit 2 ;;
esac
