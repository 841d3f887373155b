#!/bin/sh
# The most memory (PSS) that `tagua plan` and its workers hold at a time, over a mirror that knows all users
# of whom one in fifty changes: with FEW users (100,000) and with MANY (5,000,000).
. "$(dirname "$0")/lib.sh"
FEW=${FEW:-$(quick && echo 10000 || echo 100000)}
MANY=${MANY:-$(quick && echo 40000 || echo 5000000)}
ROUNDS=$(quick && echo 1 || echo 3)
mkfifo "$folder/users.jsonl"

for count in "$FEW" "$MANY"; do
  lua5.4 bench/generate.lua "$count" >"$folder/users.jsonl" &
  lua5.4 bench/mirror.lua "$folder/tagua.db" bench/rules.lua "$folder/users.jsonl"
  round=0
  while [ "$round" -lt "$ROUNDS" ]; do
    round=$((round + 1))
    lua5.4 bench/generate.lua "$count" >"$folder/users.jsonl" &
    lua5.4 bench/memory.lua "'$BUILD/tagua' --ledger '$folder/tagua.db' plan bench/rules.lua \
      --users '$folder/users.jsonl'" >>"$folder/$count"
  done
  rm -f "$folder"/tagua*.db*
done
few=$(sort -n "$folder/$FEW" | head -1)
awk '{ print $1 / 1024 }' "$folder/$FEW" >"$folder/few"
awk -v few="$few" -v more=$((MANY - FEW)) '{ print ($1 - few) * 1024 / more }' "$folder/$MANY" >"$folder/growth"
row "memory of that plan, all processes, $FEW users" "<= 64" "MiB" "$folder/few"
row "the same at $MANY users, above that" "<= 16" "bytes a user" "$folder/growth"
