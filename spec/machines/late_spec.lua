-- SPDX-License-Identifier: Apache-2.0
-- After 2038, when the seconds since 1970 have more than 31 bits, also on machines of 32 bits: `make machines` runs it
-- there.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local scripted = require "scripted_calls"
local shell = require "shell"

local IN_2040 = 2208988800 -- 2040-01-01T00:00:00Z
local HERE = debug.getinfo(1, "S").source:match "^@(.*)late_spec%.lua$"

describe("after 2038", function()
  local of_day = os.getenv "ASAN_OPTIONS" and pending or it -- AddressSanitizer has a clock_gettime of its own
  of_day("the time of day is right", function()
    local library = os.tmpname()
    finally(function() os.remove(library) end)
    local said, status = shell.run(("${CC:-cc} -shared -fPIC -O1 -o %s %slate.c"):format(library, HERE))
    assert.equal(0, status, said)
    local program = shell.quote 'io.write(("%.0f"):format(require("cdfworkflow.core").time()))'
    local set = os.getenv "MACHINE" and "QEMU_SET_ENV=LD_PRELOAD" or "LD_PRELOAD" -- not for the emulator
    assert.equal(("%.0f"):format(IN_2040), (shell.run(("%s=%s %s -e %s"):format(set, library, shell.lua, program))))
  end)

  it("a Date and a Retry-After are read", function()
    assert.equal(IN_2040, core.http_date "Sun, 01 Jan 2040 00:00:00 GMT")
    assert.equal(4102444799, core.http_date "Thu, 31 Dec 2099 23:59:59 GMT")
  end)

  it("times and ids of CDF keep all their digits", function()
    local text = '{"createdTime":2208988800123,"id":9007199254740991,"list":[2147483647,2147483648,-2147483649]}'
    local value = assert(core.decode(text))
    assert.equal("2208988800123", ("%.0f"):format(value.createdTime))
    assert.equal("9007199254740991", ("%.0f"):format(value.id))
    assert.same(value, core.decode(assert(core.encode(value))))
    assert.truthy(assert(core.encode(value)):find("2147483648", 1, true))
  end)

  it("ids beyond 31 bits go to CDF as they are, in paths, queries and bodies", function()
    local none = { status = 200, body = '{"items":[]}' }
    local client, script = scripted.static { none, none, { status = 200, body = '{"items":[{"id":3000000001}]}' } }
    client.functions.calls:list(3000000001)
    client.workflows.executions:list { createdTimeStart = 2208988800123, limit = 3 }
    client.functions:retrieve(3000000001)
    assert.matches("/functions/3000000001/calls/", script.requests[1].path)
    assert.matches("2208988800123", script.requests[2].url .. (script.requests[2].body or ""))
    assert.matches("3000000001", script.requests[3].body)
  end)

  it("a token whose end is after 2038 is used until then", function()
    local asked = 0
    local client = scripted.client_with({ { status = 200, body = "{}" }, { status = 200, body = "{}" } }, {
      credentials = assert(cdf.credentials { token = function()
        asked = asked + 1
        return "t", IN_2040
      end }) })
    assert(client:request("GET", "/x"))
    assert(client:request("GET", "/x"))
    assert.equal(1, asked)
  end)
end)
