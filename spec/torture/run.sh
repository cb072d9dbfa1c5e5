#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the torture: `run.sh [Lua …]`, 5.4, 5.1 and luajit unless told. ASan and UBSan watch. The last line
# of each says how many allocations failed and what was found.
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh

luas=("$@")
[ $# != 0 ] || luas=(5.4 5.1 luajit)
# lua-cjson leaves its buffer behind when Lua has no memory for a value (CDF's answers are read by it).
export LSAN_OPTIONS="suppressions='$PWD/spec/torture/lsan.supp'":print_suppressions=0
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:allocator_may_return_null=1

mkdir -p build/torture
echo header.claims.signature >build/torture/assertion

failed=0
for lua in "${luas[@]}"; do
  package=lua$lua
  [ "$lua" != luajit ] || package=luajit
  use_lua "$lua"
  mkdir -p "build/torture/$lua"
  gcc -std=c99 -g -O1 -Isrc -fsanitize=address,undefined -fno-sanitize-recover=undefined \
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free $(pkg-config --cflags "$package" libcurl) \
    -o "build/torture/$lua/torture" spec/torture/*.c src/*.c $(pkg-config --libs "$package" libcurl) -lm
  echo "Lua $lua"
  # Runs that end without memory are reported as abandoned, thousands of them.
  "build/torture/$lua/torture" 2> >(grep -v "was abandoned before its answer came" >&2) || failed=1
done
exit $failed
