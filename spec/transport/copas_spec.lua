-- SPDX-License-Identifier: Apache-2.0
-- The transport for copas, with something like it, since Debian's copas is too old; with the real one by
-- `COPAS=/the/folder/of/copas.lua` (4.4 or newer, timerwheel and binaryheap beside it).

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local shell = require "shell"
local slow_cdf = require "slow_cdf"

local DELAY = 0.1

describe("the transport for copas", function()
  local slow, client, adapter, copas, path

  setup(function()
    local folder = os.getenv "COPAS"
    path = package.path
    if folder then
      package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(folder, folder, path)
      copas = require "copas"
      print("# " .. copas._VERSION)
    else
      copas = require "copas_like"
      package.loaded.copas = copas
    end
    adapter = require "cdfworkflow.transport.copas"
    slow = slow_cdf.start { delay = DELAY, token_delay = 0 }
  end)
  teardown(function()
    slow:stop()
    package.loaded.copas, package.path = nil, path
  end)
  before_each(function() client = slow:client { transport = adapter.new { max_connections = 200 } } end)
  after_each(function()
    client:close()
    copas.loop()
  end)

  --- Starts the functions as threads, and runs the loop to its end. → seconds
  local function finish(...)
    local begun = core.now()
    for _, fn in ipairs { ... } do copas.addthread(fn) end
    copas.loop()
    return core.now() - begun
  end

  it("waits in threads, while others go on #timed", function()
    local done, ticks, tokens = 0, 0, slow:counts().tokens
    local threads = { function()
      while done < 200 do
        copas.pause(0.005)
        ticks = ticks + 1
      end
    end }
    for i = 1, 200 do
      threads[i + 1] = function()
        assert(client:run("w", "1"))
        done = done + 1
      end
    end
    finish((table.unpack or unpack)(threads)) -- luacheck: ignore 113
    assert.equal(200, done)
    assert.is_true(ticks > 10, ticks)
    assert.equal(tokens + 1, slow:counts().tokens)
    assert.equal(0, client.transport.handle:pending())
  end)

  it("gathers in a thread #timed", function()
    local results, errors
    local function run() return client:run("w", "1") end
    local seconds = finish(function()
      assert(client:auth())
      results, errors = cdf.gather(run, run, run, function()
        client:_sleep(DELAY / 2)
        error("oops", 0)
      end)
    end)
    assert.equal(3, #results)
    assert.same({ [4] = "oops" }, errors)
    assert.is_true(seconds < 6 * DELAY, seconds)
  end)

  it("says so outside of a thread", function()
    local result, err = client:run("w", "1")
    assert.is_nil(result)
    assert.equal("invalid", err.kind)
    assert.matches("copas.addthread", err.message, 1, true)
  end)

  -- On plain Lua 5.1 nothing that waits may be in a pcall.
  local catches = rawget(_G, "jit") or _VERSION ~= "Lua 5.1"
  if catches then it("gives those who wait an error when it is closed, and lets the loop end #timed", function()
    local ok, err
    local seconds = finish(function()
      ok, err = pcall(client.run, client, "w", "1")
    end, function()
      client:_sleep(DELAY / 2)
      client:close()
    end)
    assert.is_false(ok)
    assert.matches("client was closed", err)
    assert.is_true(seconds < 2, seconds)
  end) end

  it("sleeps as long as it is told #timed", function()
    local seconds = finish(function() client:_sleep(0.05) end, function() client:_sleep(0.05) end)
    assert.is_true(seconds >= 0.049 and seconds < 0.15, seconds)
  end)
end)

describe("an old copas", function()
  it("is refused by name, at the program's line", function()
    assert.matches("%(command line%):%d+: copas 4.4 or newer is needed, not Copas 1.1.7\n", (shell.run_lua([[
      package.loaded.copas = { _VERSION = "Copas 1.1.7", addthread = print, receive = print }
      require("cdfworkflow.transport.copas").new()
    ]])))
  end)
end)
