#!/bin/sh
# The record unit alone: a program in C, on one core.
set -eu
BUILD=${BUILD:-build}
make -s BUILD="$BUILD" "$BUILD/bench/records"
"$BUILD/bench/records" "$@"
