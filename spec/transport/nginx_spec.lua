-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- The library inside real nginx, which loads its LuaJIT build, with a slow CDF behind.

local core = require "cdfworkflow.core"
local nginx = require "nginx"
local slow_cdf = require "slow_cdf"

local LOCATIONS = [[
location = /sibling { content_by_lua_block { ngx.print "here" } }
location = /run { content_by_lua_block {
  local execution, err = client:run(ngx.var.arg_w or "w", "1", { request_id = ngx.var.arg_id })
  if not execution then ngx.status = 502 end
  ngx.print(execution and execution.id or err.kind .. ": " .. tostring(err))
} }
location = /collect { content_by_lua_block {
  collectgarbage()
  collectgarbage()
  ngx.print(collectgarbage "count", " ", client.transport.handle:pending(), " ",
    tostring(next(client.transport.waiting)), " ", tostring(client.transport.pump))
} }
]]

local function starts_with_client(slow, options)
  return ("lua_shared_dict tokens 1m; init_worker_by_lua_block { client = assert(%s) }"):format(
    slow:client_source(options))
end

--- Asks in the background. → what gives the count of each status, once all have been answered
local function ask_later(server, path, count)
  local curl = assert(io.popen(("curl -s -Z --parallel-immediate --parallel-max 300 -m 30 -o /dev/null "
    .. "-w '%%{http_code}\\n' '%s%s%s_=[1-%d]' 2>/dev/null"):format(
    server.url, path, path:find "?" and "&" or "?", count)))
  return function()
    local statuses = {}
    for status in curl:lines() do statuses[tonumber(status)] = (statuses[tonumber(status)] or 0) + 1 end
    curl:close()
    return statuses
  end
end

local function count_of(text, pattern)
  return select(2, text:gsub(pattern, ""))
end

