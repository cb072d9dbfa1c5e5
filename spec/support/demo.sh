#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Starts the embedded CDF on a free port of this machine, runs the first example against it, stops it.
# The exit status is the example's, which is 0 only when the execution is COMPLETED.
set -uo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
use_lua 5.4

example="" server="" log=$(mktemp)
stop() {
  kill $example $server 2>/dev/null
  for _ in {1..50}; do
    kill -0 $example $server 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL $example $server 2>/dev/null
  rm -f "$log"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Job control: the children take Ctrl-C and SIGTERM as any program does, and each is stopped by its own id.
set -m

# Nothing of a real project's settings is in the way, and no proxy. The server reads the secret from here too.
unset CDF_CLUSTER CDF_TOKEN CDF_CLIENT_TIMEOUT PROVIDER IDP_TENANT_ID IDP_SCOPES IDP_AUDIENCE
export no_proxy=127.0.0.1 CDF_PROJECT=demo LOGIN_FLOW=client_credentials
export IDP_CLIENT_ID=demo-client IDP_CLIENT_SECRET=demo-secret

"$LUA" lua/cdfworkflow/simulator/bin/cdfworkflow-sim --port 0 --project $CDF_PROJECT --client-id $IDP_CLIENT_ID \
  --load spec/examples/functions.lua >"$log" 2>&1 </dev/null &
server=$!

# The server says where it listens as soon as it does.
CDF_URL=""
for _ in {1..100}; do
  CDF_URL=$(sed -n 's/^cdfworkflow-sim listening on //p' "$log")
  [ -z "$CDF_URL" ] && kill -0 $server 2>/dev/null || break
  sleep 0.1
done
[ -n "$CDF_URL" ] || { echo "The embedded CDF did not start:" >&2; cat "$log" >&2; exit 1; }
export CDF_URL IDP_TOKEN_URL=$CDF_URL/oauth2/token

"$LUA" spec/examples/run_and_wait.lua &
example=$!
wait $example
status=$?
example=""
exit $status
