#!/bin/sh
# Fifty rules over ten fields in two rule engines from npm, and in tagua: the same users, the same decisions.
# Installs the peers into bench/peers/node_modules, as the lockfile there says.
. "$(dirname "$0")/lib.sh"
USERS=$(quick && echo 20000 || echo 100000)
FEWER=$(quick && echo 500 || echo 5000) # users that the peers decide in a round
what="decide: 50 rules, beside the faster of two engines from npm"
if ! command -v npm >/dev/null || ! (cd bench/peers && { [ -d node_modules/json-rules-engine ] ||
  npm ci --silent --no-fund --no-audit >/dev/null 2>"$folder/npm" ||
  npm install --silent --no-save --no-fund --no-audit >/dev/null 2>"$folder/npm"; }); then # ci wants all platforms
  without "$what" ">= 10" "needs node and npm, and its registry"
  exit 0
fi
lua5.4 bench/generate.lua "$USERS" >"$folder/users.jsonl"
lua5.4 bench/fifty.lua lua >"$folder/fifty.lua"
lua5.4 bench/fifty.lua json >"$folder/fifty.json"
head -n "$FEWER" "$folder/users.jsonl" >"$folder/fewer.jsonl"

wanted=$(COUNT=1 lua5.4 bench/decide.lua "$folder/fifty.lua" "$folder/fewer.jsonl" jsonl 1 | cut -d' ' -f3)
round=0
while [ "$round" -lt "$ROUNDS" ]; do
  round=$((round + 1))
  ours=$($one lua5.4 bench/decide.lua "$folder/fifty.lua" "$folder/users.jsonl" jsonl 1 | cut -d' ' -f1)
  for peer in json-rules-engine zen-engine; do
    $one node bench/peers/rules.mjs "$peer" "$folder/fifty.json" "$folder/users.jsonl" "$FEWER" >"$folder/answer"
    read -r rate theirs <"$folder/answer"
    [ "$theirs" = "$wanted" ] ||
      { echo "bench/peers: $peer wants $theirs tags, tagua $wanted: these are not the same rules" >&2; exit 1; }
    of "$USERS / $ours / $rate" >>"$folder/$peer"
  done
  tail -qn 1 "$folder/json-rules-engine" "$folder/zen-engine" | sort -n | head -1 >>"$folder/faster"
done
row "$what, one core" ">= 10" "times" "$folder/faster"
row "beside json-rules-engine" "" "times" "$folder/json-rules-engine"
row "beside @gorules/zen-engine" "" "times" "$folder/zen-engine"
