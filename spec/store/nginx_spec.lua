-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The store inside real nginx, with a real Redis, which is killed and frozen.

local certificates = require "certificates"
local nginx = require "nginx"
local redis_server = require "redis_server"

local LOCATIONS = [[
location = /sibling { content_by_lua_block { ngx.print "here" } }
location = /ask { content_by_lua_block {
  local args, answer = ngx.req.get_uri_args(), nil
  local object = args.bound and memory or shared
  local first, why = object[args.what](object, args.key, args.value)
  ngx.print(tostring(first), " ", tostring(why))
} }
location = /bind { content_by_lua_block {
  local why
  memory, why = shared:memory()
  ngx.print(memory and memory.id or why)
} }
location = /queue { content_by_lua_block {
  local queue = require("cdfworkflow.queue.redis").new { port = port }
  queue.clock = { now = ngx.now, time = ngx.time }
  assert(queue:put({ id = "d", workflow = "w", version = "1", input = "{}", created = 1 }, { max_entries = 9,
    max_bytes = 99 }))
  local claim = assert(queue:claim())
  ngx.say(claim.id, " ", claim.input, " ", tostring(claim.metadata), " ", tostring(queue:claim()))
  ngx.say(tostring(queue:begin(claim, 60)), " ", queue:list({ limit = 9 })[1].state)
  ngx.say(tostring(queue:settle(claim, { id = "e" })), " ", queue:get("d").execution.id, " ", queue:count().waiting)
} }
location = /late {
  content_by_lua_block { ngx.print "sent" }
  log_by_lua_block { ngx.log(ngx.ERR, "in the log phase: ", select(2, shared:get "key")) }
}
]]

describe("store.redis in nginx", function()
  local server, proxy, authority

  after_each(function()
    if proxy then proxy:stop() end
    if server then server:stop() end
    if authority then authority:remove() end
    proxy, server, authority = nil, nil, nil
  end)

  local function start(options, http)
    proxy = nginx.start {
      http = ([[%s
        init_worker_by_lua_block {
          port = %d
          shared = assert(require("cdfworkflow.store.redis").new { %s })
        }]]):format(http or "", server.port, options), server = LOCATIONS,
    }
  end

  local function starts_with_redis(arguments)
    server = redis_server.start(arguments)
    start(("port = %d, timeout = 1"):format(server.port))
  end

  local function ask(what, rest)
    local _, body = proxy:ask(("/ask?what=%s&%s"):format(what, rest))
    return body
  end

  local function trouble(words) return ("Redis at 127.0.0.1:%d: %s"):format(server.port, words) end

  it("gets, sets and adds, over connections that are used again", function()
    starts_with_redis()
    assert.equal("nil nil", ask("get", "key=a"))
    assert.equal("true nil", ask("add", "key=a&value=1"))
    assert.equal("false exists", ask("add", "key=a&value=2"))
    assert.equal("1 nil", ask("get", "key=a"))
    assert.equal("true nil", ask("set", "key=a"))
    assert.equal("nil nil", ask("get", "key=a"))
    local function connections() return tonumber(server:ask "INFO stats":match "total_connections_received:(%d+)") end
    local before = connections()
    for _ = 1, 30 do ask("get", "key=a") end
    assert.is_true(connections() - before <= 3) -- one is redis-cli's own
  end)

  it("keeps a queue", function()
    starts_with_redis()
    server:has_long_been_there(100000)
    local _, said = proxy:ask "/queue"
    assert.equal("d {} nil nil\ntrue starting\ntrue e 0\n", said)
  end)

  it("holds nobody else up while Redis is frozen", function()
    starts_with_redis()
    assert.equal("true nil", ask("set", "key=a&value=1"))
    server:freeze()
    local slow = assert(io.popen(("curl -s -m 10 '%s/ask?what=get&key=a'"):format(proxy.url)))
    for _ = 1, 5 do assert.equal(200, (proxy:ask("/sibling", "-m 0.25"))) end
    assert.equal("nil " .. trouble "no answer in time", slow:read "*a")
    slow:close()
    assert.equal("false " .. trouble "no answer in time", ask("add", "key=b&value=1"))
    server:thaw()
    nginx.wait_until("Redis is used again", function() return ask("get", "key=a") == "1 nil" end)
  end)

  it("notices that Redis was restarted, whichever connection rests", function()
    starts_with_redis()
    local _, first = proxy:ask "/bind"
    assert.equal("true nil", ask("add", "key=a&value=1&bound=1"))
    server:kill()
    assert.equal("false " .. trouble "connection refused", ask("add", "key=a&value=1&bound=1"))
    server:restart()
    local gone = "false " .. trouble "it was restarted, or another one has taken its place"
    nginx.wait_until("Redis is used again", function() return ask("add", "key=a&value=1&bound=1") == gone end)
    local _, second = proxy:ask "/bind"
    assert.is_not.equal(first, second)
    assert.equal("true nil", ask("add", "key=a&value=1&bound=1"))
    assert.equal("false exists", ask("add", "key=a&value=1&bound=1"))
  end)

  it("says so in a phase in which nginx does not wait", function()
    starts_with_redis()
    assert.equal(200, (proxy:ask "/late"))
    nginx.wait_until("the log has it", function()
      return proxy:log():match "in the log phase: Redis at 127.0.0.1:%d+: [^\n]*API disabled in the [^\n]*log_by_lua"
    end)
  end)

  describe("with TLS", function()
    --- lua-nginx compares the name as text, and knows no addresses in certificates.
    local function starts_with_tls(names, ca_file)
      authority = certificates.new()
      authority:issue("redis", { names = names })
      server = redis_server.start(("--tls-cert-file %s/redis.pem --tls-key-file %s/redis.key --tls-ca-cert-file %s "
        .. "--tls-auth-clients no --requirepass 'open sesame'"):format(authority.folder, authority.folder,
        authority.ca_file), true)
      start(("port = %d, tls = true, password = 'open sesame'"):format(server.port),
        "lua_ssl_trusted_certificate " .. (ca_file or authority.ca_file) .. ";")
    end

    it("speaks to the Redis whose certificate is trusted", function()
      starts_with_tls "DNS:127.0.0.1"
      assert.equal("true nil", ask("set", "key=a&value=1"))
      assert.equal("1 nil", ask("get", "key=a"))
    end)

    it("says no word to one whose certificate is not, or names somebody else", function()
      starts_with_tls("DNS:127.0.0.1", "/etc/ssl/certs/ca-certificates.crt")
      local refused = "^nil Redis at 127.0.0.1:%d+: TLS: .*certificate"
      assert.matches(refused, ask("get", "key=a"))
      proxy:stop()
      server:stop()
      authority:remove()
      starts_with_tls "DNS:redis.example"
      assert.matches(refused, ask("get", "key=a"))
    end)
  end)
end)
