#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 100,000 runs against a server with faults: `run.sh [runs [lua]]`, such as `run.sh 5000 luajit`. Prints memory and
# descriptors as they go; the exit status says whether they stayed flat and each run was started exactly once.
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY

use_lua 5.4
coproc STUB { exec "$LUA" spec/soak/stub.lua "${SOAK_SEED:-1}"; }
stub=$STUB_PID
trap 'kill $stub 2>/dev/null' EXIT
trap 'exit 130' INT TERM
read -r port <&"${STUB[0]}"

use_lua "${2:-5.4}"
echo "${1:-100000} runs on $LUA, seed ${SOAK_SEED:-1}"
"$LUA" spec/soak/soak.lua "http://127.0.0.1:$port" "${1:-100000}"
