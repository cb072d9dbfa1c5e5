#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `cdfworkflow run` without waiting (token, session, run) against curl making the same three requests: the CPU of the
# quickest of TURNS (40) and the peak of memory, against nginx on loopback. Takes LUA_NAME (5.4) and BUILD.
set -euo pipefail
cd "$(dirname "$0")/../.."
. spec/support/env.sh
use_lua "${LUA_NAME:-5.4}"
turns=${TURNS:-40}

folder=$(mktemp -d)
nginx=
trap '[ -z "$nginx" ] || kill "$nginx"; rm -rf "$folder"' EXIT
port=$($LUA -e 'local s = require("cqueues.socket").listen("127.0.0.1", 0) s:listen() print((select(3, s:localname())))')
url=http://127.0.0.1:$port

cat >"$folder/nginx.conf" <<CONF
daemon off;
master_process off;
pid $folder/pid;
error_log stderr error;
events { worker_connections 64; }
http {
  access_log off;
  default_type application/json;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  server {
    listen 127.0.0.1:$port;
    location = /oauth2/token { return 200 '{"access_token":"$(head -c 1000 /dev/zero | tr '\0' t)","expires_in":3600}'; }
    location = /api/v1/projects/p/sessions {
      return 200 '{"items":[{"id":1,"type":"CLIENT_CREDENTIALS","status":"READY","nonce":"0123456789abcdef"}]}';
    }
    location = /api/v1/projects/p/workflows/foo/versions/1/run {
      return 202 '{"id":"059edaa4-b17d-4f6e-8b3b-2a4a3e0d0f11","workflowExternalId":"foo","version":"1","status":"RUNNING","engineExecutionId":"e1","createdTime":1700000000000,"metadata":{}}';
    }
  }
}
CONF
PATH=$PATH:/usr/sbin "${NGINX:-nginx}" -c "$folder/nginx.conf" &
nginx=$!
curl -s --retry 50 --retry-connrefused --retry-delay 1 -o "$folder/ready" "$url/oauth2/token"

export CDF_URL=$url CDF_PROJECT=p IDP_TOKEN_URL=$url/oauth2/token IDP_CLIENT_ID=me IDP_CLIENT_SECRET=secret
base=$url/api/v1/projects/p
curl_words=(curl -s -d grant_type=client_credentials "$url/oauth2/token" --next -s -d '{"items":[]}' "$base/sessions"
  --next -s -d '{}' "$base/workflows/foo/versions/1/run")
cc -O2 -std=c99 -o "$folder/usage" spec/bench/usage.c
read -r curl_cpu curl_peak < <("$folder/usage" "$turns" "${curl_words[@]}")
read -r cpu peak < <("$folder/usage" "$turns" "$LUA" lua/cdfworkflow/program/bin/cdfworkflow run foo 1)

awk -v cpu="$cpu" -v peak="$peak" -v curl_cpu="$curl_cpu" -v curl_peak="$curl_peak" 'BEGIN {
  print "cdfworkflow run, not waited for: token, session, run; curl for the same three requests in brackets"
  row("CPU, ms", cpu, curl_cpu, 25)
  row("peak of memory, MB", peak / 1024, curl_peak / 1024, 16)
}
function row(name, value, other, aim) {
  printf "  %-24s %6.1f (%.1f)  aim %d  %s\n", name, value, other, aim, value <= aim ? "met" : "missed"
}'
