# What the benches share; read by each of them with `.`, from the project's folder. Gives $folder, which is
# removed at the end, and the words below. QUICK=1 makes everything small.
set -eu
cd "$(dirname "$0")/.."
project=$PWD
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$project/$BUILD ;; esac
quick() { [ -n "${QUICK:-}" ]; }
ROUNDS=${ROUNDS:-$(quick && echo 2 || echo 5)}
ROWS=${ROWS:-}
export LUA_PATH="$project/lua/?.lua;$project/lua/?/init.lua;;" LUA_CPATH="$BUILD/lib/?.so;;"
export TAGUA_EXECUTABLE="$BUILD/tagua" BUILD

folder=$(mktemp -d)
export XDG_STATE_HOME="$folder/state"
started="" # processes to end
finish() {
  for process in $started; do kill "$process" 2>/dev/null || :; done
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

# row WHAT TARGET UNIT FILE: a row of the table; FILE holds what the rounds gave. TARGET is ">= N", "<= N"
# or "" where there is none. Without a table to write for, the row is printed.
row() {
  values=$(tr '\n' ' ' <"$4")
  if [ -n "$ROWS" ]; then
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$values" >>"$ROWS"
  else
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$values" | lua5.4 "$project/bench/table.lua"
  fi
}

# without WHAT TARGET WHY: a row that cannot be measured here.
without() {
  if [ -n "$ROWS" ]; then
    printf '%s\t%s\t%s\t\n' "$1" "$2" "$3" >>"$ROWS"
  else
    printf '%s\t%s\t%s\t\n' "$1" "$2" "$3" | lua5.4 "$project/bench/table.lua"
  fi
}

# seconds COMMAND...: how long it took, alone on standard output; what it says is in $folder/out.
seconds() {
  begin=$(date +%s%N)
  "$@" >"$folder/out" 2>"$folder/errors" || { cat "$folder/errors" >&2; exit 1; }
  end=$(date +%s%N)
  awk "BEGIN { printf \"%.4f\\n\", ($end - $begin) / 1e9 }"
}

# core_seconds COMMAND...: the processor time that it took, with all processes that it started and waited for.
# Where others use the machine, too, this is what stays comparable.
core_seconds() {
  sh -c '"$@" >"$0/out" 2>"$0/errors" || { cat "$0/errors" >&2; exit 1; }; times' "$folder" "$@" | tail -1 |
    awk '{ split($1 "m" $2, part, /[ms]+/); printf "%.3f\n", part[1] * 60 + part[2] + part[3] * 60 + part[4] }'
}

# of EXPRESSION: arithmetic in awk.
of() { awk "BEGIN { printf \"%.4f\\n\", $1 }"; }

cores=$(nproc)
one="" other=""
if [ "$cores" -ge 2 ] && command -v taskset >/dev/null; then one="taskset -c 0" other="taskset -c 1"; fi

nginx=$(command -v nginx || echo /usr/sbin/nginx)
has_nginx() { [ -x "$nginx" ]; }

# start_nginx: a server that answers everything with success, on $PORT, on a core of its own where there are two.
PORT=${PORT:-$((20000 + $$ % 20000))}
start_nginx() {
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
  started="$started $!"
  tries=0
  until curl -s -o "$folder/answer" "http://127.0.0.1:$PORT/"; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || { echo "bench: nginx does not start:" >&2; cat "$folder/error.log" >&2; exit 1; }
    sleep 0.1
  done
}
