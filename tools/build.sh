#!/usr/bin/env bash
# tools/build.sh PRESET [target…]: configures (once) and builds.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1; shift
case $preset in release) dir=build ;; *) dir=build/$preset ;; esac
[ -e "$dir/build.ninja" ] || cmake --preset "$preset" > "build/configure-$preset.log" 2>&1 || { cat "build/configure-$preset.log" >&2; exit 1; }
exec ninja -C "$dir" -j "${JOBS:-$(nproc)}" "$@"
