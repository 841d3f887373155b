#!/bin/sh
# Deciding alone, without ledger and mirror: beside a bare lua5.4 loop over lua-cjson, beside simdjson that
# only parses, from JSONL and from CSV, with the watchdog and as good as without, with fifty rules on one
# worker and on two. What is said of one core is processor time, since machines are shared.
# USERS (1,000,000) and ROUNDS (5) can be set.
. "$(dirname "$0")/lib.sh"
USERS=${USERS:-$(quick && echo 60000 || echo 1000000)}
lua5.4 bench/generate.lua "$USERS" >"$folder/users.jsonl"
lua5.4 bench/generate.lua "$USERS" csv >"$folder/users.csv"
lua5.4 bench/fifty.lua lua >"$folder/fifty.lua"

simdjson=
if [ -e /usr/include/simdjson.h ] && command -v g++ >/dev/null; then
  g++ -O2 -o "$folder/simdjson" bench/simdjson.cpp -lsimdjson && simdjson=$folder/simdjson
fi

decide() { # decide RULES FORMAT JOBS [SECONDS]: the seconds that deciding all users took
  lua5.4 bench/decide.lua "$1" "$folder/users.$2" "$2" "$3" ${4:-} | cut -d' ' -f1
}
on_one_core() { # the same as processor time: of the reader and its worker together
  core_seconds $one lua5.4 bench/decide.lua "$1" "$folder/users.$2" "$2" 1 ${3:-}
}

round=0
while [ "$round" -lt "$ROUNDS" ]; do
  round=$((round + 1))
  bare=$(core_seconds $one sh -c "exec lua5.4 bench/bare_cjson.lua bench/one/rules.lua <'$folder/users.jsonl'")
  jsonl=$(on_one_core bench/one/rules.lua jsonl)
  of "$bare / $jsonl" >>"$folder/to_bare"
  if [ -n "$simdjson" ]; then
    parsed=$($one "$simdjson" "$folder/users.jsonl" | cut -d' ' -f1)
    of "$parsed / $jsonl" >>"$folder/to_simdjson"
  fi
  csv=$(on_one_core bench/one/rules.lua csv)
  of "$jsonl / $csv" >>"$folder/csv"
  unwatched=$(on_one_core bench/one/rules.lua jsonl 3600)
  of "$unwatched / $jsonl" >>"$folder/unwatched"
  of "$USERS / $jsonl / 1e6" >>"$folder/rate"
  single=$(on_one_core "$folder/fifty.lua" jsonl)
  of "100 * $(cut -d' ' -f4 "$folder/out") / $single" >>"$folder/share"
  lone=$(decide "$folder/fifty.lua" jsonl 1)
  both=$(decide "$folder/fifty.lua" jsonl 2)
  of "$lone / $both" >>"$folder/two"
  of "$both * 1e6 / $USERS" >>"$folder/fifty"
  of "$USERS / $single" >>"$folder/fifty_rate"
done
row "decide: JSONL, 3 of 20 fields, 1 rule, one core" "" "million users/s" "$folder/rate"
row "the same, beside a bare lua5.4 loop over lua-cjson" ">= 5" "times" "$folder/to_bare"
if [ -n "$simdjson" ]; then
  row "the same, beside simdjson that only parses" ">= 0.33" "of its rate" "$folder/to_simdjson"
else
  without "the same, beside simdjson that only parses" ">= 0.33" "needs g++ and libsimdjson-dev"
fi
row "the same from CSV, beside JSONL" ">= 1" "times" "$folder/csv"
row "the watchdog at 1 s, beside one at an hour" ">= 0.97" "of its rate" "$folder/unwatched"
row "decide: 50 rules over 10 fields, two workers" "<= 5" "s a million users" "$folder/fifty"
row "the same, two workers beside one" ">= 1.8" "times" "$folder/two"
row "the same, what all workers share: the reader" "<= 10" "% of the processor time" "$folder/share"
row "the same, one core" "" "users/s" "$folder/fifty_rate"
