#!/bin/sh
# What the intake takes: signed webhooks of LINE from 64 clients, each an event of its own that is on disk before its
# answer. wrk has one core, the intake the other.
. "$(dirname "$0")/lib.sh"
SECONDS_EACH=${SECONDS_EACH:-$(quick && echo 1 || echo 10)}
RATE=2000
if ! command -v wrk >/dev/null; then
  without "the intake: events a second, durable, 64 clients" ">= 2000" "needs wrk"
  without "the same at 2,000 a second: 99% answered within, ms" "<= 50" "needs wrk"
  exit 0
fi
printf 'the-channel-secret-of-the-bench' >"$folder/secret"
chmod 600 "$folder/secret"
cat >"$folder/wrk.lua" <<'LUA'
local folder, pause, first
local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end
local requests, place = {}, 0
function init(args)
  folder, pause, first = args[1], tonumber(args[2]), tonumber(args[3])
  local number = 0
  for line in io.lines(folder .. "/signed") do
    number = number + 1
    if number > first then
      local signature, body = line:match("^(.-)\t(.*)$")
      requests[#requests + 1] = wrk.format("POST", "/hooks/line/shop",
        { ["x-line-signature"] = signature, ["Content-Type"] = "application/json" }, body)
    end
  end
end
function request()
  place = place % #requests + 1
  return requests[place]
end
function delay() return pause end
function done(summary, latency)
  io.write(("%.0f %.2f %d\n"):format(summary.requests / summary.duration * 1e6, latency:percentile(99) / 1000,
    summary.errors.status + summary.errors.timeout + summary.errors.read))
end
LUA
# run PAUSE FIRST: requests a second, the 99th percentile in ms, errors
run() {
  $one wrk -t1 -c64 -d"${SECONDS_EACH}s" --latency -s "$folder/wrk.lua" "http://$address" -- "$folder" "$1" "$2" | tail -1
}
count=$(quick && echo 20000 || echo $((SECONDS_EACH * 22000)))
lua5.4 bench/intake.lua "$folder" sign "$count"
for round in $(seq "$ROUNDS"); do
  rm -f "$folder"/events.db* "$folder/address"
  $other lua5.4 bench/intake.lua "$folder" >"$folder/log" 2>&1 &
  started=$!
  tries=0
  until [ -s "$folder/address" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "bench/intake: it does not start:" >&2; cat "$folder/log" >&2; exit 1; }
    sleep 0.05
  done
  address=$(cat "$folder/address")
  kept=$(run $((64 * 1000 / RATE)) 0)
  most=$(run 0 $((SECONDS_EACH * RATE * 2)))
  [ "$(echo "$kept $most" | awk '{ print $3 + $6 }')" -eq 0 ] || { echo "bench/intake: errors: $kept, $most" >&2; cat "$folder/log" >&2; }
  echo "$most" | cut -d' ' -f1 >>"$folder/most"
  echo "$kept" | cut -d' ' -f2 >>"$folder/kept"
  echo "$kept" | cut -d' ' -f1 >>"$folder/rate"
  ps -o rss= -p "$started" | awk '{ print $1 / 1024 }' >>"$folder/memory"
  kill "$started"
  wait "$started" || :
  started=""
done
row "the intake: events a second, durable, 64 clients" ">= 2000" "" "$folder/most"
row "the same at 2,000 a second: 99% answered within" "<= 50" "ms" "$folder/kept"
row "the rate that this was at" "" "/s" "$folder/rate"
row "its memory after that" "" "MB" "$folder/memory"
