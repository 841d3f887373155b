#!/bin/sh
# What the twin answers to 64 clients: taggings a second, each durable before its answer, and reads of a
# user's tags. wrk has one core, the twin the other.
. "$(dirname "$0")/lib.sh"
EACH=$(quick && echo 1 || echo 4)
if ! command -v wrk >/dev/null; then
  without "the twin: taggings a second, durable, 64 clients" ">= 20000" "needs wrk"
  without "the same, reads" ">= 50000" "needs wrk"
  exit 0
fi
cat >"$folder/wrk.lua" <<'LUA'
local bodies, next_body = {}, 0
function init(args)
  wrk.method, wrk.path = "POST", args[1]
  wrk.headers["Content-Type"], wrk.headers["Authorization"] = "application/json", "Bearer " .. args[2]
  local tagging = args[1]:find("/tag$") and ',"bot_tag_id":"' .. args[3] .. '"' or ""
  for i = 1, 20000 do
    bodies[i] = wrk.format(nil, nil, nil,
      ('{"bot_raw_uid":"U%032x","bot_pid":"page","bot_channel":1%s}'):format(i, tagging))
  end
end
function request()
  next_body = next_body % #bodies + 1
  return bodies[next_body]
end
local wrong
function response(status, _, body)
  if status ~= 200 or not body:find('"status":200', 1, true) then wrong = wrong or body end
end
function done(summary)
  io.write(("%.0f %d\n"):format(summary.requests / summary.duration * 1e6, summary.errors.status))
end
LUA
port=$((20000 + $$ % 20000))
(umask 077 && "$BUILD/tagua" twin token add --bot bot-1 --store "$folder/twin.db" >"$folder/token")
$other "$BUILD/tagua" twin serve --listen "127.0.0.1:$port" --store "$folder/twin.db" >"$folder/log" 2>&1 &
started=$!
tries=0
until curl -s -o "$folder/answer" "http://127.0.0.1:$port/v1/api/tag/x"; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { echo "bench/twin: the twin does not start:" >&2; cat "$folder/log" >&2; exit 1; }
  sleep 0.05
done
curl -s -X POST -H "Authorization: Bearer $(cat "$folder/token")" -H 'Content-Type: application/json' \
  -d '{"botId":"bot-1","name":"VIP","type":0}' "http://127.0.0.1:$port/v1/api/tag/autogen" >"$folder/made"
tag=$(grep -o 'tag-[0-9A-Za-z_-]*' "$folder/made" | head -1)
[ -n "$tag" ] || { echo "bench/twin: no tag was made:" >&2; cat "$folder/made" >&2; exit 1; }
load() { # load PATH: requests a second
  $one wrk -t1 -c64 -d"${EACH}s" -s "$folder/wrk.lua" "http://127.0.0.1:$port" -- "$1" "$(cat "$folder/token")" "$tag" |
    tail -1
}
spent() { # the processor time of the twin so far, in seconds
  awk -v ticks="$(getconf CLK_TCK)" '{ print ($14 + $15) / ticks }' "/proc/$started/stat"
}
round=0
while [ "$round" -lt "$ROUNDS" ]; do
  round=$((round + 1))
  for what in tag taglist; do
    before=$(spent)
    load "/v1/api/user/$what" >"$folder/answer"
    after=$(spent)
    read -r rate errors <"$folder/answer"
    [ "$errors" -eq 0 ] || { echo "bench/twin: $errors answers of /user/$what were errors" >&2; exit 1; }
    echo "$rate" >>"$folder/$what"
    of "$rate * $EACH / ($after - $before)" >>"$folder/$what.core"
    [ "$what" = tag ] && wrk=$rate
  done
  perform=$($one lua5.4 bench/calls.lua perform "http://127.0.0.1:$port" "" 64 "$EACH" "$folder/token" "$tag" |
    cut -d' ' -f1)
  of "$perform / $wrk" >>"$folder/perform"
done
row "the twin: taggings a second, durable, 64 clients" ">= 20000" "" "$folder/tag"
row "the same, for each second of the twin's processor time" "" "" "$folder/tag.core"
row "the same, reads" ">= 50000" "" "$folder/taglist"
row "the same, for each second of the twin's processor time" "" "" "$folder/taglist.core"
row "perform against the twin, beside wrk on the same" "" "of its rate" "$folder/perform"
