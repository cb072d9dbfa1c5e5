#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make queue`: what specs of the queue do for seconds, for minutes: `queue.sh [kills|steps|hour|processes|put]…`.
#
#   kills      drains that are killed with a request under way, before a bad network, in simulated time
#   steps      every step on files is the last of a killed process, or meets a full disk
#   hour       5,000 deliveries while the link is down for an hour of simulated time
#   processes  kill -9 at random moments, of those that put and of drains, before a real server
#   put        what putting costs with nothing and with 100,000 deliveries waiting
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
use_lua 5.4
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY

for part in "${@:-kills steps hour processes put}"; do
  for name in $part; do
    # A process that is killed leaves its line on standard error, as it should; what else stands there is shown.
    "$LUA" spec/campaign/queue.lua "$name" 2> >(grep -v " was abandoned before its answer came" >&2 || true)
  done
done
