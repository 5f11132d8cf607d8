# Shared by the tests of the command line: expectations that say what they expected.
failures=0
complain() { failures=$((failures + 1)); printf 'FAILED: %s\n' "$*" >&2; }

# expect STATUS WORDS… -- COMMAND…: the command ends with STATUS, and its output (both streams) holds each of the words.
expect() {
  local status=$1 words=() output actual=0
  shift
  while [ "$1" != -- ]; do words+=("$1"); shift; done
  shift
  output=$("$@" 2>&1) || actual=$?
  [ "$actual" = "$status" ] || complain "$*: status $actual, expected $status: $output"
  for word in "${words[@]}"; do
    grep -qF -- "$word" <<< "$output" || complain "$*: does not say '$word': $output"
  done
}

finish() {
  [ "$failures" = 0 ] || { echo "$failures expectations failed" >&2; exit 1; }
  echo "all expectations hold"
}
