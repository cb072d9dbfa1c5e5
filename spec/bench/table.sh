#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `table.sh [GROUP …]`: the table of rows/ (all groups unless told) on standard output; see table.lua.
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
use_lua 5.4
ulimit -S -n "$(ulimit -H -n)"
$LUA spec/bench/table.lua "$@"
