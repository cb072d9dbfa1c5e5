-- SPDX-License-Identifier: Apache-2.0
-- Runs a program of spec/examples in this process, against a simulator without a socket: its client comes from there
-- instead of the environment, what it prints is kept, and its clock is the simulator's.

local cdf = require "cdfworkflow"
local simulator = require "cdfworkflow.simulator"

local example = {}

example.CLIENT_ID, example.SECRET = "svc-examples", "s3cr3t-of-examples"

local folder = debug.getinfo(1, "S").source:match "^@(.*)support/example%.lua$"

--- A simulator with the functions that the examples need.
function example.simulator()
  local sim = simulator.new { project = "examples", client_id = example.CLIENT_ID, client_secret = example.SECRET }
  dofile(folder .. "examples/functions.lua")(sim)
  return sim
end

function example.client(sim)
  return assert(cdf.client {
    project = "examples", base_url = "http://127.0.0.1", transport = sim:transport(),
    credentials = cdf.credentials {
      client_id = example.CLIENT_ID, client_secret = example.SECRET,
      token_url = "http://127.0.0.1/examples/oauth2/v2.0/token",
    },
  })
end

local VARIABLES = { IDP_CLIENT_ID = example.CLIENT_ID, IDP_CLIENT_SECRET = example.SECRET }

--- The globals that the program sees.
local function surroundings(sim, arguments, printed)
  local module = setmetatable({ from_env = function() return example.client(sim) end }, { __index = cdf })
  return setmetatable({
    arg = arguments or {},
    require = function(name) return name == "cdfworkflow" and module or require(name) end,
    print = function(...)
      local words = { ... }
      for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
      printed[#printed + 1] = table.concat(words, "\t") .. "\n"
    end,
    os = setmetatable({
      getenv = function(name) return VARIABLES[name] end,
      exit = function(status) error({ exit_status = status }, 0) end,
    }, { __index = os }),
  }, { __index = _G })
end

local function load_with(path, globals)
  if not rawget(_G, "setfenv") then return assert(loadfile(path, "t", globals)) end
  return rawget(_G, "setfenv")(assert(loadfile(path)), globals)
end

--- Runs the program.
---@param name string without `.lua`
---@param sim table
---@param arguments? string[]
---@return string printed
---@return integer exit_status
function example.run(name, sim, arguments)
  local printed = {}
  local program = load_with(folder .. "examples/" .. name .. ".lua", surroundings(sim, arguments, printed))
  local ok, problem = pcall(program)
  if ok then return table.concat(printed), 0 end
  if type(problem) == "table" and problem.exit_status then return table.concat(printed), problem.exit_status end
  error(problem, 0)
end

return example
