#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs specs under a watcher: `watched.sh asan|valgrind|stress "5.4 luajit" [file …]`. `asan` wants the build in
# build/asan; GC_PAUSE is for `stress`, see stress_gc.lua. Each program that holds a Lua is found as a script that
# brings the watcher along, wherever a spec starts one, and no other program is watched.
set -euo pipefail
cd "$(dirname "$0")/../.."

watcher=$1
shift
support=$PWD/spec/support bin=$PWD/build/watched/$watcher/bin
memcheck="valgrind -q --error-exitcode=99 --suppressions='$support/valgrind.supp'"

script_of() { # program, its path
  case $watcher in
    asan) echo "export LD_PRELOAD=$(gcc -print-file-name=libasan.so); exec -a $1 $2" ;;
    valgrind) echo "exec $memcheck $2" ;;
    stress) echo "export LUA_INIT='@$support/stress_gc.lua'; exec -a $1 $2" ;;
  esac
}

hosts="lua5.4 lua5.3 lua5.1 luajit"
[ "$watcher" != asan ] || hosts="$hosts nginx haproxy"
rm -rf "$bin"
mkdir -p "$bin"
for host in $hosts; do
  printf '#!/bin/bash\n%s "$@"\n' "$(script_of "$host" "$(PATH=$PATH:/usr/sbin command -v "$host")")" >"$bin/$host"
  chmod +x "$bin/$host"
done

[ "$watcher" != asan ] || export BUILD=build/asan
export PATH=$bin:$PATH SPEC_TIMEOUT=${SPEC_TIMEOUT:-1800}
# What was freed is held back for a while, but not so much that a server's memory seems to grow.
export ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=2:thread_local_quarantine_size_kb=64
ASAN_OPTIONS="$ASAN_OPTIONS:suppressions='$support/asan.supp'"
export UBSAN_OPTIONS=print_stacktrace=1
export VALGRIND_OPTS="--leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite"
# Under memcheck everything takes 30 times as long: what is measured in seconds is then no measure.
[ "$watcher" != valgrind ] || export BUSTED_OPTIONS=--exclude-tags=timed
export LSAN_OPTIONS="suppressions='$support/lsan.supp'":print_suppressions=0
exec spec/support/run.sh "$@"
