#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz targets with libFuzzer, ASan and UBSan and runs them one after another:
# `run.sh [seconds for each] [target …]`, 600 seconds and all targets unless told.
# What is found stays in build/fuzz/findings; new inputs worth keeping in build/fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-600}
[ $# = 0 ] || shift
targets=("$@")
if [ $# = 0 ]; then
  for source in spec/fuzz/*.c; do targets+=("$(basename "$source" .c)"); done
fi

out=build/fuzz
mkdir -p $out/findings $out/objects
cflags=(-std=c99 -g -O1 -Isrc -Wall -Wextra -fsanitize=address,undefined -fno-sanitize-recover=undefined
  $(pkg-config --cflags lua5.4 libcurl))

# The module itself, once for all targets.
for source in src/*.c; do
  clang "${cflags[@]}" -fsanitize=fuzzer-no-link -c -o "$out/objects/$(basename "$source" .c).o" "$source" &
  [ "$(jobs -rp | wc -l)" -lt 2 ] || wait -n
done
wait

. spec/support/env.sh
use_lua 5.4
failed=0
for target in "${targets[@]}"; do
  clang "${cflags[@]}" -fsanitize=fuzzer -DFUZZ_FOLDER='"spec/fuzz/"' -o "$out/$target" "spec/fuzz/$target.c" \
    $out/objects/*.o $(pkg-config --libs lua5.4 libcurl)
  mkdir -p "$out/corpus/$target"
  status=0
  "$out/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=4096 -detect_leaks=0 -print_final_stats=1 \
    -artifact_prefix="$out/findings/$target-" "$out/corpus/$target" "spec/fuzz/corpus/$target" \
    >"$out/$target.log" 2>&1 || status=$?
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$target.log")
  if [ $status = 0 ]; then
    echo "$target: ${executions} executions in $seconds s, nothing found"
  else
    failed=1
    echo "$target: FOUND something after ${executions:-?} executions, see $out/findings and:"
    tail -n 40 "$out/$target.log" | sed 's/^/    /'
  fi
done
exit $failed
