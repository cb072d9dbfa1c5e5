-- SPDX-License-Identifier: Apache-2.0
-- Whom a mistake is blamed on: the program's line, whatever stands between it and the library.

local cdf = require "cdfworkflow"
local Script = require "script"

local client = assert(cdf.client {
  project = "p", base_url = "https://cdf.example", credentials = assert(cdf.credentials { token = "t" }),
  transport = Script.new {},
})

--- The message of a mistake that the function makes, and the line on which this was called.
local function blamed(f)
  local ok, message = pcall(f)
  assert.is_false(ok)
  return message, debug.getinfo(2, "l").currentline
end

local function assert_line(line, message)
  assert.matches(("mistake_spec.lua:%d: client"):format(line), message, 1, true)
end

describe("a mistake blames the program", function()
  it("through the short form and the namespace alike", function()
    local message, line = blamed(function() client:run("w", nil) end)
    assert_line(line, message)
    message, line = blamed(function() client.workflows.executions:run("w", nil) end)
    assert_line(line, message)
    message, line = blamed(function() cdf.run(client, "w", nil) end)
    assert_line(line, message)
  end)

  it("through pcall, where the method itself is called", function()
    local message, line = blamed(function() assert(pcall(client.run, client, "w")) end)
    assert_line(line, message)
  end)

  it("in a coroutine", function()
    local message, line = blamed(coroutine.wrap(function() client:run("w", nil) end))
    assert_line(line, message)
  end)

  it("in a function that cdf.gather runs, also one that ends with the call", function()
    local _, errors = cdf.gather(
      function() local execution = client:run("w", nil); return execution end,
      function() return client:run("w", nil) end)
    local line = debug.getinfo(1, "l").currentline
    assert_line(line - 2, errors[1])
    assert_line(line - 1, errors[2])
  end)

  it("in an iterator that was made before the client was closed", function()
    local closing = assert(cdf.client {
      project = "p", base_url = "https://cdf.example", credentials = assert(cdf.credentials { token = "t" }),
      transport = Script.new {},
    })
    local each = closing.workflows:each()
    closing:close()
    local message, line = blamed(function() each() end)
    assert.matches(("mistake_spec.lua:%d: this cdfworkflow client is closed"):format(line), message, 1, true)
  end)

  it("that called the function which ended with the call", function()
    local function ends_with_the_call() return client:run("w", nil) end
    local message, line = blamed(function() local _ = ends_with_the_call(); return _ end)
    assert_line(line, message)
  end)

  it("at no line, rather than at a wrong one, where there is none", function()
    local ok, message = coroutine.resume(coroutine.create(client.run), client, "w", nil)
    assert.is_false(ok)
    assert.equal("client:run: version: expected a string or a whole number, got nil", message)
  end)

  it("who wrote the transport, when it answers with nothing", function()
    local transport = Script.new {}
    function transport.http() return nil end
    local own = assert(cdf.client {
      project = "p", base_url = "https://cdf.example", credentials = assert(cdf.credentials { token = "t" }),
      transport = transport,
    })
    local message, line = blamed(function() own:request("GET", "/x") end)
    assert.matches(("mistake_spec.lua:%d: the client's transport must answer with a status or a failure"):format(line),
      message, 1, true)
  end)
end)
