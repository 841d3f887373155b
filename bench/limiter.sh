#!/bin/sh
# What one decision of the limiter costs.
. "$(dirname "$0")/lib.sh"
make -s BUILD="$BUILD" "$BUILD/bench/limiter"
$one "$BUILD/bench/limiter" "$ROUNDS" >"$folder/ns"
row "a decision of the limiter" "<= 50" "ns" "$folder/ns"
