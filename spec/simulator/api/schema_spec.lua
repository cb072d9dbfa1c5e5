-- SPDX-License-Identifier: Apache-2.0

local contract = require "contract"
local core = require "cdfworkflow.core"
local exchange = require "sim_exchange"
local router = require "cdfworkflow.simulator.api.router"
local schema = require "cdfworkflow.simulator.api.schema"

-- The operations that take a JSON body, by method and path, so that goldens can be told apart.
local routes = router.new()
for _, room in ipairs {
  "sessions", "workflows", "versions", "executions", "triggers", "functions", "calls", "schedules", "files",
} do
  for _, operation in ipairs(require("cdfworkflow.simulator.api." .. room).operations) do
    if operation.acl then
      routes:add {
        operation = operation.operation,
        method = operation.method,
        path = "/api/v1/projects/{project}" .. operation.path,
      }
    end
  end
end

local function operation_of(method, path)
  local _, segments = router.split(path)
  local found = routes:find(method, segments)
  return found and found.operation
end

local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local result = core.is_array(value) and core.array({}) or {}
  for name, member in pairs(value) do
    result[name] = copy(member)
  end
  return result
end

-- The places of a JSON value, each as a list of names from the root.
local function places(value, path, found)
  found[#found + 1] = path
  if type(value) == "table" then
    local names = {}
    for name in pairs(value) do
      names[#names + 1] = name
    end
    table.sort(names, function(a, b)
      return tostring(a) < tostring(b)
    end)
    for _, name in ipairs(names) do
      local below = { name }
      for position = #path, 1, -1 do
        table.insert(below, 1, path[position])
      end
      places(value[name], below, found)
    end
  end
  return found
end

local function parent_of(root, path)
  local node = root
  for position = 1, #path - 1 do
    node = node[path[position]]
  end
  return node, path[#path]
end

local function at(root, path)
  local node = root
  for _, name in ipairs(path) do
    node = node[name]
  end
  return node
end

local DAMAGES = {
  unknown_member = function(root, path)
    local node = at(root, path)
    if type(node) == "table" and node[1] == nil and not core.is_array(node) then
      node.notAMember = 1
      return root
    end
  end,
  missing = function(root, path)
    local node, name = parent_of(root, path)
    if type(name) == "string" then
      node[name] = nil
      return root
    end
  end,
  empty_array = function(root, path)
    local node, name = parent_of(root, path)
    if type(node[name]) == "table" and node[name][1] ~= nil then
      node[name] = core.array({})
      return root
    end
  end,
}
for name, value in pairs {
  null = core.null, text = "x", number = 1.5, integer = 7, zero = 0, negative = -1, huge = 9007199254740993,
  truth = true, object = {}, array = core.array({}), list = { 1 }, reference = "${workflow.input}",
} do
  DAMAGES[name] = function(root, path)
    local node, last = parent_of(root, path)
    node[last] = value
    return root
  end
end
for name, value in pairs {
  blank = "", long = ("æ"):rep(256), longer = ("x"):rep(501), spaced = " x", wide = "x\226\128\175", nul = "a\0b",
} do
  DAMAGES[name] = function(root, path)
    local node, last = parent_of(root, path)
    if type(node[last]) == "string" then
      node[last] = value
      return root
    end
  end
end

local function golden_bodies()
  local bodies = {}
  for _, golden in ipairs(exchange.goldens()) do
    for index, request in ipairs(golden.requests) do
      local operation = request.body_type == "json" and operation_of(request.method, request.path)
      if operation then
        bodies[#bodies + 1] = {
          name = ("%s, request %d"):format(golden.case, index),
          operation = operation,
          method = request.method,
          path = request.path,
          body = request.body,
          violates = golden.violates_spec ~= nil,
        }
      end
    end
  end
  return bodies
end

-- What sort of body it is: one golden a sort, the largest, is damaged; the others would only say the same again.
local function sort_of(golden)
  local parts, item = { golden.operation }, golden.body.items and golden.body.items[1]
  if item and item.workflowDefinition then
    for _, task in ipairs(item.workflowDefinition.tasks) do
      parts[#parts + 1] = task.type
    end
  elseif item and item.triggerRule then
    parts[#parts + 1] = item.triggerRule.triggerType
  end
  return table.concat(parts, " ")
end

local function largest_of_each_sort()
  local largest = {}
  for _, golden in ipairs(golden_bodies()) do
    golden.size = #assert(core.encode(golden.body))
    local sort = sort_of(golden)
    if not golden.violates and golden.size < 4000 and (not largest[sort] or largest[sort].size < golden.size) then
      largest[sort] = golden
    end
  end
  return largest
end

local function damaged_copies()
  local copies = {}
  for _, golden in pairs(largest_of_each_sort()) do
    for _, path in ipairs(places(golden.body, {}, {})) do
      for damage, apply in pairs(DAMAGES) do
        local body = #path > 0 and apply(copy(golden.body), path) or nil
        if body then
          copies[#copies + 1] = {
            name = ("%s/%s/%s"):format(golden.name, damage, table.concat(path, "."):gsub(":", "_")),
            operation = golden.operation,
            method = golden.method,
            path = golden.path,
            body = body,
          }
        end
      end
    end
  end
  return copies
end

-- Half of the damaged bodies are for two of the Luas, half for the others.
local OWN = (_VERSION == "Lua 5.4" or rawget(_G, "jit")) and 0 or 1

describe("the request schemas", function()
  it("accept every golden body that keeps to the contract", function()
    local accepted = 0
    for _, golden in ipairs(golden_bodies()) do
      if not golden.violates then
        assert.is_nil(schema.body[golden.operation](golden.body, "body"), golden.name)
        accepted = accepted + 1
      end
    end
    assert.is_true(accepted > 150)
  end)

  it("are there for every operation of the contract that takes a JSON body", function()
    local names = {}
    for name in pairs(schema.body) do
      names[#names + 1] = name
    end
    assert.equal(28, #names)
  end)

  it("judge damaged bodies as the contract's own schemas do", function()
    local copies = {}
    for position, damaged in ipairs(damaged_copies()) do
      if position % 2 == OWN then
        copies[#copies + 1] = damaged
      end
    end
    local exchanges, refused_here = {}, {}
    for position, damaged in ipairs(copies) do
      exchanges[position] = {
        name = damaged.name,
        method = damaged.method,
        path = damaged.path,
        request = assert(core.encode(damaged.body)),
      }
      if schema.body[damaged.operation](damaged.body, "body") then
        refused_here[damaged.name] = true
      end
    end
    local refused_there = {}
    for _, violation in ipairs(contract.violations(exchanges)) do
      refused_there[violation:match("^(.-): ") or violation:match("^(.-):")] = true
    end
    local different = {}
    for _, damaged in ipairs(copies) do
      if refused_here[damaged.name] ~= refused_there[damaged.name] then
        different[#different + 1] = damaged.name .. (refused_here[damaged.name] and " is refused here" or
          " is refused by the contract")
      end
    end
    assert.is_true(#copies > 2500)
    assert.same({}, different)
  end)
end)
