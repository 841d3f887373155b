#!/bin/sh
# How long `tagua version` and `tagua check` on the example take, from start to end.
. "$(dirname "$0")/lib.sh"
ROUNDS=$(quick && echo 10 || echo 50)
for what in version check; do
  round=0
  while [ "$round" -lt "$ROUNDS" ]; do
    round=$((round + 1))
    if [ "$what" = version ]; then
      took=$(seconds "$BUILD/tagua" version)
    else
      took=$(seconds "$BUILD/tagua" check examples/shop/rules.lua)
    fi
    of "$took * 1000" >>"$folder/$what"
  done
done
row "tagua version, from start to end" "<= 10" "ms" "$folder/version"
row "tagua check on the example" "<= 30" "ms" "$folder/check"
