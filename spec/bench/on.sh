#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `on.sh LUA WORD …`: runs $RUNNER LUA WORD …, with this checkout found by that Lua (5.4, 5.3, 5.1, luajit).
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
use_lua "$1"
shift
exec ${RUNNER:-} "$LUA" "$@"
