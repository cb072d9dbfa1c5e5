-- SPDX-License-Identifier: Apache-2.0
-- Every mistake of every public function and method, made from the tables of what they take: it blames the line of
-- this file that made it, and names the method and the option. And every value that CDF would refuse: an error with its
-- field and its limit. Nothing is sent for any of them.

local Script = require "script"
local cdf = require "cdfworkflow"
local memory_store = require "memory_store"
local later = require "cdfworkflow.later"
require "cdfworkflow.transport.cqueues"
require "cdfworkflow.transport.copas"
require "cdfworkflow.transport.luv"
local method = require "cdfworkflow.method"
local simulator = require "cdfworkflow.simulator"

local unpack = table.unpack or unpack -- luacheck: ignore 113 143

local UUID = "059edaa4-a17a-4102-910e-2c3591500cce"
local CREDENTIALS = assert(cdf.credentials { token = "t" })

local script = Script.new {}

local function new_client()
  return assert(cdf.client {
    project = "p", base_url = "https://cdf.example", credentials = CREDENTIALS, transport = script,
  })
end

local open, closed = new_client(), new_client()
closed:close()
later.load_all() -- the namespaces, too, which are put off by a client
local sim = simulator.new()

--- The queues of both.
local queues = {}
for _, client in ipairs { open, closed } do
  queues[client] = assert(cdf.queue { client = client, store = memory_store.new() })
end

