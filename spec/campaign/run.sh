#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Campaigns: many processes over real servers that are killed and frozen by chance; minutes each. `run.sh [name …]`, all
# unless told. SEED says which chances; the exit status says whether every delivery was started exactly once.
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY

use_lua 5.4
[ $# -gt 0 ] || set -- redis_queue redis_queue_restart
for name; do
  echo "== $name, seed ${SEED:-1}"
  case $name in
    redis_queue) "$LUA" spec/campaign/redis_queue.lua "${SEED:-1}" ;;
    redis_queue_restart) "$LUA" spec/campaign/redis_queue.lua "${SEED:-1}" restart ;;
    *) echo "No such campaign: $name" >&2; exit 2 ;;
  esac
done
