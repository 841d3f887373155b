#!/bin/sh
# make bench: runs the comparisons, or those that are named, and prints one table of what they gave.
# Absolute figures move from machine to machine; the ratios are what to look at. QUICK=1 is for seeing
# that everything still runs: its figures say little.
set -u
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
export BUILD
if [ $# -eq 0 ]; then
  set -- decide peers plan memory calls $([ -x bench/ledger.sh ] && echo ledger) limiter quota twin intake serve start records
fi
ROWS=$(mktemp)
export ROWS
trap 'rm -f "$ROWS"' EXIT
trap 'exit 130' INT TERM
status=0
for name in "$@"; do
  if [ ! -x "bench/$name.sh" ]; then
    echo "no bench is called '$name': there are $(ls bench/*.sh | sed 's|bench/||; s|\.sh||' |
      grep -vE '^(run|lib)$' | tr '\n' ' ')" >&2
    status=2
    continue
  fi
  began=$(date +%s)
  "bench/$name.sh" || { echo "bench/$name.sh failed" >&2; status=1; }
  echo "bench: $name took $(($(date +%s) - began)) s" >&2
done
lua5.4 bench/table.lua <"$ROWS"
exit $status
