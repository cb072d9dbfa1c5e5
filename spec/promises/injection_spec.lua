-- SPDX-License-Identifier: Apache-2.0
-- Whatever stands in an id, a version, a project, a name, a header or a scope: it arrives as exactly that value in
-- exactly that place, or it is refused before a byte is sent. 10,000 generated values, and some over a real socket.

local cdf = require "cdfworkflow"
local core = require "cdfworkflow.core"
local wire = require "wire"

local COUNT = 10000
local BASE_URL = "https://cdf.example"

-- {==== Values ====

local state = 20260101

--- The same values on every Lua.
local function random(n)
  state = (state * 16807) % 2147483647
  return state % n + 1
end

local PIECES = {
  "\r", "\n", "\r\n", "\r\nX-Injected: 1", "\r\n\r\nGET /x HTTP/1.1\r\n", "\0", "/", "//", "?", "#", "%", "..",
  ".", "/../", "%2F", "%2e%2e", "%00", "%0d%0a", " ", "\t",
  "\11", "\127", "\1", "&", "=", "+", ";", ":", "@", "\\", '"', "'", "{", "}", "[", "]",
  "<", ">", "|", "^", "`", "~", "*", "!", "$", "(", ",", "é", "e\204\129", "ß", "日本", "😀",
  "\240\144\141\136", "שלום", "مرحبا", "\226\128\174", "\226\128\139", "\239\187\191", "\194\160",
  "\194\133", "\227\128\128", "\239\191\191", "\255", "\192\175", "\193\129", "\224\128\175",
  "\237\160\128", "\244\144\128\128", "\128", "\195", "\240\159\152",
}
local PLAIN = { "a", "Z", "0", "9", "-", "_", "foo", "daily.etl", "v1.2-3" }

local function generate()
  local parts = {}
  for i = 1, random(6) do
    local list = random(3) == 1 and PLAIN or PIECES
    parts[i] = list[random(#list)]
  end
  local value = table.concat(parts)
  local kind = random(40)
  if kind == 1 then return value:rep(random(60)) end
  if kind == 2 then return ("é"):rep(250 + random(10)) end
  if kind == 3 then return value:sub(1, random(#value)) end -- perhaps half a character
  return value
end

-- }====

-- {==== What is right, said once more and differently ====

--- How many characters the text has, or nil when it is not UTF-8 (RFC 3629).
local function characters(text)
  local count, i = 0, 1
  while i <= #text do
    local lead = text:byte(i)
    local length = lead < 0x80 and 1 or lead >= 0xf8 and 0 or lead >= 0xf0 and 4 or lead >= 0xe0 and 3
      or lead >= 0xc0 and 2 or 0
    if length == 0 or i + length - 1 > #text then return nil end
    local point = length == 1 and lead or lead % 2 ^ (7 - length)
    for j = i + 1, i + length - 1 do
      local byte = text:byte(j)
      if byte < 0x80 or byte > 0xbf then return nil end
      point = point * 64 + byte - 0x80
    end
    local least = ({ 0, 0x80, 0x800, 0x10000 })[length]
    if point < least or point > 0x10ffff or (point >= 0xd800 and point <= 0xdfff) then return nil end
    count, i = count + 1, i + length
  end
  return count
end

local WIDE_SPACES = { "\194\133", "\194\160", "\227\128\128" } -- those among the pieces

local function has_outer_space(text)
  if text:find "^[ \t-\r]" or text:find "[ \t-\r]$" then return true end
  for _, space in ipairs(WIDE_SPACES) do
    if text:sub(1, #space) == space or text:sub(-#space) == space then return true end
  end
  return false
end

local function is_text(value)
  return value ~= "" and not value:find("%z") and characters(value) ~= nil
end

local function is_identifier(value)
  return is_text(value) and characters(value) <= 255 and not has_outer_space(value) and value ~= "." and value ~= ".."
end

local function is_header(value)
  return value ~= "" and not value:find "[^ -~]" and not value:find "^ " and not value:find " $"
end

local function is_token(value)
  return value ~= "" and not value:find "[^!-~]"
end

-- }====

-- {==== The receiving end ====

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function form_value(text, name)
  local found
  for member in (text .. "&"):gmatch "(.-)&" do
    local key, value = member:match "^([^=]*)=(.*)$"
    assert(key, "a member without '='")
    if key == name then
      assert(not found, "the member came twice")
      assert(not value:find "[^%w%%+%-._~]", "a character that should have been encoded")
      found = unescape((value:gsub("%+", " ")))
    end
  end
  return found
end

local Receiver = {}
Receiver.__index = Receiver

function Receiver:now() return self.clock end

function Receiver:sleep(seconds) self.clock = self.clock + seconds end

--- Looks at what every request must be, takes it apart, and answers in a way that suits any call.
function Receiver:http(request)
  local seen = { method = request.method, url = request.url, headers = {}, body = request.body, segments = {} }
  assert(not seen.url:find "[^!-~]", "the URL has a character that it may not have")
  local host, path, query = seen.url:match "^https://([^/?#]+)(/[^?#]*)%??([^#]*)$"
  assert(host, "the URL has more parts than it should have")
  seen.host, seen.query = host, query
  for segment in path:gmatch "/([^/]*)" do
    assert(segment ~= "." and segment ~= ".." and segment ~= "", "a segment that is a direction")
    assert(not segment:find "[^%w%%%-._~]", "a character that should have been encoded")
    seen.segments[#seen.segments + 1] = unescape(segment)
  end
  for name, value in pairs(request.headers) do
    assert(not name:find "[^%w%-]", "a strange header name")
    assert(not value:find "[^ -~]", "a header value that breaks out")
    assert(name:lower() ~= "x-injected", "an injected header")
    seen.headers[name:lower()] = value
  end
  self.requests[#self.requests + 1] = seen
  if path == "/token" then return { status = 200, body = '{"access_token":"t","expires_in":60}' } end
  return { status = 200, body = self.body }
end

local function receive()
  local body = '{"items":[{"externalId":"x","nonce":"n"}]}'
  return setmetatable({ requests = {}, clock = 1000, body = body }, Receiver)
end

-- }====

-- {==== Places where a value can go ====

local STATIC = assert(cdf.credentials { token = "t" })

local function client_of(receiver, opts)
  local all = { project = "p", base_url = BASE_URL, credentials = STATIC, transport = receiver, max_retries = 0 }
  for name, value in pairs(opts or {}) do all[name] = value end
  return cdf.client(all)
end

local function login(receiver, opts)
  local all = { client_id = "svc", client_secret = "s", token_url = BASE_URL .. "/token" }
  for name, value in pairs(opts) do all[name] = value end
  local credentials, err = cdf.credentials(all)
  if not credentials then return nil, err end
  return client_of(receiver, { credentials = credentials }):auth()
end

local function execution_body(value)
  return core.encode { id = "i", status = "RUNNING", workflowExternalId = characters(value) and value or "x" }
end

local function body_of(request)
  return assert(core.decode(request.body))
end

local TRIGGER = { triggerType = "schedule", cronExpression = "0 0 * * *" }

--- Each place: what is right there; `send` calls the library and gives what it gave; `arrived` finds the value in the
--- last request, which has `segments` segments.
local places = {
  ["the workflow of a run"] = {
    right = is_identifier, segments = 9,
    send = function(receiver, value)
      receiver.body = execution_body(value)
      return client_of(receiver):run(value, "1", { nonce = "n" })
    end,
    arrived = function(request) return request.segments[6] end,
  },
  ["the version of a run"] = {
    right = is_identifier, segments = 9,
    send = function(receiver, value)
      receiver.body = execution_body "wf"
      return client_of(receiver):run("wf", value, { nonce = "n" })
    end,
    arrived = function(request) return request.segments[8] end,
  },
  ["the request id of a run"] = {
    right = is_identifier, segments = 9,
    send = function(receiver, value)
      receiver.body = execution_body "wf"
      return client_of(receiver):run("wf", "1", { nonce = "n", request_id = value })
    end,
    arrived = function(request) return body_of(request).metadata["cdfworkflow.requestId"] end,
  },
  ["the nonce of a run"] = {
    right = is_text, segments = 9,
    send = function(receiver, value)
      receiver.body = execution_body "wf"
      if value == "" then return nil, { kind = "invalid" } end -- an empty one counts as absent
      return client_of(receiver):run("wf", "1", { nonce = value })
    end,
    arrived = function(request) return body_of(request).authentication.nonce end,
  },
  ["the project"] = {
    right = is_identifier, segments = 5,
    send = function(receiver, value)
      local client, err = client_of(receiver, { project = value })
      if not client then return nil, err end
      return client:request("GET", "/workflows")
    end,
    arrived = function(request) return request.segments[4] end,
  },
  ["a workflow to retrieve"] = {
    right = is_identifier, segments = 6,
    send = function(receiver, value) return client_of(receiver).workflows:retrieve(value) end,
    arrived = function(request) return request.segments[6] end,
  },
  ["a version to retrieve"] = {
    right = is_identifier, segments = 8,
    send = function(receiver, value) return client_of(receiver).workflows.versions:retrieve("wf", value) end,
    arrived = function(request) return request.segments[8] end,
  },
  ["a workflow to delete"] = {
    right = is_identifier, segments = 6,
    send = function(receiver, value) return client_of(receiver).workflows:delete(value) end,
    arrived = function(request) return body_of(request).items[1].externalId end,
  },
  ["the trigger of a history"] = {
    right = is_identifier, segments = 8,
    send = function(receiver, value) return client_of(receiver).workflows.triggers:history(value) end,
    arrived = function(request) return request.segments[7] end,
  },
  ["a trigger to upsert"] = {
    right = is_identifier, segments = 6,
    send = function(receiver, value)
      return client_of(receiver).workflows.triggers:upsert({
        externalId = value, workflowExternalId = "wf", workflowVersion = "1", triggerRule = TRIGGER,
      }, { nonce = "n" })
    end,
    arrived = function(request) return body_of(request).items[1].externalId end,
  },
  ["a filter in the query"] = {
    right = function() return true end, segments = 6,
    send = function(receiver, value)
      return client_of(receiver).workflows.triggers:list { workflowExternalId = value, limit = 1 }
    end,
    arrived = function(request) return form_value(request.query, "workflowExternalId") end,
  },
  ["a query of one's own"] = {
    right = function() return true end, segments = 5,
    send = function(receiver, value)
      return client_of(receiver):request("GET", "/x", nil, { query = { q = value } })
    end,
    arrived = function(request) return form_value(request.query, "q") end,
  },
  ["the client's name"] = {
    right = function(value) return is_header(value) and #value <= 1024 end, segments = 5,
    send = function(receiver, value)
      local client, err = client_of(receiver, { client_name = value })
      if not client then return nil, err end
      return client:request("GET", "/x")
    end,
    arrived = function(request) return request.headers["x-cdp-app"] end,
  },
  ["a header"] = {
    right = is_header, segments = 5,
    send = function(receiver, value)
      return client_of(receiver):request("GET", "/x", nil, { headers = { ["x-own"] = value } })
    end,
    arrived = function(request) return request.headers["x-own"] end,
  },
  ["the name of a header"] = {
    right = function(value) return value ~= "" and not value:find "[^%w!#$%%&'*+%-.^_`|~]" end, segments = 5,
    send = function(receiver, value)
      -- The receiver knows plain names only; what a name may hold beside letters is for HTTP to judge.
      local inner = receiver.http
      receiver.http = function(self, request)
        local headers = {}
        for name, held in pairs(request.headers) do
          if held == "held" then
            self.name = name
          else
            headers[name] = held
          end
        end
        return inner(self, { method = request.method, url = request.url, headers = headers, body = request.body })
      end
      return client_of(receiver):request("GET", "/x", nil, { headers = { [value] = "held" } })
    end,
    arrived = function(_, receiver) return receiver.name end,
  },
  ["a token"] = {
    right = is_token, segments = 5,
    send = function(receiver, value)
      local credentials, err = cdf.credentials { token = value }
      if not credentials then return nil, err end
      return client_of(receiver, { credentials = credentials }):request("GET", "/x")
    end,
    arrived = function(request) return request.headers.authorization:match "^Bearer (.*)$" end,
  },
  ["a token from a function"] = {
    right = is_token, segments = 5, kind = "auth",
    send = function(receiver, value)
      local credentials = cdf.credentials { token = function() return value end }
      return client_of(receiver, { credentials = credentials }):request("GET", "/x")
    end,
    arrived = function(request) return request.headers.authorization:match "^Bearer (.*)$" end,
  },
  ["a scope"] = {
    right = is_header, segments = 1,
    send = function(receiver, value) return login(receiver, { scopes = value }) end,
    arrived = function(request) return form_value(request.body, "scope") end,
  },
  ["the audience"] = {
    right = is_text, segments = 1,
    send = function(receiver, value) return login(receiver, { audience = value }) end,
    arrived = function(request) return form_value(request.body, "audience") end,
  },
  ["the client id"] = {
    right = is_text, segments = 1,
    send = function(receiver, value) return login(receiver, { client_id = value }) end,
    arrived = function(request) return form_value(request.body, "client_id") end,
  },
  ["the client secret"] = {
    right = is_text, segments = 1,
    send = function(receiver, value) return login(receiver, { client_secret = value }) end,
    arrived = function(request) return form_value(request.body, "client_secret") end,
  },
  ["the tenant"] = {
    right = is_identifier, segments = 4,
    send = function(receiver, value)
      receiver.body = '{"access_token":"t","expires_in":60}'
      local credentials, err = cdf.credentials { client_id = "svc", client_secret = "s", tenant_id = value }
      if not credentials then return nil, err end
      return client_of(receiver, { credentials = credentials }):auth()
    end,
    arrived = function(request) return request.segments[1] end,
  },
  ["the cluster"] = {
    right = function(value) return not value:find "[^%w%-.]" and not value:find "^%." and not value:find "%.$" end,
    segments = 5,
    send = function(receiver, value)
      local client, err = cdf.client { project = "p", cluster = value, credentials = STATIC, transport = receiver }
      if not client then return nil, err end
      return client:request("GET", "/x")
    end,
    arrived = function(request) return request.host:match "^(.*)%.cognitedata%.com$" end,
  },
  ["the type of an upload"] = {
    right = is_header, segments = 1,
    send = function(receiver, value)
      return client_of(receiver):_put(BASE_URL .. "/up", "bytes", { content_type = value })
    end,
    arrived = function(request) return request.headers["content-type"] end,
  },
}

local names = {}
for name in pairs(places) do names[#names + 1] = name end
table.sort(names)

-- }====

local function shown(value)
  return (("%q"):format(value):gsub("[^ -~]", function(c) return ("\\%d"):format(c:byte()) end))
end

--- Sends a value to a place; → whether it arrived, or raises.
local function try(place, value)
  local receiver = receive()
  local result, err = place.send(receiver, value)
  if #receiver.requests == 0 then
    assert(result == nil and type(err) == "table", "nothing was sent, and no error came")
    assert(err.kind == (place.kind or "invalid"), "refused with kind " .. tostring(err.kind))
    assert(not place.right(value), "refused, and should not have been")
    return false
  end
  assert(place.right(value), "sent, and should have been refused")
  assert(#receiver.requests == 1, "more than one request")
  local request = receiver.requests[1]
  assert(#request.segments == place.segments, ("%d segments in %s"):format(#request.segments, request.url))
  local arrived = place.arrived(request, receiver)
  assert(arrived == value, "another value arrived: " .. tostring(arrived))
  assert(result, tostring(err))
  return true
end

describe("a value", function()
  it("arrives as itself in its place, or nothing is sent", function()
    local sent, refused = {}, {}
    for i = 1, COUNT do
      local name = names[i % #names + 1]
      local value = generate()
      local ok, outcome = pcall(try, places[name], value)
      if not ok then error(("%s = %s: %s"):format(name, shown(value), tostring(outcome))) end
      local count = outcome and sent or refused
      count[name] = (count[name] or 0) + 1
    end
    -- No place is untested in either way.
    for _, name in ipairs(names) do
      local open = places[name].right "\255\0"
      assert.is_true((sent[name] or 0) > 10, name .. " was never sent")
      assert.is_true(open or (refused[name] or 0) > 10, name .. " was never refused")
    end
  end)

  it("that is innocent arrives in every place", function()
    for _, name in ipairs(names) do
      assert.is_true(try(places[name], "innocent-1.2"), name)
    end
  end)

  it("is refused as a path when anything in it would need encoding", function()
    for _, path in ipairs {
      "/x y", "/x\r\nX-Injected: 1", "/x\0", "/é", "/x#y", "/../x", "/x/..", "/x/./y", "/x/..?q", "x", "", "//\255",
      "/x\127",
    } do
      local receiver = receive()
      local result, err = client_of(receiver):request("GET", path)
      assert.is_nil(result)
      assert.equal("invalid", err.kind)
      assert.equal(0, #receiver.requests)
    end
  end)
end)

describe("credentials", function()
  it("leave the caller's options as they were", function()
    local opts = { client_id = "a", client_secret = "b", token_url = BASE_URL .. "/token", scopes = { "x", "y" } }
    assert(cdf.credentials(opts))
    assert.same({ "x", "y" }, opts.scopes)
  end)
end)

describe("over a socket", function()
  local server, url

  setup(function()
    server = wire.serve [[
      local connection = ...
      for request in function() return read(connection) end do
        log("%s", request.text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
        reply(connection, 200, '{"id":"i","status":"RUNNING","workflowExternalId":"x","items":[]}')
      end
    ]]
    url = server.url
  end)

  teardown(function() server:stop() end)

  --- Sends one request; → its first line and its header lines, or nil when nothing was sent.
  local function exchange(client, sent)
    if not sent then return nil end
    local text = server:line():gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end)
    assert.is_table(client)
    local first, rest = text:match "^([^\r\n]*)\r\n(.*)\r\n\r\n$"
    local lines = {}
    for line in (rest .. "\r\n"):gmatch "(.-)\r\n" do lines[#lines + 1] = line end
    return first, lines, text
  end

  local function new_client(opts)
    local all = { project = "p", base_url = url, credentials = STATIC, max_retries = 0 }
    for name, value in pairs(opts or {}) do all[name] = value end
    return cdf.client(all)
  end

  it("the bytes of a request are those that should be there, and no others", function()
    local client = assert(new_client())
    assert(client:request("GET", "/x"))
    local _, usual = exchange(client, true)
    local sent = 0
    for _ = 1, 400 do
      local value = generate()
      local result, err = client:run("wf", value, { nonce = "n" })
      local arrived = result or err.kind == "ambiguous" -- an execution of another workflow
      assert.equal(is_identifier(value), arrived, shown(value))
      local first = exchange(client, arrived)
      if first then
        sent = sent + 1
        local segment = first:match "^POST /api/v1/projects/p/workflows/wf/versions/([%w%%%-._~]*)/run HTTP/1.1$"
        assert.equal(value, segment and unescape(segment), first)
      end
      local header = generate()
      result = client:request("GET", "/x", nil, { headers = { ["x-own"] = header } })
      assert.equal(is_header(header), result ~= nil, shown(header))
      local line, lines = exchange(client, result)
      if line then
        assert.equal("GET /api/v1/projects/p/x HTTP/1.1", line)
        assert.equal(#usual + 1, #lines)
        assert.is_true(table.concat(lines, "\n"):find("x-own: " .. header, 1, true) ~= nil)
      end
    end
    assert.is_true(sent > 50)
    client:close()
  end)
end)
