#!/bin/sh
# make bench: runs the comparisons, or those that are named (calls, records, plan), one after the other.
# Absolute figures move from machine to machine; the ratios are what to look at.
set -u
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
export BUILD
if [ $# -eq 0 ]; then
  set --
  for script in bench/*.sh; do
    name=$(basename "$script" .sh)
    [ "$name" = run ] || set -- "$@" "$name"
  done
fi
status=0
for name in "$@"; do
  printf '== %s\n' "$name"
  if [ ! -x "bench/$name.sh" ]; then
    echo "no bench is called '$name': there are $(ls bench/*.sh | sed 's|bench/||; s|\.sh||' | grep -v '^run$' | tr '\n' ' ')" >&2
    status=2
  elif ! "bench/$name.sh"; then
    status=1
  fi
done
exit $status
