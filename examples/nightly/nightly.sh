#!/bin/sh
# Tagging at night, from cron:
#
#     15 3 * * *  cd /srv/tags && ./nightly.sh rules.lua users.csv shop
#
# Says nothing when all is well, so that cron mails what needs a person; or gives it to a command of yours:
#
#     NIGHTLY_ALARM='mail -s "tags at night" ops@example.com'
#     NIGHTLY_ALARM='curl -fsS --data-binary @- https://hooks.example.com/T000/B000'
#
# What was not finished is taken up again by the next night's run: nothing is done twice.
set -u
rules=$1 users=$2 connection=${3:-local}
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

tell() { # what a person should do, and what tagua said
  { printf '%s\n\n' "$1"; cat "$log"; } | sh -c "${NIGHTLY_ALARM:-cat}"
}

tagua check "$rules" >"$log" 2>&1 || {
  tell "The rules are not in order; nothing was sent."
  exit 3
}

# The drift alarm: what people changed in the console since last night. It stays as they left it.
tagua drift "$connection" >"$log" 2>/dev/null
[ $? -ne 1 ] || tell "Tags were changed in the console since the last run; they are left so. tagua release gives one back."

tries=0
while :; do
  tagua apply "$rules" --users "$users" --to "$connection" --yes >"$log" 2>&1
  code=$?
  case $code in
    0) exit 0 ;;
    75) # the platform is slow or away: it is safe to run again
      tries=$((tries + 1))
      [ "$tries" -lt 3 ] && sleep "${NIGHTLY_WAIT:-600}" && continue
      tell "Not finished: the platform could not be used. The next run goes on." ;;
    1) tell "Done, but for some operations. tagua retry tries them again." ;;
    4) tell "The platform refused the token. Put a new one where connections.lua looks for it." ;;
    5) tell "A guard refused the plan. If it is meant so: tagua apply ... --force NAME" ;;
    *) tell "It did not work; nothing is lost." ;;
  esac
  exit "$code"
done
