-- SPDX-License-Identifier: Apache-2.0
-- core.http against servers on loopback that say what a spec wants said. Requests come from core.request, the way every
-- transport gets them.

local assert = require "luassert"
local core = require "cdfworkflow.core"
local shell = require "shell"
local wire = require "wire"

local http_world = {}

http_world.TOKEN = "token-that-nobody-may-see"

local servers, handles = {}, {}

function http_world.serve(handler, tls)
  local server = wire.serve("local connection, number = ...\n" .. handler, tls)
  servers[#servers + 1] = server
  return server
end

function http_world.nginx(listen, block)
  local server = wire.nginx(listen, block)
  servers[#servers + 1] = server
  return server
end

function http_world.new(options)
  local http = core.http(options)
  handles[#handles + 1] = http
  return http
end

--- A request userdata. options: `timeout`, `headers`, and `client`, options of core.client.
function http_world.request_to(url, method, path, body, options)
  options = options or {}
  local client_options = options.client or {}
  client_options.project, client_options.base_url = "p", url
  client_options.credentials = core.credentials { token = http_world.TOKEN }
  local client = assert(core.client(client_options))
  local call_options = { timeout = options.timeout, headers = options.headers }
  local call = assert(core.request(client, method, path, body, call_options))
  local action, request = call:step("start", core.now())
  assert.equal("http", action)
  return request
end

--- Waits for the next response.
function http_world.finish(http)
  local deadline = core.now() + 10
  repeat
    http:wait(deadline - core.now())
    local id, response = http:finished()
    if id then return response, id end
  until core.now() > deadline
  error("no response within 10 s", 2)
end

--- What lets `http` get on while a spec waits for a server's line.
function http_world.pump(http)
  return function() http:wait(0.01) end
end

--- One request from begin to end.
function http_world.fetch(http, url, method, path, body, options)
  http:submit(http_world.request_to(url, method, path, body, options))
  return http_world.finish(http)
end

function http_world.assert_failed(failure, sent, response)
  assert.equal(failure, response.failure, response.message)
  assert.equal(sent, response.sent)
  assert.is_nil(response.status)
  assert.is_true(#response.message > 0)
end

function http_world.assert_any(patterns, text)
  for _, pattern in ipairs(patterns) do
    if text:match(pattern) then return end
  end
  error(text, 2)
end

function http_world.open_descriptors()
  collectgarbage()
  collectgarbage()
  local count = shell.run("sleep 0.02; ls /proc/$PPID/fd | wc -l"):match "%d+"
  return tonumber(count)
end

function http_world.count(lines, wanted)
  local found = 0
  for _, line in ipairs(lines) do
    if line == wanted then found = found + 1 end
  end
  return found
end

--- To be called after each test.
function http_world.stop()
  for _, http in ipairs(handles) do http:close() end
  for _, server in ipairs(servers) do server:stop() end
  servers, handles = {}, {}
end

return http_world
