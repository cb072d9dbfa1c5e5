-- SPDX-License-Identifier: Apache-2.0
-- One world: a clock, the model of CDF, and a network that follows a plan of faults. It is the transport of the clients
-- in it, and it notes each exchange as somebody sees it who stands beside: what was sent, and what truly became of it.

local cdf = require "model.cdf"
local faults = require "model.faults"

local HOP = 0.02 -- seconds that a request takes to CDF, and its answer back
local LONGEST = 30 -- seconds to wait for an answer that can be asked for again (README «Promises»)

---@class spec.model.Fault one of a plan: what happens to the `nth` request of this kind after the fault before it
---@field fault string
---@field kind string of the request; "clock" where the fault is there from the beginning
---@field nth integer

---@class spec.model.Exchange
---@field kind string
---@field process integer who sent it: 1, or 2 after a kill
---@field at number when it was sent
---@field ended number when the client had its answer
---@field fault? string
---@field nonce? string that it carried
---@field heard string "done", "clean", "put off", "refused" (by CDF), "foreign" (refused by somebody else), "denied"
---  (401), "doubt": README «Promises»
---@field status? integer

---@class spec.model.World a transport
---@field time number seconds
---@field cdf spec.model.Cdf
---@field exchanges spec.model.Exchange[]
---@field troubled number until when a fault of the plan has been felt
---@field consulted table[] choices of nature: `{ name, value, index }`, the index of the exchange that asked
local World = {}
World.__index = World

local world = {}

---@param plan spec.model.Fault[]
---@param choices table<string, string> what nature is to do, by name; the first of `cdf.CHOICES` unless told
---@return spec.model.World
function world.new(plan, choices)
  local self = setmetatable({
    time = cdf.START, plan = plan, next = 1, counts = {}, exchanges = {}, late = {}, down_until = -1, troubled = 0,
    date_skew = 0, clock_skew = 0, choices = choices, chosen = {}, consulted = {}, process = 1, index = 0, fired = {},
  }, World)
  self.cdf = cdf.new(self)
  while plan[self.next] and plan[self.next].kind == "clock" do
    faults.get(plan[self.next].fault)[2](self)
    self.next = self.next + 1
  end
  return self
end

--- Nature's answer, the same each time; the explorer is told when it was asked for first.
function World:choose(name)
  local value = self.chosen[name]
  if not value then
    value = self.choices[name] or cdf.CHOICES[name][1]
    self.chosen[name] = value
    self.consulted[#self.consulted + 1] = { name = name, value = value, index = self.index }
  end
  return value
end

-- {==== Time ====

function World:now() return self.time end

--- The time of day on the machine of the clients.
function World:wall() return self.time - cdf.START + cdf.EPOCH + self.clock_skew end

--- Time passes; what was held up arrives when it is its time.
function World:pass(seconds)
  local target = self.time + seconds
  while self.late[1] and self.late[1].due <= target do
    local late = table.remove(self.late, 1)
    self.time = late.due
    self:carry_out(late.kind, late.request)
  end
  self.time = target
end

World.sleep = function(self, seconds) self:pass(math.max(seconds, 0)) end

function World:trouble_until(time) self.troubled = math.max(self.troubled, time) end

-- }====

-- {==== What faults are made of ====

--- CDF hears of the request now.
function World:carry_out(kind, request)
  local response = self.cdf:answer(kind, request, self.time)
  return response
end

--- CDF hears of it after so many seconds.
function World:hold_up(seconds, kind, request)
  local copy = { method = request.method, url = request.url, body = request.body, headers = {} }
  for name, value in pairs(request.headers) do copy.headers[name] = value end
  local i = #self.late + 1
  while i > 1 and self.late[i - 1].due > self.time + seconds do i = i - 1 end
  table.insert(self.late, i, { due = self.time + seconds, kind = kind, request = copy })
end

function World:go_down(seconds)
  self.down_until = math.max(self.down_until, self.time + seconds)
  self:trouble_until(self.down_until)
end

-- }====

local function date(self)
  return os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(self.time - cdf.START + cdf.EPOCH + self.date_skew))
end

--- The fault that the plan has for this request, if any.
local function planned(self, kind)
  local fault = self.plan[self.next]
  self.counts[kind] = (self.counts[kind] or 0) + 1
  if not fault or fault.kind ~= kind or fault.nth ~= self.counts[kind] then return nil end
  self.next, self.counts = self.next + 1, {}
  self.fired[#self.fired + 1] = self.index
  return fault.fault
end

--- What the answer tells who got it, by the table of README «Promises».
function world.heard(response, doubtful)
  local status = response.status
  if response.failure then return response.sent and "doubt" or "clean" end
  if doubtful then return "doubt" end
  if status >= 200 and status < 300 then return "done" end
  local is_own = response.body:find('^{"error":') ~= nil
  if status == 429 then return "clean" end
  if is_own and (status == 503 or response.headers["cdf-is-auto-retryable"] == "true") then return "put off" end
  if status == 401 then return "denied" end
  local refused = status >= 400 and status < 500 and status ~= 408 and status ~= 499
  if refused then return is_own and "refused" or "foreign" end
  return "doubt"
end

--- Sends it into the world: through the plan's fault, an outage, or straight to CDF.
local function travel(self, kind, request, name)
  self:pass(HOP)
  local response
  if name then
    response = faults.get(name)[2](self, request, kind)
  elseif self.time < self.down_until then
    response = { failure = "connect", sent = false, message = "connection refused" }
  else
    response = self:carry_out(kind, request)
  end
  if response.headers then
    self:pass(HOP)
    response.headers.date = date(self)
  end
  return response
end

--- What the transport of a client must offer.
function World:http(request)
  local kind = cdf.kind(request)
  self.index = self.index + 1
  local exchange = { kind = kind, process = self.process, at = self.time }
  self.exchanges[self.index] = exchange
  exchange.nonce = request.body and kind ~= "token" and request.body:match '"nonce":"([^"]*)"' or nil
  if kind == "revoke" then exchange.session = tonumber(request.body:match '"id":(%d+)') end
  local index = self.index
  exchange.fault = planned(self, kind)
  local response = travel(self, kind, request, exchange.fault)
  exchange.ended, exchange.status, exchange.failure = self.time, response.status, response.failure
  exchange.heard = world.heard(response, exchange.fault and faults.get(exchange.fault).doubt)
  exchange.retry_after = response.headers and response.headers["retry-after"]
  if exchange.fault then self:trouble_until(math.min(self.time, exchange.at + LONGEST)) end
  if kind == "session" and response.status == 200 then
    exchange.made = response.body:match '"nonce":"([^"]*)"'
  end
  exchange.index = index
  return response
end

--- Lets everything that is still under way arrive.
function World:settle()
  self:pass(200)
end

--- What happened, a line for each exchange, for a person.
function World:story()
  local lines = {}
  for _, exchange in ipairs(self.exchanges) do
    lines[#lines + 1] = ("%8.2f s  %-10s %-16s %s%s"):format(exchange.at - cdf.START, exchange.kind,
      exchange.fault or "", exchange.heard or "killed",
      exchange.status and " " .. exchange.status or exchange.failure and " " .. exchange.failure or "")
      .. ((exchange.ended or 0) > exchange.at + 1 and (", %.0f s"):format(exchange.ended - exchange.at) or "")
      .. (exchange.nonce and "  " .. exchange.nonce:gsub("nonce%-0*", "nonce ") or "")
  end
  return table.concat(lines, "\n")
end

return world
