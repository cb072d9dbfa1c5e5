-- SPDX-License-Identifier: Apache-2.0
-- For specs: starts cdfworkflow-sim as a child, on Lua 5.4 whatever Lua the spec runs on, and gives its control seam.
-- The child ends when the spec says so, and also when the spec's own process ends without a word.

local core = require "cdfworkflow.core"

local server = {}

---@class spec.Server
---@field url string
---@field port integer
---@field pid integer the process id of cdfworkflow-sim
local Server = {}
Server.__index = Server

local ROOT = debug.getinfo(1, "S").source:match("^@(.*)spec/support/server%.lua$")
if ROOT == "" then ROOT = "./" end

-- Waits on its standard input for the name of a signal, hands it on to the child and waits for it. When the spec dies
-- the input ends without a name, or a signal comes here too, and the child is killed; so is one that has not ended ten
-- seconds after its signal. The descriptors are closed so that nothing but the child holds the pipe that the spec reads
-- its first lines from.
local KEEPER = [[
trap : HUP INT TERM
exec 3>"$0"
"$@" >&3 3>&- </dev/null &
child=$!
echo "$child" >&3
exec 3>&-
read -r name
kill -s "${name:-KILL}" "$child" 2>/dev/null
left=500
while [ $left -gt 0 ] && read -r _ _ state _ 2>/dev/null <"/proc/$child/stat" && [ "$state" != Z ]; do
  sleep 0.02
  left=$((left - 1))
done
kill -s KILL "$child" 2>/dev/null
wait "$child" 2>/dev/null
[ $left -gt 0 ]
]]

local function quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

--- The environment in which a child finds this checkout's Lua files, the module built for Lua 5.4, and lua-http.
---@return string # assignments for `env`
function server.environment()
  local build = os.getenv("BUILD") or ROOT .. "build"
  return table.concat({
    "LUA_PATH_5_4=" .. quote(ROOT .. "lua/?.lua;" .. ROOT .. "lua/?/init.lua;"
      .. "/usr/share/lua/5.3/?.lua;/usr/share/lua/5.2/?.lua;;"),
    "LUA_CPATH_5_4=" .. quote(build .. "/5.4/?.so;;"),
  }, " ")
end

--- The command that runs cdfworkflow-sim, to be followed by its arguments.
---@param args string[]
---@return string
function server.command(args)
  local script = ROOT .. "lua/cdfworkflow/simulator/bin/cdfworkflow-sim"
  local words = { "env", server.environment(), "lua5.4", quote(script) }
  for _, word in ipairs(args) do words[#words + 1] = quote(word) end
  return table.concat(words, " ")
end

local function new_pipe()
  local path = os.tmpname()
  os.remove(path)
  local ok = os.execute("mkfifo -m 600 " .. quote(path))
  assert(ok == true or ok == 0, "mkfifo failed")
  return path
end

--- Starts `cdfworkflow-sim --port 0 --control` with more arguments behind, and waits until it listens.
---@param args? string[] such as `{ "--project", "p", "--clock", "manual" }`
---@return spec.Server
function server.start(args)
  local words = { "--port", "0", "--control" }
  for _, word in ipairs(args or {}) do words[#words + 1] = word end
  local pipe = new_pipe()
  local keeper = assert(io.popen("sh -c " .. quote(KEEPER) .. " " .. quote(pipe) .. " " .. server.command(words), "w"))
  local output = assert(io.open(pipe, "r"))
  os.remove(pipe)
  local pid, line = output:read("*l"), output:read("*l")
  local url, port = (line or ""):match("^cdfworkflow%-sim listening on (https?://.*:(%d+))$")
  if not url then
    keeper:close()
    error("cdfworkflow-sim did not start: " .. tostring(line), 2)
  end
  return setmetatable({
    url = url, port = tonumber(port), pid = tonumber(pid), output = output, keeper = keeper,
  }, Server)
end

-- curl is on every machine that runs the specs, and works the same on every Lua.
local function control(self, arguments, name)
  local command = ("curl -sS -k --max-time 30 -w '\\n%%{http_code}' %s %s"):format(arguments,
    quote(self.url .. "/_simulator/" .. name))
  local curl = assert(io.popen(command, "r"))
  local answer = curl:read("*a")
  curl:close()
  local body, status = answer:match("^(.*)\n(%d+)$")
  if status ~= "200" then error(("control %s: %s"):format(name, answer), 3) end
  return assert(core.decode(body))
end

local function post(self, name, argument)
  local result = control(self, "--data-binary " .. quote(assert(core.encode(argument))), name)
  return result
end

--- Moves the simulator's clock.
---@param seconds number
---@return integer now milliseconds since the epoch
function Server:advance(seconds)
  local result = post(self, "advance", { seconds = seconds })
  return result.now
end

--- Orders a fault; the argument is that of `sim:fault`.
---@param fault table
function Server:fault(fault)
  post(self, "fault", fault)
end

--- Takes back the faults that have not hit yet.
function Server:clear_faults()
  control(self, "-X DELETE", "fault")
end

--- The requests that the simulator has had.
---@return table[]
function Server:log()
  local log = control(self, "", "log")
  return log
end

--- Ends the child and waits for it; raises when it had to be killed (Lua 5.1 cannot tell). May be called again.
---@param signal? "TERM"|"KILL" an orderly stop unless told
function Server:stop(signal)
  local keeper = self.keeper
  if not keeper then return end
  self.keeper = nil
  keeper:write(signal or "TERM", "\n")
  local ended = keeper:close()
  self.output:close()
  if not ended then error("cdfworkflow-sim did not stop when it was told to", 2) end
end

return server
