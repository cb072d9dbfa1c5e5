#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is measured without an aim: the size of the module, what memory 10,000 runs leave behind, what the embedded CDF can
# carry, and its pages; then what nginx and HAProxy still serve under load, and what the gateway costs. The table with
# aims is table.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
use_lua "${LUA_NAME:-5.4}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

$LUA spec/bench/memory.lua "${BUILD:-build}/${LUA_NAME:-5.4}/cdfworkflow/core.so"
$LUA spec/bench/simulator.lua
$LUA spec/bench/page.lua
cc -O2 -std=c99 -o "$folder/load" spec/bench/load.c
$LUA spec/bench/hosts.lua "$folder/load"
$LUA spec/bench/gateway.lua "$folder/load"
