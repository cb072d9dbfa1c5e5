#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs spec files, each in a busted process of its own on each Lua, each within a time limit. One more at a time
# than there are processors, since many wait for servers and clocks.
# `run.sh "5.4 luajit" [file …]`, all of spec/ without files. The last line is "N passed, N failed", and ", N skipped"
# where a test said so, or where a Lua is not here.
#
# Lines that a spec prints with "# " before them, such as figures, are shown.
# A spec that cannot run on every Lua says so in a comment line of its own: `-- Runs on: 5.4 luajit`.
# BUILD names the build to load (default build), SPEC_TIMEOUT the seconds that one file may take (default 120),
# BUSTED_OPTIONS what else busted is to be told, LUAS_NOT_HERE those that are not installed: each counts as one skipped.
set -uo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh

luas=$1
shift
if [ $# = 0 ]; then
  mapfile -t files < <(find spec -name node_modules -prune -o -name '*_spec.lua' -print | sort)
else
  files=("$@")
fi
export BUILD=${BUILD:-build}
read -ra absent <<<"${LUAS_NOT_HERE:-}"
unset LUAS_NOT_HERE
busted=$(command -v busted) || { echo "busted is not here: run spec/support/install.sh test" >&2; exit 1; }

# The specs speak to this machine only, in one locale, and a make that they start is not a part of this one.
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY MAKEFLAGS MFLAGS MAKELEVEL
export LC_ALL=C.UTF-8

results=$(mktemp -d)
trap 'kill $(jobs -rp) 2>/dev/null; rm -rf "$results"' EXIT
trap 'exit 130' INT TERM

wanted_on() { # lua file
  local luas
  luas=$(sed -n 's/^-- Runs on: //p' "$2")
  [ -z "$luas" ] || [[ " $luas " == *" $1 "* ]]
}

# Whether a process that ran on belongs to this group (one that has ended and waits for its parent does not).
alive() { # process group
  awk -v group="$1" '{ sub(/^.*\) /, "") } $1 != "Z" && $3 == group { found = 1 } END { exit !found }' \
    < <(cat /proc/[0-9]*/stat 2>/dev/null)
}

# A process group that outlives its spec file is a server that nobody stopped.
left_behind() { # process group
  local _
  for _ in {1..10}; do
    alive "$1" || return 1
    sleep 0.1
  done
  kill -KILL -- "-$1" 2>/dev/null
}

# Adds what the tally cannot know: a process that gave none, died after it, hung, or left something running.
judge() { # result, exit status, 1 when a process was left behind
  local passed=0 failed=0 skipped=0 why=""
  [ -s "$1.tally" ] && read -r passed failed skipped <"$1.tally"
  if [ "$2" = 124 ] || [ "$2" = 137 ]; then why="the time limit passed in: $(tail -n 1 "$1.current" 2>/dev/null)"
  elif ! [ -s "$1.tally" ]; then why="the process ended with status $2 and without a result in: $(tail -n 1 "$1.current" 2>/dev/null)"
  elif [ $((passed + failed + skipped)) = 0 ]; then why="no test in this file"
  elif [ "$2" != 0 ] && [ "$failed" = 0 ]; then why="the process ended with status $2"
  elif [ "$3" = 1 ]; then why="a process started here was still running at the end"
  fi
  [ -z "$why" ] || failed=$((failed + 1))
  echo "$passed $failed $skipped" >"$1.verdict"
  [ "$failed" = 0 ] && return
  {
    [ -z "$why" ] || echo "$why"
    sed 1d "$1.tally"
    tail -n 30 "$1.output" | sed 's/^/| /'
  } 2>/dev/null | sed 's/^/    /' >"$1.report"
}

run_busted() { # lua file result
  use_lua "$1"
  exec timeout -k 5 "${SPEC_TIMEOUT:-120}" \
    "$LUA" "$busted" ${BUSTED_OPTIONS:-} -o "$PWD/spec/support/tally.lua" -Xoutput "$3.tally" -Xoutput "$3.current" "$2"
}

run_file() { # lua file result
  local begun=$EPOCHREALTIME pid status left=0 passed failed skipped
  run_busted "$1" "$2" "$3" >"$3.output" 2>&1 </dev/null &
  pid=$!
  trap 'kill $pid; exit' TERM
  wait $pid
  status=$?
  left_behind $pid && left=1
  judge "$3" $status $left
  read -r passed failed skipped <"$3.verdict"
  [ "$skipped" = 0 ] && skipped="" || skipped=", $skipped skipped"
  printf '%-6s  %-50s %s passed, %s failed%s  (%.1f s)\n' "$1" "$2" "$passed" "$failed" "$skipped" \
    "$(awk "BEGIN { print $EPOCHREALTIME - $begun }")" >"$3.line"
  sed -n 's/^# /    /p' "$3.output" >"$3.figures"
  cat "$3.line" "$3.figures" "$3.report" 2>/dev/null
}

n=0
most=$(($(nproc) + 1))
for lua in $luas; do
  [ -e "$BUILD/$lua/cdfworkflow/core.so" ] || { echo "Not built: $BUILD/$lua" >&2; exit 1; }
  for file in "${files[@]}"; do
    wanted_on "$lua" "$file" || continue
    n=$((n + 1))
    run_file "$lua" "$file" "$results/$n" &
    [ $n -lt $most ] || wait -n
  done
done
wait

for lua in "${absent[@]}"; do echo "$lua is not installed here: skipped"; done

cat /dev/null "$results"/*.verdict | awk -v files=$n -v skipped=${#absent[@]} '
  { judged++; passed += $1; failed += $2; skipped += $3 }
  END {
    failed += files - judged
    printf "%d passed, %d failed%s\n", passed, failed, skipped ? ", " skipped " skipped" : ""
    exit failed > 0 || passed == 0
  }'
