#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two tables: 1,000 runs of a plain script against plain C on libcurl multi, and what nginx and HAProxy still serve with
# 200 runs in flight. About a minute and a half; trust ratios, not times.
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
use_lua "${LUA_NAME:-5.4}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cc -O2 -std=c99 -o "$folder/many" spec/bench/many.c $(pkg-config --cflags --libs libcurl)
cc -O2 -std=c99 -o "$folder/load" spec/bench/load.c
$LUA spec/bench/many.lua "$folder/many"
$LUA spec/bench/hosts.lua "$folder/load"
