#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make model`: every sequence of up to four faults, on Lua 5.4, two scenarios at a time; a table of figures, and each
# kind of violation with lines that reproduce it. `run.sh "run_id: run#1=lost_after"` replays one such line.
#
# All kinds of faults are tried two at a time, with up to two good requests of a kind between them; the small alphabet
# four at a time. DEPTH and FULL_DEPTH say otherwise, SCENARIOS which ones.
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
use_lua 5.4

if [ $# -gt 0 ]; then exec "$LUA" spec/model/main.lua replay "$1"; fi

results=$(mktemp -d)
trap 'kill $(jobs -rp) 2>/dev/null || true; rm -rf "$results"' EXIT
read -ra scenarios <<<"${SCENARIOS:-$("$LUA" spec/model/main.lua scenarios | tr '\n' ' ')}"

# A process that is killed leaves its line on standard error, as it should; what else stands there is shown.
explore() { # scenario depth alphabet reach
  local result=$results/$1.$3
  "$LUA" spec/model/main.lua explore "$@" >"$result.figures" 2>"$result.errors" || echo "$*" >>"$results/wrong"
  cat "$result.figures"
  grep -v " was abandoned before its answer came" "$result.errors" >&2 || true
}

echo "scenario            sequences   requests    starts     known ambiguous   refused   worst s   CPU s"
began=$SECONDS
for alphabet in "${FULL_DEPTH:-2} full 2" "${DEPTH:-4} small 1"; do
  n=0
  for scenario in "${scenarios[@]}"; do
    # shellcheck disable=SC2086
    explore "$scenario" $alphabet &
    n=$((n + 1))
    [ $n -lt 2 ] || wait -n || true
  done
  wait
  echo
  # The next round begins with what takes longest.
  mapfile -t scenarios < <(grep -h "^[a-z]" "$results"/*.figures | sort -k2nr | cut -d" " -f1 | awk '!seen[$0]++')
done

cat "$results"/*.figures | awk -v took=$((SECONDS - began)) '
  $2 ~ /^[0-9]+$/ && $3 ~ /^[0-9]+$/ && NF >= 10 {
    sequences += $2; requests += $3; starts += $4; known += $5; ambiguous += $6; refused += $7
    if ($8 > worst) worst = $8
    if ($10 != "ok") wrong += $10
  }
  END {
    printf "%d sequences, %d requests, %d starts; %d known, %d ambiguous, %d refused; worst %.1f s; %d wrong; %d s\n",
      sequences, requests, starts, known, ambiguous, refused, worst, wrong, took
  }'
[ ! -e "$results/wrong" ]
