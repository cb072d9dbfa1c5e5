-- SPDX-License-Identifier: Apache-2.0
-- Through a proxy, past a proxy and over IPv6: the same promises, and no word of the proxy's password.

local cdf = require "cdfworkflow"
local certificates = require "certificates"
local server = require "server"
local libcurl = require "libcurl"
local shell = require "shell"
local stub_cdf = require "stub_cdf"
local wire = require "wire"

local started = {}

after_each(function()
  for _, one in ipairs(started) do one:stop() end
  started = {}
end)

local function keep(one)
  started[#started + 1] = one
  return one
end

-- Lua 5.4, in the child: a proxy that makes tunnels. `wanted` is the Proxy-Authorization it asks for, `cut` how many
-- bytes of what the client sends it lets through.
local PROXY = [[
  local connection = ...
  local wanted, cut = %q, %d
  local request = read(connection)
  if not request then return end
  log("%%s %%s", request.method, request.path)
  if request.text:find "[Bb]earer" then log "saw the token" end
  if wanted ~= "" and request.headers["proxy-authorization"] ~= wanted then
    return reply(connection, 407, "who are you", 'Proxy-Authenticate: Basic realm="x"\r\n')
  end
  local host, port = request.path:match "^%%[?(.-)%%]?:(%%d+)$"
  if cut < 0 then return end
  local up = require("cqueues.socket").connect { host = host, port = tonumber(port) }
  up:setmode("b", "bn")
  up:onerror(function(_, _, code) return code end)
  if not up:connect() then return reply(connection, 502, "nobody there") end
  send(connection, "HTTP/1.1 200 Connection established\r\n\r\n")
  local function pump(from, to, most)
    local passed = 0
    for data in function() return from:read(-4096) end do
      passed = passed + #data
      if passed > most then connection:shutdown "rw" up:shutdown "rw" return end
      to:write(data)
      to:flush()
    end
    pcall(to.shutdown, to, "w") -- it may be closed by now
  end
  require("cqueues").running():wrap(pump, up, connection, math.huge)
  pump(connection, up, cut == 0 and math.huge or cut)
]]

local function proxy(wanted, cut)
  return keep(wire.serve(PROXY:format(wanted or "", cut or 0)))
end

local function address(of, user) return ("http://%s127.0.0.1:%d"):format(user or "", of.port) end

local function api()
  return keep(stub_cdf.serve("function behave(_, _, answer, connection) send(connection, answer) end", "good"))
end

describe("through a proxy", function()
  it("a run goes by tunnels, in which the proxy sees no token", function()
    local to, by = api(), proxy()
    local client = to:client("p", { proxy = address(by), ca_file = to.wire.ca_file })
    assert(client:run("w", "1"))
    client:close()
    assert.same({ ["token p"] = 1, ["session p"] = 1, ["run p"] = 1 }, to:stop())
    assert.same({ ("CONNECT 127.0.0.1:%d"):format(to.wire.port) }, by:stop())
  end)

  it("a run goes with user and password, as they stand in the URL, percent-encoded", function()
    local to, by = api(), proxy "Basic dXNlcjpwQHNzOndvcmQ="
    local client = to:client("p", { proxy = address(by, "user:p%40ss%3Aword@"), ca_file = to.wire.ca_file })
    assert(client:run("w", "1"))
    client:close()
    assert.equal(1, to:stop()["run p"])
  end)

  it("a wrong password is an error that says so without saying it, and nothing is sent", function()
    local to, by = api(), proxy "Basic cmlnaHQ6d29yZA=="
    local events = {}
    local client = to:client("p", {
      proxy = address(by, "user:hunter2@"), ca_file = to.wire.ca_file, max_retries = 5,
      on_event = function(event) for _, value in pairs(event) do events[#events + 1] = tostring(value) end end,
    })
    local execution, err = client:run("w", "1")
    assert.is_nil(execution)
    assert.equal("transport", err.kind)
    assert.matches("proxy", err.message)
    assert.matches("407", err.message)
    assert.equal(1, err.attempts)
    local said = { tostring(err), tostring(client), table.concat(events, " ") }
    for _, value in pairs(err) do said[#said + 1] = tostring(value) end
    for _, text in ipairs(said) do
      for _, secret in ipairs { "hunter2", "dXNlcjpodW50ZXIy" } do assert.is_nil(text:find(secret, 1, true), text) end
    end
    assert.same({}, to:stop())
  end)

  it("no error of any other kind tells the password either", function()
    for _, url in ipairs {
      "http://user:hunter2@127.0.0.1:" .. wire.free_port(), "http://user:hunter2@nowhere.invalid:3128",
      "http://user:hunter2@[bad", "quux://user:hunter2@127.0.0.1:1", "http://user:hunter2@127.0.0.1:99999",
    } do
      local client, err = cdf.client { project = "p", base_url = "https://api.invalid", proxy = url, max_retries = 0,
        timeout = 5, credentials = assert(cdf.credentials { token = "t" }) }
      if client then
        local _, problem = client:run("w", "1", { nonce = "n" })
        err = problem
        assert.not_equal("ambiguous", err.kind, url)
      end
      assert.is_nil(tostring(err):find("hunter2", 1, true), tostring(err))
    end
  end)

  it("whose way out is down for a moment a run is tried again, since nothing was sent", function()
    local to, times = api(), 0
    local by = keep(wire.serve(([[
      local connection, number = ...
      if number < 3 then return read(connection) and reply(connection, 503, "no way out") end
      local handler = assert(load(%q, "proxy", "t", setmetatable({}, { __index = _ENV })))
      handler(connection)
    ]]):format(PROXY:format("", 0))))
    local client = to:client("p", { proxy = address(by), ca_file = to.wire.ca_file, max_retries = 5,
      on_event = function(event) if event.type == "retry" then times = times + 1 end end })
    assert(client:run("w", "1"))
    client:close()
    assert.is_true(times >= 1)
    assert.equal(1, to:stop()["run p"])
  end)

  it("no part of a password is told that libcurl takes for a host and a port", function()
    local port = wire.free_port()
    for _, form in ipairs { "http://127.0.0.1:%d/w0rd@127.0.0.1:1", "http://127.0.0.1:%d#@127.0.0.1:1",
      "http://me:12@127.0.0.1:%d/@127.0.0.1:1" } do
      local url = form:format(port)
      local client = assert(cdf.client { project = "p", base_url = "https://api.invalid", proxy = url, max_retries = 0,
        timeout = 5, credentials = assert(cdf.credentials { token = "t" }) })
      local _, err = client:run("w", "1", { nonce = "n" })
      assert.is_nil(err.message:find(tostring(port), 1, true) or err.message:find "w0rd", err.message)
      assert.matches("the proxy 127%.0%.0%.1:1 %(proxy%).*%(there is an @ too many in its URL%); check proxy: signs",
        err.message)
    end
  end)

  it("a tunnel that is not made leaves nothing in doubt; one that breaks under the run does", function()
    local to, by = api(), proxy("", -1)
    local client = to:client("p", { proxy = address(by), ca_file = to.wire.ca_file })
    local _, err = client:run("w", "1", { nonce = "n" })
    assert.equal("transport", err.kind)
    client:close()

    local static = assert(cdf.credentials { token = "t" })
    by = proxy("", 1500)
    client = to:client("p", { proxy = address(by), ca_file = to.wire.ca_file, credentials = static })
    _, err = client:run("w", "1", { nonce = "n", input = { text = ("x"):rep(5000) } })
    assert.equal("ambiguous", err.kind, tostring(err))
    client:close()
    assert.is_nil(to:stop()["run p"])
  end)
end)

-- Environment variables are of a process, so these calls are made by another one. → what it says
local PROGRAM = [[
  package.path, package.cpath = %q, %q
  local cdf = require "cdfworkflow"
  local client = assert(cdf.client { project = "p", base_url = %q, ca_file = %q, timeout = 5, max_retries = 0,
    proxy = %s, credentials = assert(cdf.credentials { token = "t" }) })
  local execution, err = client:run("w", "1", { nonce = "n" })
  print(execution and "done" or err.kind)
]]

-- The error of a run, with the proxy that the option or the environment names.
local SAYS = [[
  package.path, package.cpath = %q, %q
  local cdf = require "cdfworkflow"
  local client = assert(cdf.client { project = "p", base_url = %q, timeout = 5, max_retries = 0,
    proxy = %s, credentials = assert(cdf.credentials { token = "t" }) })
  print(select(2, client:run("w", "1", { nonce = "n" })).message)
]]

describe("an error says which proxy there was, and who named it:", function()
  local function error_of(url, environment, option)
    return (shell.run(environment .. " " .. shell.lua .. " -e " .. shell.quote(SAYS:format(package.path, package.cpath,
      url, option or "nil"))))
  end

  it("one that is not there is not taken for CDF", function()
    local port = wire.free_port()
    local url = "http://me:secret@127.0.0.1:" .. port
    for _, name in ipairs { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" } do
      local said = error_of("https://cdf.example", name .. "=" .. url)
      assert.matches("^POST /workflows/w/versions/1/run: no connection to the proxy 127%.0%.0%.1:" .. port .. " %("
        .. name .. "%) %(.*%); check " .. name .. ", or except the host by NO_PROXY\n$", said)
      assert.is_nil(said:find("secret", 1, true))
    end
    assert.matches("no connection to the proxy 127%.0%.0%.1:" .. port .. " %(proxy%) .*; check proxy, or except",
      error_of("https://cdf.example", "https_proxy=http://127.0.0.1:1", ("%q"):format(url)))
    assert.matches("no connection to the proxy %[::1%]:" .. port, error_of("https://cdf.example",
      "https_proxy=http://[::1]:" .. port))
  end)

  it("one by which CDF was reached is named when CDF is not trusted", function()
    local to, by = api(), proxy()
    local said = error_of(to.url, "https_proxy=" .. address(by))
    assert.matches("no secure connection, by way of the proxy 127%.0%.0%.1:" .. by.port .. " %(https_proxy%) %(",
      said)
    assert.matches("; if the certificate comes from a private authority, name its file in ca_file\n$", said)
  end)

  it("one that says no is named with what it said", function()
    local by = proxy "Basic cmlnaHQ6d29yZA=="
    assert.matches("the proxy 127%.0%.0%.1:" .. by.port .. " %(https_proxy%) refused %(it did not take user and "
      .. "password %(407%)%)",
      error_of("https://cdf.example", "https_proxy=" .. address(by, "me:wrong@")))
  end)

  it("none is named for a host that NO_PROXY excepts, nor where there is none", function()
    local nobody = "https://127.0.0.1:" .. wire.free_port()
    for _, environment in ipairs { "https_proxy=http://127.0.0.1:1 NO_PROXY=127.0.0.1", "" } do
      local said = error_of(nobody, environment)
      assert.matches("no connection %(", said)
      assert.is_nil(said:find("proxy", 1, true), said)
    end
    assert.is_nil(error_of(nobody, "https_proxy=http://127.0.0.1:1", "''"):find("proxy", 1, true))
  end)
end)

describe("the environment", function()
  it("names the proxy, and NO_PROXY what is reached without it", function()
    local to, by = api(), proxy()
    local function run(environment, option)
      return (shell.run(environment .. " " .. shell.lua .. " -e " .. shell.quote(PROGRAM:format(package.path,
        package.cpath, to.url, to.wire.ca_file, option or "nil"))):match "%a+")
    end
    local given = "https_proxy=" .. address(by)
    local nobody = "https_proxy=http://127.0.0.1:" .. wire.free_port()
    assert.equal("done", run(given))
    assert.equal("transport", run(nobody))
    local excepted = { "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "NO_PROXY='*'", "NO_PROXY=example.com,127.0.0.1" }
    if libcurl.is_at_least(7, 86) then excepted[#excepted + 1] = "NO_PROXY=127.0.0.0/8" end
    for _, except in ipairs(excepted) do
      assert.equal("done", run(nobody .. " " .. except), except)
    end
    for _, except in ipairs { "NO_PROXY=27.0.0.1", "NO_PROXY=127.0.0.2", "NO_PROXY=localhost" } do
      assert.equal("transport", run(nobody .. " " .. except), except)
    end
    assert.equal("done", run(nobody, "''"))
    assert.equal("done", run(nobody, ("%q"):format(address(by))))
    assert.equal(2, #by:stop())
  end)
end)

describe("over IPv6", function()
  local function run(url, ca_file)
    local client = assert(cdf.client {
      project = "my-project", base_url = url, timeout = 5, proxy = "", ca_file = ca_file,
      credentials = assert(cdf.credentials {
        client_id = "client-id", client_secret = "client-secret", token_url = url .. "/oauth2/token" }),
    })
    assert(client.workflows:upsert { externalId = "w" })
    assert(client.workflows.versions:upsert { workflowExternalId = "w", version = "1", workflowDefinition = {
      tasks = { { externalId = "t", type = "function", parameters = { ["function"] = { externalId = "f" } } } } } })
    assert.equal("w", assert(client:run("w", "1", { request_id = "r" })).workflowExternalId)
    client:close()
  end

  it("a run goes to [::1] without TLS, which is allowed on loopback", function()
    local sim = keep(server.start { "--host", "::1" })
    run(("http://[::1]:%d"):format(sim.port))
  end)

  it("a run goes to [::1] with a certificate for that address", function()
    local authority = certificates.new()
    finally(function() authority:remove() end)
    authority:issue "six"
    local sim = keep(server.start { "--host", "::1", "--certificate", authority.folder .. "/six.pem",
      "--key", authority.folder .. "/six.key" })
    run(("https://[::1]:%d"):format(sim.port), authority.ca_file)
  end)
end)
