#!/bin/sh
# What exactly once costs: operations a second through the ledger beside the same ones without it, in turn,
# against nginx on this machine. FLYING (64), ROUNDS (5) and COUNT (20000 operations) can be set.
. "$(dirname "$0")/lib.sh"
FLYING=${FLYING:-64}
COUNT=${COUNT:-$(quick && echo 4000 || echo 20000)}
PORT=${PORT:-$((20000 + $$ % 20000))}
what="ledger: a run on disk beside perform, 64 in flight"

nginx=$(command -v nginx || echo /usr/sbin/nginx)
[ -x "$nginx" ] || { without "$what" ">= 0.85" "needs nginx (nginx-light)"; exit 0; }

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
$other "$nginx" -p "$folder" -e "$folder/error.log" -c "$folder/nginx.conf" &
started=$!
tries=0
until curl -s -o "$folder/answer" "http://127.0.0.1:$PORT/"; do
  tries=$((tries + 1))
  [ "$tries" -lt 50 ] || { echo "bench/ledger: nginx does not start:" >&2; cat "$folder/error.log" >&2; exit 1; }
  sleep 0.1
done

measure() { $one lua5.4 bench/ledger.lua "$1" "http://127.0.0.1:$PORT" "$FLYING" "$COUNT" "$folder"; }
round=0
while [ "$round" -lt "$ROUNDS" ]; do
  round=$((round + 1))
  before=$(measure off)
  on=$(measure on)
  after=$(measure off)
  of "${on% *} / 1000" >>"$folder/rate"
  of "${on% *} / ((${before% *} + ${after% *}) / 2)" >>"$folder/ratio"
  of "${on#* } / ((${before#* } + ${after#* }) / 2)" >>"$folder/core"
done
row "ledger: operations through it, $FLYING in flight" "" "thousand a second" "$folder/rate"
row "$what" ">= 0.85" "of its rate" "$folder/ratio"
row "$what, by processor time" ">= 0.85" "of its rate" "$folder/core"
