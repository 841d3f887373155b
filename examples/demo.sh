#!/bin/sh
# The main job from beginning to end, in a folder of its own that starts empty each time: a plan, an
# apply, an apply that finds nothing to do, the same users a week later, and all of it on a second platform.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
demo=$BUILD/demo
rm -rf "$demo"
mkdir -p "$demo"
cp examples/shop/rules.lua examples/shop/users.csv examples/shop/connections.lua "$demo"
lua5.4 examples/shop/generate.lua later >"$demo/a-week-later.csv"
root=$PWD
cd "$demo"
case $BUILD in /*) bin=$BUILD ;; *) bin=$root/$BUILD ;; esac
export PATH="$bin:$PATH" XDG_STATE_HOME="$PWD/state"

say() { printf '\n# %s\n' "$*"; }
show() { # show COMMAND...: prints it as one would type it, and runs it
  printf '$ %s\n' "$*"
  "$@"
}

echo "# in $demo: rules.lua says which users get which tags; users.csv is what Excel saved of 5,200 users;"
echo "# the connection 'local' is a tagging server in the process, reached over HTTP, limited to 1,500 calls a second"
say "what would the rules change?"
show tagua plan rules.lua --users users.csv
say "do it"
show tagua apply rules.lua --users users.csv --yes
say "again: there is nothing left to do"
show tagua apply rules.lua --users users.csv --yes
say "a week later some users have changed and some are new: only the difference is sent"
show tagua apply rules.lua --users a-week-later.csv --yes
say "the same rules on another platform: 'manta' is a MantaGo in the process, which has no folders"
show tagua apply rules.lua --users a-week-later.csv --to manta --yes

cat <<END

# to try next:
build/tagua check examples/shop/rules.lua
build/tagua --ledger $demo/tagua.db tags
sqlite3 $demo/tagua.db "select user, tag, owner, since from tagged where tag = 'VIP' limit 5"
END
