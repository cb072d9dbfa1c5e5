-- SPDX-License-Identifier: Apache-2.0
-- Gateways under load, while hosts are reloaded or killed: each delivery is sent several times, and must have started
-- one run in the embedded CDF when all is over.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local cqueues = require "cqueues"
local gateway = require "gateway"
local senders = require "senders"

local campaign = {}

--- How many runs there are in CDF for each request id.
local function runs_of(sim)
  local client = assert(cdf.client {
    project = "p", base_url = sim.url, credentials = cdf.credentials {
      client_id = "id", client_secret = gateway.CLIENT_SECRET, token_url = sim.url .. "/oauth2/token",
    },
  })
  local counts = {}
  for execution in client.workflows.executions:each {
    workflowFilters = { { externalId = "daily-report" } }, createdTimeStart = 0,
  } do
    local id = type(execution.metadata) == "table" and execution.metadata["cdfworkflow.requestId"] or "none"
    counts[id] = (counts[id] or 0) + 1
  end
  client:close()
  return counts
end

--- What is wrong with the runs of these keys.
---@param id_of? fun(key: string): string the request id that a key becomes
---@return string[] complaints
function campaign.judge(sim, keys, id_of)
  local counts, complaints = runs_of(sim), {}
  for _, key in ipairs(keys) do
    local count = counts[id_of and id_of(key) or key] or 0
    if count ~= 1 then complaints[#complaints + 1] = ("%s: %d runs"):format(key, count) end
  end
  return complaints
end

function campaign.keys(prefix, count)
  local keys = {}
  for i = 1, count do keys[i] = ("%s-%d"):format(prefix, i) end
  return keys
end

local function words_of(statuses)
  local parts = {}
  for status, count in pairs(statuses) do parts[#parts + 1] = ("%d × %d"):format(count, status) end
  table.sort(parts)
  return table.concat(parts, ", ")
end

campaign.words_of = words_of

--- Sends deliveries while the host is reloaded so often.
---@param options { sim: spec.Server, here: table, reload: fun(), reloads: integer, pause: number, deliveries: integer,
---  copies: integer, name: string, seconds: number }
---@return string[] complaints none when no delivery was lost, and none was started twice
---@return string statuses in words
function campaign.reloads(options)
  local keys = campaign.keys(options.name, options.deliveries)
  local done = 0
  options.sim:fault { match = { operation = "createSessions", times = 1e6 }, delay = 0.3 } -- so that runs are under way
  local sent = senders.send {
    keys = keys, copies = options.copies, at_once = 6, in_order = true, secret = gateway.SECRET,
    seconds = options.seconds, port = function() return options.here.port end,
    beside = function()
      for _ = 1, options.reloads do
        cqueues.sleep(options.pause)
        options.reload()
        done = done + 1
      end
    end,
  }
  local complaints, statuses = senders.judge(sent, options.copies)
  for _, complaint in ipairs(campaign.judge(options.sim, keys)) do complaints[#complaints + 1] = complaint end
  if done ~= options.reloads then complaints[#complaints + 1] = ("only %d reloads"):format(done) end
  return complaints, words_of(statuses)
end

--- Hosts that share a Redis or a folder, of which one after another goes away and comes back.
---@class spec.Hosts
---@field start fun(): table starts a host
---@field list table[]
local Hosts = {}
Hosts.__index = Hosts

---@param count integer
---@param start fun(): table
---@return spec.Hosts
function campaign.hosts(count, start)
  local self = setmetatable({ start = start, list = {} }, Hosts)
  for i = 1, count do self.list[i] = start() end
  return self
end

--- The port of one of them.
function Hosts:port() return self.list[math.random(#self.list)].port end

--- Ends one, and starts another in its place.
---@param how "kill"|"quit"
function Hosts:replace(how)
  local i = math.random(#self.list)
  self.list[i][how](self.list[i])
  self.list[i] = self.start()
end

function Hosts:stop()
  for _, host in ipairs(self.list) do host:stop() end
end

--- Sends deliveries to hosts that go away and come back.
---@param options { sim: spec.Server, hosts: spec.Hosts, how: "kill"|"quit", times: integer, pause: number,
---  deliveries: integer, copies: integer, name: string, seconds: number, at_once?: integer }
---@return table<string, spec.Sent> sent
---@return string[] complaints of the senders
---@return string statuses in words
function campaign.deliver(options)
  local sent = senders.send {
    keys = campaign.keys(options.name, options.deliveries), copies = options.copies, at_once = options.at_once or 12,
    secret = gateway.SECRET, seconds = options.seconds, pause = 0.2,
    port = function() return options.hosts:port() end,
    beside = function(is_over)
      for _ = 1, options.times do
        cqueues.sleep(options.pause * (0.5 + math.random()))
        if is_over() then return end
        options.hosts:replace(options.how)
      end
    end,
  }
  local complaints, statuses = senders.judge(sent, options.copies)
  return sent, complaints, words_of(statuses)
end

--- Waits until each of these ids, or all of them together, have their run. → how many runs there are
---@param ids string[] request ids
---@param seconds number
---@return string[] complaints
function campaign.wait_for_runs(sim, ids, seconds)
  local limit = core.now() + seconds
  local complaints
  repeat
    complaints = campaign.judge(sim, ids)
    if not complaints[1] then break end
    os.execute "sleep 1"
  until core.now() > limit
  return complaints
end

return campaign
