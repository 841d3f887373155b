#!/bin/sh
# How long `tagua version` and `tagua check` on the example take, from start to end, and how much processor time
# they and their workers take, which does not depend on who else uses the machine.
. "$(dirname "$0")/lib.sh"
ROUNDS=$(quick && echo 10 || echo 50)
one_of() { # one_of version|check: the command
  case $1 in
  version) "$BUILD/tagua" version ;;
  check) "$BUILD/tagua" check examples/shop/rules.lua ;;
  esac
}
twenty() { # its processor time is counted in hundredths of a second: twenty of them together
  core_seconds sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "$@" || exit 1; done' - "$@"
}
for what in version check; do
  round=0
  while [ "$round" -lt "$ROUNDS" ]; do
    round=$((round + 1))
    of "$(seconds one_of "$what") * 1000" >>"$folder/$what"
  done
done
for round in 1 2 3; do
  of "$(twenty "$BUILD/tagua" version) * 50" >>"$folder/version.core"
  of "$(twenty "$BUILD/tagua" check examples/shop/rules.lua) * 50" >>"$folder/check.core"
done
row "tagua version, from start to end" "<= 10" "ms" "$folder/version"
row "the same, processor time" "" "ms" "$folder/version.core"
row "tagua check on the example" "<= 30" "ms" "$folder/check"
row "the same, processor time" "" "ms" "$folder/check.core"
