#!/bin/sh
# The whole of tagua serve: 2,000 events a second from 64 clients while the rules run and the tags go out to a twin,
# and how soon an event is a tag while a long apply is sent. wrk, the twin and the daemon share the cores.
. "$(dirname "$0")/lib.sh"
SECONDS_EACH=${SECONDS_EACH:-$(quick && echo 3 || echo 600)}
OPERATIONS=${OPERATIONS:-$(quick && echo 2000 || echo 120000)}
LIVE=${LIVE:-$(quick && echo 20 || echo 200)}
if ! command -v wrk >/dev/null; then
  without "tagua serve at 2,000 events a second: 99% answered within" "<= 50" "needs wrk"
  exit 0
fi
tagua="$BUILD/tagua"
cd "$folder"
"$tagua" twin token add --bot bot-1 --store twin.db >token
printf 'a-token-of-the-bench' >bearer
chmod 600 token bearer
cat >connections.lua <<LUA
connection "shop" { platform = "botbonnie", bot = "bot-1", page = "page-1", channel = "line", token = file "token",
  url = "unix:$folder/twin.sock", rate = { per_second = 1000, burst = 20 }, in_flight = 32,
  hooks = { events = { sha256 = "$(sha256sum <bearer | cut -d' ' -f1)" } } }
serve { listen = "127.0.0.1:0", admin = "127.0.0.1:0" }
LUA
cat >rules.lua <<'LUA'
fields { said = count("message", { within = "30d" }), last = latest("*"), asked = any("message", { text = matches "price" }),
  bought = any("purchase") }
tag "Talks" { when = function(user) return user.said > 3 end }
tag "Asked" { when = function(user) return user.asked end }
tag "Live" { when = function(user) return user.bought end }
LUA
cat >long.lua <<'LUA'
fields { orders = integer }
tag "Long" { when = function(user) return user.orders > 0 end }
LUA
awk "BEGIN { print \"id,orders\"; for (i = 1; i <= $OPERATIONS; i++) print \"L\" i \",1\" }" >long.csv
cat >wrk.lua <<'LUA'
local threads, sent = 0, 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end
local headers = { ["Authorization"] = "Bearer a-token-of-the-bench", ["Content-Type"] = "application/json" }
function request()
  sent = sent + 1
  return wrk.format("POST", "/events/shop", headers, ('{"id":"%d-%d","user":"U%d","type":"message","text":"what is the %s?"}')
    :format(number, sent, (sent * 7919) % 20000, sent % 5 == 0 and "price" or "time"))
end
function delay() return 32 end
function done(summary, latency)
  io.write(("%.0f %.2f %d\n"):format(summary.requests / summary.duration * 1e6, latency:percentile(99) / 1000,
    summary.errors.status + summary.errors.timeout + summary.errors.read))
end
LUA
"$tagua" twin serve --listen "unix:$folder/twin.sock" --store twin.db >twin.log 2>&1 &
started=$!
"$tagua" serve --rules rules.lua --json >said 2>log &
daemon=$!
started="$started $daemon"
tries=0
until [ -s said ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 200 ] || { echo "bench/serve: it does not start:" >&2; cat log >&2; exit 1; }
  sleep 0.05
done
listen=$(sed 's/.*"listen":"\([^"]*\)".*/\1/' said)
# The memory of the daemon's processes together, in MB.
memory() {
  for process in $daemon $(pgrep -P "$daemon") $(pgrep -P "$(pgrep -d, -P "$daemon")"); do
    cat "/proc/$process/smaps_rollup" 2>/dev/null
  done | awk '/^Pss:/ { sum += $2 } END { printf "%.1f\n", sum / 1024 }'
}
wrk -t1 -c64 -d"${SECONDS_EACH}s" --latency -s wrk.lua "$listen" >kept 2>&1 &
load=$!
sleep $((SECONDS_EACH / 5 + 1))
memory >first
wait "$load"
memory >last
kept=$(tail -1 kept)
[ "$(echo "$kept" | awk '{ print $3 }')" = 0 ] || { echo "bench/serve: errors: $kept" >&2; tail -5 log >&2; }
echo "$kept" | cut -d' ' -f2 >p99
echo "$kept" | cut -d' ' -f1 >rate
of "$(cat last) / $(cat first)" >growth

"$tagua" apply long.lua --users long.csv --to shop --yes >applied 2>apply.log &
long=$!
until grep -q changing apply.log; do
  sleep 0.1
  kill -0 "$long" 2>/dev/null || { cat apply.log >&2; exit 1; }
done
for number in $(seq "$LIVE"); do
  echo "E$number|$(date +%s%3N)" >>sent
  curl -s -o answer -H "Authorization: Bearer a-token-of-the-bench" \
    -d "{\"id\":\"live-$number\",\"user\":\"E$number\",\"type\":\"purchase\"}" "$listen/events/shop"
  sleep 0.1
done
wait "$long"
tries=0
until [ "$(sqlite3 twin.db "select count(*) from user_tags join tags on tags.key = user_tags.tag where name = 'Live'")" = "$LIVE" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 200 ] || { echo "bench/serve: events did not become tags" >&2; tail -5 log >&2; exit 1; }
  sleep 0.1
done
sqlite3 twin.db "select users.id || '|' || user_tags.timestamp from user_tags join users on users.key = user_tags.user
  join tags on tags.key = user_tags.tag where tags.name = 'Live'" |
  awk -F'|' 'NR == FNR { at[$1] = $2; next } { print ($2 - at[$1]) / 1000 }' sent - | sort -n >waits
awk -v n="$LIVE" 'NR >= n * 0.99 { print; exit }' waits >soon
row "tagua serve at 2,000 events a second: 99% answered within" "<= 50" "ms" p99
row "the rate that this was at" "" "/s" rate
row "its memory at the end, to that after a fifth of the time" "<= 1.1" "" growth
row "its memory, all processes together" "" "MB" last
row "an event is a tag while an apply of $OPERATIONS is sent: 99% within" "<= 2" "s" soon
