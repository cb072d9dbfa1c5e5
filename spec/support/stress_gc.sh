#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs specs with a collector that stops the world all the time: `stress_gc.sh "5.4 5.1" [file …]`, those of the rooms in
# C without files: minutes for each. (LuaJIT takes very much longer, and is the same machine code as 5.1.) Each Lua is
# found as a script that loads stress_gc.lua first, wherever a spec starts one.
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p build/stress/bin
for lua in lua5.4 lua5.3 lua5.1 luajit; do
  cat >build/stress/bin/$lua <<SCRIPT
#!/bin/bash
export LUA_INIT=@$PWD/spec/support/stress_gc.lua
exec -a $lua $(command -v $lua) "\$@"
SCRIPT
  chmod +x build/stress/bin/$lua
done

luas=$1
shift
if [ $# = 0 ]; then
  set -- spec/call_spec.lua spec/redact_spec.lua spec/json_spec.lua spec/http_spec.lua spec/text_spec.lua
fi
export PATH=$PWD/build/stress/bin:$PATH SPEC_TIMEOUT=1200
exec spec/support/run.sh "$luas" "$@"
