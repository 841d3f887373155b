#!/bin/sh
# Requests a second against nginx on this machine: libcurl's multi interface alone, the engine, `perform`,
# wrk and other peers, in turn, so that each ratio comes from runs side by side. The server has a core of its own
# where there are two. FLYING (64), ROUNDS (5) and SECONDS_EACH (2) can be set.
. "$(dirname "$0")/lib.sh"
FLYING=${FLYING:-64}
SECONDS_EACH=${SECONDS_EACH:-$(quick && echo 0.5 || echo 2)}
what="calls: perform, 64 in flight, beside a bare libcurl loop"

has_nginx || { without "$what" ">= 0.60" "needs nginx (nginx-light)"; exit 0; }
${CC:-cc} -std=c11 -O2 -o "$folder/bare_curl" bench/bare_curl.c $(pkg-config --cflags --libs libcurl)
start_nginx

undici= http=
if command -v node >/dev/null && [ -d bench/peers/node_modules/undici ]; then undici=1; fi
if command -v lua5.1 >/dev/null && lua5.1 -e 'require "http.client" require "cjson"' 2>/dev/null; then http=1; fi

url=http://127.0.0.1:$PORT
path=/v1/api/user/tag
cat >"$folder/post.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"bot_tag_id":"tag-1","bot_raw_uid":"U21ab30ccce78feb456048adeb80cf00a","bot_pid":"p","bot_channel":1}'
function done(summary) io.write(("%.0f\n"):format(summary.requests / summary.duration * 1e6)) end
LUA
wrk=
if command -v wrk >/dev/null; then wrk=1; fi
bare() { $one "$folder/bare_curl" "$url$path" "$FLYING" "$SECONDS_EACH" | cut -d' ' -f1; }
round=0
while [ "$round" -lt "$ROUNDS" ]; do
  round=$((round + 1))
  before=$(bare)
  engine=$($one lua5.4 bench/calls.lua engine "$url" "$path" "$FLYING" "$SECONDS_EACH" | cut -d' ' -f1)
  perform=$($one lua5.4 bench/calls.lua perform "$url" "$path" "$FLYING" "$SECONDS_EACH" | cut -d' ' -f1)
  after=$(bare)
  of "$perform / 1000" >>"$folder/rate"
  of "$perform / (($before + $after) / 2)" >>"$folder/to_bare"
  of "$engine / (($before + $after) / 2)" >>"$folder/engine"
  if [ -n "$wrk" ]; then
    peer=$($one wrk -t1 -c"$FLYING" -d"$(quick && echo 1 || echo 2)s" -s "$folder/post.lua" "$url$path" | tail -1)
    of "$perform / $peer" >>"$folder/to_wrk"
  fi
  if [ -n "$undici" ]; then
    peer=$($one node bench/peers/undici.mjs "$url" "$path" "$FLYING" "$SECONDS_EACH")
    of "$perform / $peer" >>"$folder/to_undici"
  fi
  if [ -n "$http" ]; then
    peer=$($one lua5.1 bench/peers/http.lua "$PORT" "$path" "$FLYING" "$SECONDS_EACH")
    of "$perform / $peer" >>"$folder/to_http"
  fi
done
row "calls: perform, $FLYING in flight, small POST" "" "thousand a second" "$folder/rate"
row "the same, beside a bare libcurl multi loop" ">= 0.60" "of its rate" "$folder/to_bare"
row "the engine alone, beside the same" "" "of its rate" "$folder/engine"
if [ -n "$wrk" ]; then
  row "perform beside wrk" "" "of its rate" "$folder/to_wrk"
else
  without "perform beside wrk" "" "needs wrk"
fi
if [ -n "$undici" ]; then
  row "perform beside node's undici" ">= 2" "times" "$folder/to_undici"
else
  without "perform beside node's undici" ">= 2" "needs node; bench/peers.sh installs it"
fi
if [ -n "$http" ]; then
  row "perform beside lua-http" ">= 3" "times" "$folder/to_http"
else
  without "perform beside lua-http" ">= 3" "needs lua5.1 and lua-http"
fi
