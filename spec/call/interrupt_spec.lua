-- SPDX-License-Identifier: Apache-2.0
-- Ctrl-C in a script's own calls: the interpreter's interrupt, as a user of lua or luajit meets it.

local program = require "program"
local shell = require "shell"
local stub_cdf = require "stub_cdf"

local ID = "059edaa4-a17a-4102-910e-2c3591500cce"
--- Holds the answer back, and makes the file `flag` once it is asked for it.
local SILENT = [[function behave(kind, plan, answer, connection)
  if kind:find "executions" then io.open(flag, "w"):close() sleep(60) end
  connection:write(kind:find "executions" and answer_of(kind, body_of "run") or answer)
end]]

local INTERRUPT = [[
%s %s/script.lua &
pid=$!
tries=0
until [ -e %s/flag ] || [ $tries = 1000 ]; do tries=$((tries + 1)); sleep 0.02; done
kill -INT $pid
wait $pid]]

--- Runs the script, which finds `client`, `cdf` and ID, and interrupts it once its first request is under way.
local function interrupt(script)
  local folder = program.folder()
  local stub = stub_cdf.serve(("local flag = %q\n"):format(folder .. "/flag") .. SILENT)
  program.write(folder .. "/script.lua", ([[
    package.path, package.cpath = %q, %q
    local cdf, ID = require "cdfworkflow", %q
    local client = cdf.client { project = "p", base_url = %q, credentials = cdf.credentials { token = "t" } }
    %s
  ]]):format(package.path, package.cpath, ID, stub.url, script))
  local output, status = shell.run(INTERRUPT:format(shell.lua, folder, folder))
  stub:stop()
  shell.run("rm -r " .. folder)
  return output, status
end

describe("Ctrl-C in a script", function()
  it("is one line and status 130 in wait, in watch and in several waits, and never a stack trace", function()
    for _, script in ipairs {
      "client:wait(ID)",
      "for _ in client.workflows.executions:watch(ID) do end",
      "cdf.gather(function() return client:wait(ID) end, function() return client:wait(ID) end)",
      "local function deep() return (client:wait(ID)) end print(deep())",
    } do
      local output, status = interrupt(script)
      assert.equal("cdfworkflow: interrupted\n", output)
      assert.equal(130, status)
    end
  end)

  it("is the caller's where the call is made through pcall", function()
    local output, status = interrupt "print(pcall(client.wait, client, ID))"
    assert.matches("^false\t.*interrupted!\n$", output)
    assert.equal(0, status)
    output, status = interrupt "print(xpcall(function() client:wait(ID) end, function(err) return 'mine: ' .. err end))"
    assert.matches("^false\tmine: .*interrupted!\n$", output)
    assert.equal(0, status)
  end)

  it("leaves what the script opened closed in good order", function()
    local output, status = interrupt [[
      local closing = { __gc = function() io.stderr:write "collected\n" end }
      kept = _VERSION == "Lua 5.1" and newproxy(true) or setmetatable({}, closing)
      if _VERSION == "Lua 5.1" then getmetatable(kept).__gc = closing.__gc end
      client:wait(ID)]]
    local is_old = _VERSION == "Lua 5.1" and not rawget(_G, "jit") -- where os.exit closes no state
    assert.equal("cdfworkflow: interrupted\n" .. (is_old and "" or "collected\n"), output)
    assert.equal(130, status)
  end)
end)
