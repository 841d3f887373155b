#!/bin/sh
# What exactly once costs: operations a second through the ledger beside the same ones without it, in turn,
# against nginx on this machine. FLYING (64), ROUNDS (5) and COUNT (20000 operations) can be set.
. "$(dirname "$0")/lib.sh"
FLYING=${FLYING:-64}
COUNT=${COUNT:-$(quick && echo 4000 || echo 20000)}
what="ledger: a run on disk beside perform, 64 in flight"

has_nginx || { without "$what" ">= 0.85" "needs nginx (nginx-light)"; exit 0; }
start_nginx

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
