#!/usr/bin/env bash
# tools/fuzz.sh SECONDS: builds every libFuzzer target and runs each that long on its kept corpus. Fails on the first finding.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
tools/build.sh asan fuzz_targets
for target in build/asan/fuzz/fuzz_*; do
  [ -x "$target" ] || continue
  name=${target##*/fuzz_}
  kept=tests/fuzz/corpus/$name; grown=build/asan/corpus/$name
  mkdir -p "$kept" "$grown"
  echo "==> fuzz $name, $seconds s"
  "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=0 -verbosity=0 \
    -artifact_prefix="build/asan/finding-$name-" "$grown" "$kept" 2> "build/asan/$name.log" \
    || { tail -40 "build/asan/$name.log" >&2; echo "fuzz $name found something: build/asan/finding-$name-*" >&2; exit 1; }
done
