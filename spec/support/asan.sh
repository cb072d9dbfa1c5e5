#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the specs with the build in build/asan: `asan.sh "5.4 luajit" [file …]`. The sanitizer's library must be in the
# processes that hold a Lua, wherever a spec starts one, and in no other; so each such program is found as a script.
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p build/asan/bin
for host in lua5.4 lua5.3 lua5.1 luajit nginx haproxy; do
  cat >build/asan/bin/$host <<SCRIPT
#!/bin/bash
export LD_PRELOAD=$(gcc -print-file-name=libasan.so)
exec -a $host $(PATH=$PATH:/usr/sbin command -v $host) "\$@"
SCRIPT
  chmod +x build/asan/bin/$host
done

export PATH=$PWD/build/asan/bin:$PATH BUILD=build/asan SPEC_TIMEOUT=400
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$PWD/spec/support/lsan.supp:print_suppressions=0
exec spec/support/run.sh "$@"
