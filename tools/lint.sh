#!/usr/bin/env bash
# Formatting and static analysis of what git tracks. LINT_FILES="a.cpp b.cpp" limits clang-tidy to those.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -e build/build.ninja ] || tools/build.sh release help > /dev/null
git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 --dry-run --Werror
files=${LINT_FILES:-$(git ls-files 'src/*.cpp' 'apps/*.cpp' | grep -v _test.cpp)}
printf '%s\n' $files | xargs -P "$(nproc)" -n 4 clang-tidy-19 -p build --quiet --extra-arg=-Wno-unknown-warning-option
