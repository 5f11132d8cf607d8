#!/usr/bin/env bash
# Formatting and static analysis of what git tracks. A file that passed is analysed again only when it, a header it
# includes, its flags or .clang-tidy changed (tools/lint_plan.py). LINT_FILES="a.cpp b.cpp" limits clang-tidy to those.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 --dry-run --Werror
# Of clang's build only its list of commands is needed, which has the fuzz targets too.
tools/build.sh asan help > /dev/null
python3 tools/lint_plan.py
read -r -a files <<< "${LINT_FILES:-}"
ninja -C build/lint -k 0 -j "${JOBS:-$(nproc)}" "${files[@]}"
echo "lint passed"
