-- SPDX-License-Identifier: Apache-2.0
-- src/json.c, json_write.c and json_read.c through core.encode, core.decode, core.array and core.is_array.

local core = require("cdfworkflow.core")
local shell = require "shell"

local has_integers = math.type ~= nil -- luacheck: ignore 143

---@return string|nil text, string|nil message
local function encode(value)
  return core.encode(value, "input")
end

local function refused(value)
  local text, message = encode(value)
  assert.is_nil(text)
  return message
end

--- Runs a program in a fresh Lua of the same kind, and gives what it prints.
local function run_lua(program, environment)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(program)
  file:close()
  local pipe = assert(io.popen((environment or "") .. " " .. shell.lua .. " " .. name))
  local output = pipe:read("*a")
  pipe:close()
  os.remove(name)
  return output
end

describe("core.encode", function()
  it("writes scalars", function()
    assert.equal("true", encode(true))
    assert.equal("false", encode(false))
    assert.equal("null", encode(core.null))
    assert.equal('"text"', encode("text"))
    assert.equal('""', encode(""))
  end)

  it("writes integral numbers without a point up to 2^53", function()
    for value, text in pairs({
      [0] = "0", [3.0] = "3", [-7] = "-7", [10] = "10", [1e15] = "1000000000000000",
      [2 ^ 53] = "9007199254740992", [-2 ^ 53] = "-9007199254740992", [2 ^ 53 - 1] = "9007199254740991",
    }) do
      assert.equal(text, encode(value))
    end
    assert.equal("0", encode(-0.0))
  end)

  if has_integers then
    it("writes every Lua integer exactly", function()
      assert.equal("9223372036854775807", encode(math.maxinteger)) -- luacheck: ignore 143
      assert.equal("-9223372036854775808", encode(math.mininteger)) -- luacheck: ignore 143
      assert.equal("9007199254740993", encode(math.tointeger(2 ^ 53) + 1)) -- luacheck: ignore 143
    end)
  end

  it("writes fractions with the fewest of 15 to 17 digits that give the same number", function()
    for value, text in pairs({
      [0.1] = "0.1", [-0.5] = "-0.5", [21.75] = "21.75", [12345.678] = "12345.678", [0.000125] = "0.000125",
      [1 / 3] = "0.3333333333333333", [0.1 + 0.2] = "0.30000000000000004", [1e300] = "1e+300", [1.5e-300] = "1.5e-300",
      [2 ^ 63] = "9.223372036854776e+18", [100000000000000.5] = "100000000000000.5", [1e-10] = "1e-10",
      [-1.7976931348623157e308] = "-1.797693134862316e+308",
    }) do
      local written = encode(value)
      assert.equal(value, tonumber(written))
      if value ~= -1.7976931348623157e308 then assert.equal(text, written) end
    end
  end)

  it("refuses NaN and infinity with the path", function()
    assert.equal("input: NaN cannot be written as JSON", refused(0 / 0))
    assert.equal("input: infinity cannot be written as JSON", refused(1 / 0))
    assert.equal("input: infinity cannot be written as JSON", refused(-1 / 0))
    assert.equal("input.sensors[3].value: NaN cannot be written as JSON",
      refused({ sensors = { { value = 1 }, { value = 2 }, { value = 0 / 0 } } }))
  end)

  it("escapes what must be escaped and nothing else", function()
    assert.equal([["\"\\/\b\f\n\r\t\u0000\u001f]] .. "\127" .. '"', encode('"\\/\b\f\n\r\t\0\31\127'))
    assert.equal([["12345678\n12345678\"1234567\\é"]], encode('12345678\n12345678"1234567\\é'))
    assert.equal('{"a\\nb":1}', encode({ ["a\nb"] = 1 }))
  end)

  it("finds a character to escape at every position", function()
    for length = 1, 20 do
      for at = 1, length do
        local before, after = ("x"):rep(at - 1), ("~"):rep(length - at)
        for c, escape in pairs({ ['"'] = '\\"', ["\\"] = "\\\\", ["\1"] = "\\u0001", ["\31"] = "\\u001f" }) do
          assert.equal('"' .. before .. escape .. after .. '"', encode(before .. c .. after))
        end
        assert.is_nil((core.decode('"' .. before .. "\31" .. after .. '"')))
      end
    end
  end)

  it("keeps valid UTF-8 and refuses the rest", function()
    for _, text in ipairs({ "é", "€", "😀", "\244\143\191\191", "\237\159\191", "\238\128\128", "aé€😀z" }) do
      assert.equal('"' .. text .. '"', encode(text))
    end
    for _, text in ipairs({
      "\255", "\128", "\192\128", "\193\191", "\224\159\191", "\237\160\128", "\237\191\191", "\240\143\191\191",
      "\244\144\128\128", "\245\128\128\128", "\195", "abc\226\130", "é\195(",
    }) do
      assert.equal("input[1]: the text is not valid UTF-8", refused({ text }))
      assert.matches("the name is not valid UTF%-8$", refused({ [text] = 1 }))
    end
  end)

  it("writes sequences as arrays and other tables as objects", function()
    assert.equal("[1,2,3]", encode({ 1, 2, 3 }))
    assert.equal("{}", encode({}))
    assert.equal('{"a":[{"b":[[1],{}]}]}', encode({ a = { { b = { { 1 }, {} } } } }))
    assert.equal('{"1":2}', encode({ ["1"] = 2 }))
  end)

  it("writes an array whose items were not put in order", function()
    local list = {}
    for i = 40, 1, -1 do list[i] = i end
    assert.equal("[1,2,3,4]", encode({ [4] = 4, [2] = 2, [3] = 3, [1] = 1 }))
    assert.equal(table.concat(list, ","), encode({ list }):sub(3, -3))
  end)

  it("refuses tables that are neither arrays nor objects", function()
    local mixed = "input.t: has both numbered and named members, and JSON knows no such thing"
    assert.equal(mixed, refused({ t = { 1, 2, x = 3 } }))
    assert.equal(mixed, refused({ t = { x = 3, [7] = 1 } }))
    assert.equal("input.t: a list must not have a hole, but number 2 is nil (use null)",
      refused({ t = { [1] = 1, [3] = 3 } }))
    assert.equal("input.t: a list must not have a hole, but number 1 is nil (use null)",
      refused({ t = { [1000] = 1 } }))
    assert.equal("input.t: number 1.5 cannot be the name of a member", refused({ t = { [1.5] = 1 } }))
    assert.equal("input.t: number 0 cannot be the name of a member", refused({ t = { [0] = 1 } }))
    assert.equal("input.t: number -1 cannot be the name of a member", refused({ t = { [-1] = 1 } }))
    assert.equal("input.t: a boolean cannot be the name of a member", refused({ t = { [true] = 1 } }))
    assert.equal("input.t: a table cannot be the name of a member", refused({ t = { [{}] = 1 } }))
  end)

  it("refuses what has no place in JSON", function()
    assert.equal("input.f: a function cannot be written as JSON", refused({ f = print }))
    assert.equal("input[1]: a thread cannot be written as JSON", refused({ coroutine.create(function() end) }))
    assert.equal("input[1]: userdata cannot be written as JSON", refused({ io.stdout }))
    assert.equal("input: nil cannot be written as JSON", refused(nil))
  end)

  it("refuses a table inside itself, and writes one that is merely shared", function()
    local t = { list = {} }
    t.list[1] = t
    assert.equal("input.list[1]: a table inside itself cannot be written as JSON", refused(t))
    local shared = { 1 }
    assert.equal("[[1],[1],[[1]]]", encode({ shared, shared, { shared } }))
  end)

  it("writes 128 tables inside one another, and not 129", function()
    local t = {}
    for _ = 1, 127 do t = { t } end
    assert.equal(("["):rep(127) .. "{}" .. ("]"):rep(127), encode(t))
    assert.equal("input[1][1][1][1]…[1][1][1][1]: too many tables inside one another", refused({ t }))
  end)

  it("stops a small table that would become endless JSON", function()
    local t = { ("x"):rep(1024) }
    for _ = 1, 60 do t = { t, t } end
    local text, message = core.encode(t, "input")
    assert.is_nil(text)
    assert.equal("input is larger than 67108864 bytes of JSON", message)
  end)

  it("stops a text that is too long", function()
    local text, message = core.encode(("x"):rep(64 * 1024 * 1024 - 1), "input")
    assert.is_nil(text)
    assert.equal("input is larger than 67108864 bytes of JSON", message)
  end)

  it("shows odd names in one short line", function()
    assert.equal('input["a.b"]: NaN cannot be written as JSON', refused({ ["a.b"] = 0 / 0 }))
    assert.equal('input["line?break"]: NaN cannot be written as JSON', refused({ ["line\nbreak"] = 0 / 0 }))
    assert.equal('input[""]: NaN cannot be written as JSON', refused({ [""] = 0 / 0 }))
    assert.equal('input["9"]: NaN cannot be written as JSON', refused({ ["9"] = 0 / 0 }))
    assert.equal('input["' .. ("é"):rep(20) .. '…"]: NaN cannot be written as JSON',
      refused({ [("é"):rep(30)] = 0 / 0 }))
    assert.equal('input["x' .. ("é"):rep(19) .. '…"]: NaN cannot be written as JSON',
      refused({ ["x" .. ("é"):rep(30)] = 0 / 0 }))
  end)

  it("shows both ends of a deep path", function()
    local t = 0 / 0
    for _, name in ipairs({ "i", "h", "g", "f", "e", "d", "c", "b", "a" }) do t = { [name] = t } end
    assert.equal("input.a.b.c.d….f.g.h.i: NaN cannot be written as JSON", refused(t))
    assert.equal("input.b.c.d.e.f.g.h.i: NaN cannot be written as JSON", refused(t.a))
  end)

  it("calls no metamethod", function()
    local function never() error("a metamethod was called") end
    local watched = setmetatable({ a = 1 }, { __index = never, __len = never, __pairs = never, __tostring = never })
    assert.equal('{"a":1}', encode(watched))
    assert.equal("[1]", encode(setmetatable({ 1 }, { __index = never, __len = never, __ipairs = never })))
  end)

  it("names the value 'value' unless told", function()
    assert.same({ nil, "value: NaN cannot be written as JSON", "value", "NaN cannot be written as JSON" },
      { core.encode(0 / 0) })
  end)

  it("tells the path to what is wrong, and the rule that it breaks", function()
    local function place(value, name) return { select(3, core.encode(value, name)) } end
    assert.same({ "input.sensors[3].value", "NaN cannot be written as JSON" },
      place({ sensors = { 1, 2, { value = 0 / 0 } } }, "input"))
    assert.same({ 'x["a: b"]', "a function cannot be written as JSON" }, place({ ["a: b"] = print }, "x"))
    assert.same({ "x", "67108864" }, place({ ("x"):rep(64 * 1024 * 1024) }, "x"))
  end)
end)

describe("core.array", function()
  it("marks a table as an array", function()
    local t = {}
    assert.equal(t, core.array(t))
    assert.equal("[]", encode(t))
    assert.equal("[]", encode(core.array()))
    assert.equal("[]", encode(core.array(nil)))
    assert.equal("[1,null]", encode(core.array({ 1, core.null })))
    assert.equal("array", getmetatable(t).__jsontype)
    assert.equal(t, core.array(t))
  end)

  it("does not make an array of what is none", function()
    assert.equal('input: an array cannot have a member named "a"', refused(core.array({ a = 1 })))
    assert.matches("hole", refused(core.array({ [2] = 1 })))
    assert.has_error(function() core.array(3) end)
  end)

  it("does not take a table's own metatable away", function()
    local own = {}
    local t = setmetatable({}, own)
    assert.has_error(function() core.array(t) end)
    assert.equal(own, getmetatable(t))
  end)
end)

describe("core.is_array", function()
  it("knows marked tables and sequences", function()
    assert.is_true(core.is_array(core.array()))
    assert.is_true(core.is_array({ 1 }))
    assert.is_true(core.is_array({ [2] = 1, [1] = 1 }))
    for _, value in ipairs({ {}, { a = 1 }, { 1, nil, 3 }, { 1, a = 1 }, { [0] = 1 }, { [1.5] = 1 }, 3, "x", false }) do
      assert.is_false(core.is_array(value))
    end
    assert.is_false(core.is_array(nil))
    assert.has_error(function() core.is_array() end)
  end)
end)

describe("core.decode", function()
  local function refuses(text)
    local value, message = core.decode(text)
    assert.is_nil(value)
    return message
  end

  it("reads every kind of value", function()
    assert.same({ a = { 1, "x", true, false, { b = {} } } },
      core.decode(' { "a" : [1,"x",true,false,{"b":{}}] }\r\n\t'))
    assert.equal("x", core.decode('"x"'))
    assert.equal(core.null, core.decode("null"))
    assert.is_false((core.decode("false")))
  end)

  it("gives integral numbers as integers where Lua has them", function()
    local numbers = core.decode("[1, 1.0, -5, 1e3, 0, -0, 9007199254740992, -9007199254740992, 1.5, 1e16, 1e300]")
    assert.same({ 1, 1, -5, 1000, 0, 0, 2 ^ 53, -2 ^ 53, 1.5, 1e16, 1e300 }, numbers)
    if not has_integers then return end
    for i, value in ipairs(numbers) do
      assert.equal(i <= 8 and "integer" or "float", math.type(value)) -- luacheck: ignore 143
    end
    assert.equal("integer", math.type((core.decode("7")))) -- luacheck: ignore 143
  end)

  it("reads integers exactly up to 2^63 where Lua has them, and beyond, or elsewhere, the nearest float", function()
    local long = { "9007199254740993", "-9007199254740993", "1234567890123456", "-1000000000000000001",
      "9223372036854775807", "-9223372036854775808" }
    for _, text in ipairs(long) do
      local value = core.decode(text)
      assert.equal(has_integers and text or encode(tonumber(text)), encode(value))
      assert.equal(encode(value), encode(core.decode('{"a":[[' .. text .. "]]}").a[1][1]))
    end
    for text, nearest in pairs({
      ["9223372036854775808"] = 2 ^ 63, ["-9223372036854775809"] = -2 ^ 63, ["18446744073709551615"] = 2 ^ 64,
      ["123456789012345678901234567890"] = 123456789012345678901234567890.0, ["9007199254740993.0"] = 2 ^ 53,
      ["900719925474099300e-2"] = 2 ^ 53,
    }) do
      local value = core.decode(text)
      assert.equal(nearest, value)
      assert.equal(nearest, core.decode('{"a":[' .. text .. "]}").a[1])
    end
    assert.matches("out of range", refuses("[" .. ("9"):rep(400) .. "]"))
    assert.same({ ["1234567890123456789"] = "1234567890123456789" },
      core.decode('{"1234567890123456789":"1234567890123456789"}'))
    assert.matches("^not JSON: unexpected token", refuses("{1234567890123456789 :1}"))
    assert.matches("^not JSON: unexpected token", refuses("{[]:1}"))
  end)

  it("tells [] from {}", function()
    for _, text in ipairs({ "[]", "{}", "[[],{},[]]", '{"a":[]}', "[[[]]]", '["[]",[]]', '["\\"[]",[[]]]' }) do
      assert.equal(text, encode(core.decode(text)))
    end
    assert.equal("[]", encode(core.decode(" [ \n\t\r ] ")))
    assert.is_true(core.is_array(core.decode("[]")))
    assert.is_nil(next((core.decode("[]"))))
    assert.is_false(core.is_array(core.decode("{}")))
    assert.is_nil(getmetatable(core.decode("[1]")))
  end)

  it("keeps every null", function()
    local value = core.decode('{"a":null,"b":[null,null],"input":{"c":null}}')
    assert.equal(core.null, value.a)
    assert.equal(core.null, value.b[1])
    assert.equal(core.null, value.b[2])
    assert.equal(core.null, value.input.c)
  end)

  it("reads escapes, NUL and characters beyond the BMP", function()
    assert.equal('"\\/\b\f\n\r\té€😀\0z', core.decode([["\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\uDE00\u0000z"]]))
    assert.equal("é€😀", core.decode('"é€😀"'))
  end)

  it("refuses what is not JSON, and says where", function()
    for text, message in pairs({
      [""] = "ends too early at character 1",
      ["[1"] = "ends too early at character 3",
      ['{"a":1'] = "ends too early at character 7",
      ['"a'] = "ends inside a string at character 3",
      ['"\\'] = "ends inside a string at character 3",
      ['"\\"'] = "ends inside a string at character 4",
      ["[1,]"] = "unexpected token at character 4",
      ["[,1]"] = "unexpected token at character 2",
      ['{"a"}'] = "unexpected token at character 5",
      ['{"a":1,}'] = "unexpected token at character 8",
      ["{1:2}"] = "malformed number at character 3",
      ["[1}"] = "unexpected token at character 3",
      ["1 2"] = "unexpected token at character 3",
      ["[] []"] = "unexpected token at character 4",
      ["[[],[],,]"] = "unexpected token at character 8",
      ["truefalse"] = "unexpected token at character 5",
      ["tru"] = "unexpected character at character 1",
      ["True"] = "unexpected character at character 1",
      ["{a:1}"] = "unexpected character at character 2",
      ["'a'"] = "unexpected character at character 1",
      ["NaN"] = "unexpected character at character 1",
      ["[nan]"] = "unexpected character at character 2",
      ["-Infinity"] = "malformed number at character 2",
      ["inf"] = "unexpected character at character 1",
      ["0x10"] = "malformed number at character 2",
      ["01"] = "malformed number at character 2",
      ["-01"] = "malformed number at character 3",
      ["1."] = "malformed number at character 3",
      ["1.e5"] = "malformed number at character 3",
      [".5"] = "unexpected character at character 1",
      ["-.5"] = "malformed number at character 2",
      ["+1"] = "unexpected character at character 1",
      ["-"] = "malformed number at character 2",
      ["1e"] = "malformed number at character 3",
      ["1e+"] = "malformed number at character 4",
      ["1-2"] = "malformed number at character 2",
      ["1\0"] = "malformed number at character 2",
      ["\0"] = "unexpected character at character 1",
      ['"a\0b"'] = "control character in a string at character 3",
      ['"a\nb"'] = "control character in a string at character 3",
      ['"\\x"'] = "invalid escape in a string at character 2",
      ['"\\u12"'] = "invalid escape in a string at character 2",
      ['"\\ud800"'] = "invalid escape in a string at character 2",
      ['"\\ud800\\u0041"'] = "invalid escape in a string at character 2",
      ['"\\udc00"'] = "invalid escape in a string at character 2",
      ['"\\é"'] = "invalid UTF-8 at character 4",
      ['"a\255"'] = "invalid UTF-8 at character 3",
      ['"\237\160\128"'] = "invalid UTF-8 at character 2",
      ["é"] = "unexpected character at character 1",
      ["\239\187\191{}"] = "begins with a byte order mark at character 1",
      ["<html>"] = "unexpected character at character 1",
    }) do
      assert.equal("not JSON: " .. message, refuses(text))
    end
    assert.equal("not JSON that can be kept: a number is out of range", refuses("[1e400]"))
    assert.equal("not JSON that can be kept: a number is out of range", refuses("-1e400"))
  end)

  it("never repeats the text in a message", function()
    for _, text in ipairs({
      '{"access_token":"canary" "x"}', '{"access_token":canary}', '["canary\\q"]', '"canary', '{"canary":1,"canary"}',
      '[[],"canary",,]', '{"canary" 1}',
    }) do
      assert.not_matches("canary", refuses(text))
    end
  end)

  it("reads 512 levels and refuses more without recursing further", function()
    assert.is_table((core.decode(("["):rep(512) .. ("]"):rep(512))))
    assert.is_table((core.decode(('{"a":'):rep(511) .. "{}" .. ("}"):rep(511))))
    assert.equal("not JSON: nested too deeply at character 513", refuses(("["):rep(513) .. ("]"):rep(513)))
    assert.matches("nested too deeply", refuses(("["):rep(200000)))
    assert.matches("nested too deeply", refuses(('{"a":'):rep(513) .. "[]" .. ("}"):rep(513)))
  end)

  it("reads 512 levels also where a long integer or [] is the deepest", function()
    for _, deepest in ipairs({ "1234567890123456", "[]", "{}" }) do
      local levels = deepest:find("%d") and 512 or 511
      local text = ("["):rep(levels) .. deepest .. ("]"):rep(levels)
      assert.is_table((core.decode(text)))
      assert.matches("nested too deeply", refuses("[" .. text .. "]"))
    end
  end)

  it("reads a million values and names, and builds nothing of a text with more", function()
    assert.equal(999999, #core.decode("[" .. ("1,"):rep(999998) .. "1]"))
    local many = "not JSON that can be kept: more than 1000000 values and names in it"
    assert.equal(many, refuses("[" .. ("1,"):rep(999999) .. "1]"))
    assert.equal(many, refuses("[" .. ('{"":""},'):rep(333333) .. "1]"))
    for _, unit in ipairs({ "[]", "{}", '""', "true", '{"a":1}', "[" }) do
      local text = "[" .. (unit .. ","):rep(1000001)
      collectgarbage()
      collectgarbage()
      local before = collectgarbage("count")
      collectgarbage("stop")
      local message = refuses(text)
      local most = collectgarbage("count") - before
      collectgarbage("restart")
      assert.matches(unit == "[" and "nested" or "more than 1000000", message)
      assert.is_true(most < #text / 1024 + 1024, most)
    end
  end)

  it("wants a text", function()
    assert.has_error(function() core.decode(nil) end)
    assert.has_error(function() core.decode({}) end)
  end)
end)

describe("answers of CDF", function()
  local client = core.client({
    project = "p", base_url = "https://c.example", credentials = core.credentials({ token = "t" }),
  })

  local function read(body)
    local call = core.request(client, "GET", "/x", nil, {})
    call:step("start", 1)
    local action, value = call:step("answer", 1, 1, { status = 200, headers = {}, body = body })
    assert.equal("done", action)
    return value
  end

  it("have no null members, except below a user's own data", function()
    local value = read([[{
      "a": null, "b": { "c": null, "d": [null, { "e": null }] }, "output": null,
      "input": { "x": null, "y": [{ "z": null }] }, "data": { "x": null }, "metadata": { "x": null },
      "response": [{ "x": null }], "body": { "b": { "x": null } }, "other": { "output": { "x": null } }
    }]])
    assert.same({
      b = { d = { core.null, {} } },
      input = { x = core.null, y = { { z = core.null } } }, data = { x = core.null }, metadata = { x = core.null },
      response = { { x = core.null } }, body = { b = { x = core.null } }, other = { output = { x = core.null } },
    }, value)
  end)

  it("are refused by the number of their values, however few bytes they have", function()
    local call = core.request(client, "GET", "/x", nil, {})
    call:step("start", 1)
    local body = "[" .. ("[],"):rep(1000000) .. "[]]"
    local action, err = call:step("answer", 1, 1, { status = 200, headers = {}, body = body })
    assert.same({ "error", "protocol" }, { action, err.kind })
    assert.matches("answered with 200, but .*more than 1000000 values and names", err.message)
  end)

  it("keep empty arrays and integers", function()
    local value = read('{"items":[],"id":9007199254740991,"nested":[[],{}]}')
    assert.is_true(core.is_array(value.items))
    assert.is_true(core.is_array(value.nested[1]))
    assert.is_false(core.is_array(value.nested[2]))
    assert.equal("9007199254740991", encode(value.id))
  end)

  it("are asked for with no more JSON than is allowed", function()
    local function run(size)
      return core.run(client, "wf", "1", { nonce = "n", input = { x = ("a"):rep(size - 8) } })
    end
    assert.is_userdata(run(102400))
    local call, err = run(102401)
    assert.is_nil(call)
    assert.equal("input is larger than 102400 bytes of JSON", err.message)
  end)
end)

describe("encode and decode together", function()
  local seed = 42
  local function random(n) -- the same values on every Lua
    seed = (seed * 16807) % 2147483647
    return seed % n
  end

  local function random_string()
    local pieces = { "a", "Z", '"', "\\", "\n", "\0", "é", "€", "😀", " ", "/", "\127", "[]", "null" }
    local made = {}
    for i = 1, random(12) do made[i] = pieces[random(#pieces) + 1] end
    return table.concat(made)
  end

  local function random_number()
    local kinds = {
      function() return random(1000) - 500 end,
      function() return (random(2000000) - 1000000) / 1000 end,
      function() return (random(2147483646) - 1e9) * 2 ^ (random(1800) - 900) end,
      function() return random(2 ^ 31) * 2 ^ 22 + random(2 ^ 22) end,
      function() return 1 / (random(1e6) + 3) end,
    }
    return kinds[random(#kinds) + 1]()
  end

  local random_value
  local function random_list(depth)
    local list = core.array()
    for i = 1, random(6) do list[i] = random_value(depth + 1) end
    return list
  end

  local function random_object(depth)
    local object = {}
    for _ = 1, random(6) do object[random_string()] = random_value(depth + 1) end
    return object
  end

  function random_value(depth)
    local kind = random(depth > 5 and 5 or 8)
    if kind < 2 then return random_number() end
    if kind == 2 then return random_string() end
    if kind == 3 then return core.null end
    if kind == 4 then return random(2) == 0 end
    return (kind == 5 and random_list or random_object)(depth)
  end

  --- `same` of luassert takes [] and {} for the same; this does not.
  local function equal(a, b)
    if type(a) ~= "table" or type(b) ~= "table" then return a == b end
    if next(a) == nil and core.is_array(a) ~= core.is_array(b) then return false end
    for k, v in pairs(a) do
      if not equal(v, b[k]) then return false end
    end
    for k in pairs(b) do
      if a[k] == nil then return false end
    end
    return true
  end

  it("give every value back", function()
    for _ = 1, 1500 do
      local value = random_value(0)
      local text = assert(core.encode(value))
      local back, message = core.decode(text)
      assert(equal(value, back), message or text)
    end
  end)

  it("give 5,000 numbers back exactly", function()
    for _ = 1, 5000 do
      local value = random_number()
      assert.equal(value, (core.decode(assert(core.encode(value)))))
    end
  end)
end)

describe("lua-cjson of the host", function()
  it("keeps its settings, and does not touch ours", function()
    local cjson = require("cjson")
    local depth = cjson.decode_max_depth()
    assert.is_table((core.decode("[[1]]")))
    assert.equal(depth, cjson.decode_max_depth())
    cjson.decode_max_depth(1)
    cjson.decode_invalid_numbers(false)
    local value = core.decode("[[[]]]")
    local refused_by_host = not pcall(cjson.decode, "[NaN]")
    cjson.decode_max_depth(depth)
    cjson.decode_invalid_numbers(true)
    assert.is_table(value)
    assert.is_true(refused_by_host)
  end)

  it("has the same null", function()
    assert.equal(require("cjson").null, core.null)
    assert.equal("[null]", encode({ require("cjson").null }))
  end)

  it("marks arrays in ways that are understood", function()
    local light -- 5.1 gives no program a light userdata but the keys of the registry
    for key in pairs(debug.getregistry()) do
      local is_marker = key == require("cjson").empty_array -- where the host's lua-cjson has one
      if type(key) == "userdata" and not debug.getmetatable(key) and not is_marker then light = key end
    end
    local array_mt, empty_array_mt = {}, {}
    local real = package.loaded.cjson
    package.loaded.cjson = { array_mt = array_mt, empty_array_mt = empty_array_mt, empty_array = light }
    local texts = {
      encode(setmetatable({}, array_mt)), encode(setmetatable({}, empty_array_mt)), encode(light),
      encode(setmetatable({ a = 1 }, empty_array_mt)), encode(core.array(setmetatable({}, empty_array_mt))),
    }
    package.loaded.cjson = real
    assert.same({ "[]", "[]", "[]", '{"a":1}', "[]" }, texts)
    assert.equal("input: userdata cannot be written as JSON", refused(light))
    assert.equal("{}", encode(setmetatable({}, array_mt)))
  end)

  it("is not loaded before something is read", function()
    assert.equal("nil\t[]\tnil\ttable\n", run_lua([[
      local core = require "cdfworkflow.core"
      io.write(tostring(package.loaded.cjson), "\t", core.encode(core.array()), "\t", tostring(package.loaded.cjson))
      core.decode "1"
      print("\t" .. type(package.loaded.cjson))
    ]]))
  end)

  it("is given no integer that one of them reads as a float and another one clamps", function()
    assert.equal("fine\tfine\tfine\n", run_lua([[
      local real = require "cjson"
      package.loaded.cjson = { new = function()
        return {
          decode_max_depth = function() end,
          decode = function(text)
            local bare = text:gsub('"[^"]*"', '""')
            assert(not bare:find(("%d"):rep(16)), "a long integer")
            return real.decode(text)
          end,
        }
      end }
      local core = require "cdfworkflow.core"
      local function try(text) return core.encode(core.decode(text)) == text and "fine" or "not so" end
      print(try "[999999999999999]", try '{"a":"1234567890123456789"}',
        type(core.decode "-9223372036854775809") == "number" and "fine")
    ]]))
  end)

  it("is named when it is missing", function()
    assert.matches("^nil\tlua%-cjson cannot be loaded: .*cjson", run_lua([[
      local core = require "cdfworkflow.core"
      package.path, package.cpath = "", ""
      print(core.decode "[1]")
    ]]))
  end)
end)

describe("the host's locale", function()
  -- A locale with a decimal comma, made here because no machine is sure to have one.
  local folder = os.tmpname()
  os.remove(folder)

  setup(function()
    assert(os.execute("mkdir -p " .. folder))
    local file = assert(io.open(folder .. "/definition", "w"))
    file:write('LC_NUMERIC\ndecimal_point ","\nthousands_sep ""\ngrouping -1\nEND LC_NUMERIC\n')
    file:close()
    os.execute("localedef --no-archive -c -i " .. folder .. "/definition " .. folder .. "/comma >/dev/null 2>&1")
  end)

  teardown(function()
    os.execute("rm -r " .. folder)
  end)

  it("does not change what is written or read", function()
    local output = run_lua([[
      local core = require "cdfworkflow.core"
      local function show() print(core.encode(core.decode "[1.5,0.30000000000000004,1e-300,2]")) end
      show()
      assert(os.setlocale("comma", "numeric"))
      show()
      assert(os.setlocale("C"))
      show()
    ]], "LOCPATH=" .. folder)
    local line = "[1.5,0.30000000000000004,1e-300,2]\n"
    assert.equal(line:rep(3), output)
  end)
end)
