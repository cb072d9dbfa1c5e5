#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A queue in Redis, drained by processes that are killed and frozen; then once more with Redis killed amid it. SEED says
# which chances. The exit status says whether every delivery was started exactly once.
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY

use_lua 5.4
"$LUA" spec/campaign/redis_queue.lua "${SEED:-1}"
"$LUA" spec/campaign/redis_queue.lua "${SEED:-1}" restart