-- {==== Values made from the tables ====

--- What goes with the required members, where a method has a rule for them together.
local TOGETHER = {
  ["cdf.client"] = { cluster = "c" }, ["cdf.credentials"] = { token = "t" }, ["cdf.task.subworkflow"] = { tasks = {} },
  ["cdf.queue"] = { store = memory_store.new() },
}

--- And what goes with one option.
local COMPANY = { ["client:schedule function_external_id"] = { via = "function" } }

local ODD = { true, 7.5, "odd\0", {}, print, -1, coroutine.create(function() end), io.stdout, { 1, x = 2 } }
local PLAUSIBLE = { "text", UUID, 7, {}, CREDENTIALS, open, { tasks = {} }, true, { text = "text" }, print }

local sample

local function sample_of_members(members, name)
  local made = {}
  for member, value in pairs(TOGETHER[name] or {}) do made[member] = value end
  for _, member in ipairs(members) do
    if member.required then made[member[1]] = sample(member[2], name) end
  end
  return made
end

--- A value that the kind takes.
function sample(kind, name)
  if kind.choices then return kind.choices[1] end
  if kind.members then return sample_of_members(kind.members, name) end
  for _, value in ipairs(PLAUSIBLE) do
    if kind.accepts(value) and not (kind.use and kind.use(value, "x") == nil) then return value end
  end
  error("no sample for " .. kind.word)
end

--- Values that are none of the kind, one of each Lua type.
local function wrong_values(kind)
  local found, seen = {}, {}
  for _, value in ipairs(ODD) do
    if not kind.accepts(value) and not seen[type(value)] then
      seen[type(value)] = true
      found[#found + 1] = value
    end
  end
  if kind.least and not kind.use then found[#found + 1] = kind.least - 1 end
  return found
end

--- Values that the kind takes and CDF does not.
local function refused_values(kind)
  local found = {}
  for _, value in ipairs {
    "", " x", "..", ("x"):rep(2000), "not-one-of-them", 0, -1, 1.5, 2 ^ 53, { "v" }, { k = 7 },
    { [("k"):rep(33)] = "v" }, { k = ("v"):rep(600) }, { id = "no-uuid" }, { externalId = " x" }, { via = "function" },
  } do
    local is_mistake = not kind.accepts(value) or kind.look and not pcall(kind.look, value, "x", "f")
    if kind.use and not kind.members and not is_mistake and kind.use(value, "x") == nil then
      found[#found + 1] = value
    end
  end
  return found
end

-- }====

-- {==== Calls ====

--- The object and the function that a name such as "client.workflows:list" stands for.
local function resolve(name, client)
  local object, last = name:match "^(.*)[:.]([^:.]*)$"
  if object == "simulator" then return nil, simulator[last] end
  if object == "sim" then return sim, sim[last] end
  if object:find "^cdfworkflow%." then return nil, require(object)[last] end
  local found = client
  if object == "queue" then return queues[client], queues[client][last] end
  if object:match "^cdf" then found = cdf end
  for step in object:gmatch "[^.]+" do
    if step ~= "client" and step ~= "cdf" then found = found[step] end
  end
  return found, found[last]
end

local LINE = debug.getinfo(1, "l").currentline + 2
local function call(f, ...)
  local results, err = f(...)
  return results, err
end

local function invoke(name, client, arguments, count)
  local object, f = resolve(name, client)
  if name:find ":" then return pcall(call, f, object, unpack(arguments, 1, count)) end
  return pcall(call, f, unpack(arguments, 1, count))
end

local function assert_mistake(expected, ok, message)
  assert.is_false(ok, expected)
  assert.equal("string", type(message), expected)
  local place = ("mistakes_spec.lua:%d: "):format(LINE)
  assert.is_truthy(message:find(place, 1, true), message)
  assert.is_truthy(message:find(expected, 1, true), ("%s\nis not: %s"):format(message, expected))
end

--- Good arguments, those that must be there.
local function good_arguments(declared, name)
  local arguments = {}
  for i, argument in ipairs(declared) do arguments[i] = argument.required and sample(argument[2], name) or nil end
  return arguments
end

--- Each place where a value can stand: calls `visit(kind, path, arguments)`, where `arguments(value)` has it there.
local function each_place(name, visit)
  local declared = method.declared[name]
  for i, argument in ipairs(declared) do
    local kind = argument[2]
    visit(argument, argument[1], function(value)
      local arguments = good_arguments(declared, name)
      arguments[i] = value
      return arguments, #declared
    end)
    for _, member in ipairs(kind.members or {}) do
      visit(member, member[1], function(value)
        local arguments = good_arguments(declared, name)
        arguments[i] = sample(kind, name)
        for option, other in pairs(COMPANY[name .. " " .. member[1]] or {}) do arguments[i][option] = other end
        arguments[i][member[1]] = value
        return arguments, #declared
      end)
    end
  end
end

-- }====

local names = {}
for name in pairs(method.declared) do names[#names + 1] = name end
table.sort(names)

for _, name in ipairs(names) do
  describe("a mistake in " .. name, function()
    before_each(function() script.requests = {} end)
    after_each(function() assert.same({}, script.requests) end)

    it("of type names the option", function()
      each_place(name, function(member, path, arguments)
        for _, value in ipairs(wrong_values(member[2])) do
          local expected = ("%s: %s: expected %s, got "):format(name, path, member[2].word)
          assert_mistake(expected, invoke(name, open, arguments(value)))
        end
      end)
    end)

    it("is a required value that is not there", function()
      each_place(name, function(member, path, arguments)
        if not member.required or TOGETHER[name] and member.default then return end
        assert_mistake(("%s: %s: expected %s, got nil"):format(name, path, member[2].word),
          invoke(name, open, arguments(nil)))
      end)
    end)

    it("of spelling says what was meant", function()
      for i, argument in ipairs(method.declared[name]) do
        local kind = argument[2]
        local noun = kind.word:match "^a table of (%l+)s$"
        for _, member in ipairs(noun and kind.members or {}) do
          local arguments = good_arguments(method.declared[name], name)
          arguments[i] = { [member[1] .. "_"] = 1 }
          local expected = ('%s: unknown %s "%s_"; did you mean "%s"?'):format(name, noun, member[1], member[1])
          assert_mistake(expected, invoke(name, open, arguments, #method.declared[name]))
        end
      end
    end)

    it("is no value that CDF would refuse: that is an error with field and limit", function()
      if name:find "^cdf.from_" then return end -- the environment or a file is looked at first; signin/init_spec.lua
      each_place(name, function(member, path, arguments)
        for _, value in ipairs(refused_values(member[2])) do
          local ok, result, err = invoke(name, open, arguments(value))
          if method.declared[name].raises then
            assert.is_false(ok)
            err = result
          else
            assert.is_nil(result)
          end
          assert.equal("invalid", err.kind, path)
          assert.is_truthy(err.field:find(path, 1, true) == 1, err.field)
          assert.is_not_nil(err.limit, path)
          assert.is_truthy(tostring(err):find("(invalid)", 1, true))
        end
      end)
    end)

    if name:find ":" then
      it("may be the dot", function()
        local _, f = resolve(name, open)
        for _, first in ipairs { "text", 7, {} } do
          assert_mistake(("%s: called with a dot; write %s(…)"):format(name, name), pcall(call, f, first))
        end
        assert_mistake(name .. ": called with a dot", pcall(call, f))
      end)

      if name:find "^sim:" then return end -- has no end

      it("is a call after close", function()
        local ok, message = invoke(name, closed, {}, 0)
        if method.declared[name].even_closed then
          assert.is_true(ok)
        else
          assert_mistake(name .. ": this cdfworkflow client is closed", ok, message)
        end
      end)
    end
  end)
end

describe("the tables", function()
  --- The public functions of a table or of an object's class.
  local function public(object)
    local found = {}
    for _, t in ipairs { object, getmetatable(object) } do
      for name, value in pairs(t) do
        if type(value) == "function" and not name:find "^_" then found[name] = true end
      end
    end
    return found
  end

  local function assert_declared(object, prefix, but)
    for name in pairs(public(object)) do
      if not but[name] then assert.is_table(method.declared[prefix .. name], prefix .. name) end
    end
  end

  it("are there for every public method and function", function()
    for _, name in ipairs { "sessions:create", "files:upload", "workflows.triggers:upsert", "schedule" } do
      local found = method.declared["client." .. name] or method.declared["client:" .. name]
      assert.is_table(found, name)
    end
    assert_declared(open, "client:", {})
    for _, namespace in ipairs {
      "workflows", "workflows.versions", "workflows.executions", "workflows.triggers", "workflows.tasks", "sessions",
      "functions", "functions.calls", "functions.schedules", "files",
    } do
      assert_declared(resolve("client." .. namespace .. ":list", open), "client." .. namespace .. ":", {})
    end
    assert_declared(cdf, "cdf.", { gather = true, lint = true }) -- any number of functions; anything at all
    assert_declared(cdf.task, "cdf.task.", {})
    assert_declared(queues[open], "queue:", {})
    assert_declared(simulator, "simulator.", {})
    assert_declared(sim, "sim:", {})
  end)

  it("are all known here: none has come since the mistakes were made", function()
    local count = 0
    for _ in pairs(method.declared) do count = count + 1 end
    assert.equal(count, #names)
  end)

  it("know the functions that they are of", function()
    for _, name in ipairs(names) do assert.is_function(select(2, resolve(name, open)), name) end
  end)

  it("name each argument and option once", function()
    for _, name in ipairs(names) do
      for _, argument in ipairs(method.declared[name]) do
        local seen = {}
        for _, member in ipairs(argument[2].members or {}) do
          assert.is_nil(seen[member[1]], name .. " " .. member[1])
          seen[member[1]] = true
        end
      end
    end
  end)
end)
