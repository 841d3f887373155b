#!/bin/sh
# How fast `tagua plan` is beside a bare lua5.4 loop over lua-cjson that runs the same rules, and whether
# its memory grows with the users. Prints ratios; each round runs both, one after the other.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
USERS=${USERS:-200000}
ROUNDS=${ROUNDS:-5}
MANY=${MANY:-2000000}
FEW=${FEW:-20000}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_STATE_HOME="$folder/state"
bench=$PWD/bench
lua5.4 bench/generate.lua "$USERS" >"$folder/users.jsonl"

plan() { # plan NAME: of the users on standard input
  "$BUILD/tagua" --ledger "$folder/$1.db" plan "$bench/rules.lua" --users - --format jsonl
}

seconds() { # seconds COMMAND...: how long it took
  start=$(date +%s%N)
  "$@" >"$folder/out" || { cat "$folder/out" >&2; exit 1; }
  end=$(date +%s%N)
  echo "$start $end" | awk '{ printf "%.3f\n", ($2 - $1) / 1e9 }'
}

cd "$folder"
plan_once() { plan speed 2>/dev/null <"$folder/users.jsonl"; }
bare_once() { lua5.4 "$bench/bare_cjson.lua" <"$folder/users.jsonl"; }

round=0
while [ "$round" -lt "$ROUNDS" ]; do
  round=$((round + 1))
  bare=$(seconds bare_once)
  plan=$(seconds plan_once)
  echo "$bare" >>"$folder/bare"
  echo "$plan" >>"$folder/plan"
  echo "$bare $plan" | awk '{ print $1 / $2 }' >>"$folder/ratio"
done
median() { # of the numbers on standard input
  lua5.4 "$bench/median.lua"
}
echo "$USERS $(median <"$folder/plan") $(median <"$folder/bare") $(median <"$folder/ratio") $ROUNDS" | awk '{
  printf "plan, %d users: %.0f users/s; bare lua5.4 over lua-cjson: %.0f users/s; ratio %.2f (medians of %d)\n",
    $1, $1 / $2, $1 / $3, $4, $5 }'

memory() { # memory COUNT: peak KiB while planning that many
  lua5.4 "$bench/memory.lua" "'$BUILD/tagua' --ledger '$folder/memory$1.db' plan '$bench/rules.lua' \
    --users '$folder/pipe' --format jsonl" &
  measured=$!
  lua5.4 "$bench/generate.lua" "$1" >"$folder/pipe"
  wait "$measured"
}
mkfifo "$folder/pipe"
round=0
while [ "$round" -lt 3 ]; do
  round=$((round + 1))
  memory "$FEW" >>"$folder/few"
  memory "$MANY" >>"$folder/many"
done
echo "$FEW $(median <"$folder/few") $MANY $(median <"$folder/many")" | awk '{
  printf "plan, memory of all processes: %.1f MiB at %d users, %.1f MiB at %d; ratio %.2f (medians of 3)\n",
    $2 / 1024, $1, $4 / 1024, $3, $4 / $2 }'
