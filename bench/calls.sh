#!/bin/sh
# Requests a second against nginx on this machine: wrk, libcurl's multi interface alone, and the engine,
# in turn, so that each ratio comes from runs side by side. The server has a core of its own where there
# are two. QUICK=1 is shorter; FLYING (64), ROUNDS (5) and SECONDS (2) can be set.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
FLYING=${FLYING:-64}
ROUNDS=${ROUNDS:-$([ -n "${QUICK:-}" ] && echo 3 || echo 5)}
SECONDS_EACH=${SECONDS_EACH:-$([ -n "${QUICK:-}" ] && echo 1 || echo 2)}
PORT=${PORT:-$((20000 + $$ % 20000))}
export LUA_CPATH="$PWD/$BUILD/lib/?.so;;"

nginx=$(command -v nginx || echo /usr/sbin/nginx)
[ -x "$nginx" ] || { echo "bench/calls: needs nginx (apt-get install nginx-light)" >&2; exit 1; }
[ -e "$BUILD/lib/tagua/core.so" ] || { echo "bench/calls: build first: make" >&2; exit 1; }

folder=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || :; fi; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

cat >"$folder/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $folder/pid;
error_log $folder/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path $folder/a; proxy_temp_path $folder/b; fastcgi_temp_path $folder/c;
  uwsgi_temp_path $folder/d; scgi_temp_path $folder/e;
  keepalive_requests 1000000000; keepalive_timeout 600;
  default_type application/json;
  server { listen 127.0.0.1:$PORT; location / { return 200 '{"res":"ok","status":200}'; } }
}
CONF
cat >"$folder/post.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer 0123456789abcdef0123456789abcdef"
wrk.body = '{"bot_raw_uid":"U21ab30ccce78feb456048adeb80cf00a","bot_pid":"test_audi","bot_channel":1,"bot_tag_id":"tag-1"}'
LUA

${CC:-cc} -std=c11 -O2 -o "$folder/bare_curl" bench/bare_curl.c $(pkg-config --cflags --libs libcurl)

client= there=
if [ "$(nproc)" -ge 2 ] && command -v taskset >/dev/null; then
  client="taskset -c 0" there="taskset -c 1"
fi
$there "$nginx" -p "$folder" -e "$folder/error.log" -c "$folder/nginx.conf" &
server=$!
tries=0
until curl -s -o "$folder/answer" "http://127.0.0.1:$PORT/"; do
  tries=$((tries + 1))
  [ "$tries" -lt 50 ] || { echo "bench/calls: nginx does not start:" >&2; cat "$folder/error.log" >&2; exit 1; }
  sleep 0.1
done

url=http://127.0.0.1:$PORT
path=/v1/api/user/tag
round=1
while [ "$round" -le "$ROUNDS" ]; do
  wrk=-
  if command -v wrk >/dev/null; then
    wrk=$($client wrk -t1 -c"$FLYING" -d"${SECONDS_EACH}s" -s "$folder/post.lua" "$url$path" |
      awk '/^Requests\/sec/ { printf "%.0f", $2 }')
  fi
  bare=$($client "$folder/bare_curl" "$url$path" "$FLYING" "$SECONDS_EACH")
  engine=$($client lua5.4 bench/calls.lua "$url" "$path" "$FLYING" "$SECONDS_EACH")
  again=$($client "$folder/bare_curl" "$url$path" "$FLYING" "$SECONDS_EACH")
  echo "$wrk $bare $engine $again" >>"$folder/rounds"
  round=$((round + 1))
done

lua5.4 - "$folder/rounds" "$FLYING" <<'LUA'
local rows = {}
for line in io.lines(arg[1]) do
  local row = {}
  for word in line:gmatch("%S+") do row[#row + 1] = tonumber(word) or false end
  rows[#rows + 1] = row
end
local function spread(what, unit, value)
  local values = {}
  for _, row in ipairs(rows) do values[#values + 1] = value(row) or nil end
  if #values == 0 then return end
  table.sort(values)
  print(("%-44s %9.2f %9.2f %9.2f %s"):format(what, values[(#values + 1) // 2], values[1], values[#values], unit))
end
print(("nginx on loopback, %s in flight, %d rounds           median       min       max"):format(arg[2], #rows))
spread("wrk", "thousand requests/s", function(r) return r[1] and r[1] / 1000 end)
spread("libcurl multi alone", "thousand requests/s", function(r) return (r[2] + r[6]) / 2000 end)
spread("the engine, from Lua", "thousand requests/s", function(r) return r[4] / 1000 end)
spread("libcurl multi alone", "CPU us/request", function(r) return (r[3] + r[7]) / 2 end)
spread("the engine, from Lua", "CPU us/request", function(r) return r[5] end)
spread("the engine beside libcurl alone", "of its rate", function(r) return r[4] / ((r[2] + r[6]) / 2) end)
spread("the engine beside wrk", "of its rate", function(r) return r[1] and r[4] / r[1] end)
LUA
