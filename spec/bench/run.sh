#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One `client:run` (session, run: two requests on a kept connection) against plain C with a libcurl easy handle, in
# turns, against nginx on loopback. Takes LUA_NAME (5.4), RUNS a turn (500), TURNS (15) and BUILD from the environment.
# Of all turns the quickest counts: what is slower there is another process's doing. Then what the embedded CDF can carry,
# and its pages.
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
use_lua "${LUA_NAME:-5.4}"
runs=${RUNS:-500}
turns=${TURNS:-15}
object=${BUILD:-build}/${LUA_NAME:-5.4}/cdfworkflow/core.so

folder=$(mktemp -d)
nginx=
trap '[ -z "$nginx" ] || kill "$nginx"; rm -rf "$folder"' EXIT
port=$($LUA -e 'local s = require("cqueues.socket").listen("127.0.0.1", 0) s:listen() print((select(3, s:localname())))')
url=http://127.0.0.1:$port/api/v1/projects/p
token=$(head -c 1000 /dev/zero | tr '\0' t)

cat >"$folder/nginx.conf" <<CONF
daemon off;
master_process off;
pid $folder/pid;
error_log stderr error;
events { worker_connections 64; }
http {
  access_log off;
  keepalive_requests 1000000000;
  default_type application/json;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  server {
    listen 127.0.0.1:$port;
    location = /api/v1/projects/p/sessions {
      return 200 '{"items":[{"id":1,"type":"TOKEN_EXCHANGE","status":"READY","nonce":"0123456789abcdef"}]}';
    }
    location = /api/v1/projects/p/workflows/foo/versions/1/run {
      return 202 '{"id":"059edaa4-b17d-4f6e-8b3b-2a4a3e0d0f11","workflowExternalId":"foo","version":"1","status":"RUNNING","engineExecutionId":"e1","createdTime":1700000000000,"startTime":null,"endTime":null,"reasonForIncompletion":null,"metadata":{}}';
    }
  }
}
CONF
PATH=$PATH:/usr/sbin "${NGINX:-nginx}" -c "$folder/nginx.conf" &
nginx=$!
curl -s --retry 50 --retry-connrefused --retry-delay 1 -o "$folder/ready" "$url/sessions"

cc -O2 -std=c99 -o "$folder/plain" spec/bench/plain.c $(pkg-config --cflags --libs libcurl)

for _ in $(seq "$turns"); do
  "$folder/plain" "$url" "$token" "$runs" | sed 's/^/plain /'
  $LUA spec/bench/run.lua runs "$url" "$token" "$runs" | sed 's/^/lua /'
  $LUA spec/bench/run.lua require | sed 's/^/require /'
done >"$folder/times"
memory=$($LUA spec/bench/run.lua memory "$url" "$token" 10000)

awk -v runs="$runs" -v memory="$memory" -v size="$(stat -c %s "$object")" -v lua="$LUA" '
  function best(name, value) { if (!(name in least) || value < least[name]) least[name] = value }
  $1 == "require" { best("require", $2); next }
  { best($1 " cpu", $2); best($1 " wall", $3) }
  END {
    split(memory, grown)
    printf "%-44s %12s %12s %8s\n", "one run, two requests on a kept connection", "plain C", lua, "ratio"
    for (i = 1; i <= 2; i++) {
      kind = i == 1 ? "cpu" : "wall"
      printf "%-44s %9.1f us %9.1f us %8.2f\n", i == 1 ? "  CPU" : "  wall",
        least["plain " kind] / runs * 1e6, least["lua " kind] / runs * 1e6, least["lua " kind] / least["plain " kind]
    }
    printf "%-44s %25.2f ms\n", "require \"cdfworkflow\" (CPU)", least["require"] * 1e3
    printf "%-44s %25d KiB\n", "core.so", size / 1024
    printf "%-44s %25d KiB\n", "growth over 10,000 runs: process", grown[1]
    printf "%-44s %25.1f KiB\n", "growth over 10,000 runs: Lua heap", grown[2]
  }' "$folder/times"

$LUA spec/bench/simulator.lua
$LUA spec/bench/page.lua
