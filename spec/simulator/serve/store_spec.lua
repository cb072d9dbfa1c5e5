-- SPDX-License-Identifier: Apache-2.0
-- The state file: there and back, refused when it is damaged, and whole whenever its writer is killed.

local core = require "cdfworkflow.core"
local server = require "server"
local store = require "cdfworkflow.simulator.serve.store"

local encode, folder = core.encode, nil

local function path_of(name)
  return folder .. "/" .. name
end

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a")
  if file then file:close() end
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  assert(file:close())
end

local function exit_status(command)
  local a, _, c = os.execute(command)
  return type(a) == "number" and a or c
end

describe("the state file", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    assert.equal(0, exit_status("mkdir " .. folder))
  end)

  teardown(function() os.execute("rm -r " .. folder) end)

  it("gives back what was saved", function()
    local state = {
      clock = 1767225600000, name = "Ærøskøbing \"\n\0", empty = core.array({}), object = {}, list = { 1, 2.5, -3 },
      deep = { { { yes = true, no = false, none = core.null } } }, id = 9007199254740991,
    }
    assert.is_true(store.save(path_of "there", state))
    local back = assert(store.load(path_of "there"))
    assert.same(state, back)
    assert.is_true(core.is_array(back.empty))
    assert.equal(core.null, back.deep[1][1].none)
    assert.is_nil(read(path_of "there.new"))
  end)

  it("is replaced by the next save", function()
    store.save(path_of "twice", { n = 1, long = ("x"):rep(10000) })
    assert.is_true(store.save(path_of "twice", { n = 2 }))
    assert.same({ n = 2 }, store.load(path_of "twice"))
  end)

  it("that is not there is no mistake", function()
    local state, message = store.load(path_of "absent")
    assert.is_nil(state)
    assert.is_nil(message)
  end)

  it("that cannot be read or written is told with its path and the reason", function()
    for _, call in ipairs { function() return store.load(folder) end, function() return store.save(folder, {}) end,
      function() return store.save(path_of "no/such", {}) end } do
      local value, message = call()
      assert.is_nil(value)
      assert.matches(folder, message, 1, true)
    end
    assert.is_nil(read(folder .. ".new"))
  end)

  it("keeps the old content when the new state cannot be JSON", function()
    store.save(path_of "kept", { n = 1 })
    local ok, message = store.save(path_of "kept", { n = print })
    assert.is_nil(ok)
    assert.matches("state.n", message, 1, true)
    assert.same({ n = 1 }, store.load(path_of "kept"))
  end)

  it("is refused wherever it is cut, and wherever one byte of it is another", function()
    store.save(path_of "good", { clock = 1, name = "abc", list = { 1, 2, 3 } })
    local good = read(path_of "good")
    for n = 0, #good - 1 do
      write(path_of "bad", good:sub(1, n))
      local state, message = store.load(path_of "bad")
      assert.is_nil(state)
      assert.matches(path_of "bad", message, 1, true)
    end
    for n = 1, #good do
      local byte = good:byte(n)
      write(path_of "bad", good:sub(1, n - 1) .. string.char((byte + 1) % 256) .. good:sub(n + 1))
      assert.is_nil(store.load(path_of "bad"), "byte " .. n)
    end
    write(path_of "bad", good .. "{}\n")
    assert.matches("is damaged: something stands behind its end", (select(2, store.load(path_of "bad"))))
    write(path_of "bad", (good:gsub("\n", "\n\n", 2)))
    assert.matches("is damaged: one of its lines is no JSON", (select(2, store.load(path_of "bad"))))
  end)

  it("is for its owner only, also where another one was there before", function()
    local path = path_of "private"
    local function mode()
      local pipe = assert(io.popen("stat -c %a '" .. path .. "'"))
      local said = pipe:read("*l")
      pipe:close()
      return said
    end
    store.save(path, { n = 1 })
    assert.equal("600", mode())
    assert.equal(0, exit_status("chmod 644 '" .. path .. "'; ln -s /dev/null '" .. path .. ".new'"))
    store.save(path, { n = 2 })
    assert.equal("600", mode())
    assert.same({ n = 2 }, store.load(path))
  end)

  it("can be tried without leaving a trace", function()
    assert.is_true(store.try(path_of "tried"))
    assert.is_nil(read(path_of "tried"))
    assert.is_nil(read(path_of "tried.new"))
    local ok, message = store.try(path_of "no/such")
    assert.is_nil(ok)
    assert.matches("^cannot save .*no/such: .", message)
  end)

  it("holds arrays and objects of every size, and larger ones than JSON is written at once", function()
    local long, many = {}, {}
    for n = 1, 2500 do
      long[n] = "item " .. n
      many["key " .. n] = { n = n, list = core.array {} }
    end
    local huge, text = {}, ("x"):rep(10000)
    for n = 1, 70 do huge["part" .. n] = { text .. n } end
    local state = { clock = 1, projects = { ["p/1"] = { api = { order = core.array(long), sessions = many }, engine = {
      executions = { ["059e"] = { huge = huge, tasks = core.array { { n = 1 } } } },
    } } } }
    finally(function() core.encode = encode end)
    core.encode = function(...) -- as it does beyond 64 MiB
      local json, problem = encode(...)
      if json and #json > 50000 then return nil, "too large" end
      return json, problem
    end
    assert.is_nil((core.encode(state)))
    assert(store.save(path_of "large", state))
    local back = assert(store.load(path_of "large"))
    local api, execution = back.projects["p/1"].api, back.projects["p/1"].engine.executions["059e"]
    assert.same({ 2500, "item 1001", true, true, 1 }, { #api.order, api.order[1001], core.is_array(api.order),
      core.is_array(api.sessions["key 7"].list), execution.tasks[1].n })
    assert.same(many, api.sessions)
    for n = 1, 70 do assert.equal(text .. n, execution.huge["part" .. n][1]) end
  end)

  it("says what it is when it is something else", function()
    write(path_of "other", '{"some": "json"}')
    assert.matches("is no state of cdfworkflow%-sim, or its end is missing$", (select(2, store.load(path_of "other"))))
    write(path_of "json", '{"some": "json"}\n')
    assert.matches("is no state of cdfworkflow%-sim$", (select(2, store.load(path_of "json"))))
    write(path_of "later", '{"cdfworkflow-sim state":3}\n')
    assert.matches("version 3; this program reads version 2$", (select(2, store.load(path_of "later"))))
  end)

  -- The child saves two states in turn, of very different sizes, on a disk that takes its time: a piece after another,
  -- so that most of the kills hit a save.
  local WRITER = [[
    local open = io.open
    local Slow = {}
    Slow.__index = Slow
    function Slow:write(text)
      for at = 1, #text, 8 do
        self.file:write(text:sub(at, at + 7))
        self.file:flush()
      end
      return true
    end
    function Slow:setvbuf() end
    function Slow:flush() return self.file:flush() end
    function Slow:close() return self.file:close() end
    function io.open(...) return setmetatable({ file = assert(open(...)) }, Slow) end

    local store = require "cdfworkflow.simulator.serve.store"
    local small, large = { n = 1 }, { n = 2, filler = {} }
    for i = 1, 2000 do large.filler[i] = "item " .. i end
    print "begun"
    io.stdout:flush()
    while true do
      assert(store.save(arg[1], small))
      assert(store.save(arg[1], large))
    end
  ]]

  it("is the old state or the new one, whole, whenever the writer is killed #timed", function()
    local path = path_of "killed"
    store.save(path, { n = 1 })
    write(path_of "writer.lua", WRITER)
    local command = ("echo $$; exec env %s lua5.4 '%s' '%s'"):format(server.environment(), path_of "writer.lua", path)
    local seen, cut_short = {}, 0
    for i = 1, 200 do
      if i > 24 and seen[1] and seen[2] and cut_short > 0 then break end -- else the kills were unlucky
      local writer = assert(io.popen(command))
      local pid = writer:read("*l")
      assert.equal("begun", writer:read("*l"))
      exit_status(("sleep 0.%03d; kill -KILL %s"):format(8 * (i % 25), pid))
      writer:close()
      local state = assert(store.load(path))
      assert.equal(state.n == 2 and 2000 or nil, state.filler and #state.filler)
      seen[state.n] = true
      cut_short = cut_short + (os.remove(path .. ".new") and 1 or 0)
    end
    assert.is_true(seen[1] and seen[2])
    assert.is_true(cut_short > 0, "no kill hit a save")
  end)
end)
