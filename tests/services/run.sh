#!/bin/sh
# The tests of the sample services, as tools/install.sh --services compiled them, over a PostgreSQL of their own: run.sh [FILE…].
# 77: they are not installed.
set -eu
cd "$(dirname "$0")/../.."
[ -e build/services/dist/postgres/src/main.js ] || { echo "skipped: tools/install.sh --services has not been run"; exit 77; }
SERVICES=$PWD/samples/services
DATABASE=$(mktemp -d)
export SERVICES DATABASE
chmod 755 "$DATABASE"  # the database's own user must reach it
end() { "$SERVICES/database" down "$DATABASE" || true; rm -rf "$DATABASE"; }
trap end EXIT
"$SERVICES/database" up "$DATABASE"
cd build/services
[ $# -gt 0 ] || set -- dist/*/src/*.test.js
node --test --test-concurrency=1 "$@"
