#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the specs with the build in build/asan: `asan.sh "5.4 luajit" [file …]`. The sanitizer's library must be in the
# Lua processes, wherever a spec starts one, and in no other program; so each Lua is found as a script that says so.
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p build/asan/bin
for lua in lua5.4 lua5.3 lua5.1 luajit; do
  cat >build/asan/bin/$lua <<SCRIPT
#!/bin/bash
export LD_PRELOAD=$(gcc -print-file-name=libasan.so)
exec -a $lua $(command -v $lua) "\$@"
SCRIPT
  chmod +x build/asan/bin/$lua
done

export PATH=$PWD/build/asan/bin:$PATH BUILD=build/asan SPEC_TIMEOUT=400
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$PWD/spec/support/lsan.supp:print_suppressions=0
exec spec/support/run.sh "$@"
