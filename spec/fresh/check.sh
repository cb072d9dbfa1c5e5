#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# On a machine where it was installed (run.sh): `require` from outside of the checkout, both programs, a run against the
# embedded CDF from Lua and from a shell, and, with what is installed for 5.1, LuaJIT and LuaJIT in nginx.
# WAY, LUA_VERSION, CHECKOUT (for the examples alone) in the environment. Fails at the first thing that does not work.
set -euxo pipefail
cd "$(mktemp -d)"
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

case $LUA_VERSION in
  5.1) luas="lua5.1 luajit" ;;
  luajit) luas=luajit ;;
  *) luas=lua$LUA_VERSION ;;
esac

for lua in $luas; do
  $lua -e 'local cdf = require "cdfworkflow"; require "cdfworkflow.simulator"; print(_VERSION, cdf._VERSION)'
done

command -v cdfworkflow cdfworkflow-sim
cdfworkflow --version
LUA_PATH='/nowhere/?.lua' cdfworkflow --version
cdfworkflow-sim --help >help
grep -q print-env help

case $WAY in
  deb | make*)
    bin=$(command -v cdfworkflow)
    share="${bin%/bin/*}/share"
    ls "$share"/bash-completion/completions/cdfworkflow "$share"/zsh/*/_cdfworkflow "$share"/fish/*/cdfworkflow.fish
    [ "$WAY" != deb ] || ls "$share"/man/man1/cdfworkflow.1.gz "$share"/man/man3/cdfworkflow.3.gz
    ;;
esac

cdfworkflow-sim --port 0 --print-env --load "$CHECKOUT/spec/examples/functions.lua" >settings &
for _ in {1..100}; do
  grep -q IDP_TOKEN_URL settings && break
  sleep 0.1
done
. ./settings

# The example puts a workflow there and runs it; then it is run from the shell.
for lua in $luas; do $lua "$CHECKOUT/spec/examples/run_and_wait.lua"; done
cdfworkflow check cdfworkflow-demo 1
printf '{"site":"north","sensors":["pressure"],"limits":{"pressure":[0,16]}}' >input.json
cdfworkflow run cdfworkflow-demo 1 --input @input.json --wait --timeout 60 | grep COMPLETED

[ "$LUA_VERSION" = 5.1 ] || exit 0

ln -s /usr/lib/nginx/modules modules # which its configuration names from here
cat >nginx.conf <<CONF
include /etc/nginx/modules-enabled/*.conf;
daemon off; pid pid; error_log stderr;
env CDF_PROJECT; env CDF_URL; env LOGIN_FLOW; env PROVIDER; env IDP_CLIENT_ID; env IDP_CLIENT_SECRET; env IDP_TOKEN_URL;
events {}
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  lua_package_path "${LUA_PATH:-;;}";
  lua_package_cpath "${LUA_CPATH:-;;}";
  server {
    listen unix:$PWD/socket;
    location / {
      content_by_lua_block {
        local cdf = require "cdfworkflow"
        local client = assert(cdf.from_env())
        local execution = assert(client:run("cdfworkflow-demo", "1", {
          input = { site = "north", sensors = { "pressure" }, limits = { pressure = { 0, 16 } } },
        }))
        ngx.say(jit.version, " ", assert(client:wait(execution)).status)
      }
    }
  }
}
CONF
nginx -p "$PWD" -c nginx.conf &
for _ in {1..100}; do
  [ -S socket ] && break
  sleep 0.1
done
cat >ask.lua <<'LUA'
local http = require "http.client"
local connection = assert(http.connect { path = arg[1], version = 1.1 })
local stream = assert(connection:new_stream())
local headers = require("http.headers").new()
headers:append(":method", "GET")
headers:append(":path", "/")
headers:append(":authority", "localhost")
assert(stream:write_headers(headers, true, 5))
print(assert(stream:get_headers(30)):get ":status", assert(stream:get_body_as_string(30)))
LUA
env -u LUA_PATH -u LUA_CPATH lua5.1 ask.lua "$PWD/socket" | grep '200.*COMPLETED'
