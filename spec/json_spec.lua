-- SPDX-License-Identifier: Apache-2.0
-- cdf.json, cdf.encode, cdf.decode: the library's JSON for its users.

local Script = require "script"
local cdf = require "cdfworkflow"
local shell = require "shell"

local has_integers = math.type ~= nil -- luacheck: ignore 143

local function client(answers)
  local script = Script.new(answers)
  return assert(cdf.client {
    project = "p", base_url = "http://localhost:1", transport = script,
    credentials = assert(cdf.credentials { token = "t" }),
  }), script
end

local SESSION = { status = 200, body = '{"items":[{"id":1,"nonce":"n","status":"READY"}]}' }
local EXECUTION = {
  status = 202, body = '{"id":"059edaa4-a17b-4102-803d-03f9f4f9a9fb","workflowExternalId":"w","status":"RUNNING"}',
}

describe("cdf.decode", function()
  it("reads what is JSON, and tells [] from {} and null from nothing", function()
    local value = cdf.decode ' { "a": [1, 2.5, null], "empty": [], "none": {} } '
    assert.same({ 1, 2.5, cdf.null }, value.a)
    assert.equal('{"empty":[]}', cdf.encode { empty = value.empty })
    assert.equal('{"none":{}}', cdf.encode { none = value.none })
    assert.equal(cdf.null, cdf.decode "null")
    assert.equal(false, cdf.decode "false")
    if has_integers then assert.equal("integer", math.type(value.a[1])) end -- luacheck: ignore 143
  end)

  for text, message in pairs {
    ["{\n  \"site\": \"north\",\n  sensors: []\n}"] = "not JSON: unexpected character at line 3, column 3",
    ["{\"é\": x}"] = "not JSON: unexpected character at line 1, column 7", -- characters, not bytes
    [""] = "not JSON: ends too early at line 1, column 1",
    ["[1,\r\n2\r\n"] = "not JSON: ends too early at line 3, column 1",
    ["[1]\n[2]"] = "not JSON: unexpected token at line 2, column 1",
  } do
    it(("says where a text is none: %q"):format(text), function()
      local value, said = cdf.decode(text)
      assert.is_nil(value)
      assert.equal(message, said)
    end)
  end

  it("blames who gives it no text", function()
    local ok, message = pcall(function() cdf.decode(nil) end)
    assert.is_false(ok)
    assert.matches("json_spec.lua:%d+: cdf.decode: text: expected a string, got nil", message)
    assert.matches("json_spec.lua:%d+: cdf.json: text: expected a string", select(2, pcall(function() cdf.json {} end)))
  end)
end)

describe("cdf.encode", function()
  it("writes values, and says what cannot be written and where", function()
    assert.equal('{"list":[[],1,null]}', cdf.encode { list = { cdf.array {}, 1, cdf.null } })
    assert.same({ nil, "value.sensors[2]: NaN cannot be written as JSON" },
      { cdf.encode { sensors = { 1, 0 / 0 } } })
    assert.same({ nil, "value: nil cannot be written as JSON" }, { cdf.encode(nil) })
  end)
end)

describe("the host's own lua-cjson", function()
  -- Debian's has no mark for arrays. This one has, as that of OpenResty and of LuaRocks.
  local MARKING = [[
    local real = require "cjson"
    local array_mt = real.array_mt or {}
    local marking = {}
    for name, value in pairs(real) do marking[name] = value end
    marking.array_mt = array_mt
    package.loaded.cjson = marking
    local cdf = require "cdfworkflow"
  ]]

  local function says(source) return (shell.run_lua(MARKING .. source)) end

  it("finds its own mark on the arrays of this library, and on nothing else", function()
    assert.equal("true true true nil nil", says [=[
      local read = assert(cdf.decode '{"list": [], "deep": [[]], "full": [1], "object": {}}')
      local function marked(t) return tostring(getmetatable(t) == array_mt) end
      io.write(table.concat({ marked(read.list), marked(read.deep[1]), marked(cdf.array {}),
        tostring(getmetatable(read.full)), tostring(getmetatable(read.object)) }, " "))
    ]=])
  end)

  it("has it where cdf.array was called before anything was read, too", function()
    assert.equal("true array", says [[
      local made = cdf.array {}
      io.write(tostring(getmetatable(made) == array_mt), " ", getmetatable(made).__jsontype)
    ]])
  end)

  it("is not needed to know such an array again", function()
    assert.equal('{"list":[]} []', says [[
      local read, made = assert(cdf.decode '{"list": []}'), cdf.array {}
      package.loaded.cjson = real
      io.write((cdf.encode(read)), " ", (cdf.encode(cdf.array(made))))
    ]])
  end)
end)