describe("nginx", function()
  local slow, server

  setup(function() slow = slow_cdf.start { delay = 0.2 } end)
  teardown(function() slow:stop() end)
  after_each(function() server:stop() end)

  describe("with one worker", function()
    local worker

    before_each(function()
      server = nginx.start { http = starts_with_client(slow, "max_connections = 300"), server = LOCATIONS }
      worker = server:workers()[1]
    end)

    it("serves a sibling throughout 200 runs, with one token request", function()
      local tokens = slow:counts().tokens
      local runs = slow:counts().runs
      local finish = ask_later(server, "/run", 200)
      nginx.wait_until("runs are under way", function() return slow:counts().runs > runs end)
      local begun = core.now()
      for _ = 1, 4 do assert.equal("here", select(2, server:ask "/sibling")) end
      assert.is_true(core.now() - begun < 20, core.now() - begun) -- a blocked worker has 80 s of runs before it
      assert.same({ [200] = 200 }, finish())
      assert.equal(tokens + 1, slow:counts().tokens)
      assert.equal("", server:log())
    end)

    it("sleeps while nothing stirs", function()
      local runs = slow:counts().runs
      server:ask_many("/run?w=hangs&_=[1-1]", "-m 0.8")
      nginx.wait_until("a run is under way", function() return slow:counts().runs > runs end)
      os.execute "sleep 0.5"
      local before = nginx.used(worker)
      os.execute "sleep 0.5"
      local wake_ups = nginx.used(worker) - before
      assert.is_true(wake_ups >= 1 and wake_ups < 60, wake_ups .. " wake-ups in half a second")
    end)

    it("keeps nothing of a thousand runs at the same time", function()
      local quick = slow_cdf.start { delay = 0.02 }
      finally(function() quick:stop() end)
      server:stop()
      server = nginx.start { http = starts_with_client(quick, "timeout = 30"), server = LOCATIONS .. [[
        location = /thousand { content_by_lua_block {
          local list = {}
          for i = 1, 1000 do list[i] = { "w", "1" } end
          local results, errors = client.workflows.executions:run_many(list, { concurrency = 1000 })
          ngx.print(#results, " ", next(errors) or "none")
        } }
        location = /close { content_by_lua_block { client:close() } } ]] }
      worker = server:workers()[1]
      local descriptors = nginx.holds(worker)
      local function thousand()
        assert.equal("1000 none", (select(2, server:ask "/thousand")))
        local heap = select(2, server:ask "/collect"):match "^(%S+) 0 nil nil$"
        return tonumber(heap), (select(2, nginx.holds(worker)))
      end
      thousand() -- nginx and LuaJIT keep what they will want again
      thousand()
      local heap, memory = thousand()
      local later_heap, later_memory = thousand()
      assert.is_true(later_heap - heap < 100, later_heap - heap .. " KiB of Lua")
      assert.is_true(later_memory - memory < 4000, later_memory - memory .. " KiB of the process")
      local counts = quick:counts()
      assert.same({ 1, 4000 }, { counts.tokens, counts.runs })
      assert.is_true(nginx.holds(worker) <= descriptors + 105) -- the pool of connections, and no more
      server:ask "/close"
      assert.is_true(nginx.holds(worker) <= descriptors + 2)
      assert.equal("", server:log())
    end)

    it("gives every request an answer when CDF hangs, breaks off or talks nonsense", function()
      server:stop()
      server = nginx.start { http = starts_with_client(slow, "timeout = 1"), server = LOCATIONS }
      worker = server:workers()[1]
      server:ask "/run"
      local hanging, breaking, nonsense =
        ask_later(server, "/run?w=hangs", 10), ask_later(server, "/run?w=resets", 10),
        ask_later(server, "/run?w=garbage", 10)
      assert.equal("here", select(2, server:ask "/sibling"))
      assert.same({ [502] = 10 }, hanging())
      assert.same({ [502] = 10 }, breaking())
      assert.same({ [502] = 10 }, nonsense())
      assert.matches("^ambiguous: ", (select(2, server:ask "/run?w=hangs")))
      assert.matches("^ambiguous: ", (select(2, server:ask "/run?w=resets")))
      assert.matches("^ambiguous: ", (select(2, server:ask "/run?w=garbage")))
      assert.equal(200, (server:ask "/run"))
      assert.same({ worker }, server:workers())
    end)

    it("gathers, and agrees about null", function()
      server:stop()
      server = nginx.start { http = starts_with_client(slow), server = [[
        location = /gather { content_by_lua_block {
          local cdf = require "cdfworkflow"
          local now = require("cdfworkflow.core").now
          local function run() return client:run("w", "1") end
          client:auth()
          local begun = now()
          local results, errors = cdf.gather(run, run, function() return cdf.gather(run, run) end, function()
            ngx.sleep(0.01)
            error("oops", 0)
          end)
          ngx.print(results[1].status, " ", results[2].status, " ", results[3][2].status, " ", tostring(errors[4]),
            " ", now() - begun < 0.8 and "quick" or "slow")
        } }
        location = /null { content_by_lua_block {
          local cdf, cjson = require "cdfworkflow", require "cjson"
          ngx.print(tostring(cdf.null == ngx.null), tostring(cdf.null == cjson.null), " ",
            require("cdfworkflow.core").encode { ngx.null, cjson.null, cdf.null })
        } } ]] }
      assert.equal("RUNNING RUNNING RUNNING oops quick", (select(2, server:ask "/gather")))
      assert.equal("truetrue [null,null,null]", (select(2, server:ask "/null")))
    end)

    it("is waited in where nginx can wait, and says what to do elsewhere", function()
      server:stop()
      server = nginx.start { http = starts_with_client(slow) .. [[
        lua_shared_dict seen 1m;
        init_by_lua_block {
          function try(phase)
            local execution, err = client:run("w", "1")
            ngx.shared.seen:set(phase, execution and execution.status or err.kind .. ": " .. err.message)
          end
        }
      ]], server = [[
        location = /phases {
          set_by_lua_block $set { try "set" return "" }
          rewrite_by_lua_block { try "rewrite" }
          access_by_lua_block { try "access" }
          content_by_lua_block { try "content" ngx.timer.at(0, function() try "timer" end) ngx.print "done" }
          header_filter_by_lua_block { try "header_filter" }
          body_filter_by_lua_block { try "body_filter" }
          log_by_lua_block {
            try "log"
            local _, errors = require("cdfworkflow").gather(function() return client:run("w", "1") end)
            ngx.shared.seen:set("gather", tostring(errors[1]))
          }
        }
        location = /seen { content_by_lua_block { ngx.print(ngx.shared.seen:get(ngx.var.arg_phase)) } } ]] }
      local function seen(phase) return (select(2, server:ask("/seen?phase=" .. phase))) end
      assert.equal("done", (select(2, server:ask "/phases")))
      nginx.wait_until("the timer has run", function() return seen "timer" == "RUNNING" end)
      for _, phase in ipairs { "rewrite", "access", "content" } do assert.equal("RUNNING", seen(phase)) end
      for _, phase in ipairs { "set", "header_filter", "body_filter", "log", "gather" } do
        assert.matches("ngx.timer.at%(0, function%(%) client:run%(", seen(phase), phase)
      end
      assert.matches("^invalid: nginx's phase log ", seen "log")
    end)
  end)

  -- What is under way and who waits for it, in the one worker.
  local function is_at_rest()
    return select(2, server:ask "/collect"):match " 0 nil nil$"
  end

  describe("whose clients hang up", function()
    local function start(behind, options, main)
      server = nginx.start {
        main = main, http = ("init_worker_by_lua_block { events = {} client = assert(%s) }"):format(
          behind:client_source((options and options .. ", " or "") .. "on_event = function(event) "
            .. "if event.type == 'abandoned' then events[#events + 1] = event end end")),
        server = "lua_check_client_abort on;" .. LOCATIONS .. [[
          location = /read { content_by_lua_block { ngx.print(tostring(client:request("GET", "/hangs"))) } }
          location = /events { content_by_lua_block {
            for _, event in ipairs(events) do
              ngx.say(event.what, " ", event.request_id, " ", event.result and event.result.status or event.err.kind)
            end
          } }
          location = /many { content_by_lua_block {
            local list, kinds, said = {}, {}, nil
            for i = 1, tonumber(ngx.var.arg_n) do list[i] = { "hangs", "1", { nonce = "n", timeout = 3 } } end
            local _, errors = client.workflows.executions:run_many(list, { concurrency = #list })
            for _, err in pairs(errors) do
              local kind = err.kind == "throttled" and "throttled" or "tried"
              kinds[kind] = (kinds[kind] or 0) + 1
              if kind == "throttled" then said = err end
            end
            ngx.print(kinds.tried, " tried, ", kinds.throttled or 0, " throttled")
            if said then ngx.print(": ", said.message, " ", tostring(said.retryable), " ", said.attempts) end
          } } ]],
      }
      assert.equal("", select(2, server:ask "/events"))
    end

    it("carries the runs that were sent to their end, and tells it", function()
      start(slow)
      assert.equal(200, (server:ask "/run"))
      for i = 1, 5 do server:ask("/run?id=gone-" .. i, "-m 0.3") end
      server:ask("/run?id=late&w=busy", "-m 0.6") -- while it waits to be sent once more
      assert.equal(200, (server:ask "/run"))
      nginx.wait_until("the ends are told", function()
        return count_of(server:log(), "cdfworkflow: POST /workflows/%l+/versions/1/run was abandoned by its caller, "
          .. "request id [%l%d-]+, and went on: it is RUNNING as 059edaa4%-%x+%-%x+%-%x+%-%x+\n") == 6
      end)
      assert.equal(6, count_of(server:log(), "\n"))
      local told = select(2, server:ask "/events")
      for i = 1, 5 do assert.matches("POST /workflows/w/versions/1/run gone%-" .. i .. " RUNNING\n", told) end
      assert.matches("POST /workflows/busy/versions/1/run late RUNNING\n", told)
      assert.truthy(is_at_rest())
      assert.is_nil(server:log():match "secret")
    end)

    it("says what became of one that was lost", function()
      start(slow, "timeout = 1")
      assert.equal(200, (server:ask "/run"))
      server:ask("/run?w=hangs", "-m 0.5")
      nginx.wait_until("it is told", function() return server:log():match "went on: [^\n]*%(ambiguous%)" end)
      assert.matches("POST /workflows/hangs/versions/1/run nil ambiguous\n", (select(2, server:ask "/events")))
    end)

    it("gives up what does no harm, at once", function()
      start(slow, "timeout = 60")
      assert.equal(200, (server:ask "/run"))
      server:ask_many("/read?[1-100]", "-m 0.5")
      nginx.wait_until("nothing is under way", is_at_rest)
      assert.equal("", (select(2, server:ask "/events")))
      assert.equal("", server:log())
    end)

    it("hands the fetching of a token on at once", function()
      local sluggish = slow_cdf.start { delay = 0.01, token_delay = 1.5 }
      finally(function() sluggish:stop() end)
      for _, store in ipairs { "", "token_store = ngx.shared.tokens" } do
        server = nginx.start {
          http = starts_with_client(sluggish, store), server = "lua_check_client_abort on;" .. LOCATIONS,
        }
        server:ask("/run", "-m 0.4")
        local begun = core.now()
        assert.equal(200, (server:ask "/run"))
        assert.is_true(core.now() - begun < 4, core.now() - begun)
        assert.equal("", server:log())
        server:stop()
      end
    end)

    it("refuses calls beyond a limit, so that memory has one", function()
      start(slow)
      assert.equal(200, (server:ask "/run"))
      local worker = server:workers()[1]
      local _, before = nginx.holds(worker)
      assert.equal("2000 tried, 200 throttled: 2000 requests of this client are under way already, and none was "
        .. "sent for this call; try again later true 0", (select(2, server:ask "/many?n=2200")))
      local _, most = nginx.holds(worker)
      assert.is_true(most - before < 250 * 1024, ("%.0f MiB"):format((most - before) / 1024))
      assert.equal(200, (server:ask "/run"))
      server:ask("/many?n=2000", "-m 1")
      local begun = core.now()
      nginx.wait_until("there is room again", function() return (server:ask "/run") == 200 end)
      assert.is_true(core.now() - begun < 10)
      local _, after = nginx.holds(worker)
      assert.is_true(after - most < 50 * 1024, ("%.0f MiB more"):format((after - most) / 1024))
    end)
  end)

  it("logs no warning", function()
    server = nginx.start { main = "error_log error.log warn;", http = starts_with_client(slow), server = LOCATIONS }
    assert.same({ [200] = 100 }, server:ask_many "/run?[1-100]")
    assert.equal("", server:log())
  end)

  describe("with two workers", function()
    before_each(function()
      server = nginx.start {
        workers = 2, server = LOCATIONS,
        http = starts_with_client(slow, "timeout = 20, token_store = ngx.shared.tokens"),
      }
    end)

    it("fetches one token for all of them", function()
      local tokens = slow:counts().tokens
      assert.same({ [200] = 40 }, server:ask_many "/run?[1-40]")
      assert.equal(tokens + 1, slow:counts().tokens)
    end)

    it("loses nothing in reloads", function()
      local runs = slow:counts().runs
      local all = {}
      for i = 1, 3 do
        local before, old = slow:counts().runs, server:workers()
        all[i] = ask_later(server, "/run", 40)
        nginx.wait_until("runs are under way", function() return slow:counts().runs > before end)
        server:signal "HUP"
        nginx.wait_until("there are other workers", function()
          local now = server:workers()
          return #now == 2 and now[1] ~= old[1] and now[1] ~= old[2] and now[2] ~= old[1] and now[2] ~= old[2]
        end)
      end
      for i = 1, 3 do assert.same({ [200] = 40 }, all[i]()) end
      assert.equal(runs + 120, slow:counts().runs)
      assert.equal("", server:log())
    end)

    it("ends the runs under way before it quits", function()
      local runs = slow:counts().runs
      local finish = ask_later(server, "/run", 40)
      nginx.wait_until("runs are under way", function() return slow:counts().runs > runs end)
      server:signal "QUIT"
      assert.same({ [200] = 40 }, finish())
    end)

    it("tells of the runs that a fast stop abandons", function()
      local runs = slow:counts().runs
      local finish = ask_later(server, "/run?w=hangs&id=left-behind", 3)
      nginx.wait_until("three runs are under way", function() return slow:counts().runs == runs + 3 end)
      server:signal "TERM"
      finish()
      nginx.wait_until("they are told", function()
        return count_of(server:log(), "POST /workflows/hangs/versions/1/run was abandoned[^\n]*left%-behind") == 3
      end)
      assert.is_nil(server:log():match "secret")
    end)

    it("goes on with another worker after a crash", function()
      server:ask "/run"
      local runs = slow:counts().runs
      local finish = ask_later(server, "/run", 20)
      nginx.wait_until("runs are under way", function() return slow:counts().runs > runs end)
      local crashed = server:workers()[1]
      server:signal("KILL", crashed)
      local statuses = finish()
      assert.equal(20, (statuses[200] or 0) + (statuses[0] or 0)) -- an answer, or a connection that is cut
      nginx.wait_until("there are two workers again", function() return #server:workers() == 2 end)
      assert.same({ [200] = 20 }, server:ask_many "/run?[1-20]")
      assert.matches(("worker process %d exited on signal 9"):format(crashed), server:log())
    end)
  end)
end)
