#!/bin/sh
# How much of a quota is used, and how many answers are 429: against the twin's own limiter, with the quota
# known (10, 100 and 1,000 a second), and unknown and changing twice.
. "$(dirname "$0")/lib.sh"
EACH=${EACH:-$(quick && echo 2 || echo 10)}
PHASE=${PHASE:-$(quick && echo 2 || echo 60)}
(umask 077 && echo token-of-the-bench >"$folder/token")

against() { # against KNOWN SECONDS PHASE RATE...: what the client took and was refused
  known=$1 took=$2 phase=$3
  shift 3
  rm -f "$folder/socket"
  lua5.4 bench/quota_twin.lua "$folder/socket" "$folder/token" "$phase" "$@" &
  server=$!
  started="$started $server"
  tries=0
  until [ -S "$folder/socket" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "bench/quota: the twin does not start" >&2; exit 1; }
    sleep 0.05
  done
  lua5.4 bench/quota.lua "unix:$folder/socket" "$folder/token" "$known" "$took"
  kill "$server" && wait "$server" || :
}

for rate in 10 100 1000; do
  against "$rate" "$EACH" "$EACH" "$rate" >"$folder/answer"
  awk -v quota="$((rate * EACH))" '{ print 100 * $1 / quota }' "$folder/answer" >"$folder/used"
  awk '{ print $2 }' "$folder/answer" >"$folder/refused"
  row "a quota of $rate a second, used in $EACH s" ">= 99" "%" "$folder/used"
  row "the same, answers of 429" "<= 0" "" "$folder/refused"
done
against unknown "$((3 * PHASE))" "$PHASE" 200 60 400 >"$folder/answer"
awk -v quota="$((660 * PHASE))" '{ print 100 * $1 / quota }' "$folder/answer" >"$folder/used"
awk '{ print 100 * $2 / ($1 + $2) }' "$folder/answer" >"$folder/refused"
row "an unknown quota (200, 60, 400 a second for $PHASE s each), used" ">= 95" "%" "$folder/used"
row "the same, answers of 429" "<= 1" "% of calls" "$folder/refused"