describe("cdf.json", function()
  local ODD = ' {"big": 12345678901234567890, "exp": 1.50e3,\n "list": [ ], "same": 1, "same": 2, "u": "\\u00e9" }\t'

  it("goes out byte for byte as a run's input", function()
    local c, script = client { SESSION, EXECUTION }
    assert(c:run("w", "1", { input = cdf.json(ODD) }))
    assert.equal('{"authentication":{"nonce":"n"},"input":' .. ODD .. "}", script.requests[2].body)
  end)

  it("goes out byte for byte inside other values, and as a whole body", function()
    local c, script = client { { status = 200, body = "{}" }, { status = 200, body = "{}" } }
    assert(c:request("POST", "/x", { data = { cdf.json "[ 1 ]", cdf.json "null" } }))
    assert(c:request("POST", "/x", cdf.json(ODD)))
    assert.equal('{"data":[[ 1 ],null]}', script.requests[1].body)
    assert.equal(ODD, script.requests[2].body)
  end)

  it("is taken by triggers, function calls, schedules and task outputs", function()
    local stored = { status = 200, body = '{"items":[{"externalId":"t"}]}' }
    local c, script = client { SESSION, stored, { status = 200, body = "{}" } }
    assert(c.workflows.triggers:upsert({
      externalId = "t", triggerRule = { triggerType = "schedule", cronExpression = "0 * * * *" },
      workflowExternalId = "w", workflowVersion = "1", input = cdf.json "{ }",
    }, {}))
    assert.matches('"input":{ }', script.requests[2].body, 1, true)
    assert(c.workflows.tasks:update("059edaa4-a17b-4102-803d-03f9f4f9a9fb", "COMPLETED", cdf.json '{ "a" : 1 }'))
    assert.matches('"output":{ "a" : 1 }', script.requests[3].body, 1, true)
  end)

  it("that is no JSON is refused by the call, with line and column, before a byte is sent", function()
    local input, problem = cdf.json '{"site": "north",\n "sensors": [1,]}'
    assert.equal("not JSON: unexpected token at line 2, column 16", problem)
    local c, script = client {}
    local execution, err = c:run("w", "1", { input = input })
    assert.is_nil(execution)
    assert.equal("invalid", err.kind)
    assert.equal("input: not JSON: unexpected token at line 2, column 16", err.message)
    assert.equal("input.deep: not JSON: ends too early at line 1, column 1",
      select(2, c:run("w", "1", { input = { deep = cdf.json "" } })).message)
    assert.equal(0, #script.requests)
  end)

  it("must be an object as an input, within the limit of 102,400 bytes", function()
    local c = client {}
    assert.matches("input must be a JSON object, not an array", select(2, c:run("w", "1", {
      input = cdf.json " []" })).message)
    assert.equal("input must be a JSON object", select(2, c:run("w", "1", { input = cdf.json '"{}"' })).message)
    assert.matches("input is larger than 102400 bytes", select(2, c:run("w", "1", {
      input = cdf.json('{"a":"' .. ("x"):rep(102400) .. '"}') })).message)
  end)

  it("gives its text to tostring, and lint looks into it", function()
    assert.equal(ODD, tostring(cdf.json(ODD)))
    local function findings(data)
      return cdf.lint { tasks = {
        cdf.task.fn { externalId = "a", functionExternalId = "f" },
        cdf.task.fn { externalId = "b", functionExternalId = "f", dependsOn = { "a" }, data = data },
      } }
    end
    assert.same({}, findings(cdf.json '{"of": "${a.output.response}"}'))
    assert.matches("nobody", findings(cdf.json '{"of": "${nobody.output}"}')[1].message)
    assert.equal("wrong-type", findings(cdf.json "{")[1].code)
  end)
end)
