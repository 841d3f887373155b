#!/bin/sh
# The record unit alone: a program in C, on one core, that prints a table of its own.
. "$(dirname "$0")/lib.sh"
make -s BUILD="$BUILD" "$BUILD/bench/records"
"$BUILD/bench/records" $(quick && echo 20000)
