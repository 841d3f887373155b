#!/bin/sh
# How many users a second `tagua plan` decides, looks up in a mirror that knows them all, and compares, where
# one in fifty changes; beside a bare lua5.4 loop over lua-cjson that only runs the same rules.
# USERS (1,000,000) and ROUNDS (5) can be set.
. "$(dirname "$0")/lib.sh"
USERS=${USERS:-$(quick && echo 40000 || echo 1000000)}
lua5.4 bench/generate.lua "$USERS" >"$folder/users.jsonl"
lua5.4 bench/mirror.lua "$folder/kept.db" bench/rules.lua "$folder/users.jsonl"

plan() { "$BUILD/tagua" --ledger "$folder/tagua.db" plan bench/rules.lua --users "$folder/users.jsonl"; }
bare() { lua5.4 bench/bare_cjson.lua bench/rules.lua <"$folder/users.jsonl"; }

round=0
while [ "$round" -lt "$ROUNDS" ]; do
  round=$((round + 1))
  cp "$folder/kept.db" "$folder/tagua.db"
  took=$(seconds plan)
  grep -q '^+  VIP' "$folder/out" || { echo "bench/plan: the mirror was not used:" >&2; cat "$folder/out" >&2; exit 1; }
  of "$USERS / $took" >>"$folder/rate"
  loop=$(seconds bare)
  of "$loop / $took" >>"$folder/to_bare"
done
row "plan: $USERS users of whom 2% change, mirror on disk" ">= 200000" "users/s" "$folder/rate"
row "the same, beside a bare loop that only decides" "" "times" "$folder/to_bare"
