#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make page`: the simulator's page in headless Chromium, as pictures to be looked at: page_screenshot.sh [folder].
# Fails when Chromium is missing, cannot show the page, or finds something in it to complain about.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-build/page}
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) \
  || { echo "Chromium is not here (Debian: apt-get install chromium)" >&2; exit 1; }
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
mkdir -p "$out"

LUA_PATH="./lua/?.lua;./lua/?/init.lua;./spec/support/?.lua;;" LUA_CPATH="./${BUILD:-build}/5.4/?.so;;" \
  CHROMIUM=$chromium PROFILE=$profile lua5.4 - "$out" <<'LUA'
local core = require "cdfworkflow.core"
local server = require "server"

local out = arg[1]
local loaded = os.getenv "PROFILE" .. "/plant.lua"

local PLANT = [[
local function task(id, kind, needs, parameters, more)
  local list = require("cdfworkflow.core").array {}
  for i, need in ipairs(needs) do list[i] = { externalId = need } end
  local made = { externalId = id, type = kind, dependsOn = list, parameters = parameters }
  for key, value in pairs(more or {}) do made[key] = value end
  return made
end
local function call(name) return { ["function"] = { externalId = name, data = { plant = "${workflow.input.plant}" } } } end
return {
  functions = {
    read = function() return { rows = 120 }, 1.2 end,
    forecast = function() return { kilowatts = 812 }, 40 end,
    refuse = function() error("sensor 7 is offline", 0) end,
    split = function()
      local tasks = {}
      for i = 1, 3 do tasks[i] = task("machine-" .. i, "function", i > 1 and { "machine-1" } or {}, call "forecast") end
      return { tasks = tasks }, 2
    end,
  },
  transformations = { join = function() return 5 end },
  versions = { { workflowExternalId = "energy-forecast", version = "3", workflowDefinition = { tasks = {
    task("read-sensors", "function", {}, call "read"),
    task("read-weather", "function", {}, call "read"),
    task("check-quality", "function", { "read-sensors" }, call "refuse", { onFailure = "skipTask", retries = 1 }),
    task("join", "transformation", { "read-sensors", "read-weather" }, { transformation = { externalId = "join" } }),
    task("split", "function", { "join" }, call "split"),
    task("machines", "dynamic", { "split" }, { dynamic = { tasks = "${split.output.response.tasks}" } }),
    task("report", "function", { "machines", "check-quality", "read-weather" }, call "read"),
  } } }, { workflowExternalId = "broken", version = "1", workflowDefinition = { tasks = {
    task("only", "function", {}, call "refuse", { retries = 0 }),
  } } } },
}]]

local file = assert(io.open(loaded, "w"))
file:write(PLANT)
file:close()
local sim = server.start { "--token", "fixed", "--clock", "manual", "--load", loaded }

local function api(path, body)
  local curl = assert(io.popen(("curl -sf -H 'Authorization: Bearer fixed' -H 'Content-Type: application/json' "
    .. "-d '%s' %s/api/v1/projects/my-project%s"):format(core.encode(body), sim.url, path)))
  local answer = curl:read("*a")
  curl:close()
  return assert(core.decode(answer))
end

local function run(workflow, version)
  local nonce = api("/sessions", { items = { { tokenExchange = true } } }).items[1].nonce
  return api(("/workflows/%s/versions/%s/run"):format(workflow, version),
    { authentication = { nonce = nonce }, input = { plant = "north" } }).id
end

local BROWSER = "'%s' --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
  .. "--disable-component-update --disable-sync --hide-scrollbars --user-data-dir='%s' --window-size=1200,%d "
  .. "--blink-settings=preferredColorScheme=%d --enable-logging=stderr --screenshot='%s' '%s' 2>&1"

local function shoot(name, path, height)
  for dark, scheme in pairs { [0] = "dark", [1] = "light" } do
    local picture = ("%s/%s-%s.png"):format(out, name, scheme)
    os.remove(picture)
    local browser = assert(io.popen(BROWSER:format(os.getenv "CHROMIUM", os.getenv "PROFILE", height, dark, picture,
      sim.url .. path)))
    local said = browser:read("*a")
    browser:close()
    assert(not said:find("CONSOLE", 1, true), said)
    local image = assert(io.open(picture, "rb"), said)
    assert(image:seek("end") > 10000, picture .. " shows next to nothing")
    image:close()
    print(picture)
  end
end

local function shoot_all()
  run("energy-forecast", "3")
  sim:advance(120)
  run("broken", "1")
  sim:advance(30)
  local live = run("energy-forecast", "3")
  sim:advance(32)
  shoot("overview", "/", 620)
  shoot("execution", "/ui/my-project/executions/" .. live, 1350)
end

local ok, message = pcall(shoot_all)
sim:stop()
if not ok then error(message, 0) end
LUA
