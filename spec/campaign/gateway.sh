#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Deliveries to gateways that are reloaded and killed: `gateway.sh [deliveries [reloads [seed]]]`.
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
use_lua 5.4
exec "$LUA" spec/campaign/gateway.lua "$@"
