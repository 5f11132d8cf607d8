#!/usr/bin/env bash
# docs_test.sh PROGRAMS: docs/cli.md lists the commands that there are. To bring it up to date: docs_test.sh PROGRAMS --write
set -euo pipefail
page=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/docs/cli.md
export MARKER='What follows is made by `concordat completion markdown`; a test holds it against the program.'
made=$("$1/concordat" completion markdown)
if [ "${2:-}" = --write ]; then
  kept=$(awk '{ print } $0 == ENVIRON["MARKER"] { exit }' "$page")
  printf '%s\n%s\n' "$kept" "$made" > "$page"
fi
diff <(awk 'found; $0 == ENVIRON["MARKER"] { found = 1 }' "$page") <(printf '%s\n' "$made") ||
  { echo "docs/cli.md lags behind the program: run tests/cli/docs_test.sh BIN --write" >&2; exit 1; }
