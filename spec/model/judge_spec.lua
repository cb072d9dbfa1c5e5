-- SPDX-License-Identifier: Apache-2.0
-- The judge of the model: what is promised can be had (a plain client, reference.lua, gets it), and each way of
-- spoiling that client is noticed.

local unpack = table.unpack or unpack -- luacheck: ignore 143 (Lua 5.1)

local explorer = require "model.explorer"
local reference = require "model.reference"
local scenarios = require "model.scenarios"

--- Explores with the reference client, spoiled by `flaw` if one is given; gives what was blamed, in one text.
local function explore(name, depth, flaw)
  local blamed = {}
  local figures = explorer.explore(scenarios.get(name), {
    depth = depth, alphabet = depth > 1 and "small" or "full", reach = depth > 1 and 1 or 2,
    make = function(w, scenario) return reference.new(w, scenario, flaw) end,
    found = function(line, found) blamed[#blamed + 1] = line .. "   (" .. table.concat(found, "; ") .. ")" end,
  })
  return table.concat(blamed, "\n"), figures
end

describe("a client that does what is promised", function()
  for _, name in ipairs {
    "run", "run_id", "run_id_long", "run_nonce", "run_nonce_id", "look_back", "look_back_soon", "look_back_again",
    "retry", "retry_id", "retry_id_long", "upsert",
  } do
    it("finds no fault with the judge: " .. name, function()
      assert.equal("", (explore(name, 1)))
    end)
  end

  it("not even where two things go wrong, and knows most of what became of its runs", function()
    local wrong, figures = explore("run_id_long", 2)
    assert.equal("", wrong)
    assert.is_true(figures.ambiguous < figures.known / 10)
    assert.equal("", (explore("retry", 2)))
  end)
end)

describe("the judge notices a client that", function()
  for _, spoiled in ipairs {
    { "blind", "runs again with a new nonce when an answer is lost", "run_id", 1, "run 2 times" },
    { "blind", "does so with a retry", "retry_id", 1, "done, but told as api 400" },
    { "repeating", "repeats without a request_id", "run", 1, "sent again after it was in doubt" },
    { "resigned", "never repeats, and looks once", "run_id", 1,
      "lost_before%s+%(ambiguous, although it could be known" },
    { "lying", "tells a loss as a failure", "run", 1, "in doubt, but told as transport" },
    { "lying", "tells a loss as a failure in spite of a request_id", "run_id", 1, "done, but told as transport" },
    { "hurried", "takes another nonce before the first is surely dead", "run_id_long", 2, "run 2 times" },
    { "trusting", "believes that CDF's clocks agree", "run_id_long", 2, "date%+.*run 2 times" },
    { "sweeping", "takes a session back that a proxy's page says nothing of", "run", 1, "revoked that may be in use" },
    { "endless", "has no patience's end", "run", 1, "took 100%.0 s of 60" },
    { "endless", "lets one attempt take all its time", "retry_id_long", 1, "an attempt %(token%) took 100 s" },
    { "impatient", "gives up at the first trouble", "run", 1, "given up as transport" },
    { "hasty", "looks twice a second", "run_id", 1, "requests in 60 s" },
    { "credulous", "takes an execution that is there for one that runs again", "retry_id", 1,
      "told as done, but nothing was done" },
    { "forgetful", "forgets that an upsert was in doubt once", "upsert", 2, "done, but told as api" },
  } do
    local flaw, does, name, depth, words = unpack(spoiled)
    it(does, function() assert.matches(words, (explore(name, depth, flaw))) end)
  end
end)

describe("the judge of function schedules notices", function()
  local scenario = scenarios.get "schedule_replace"

  local function judged(act)
    local copy = setmetatable({ call = act }, { __index = scenario })
    local _, _, blamed = explorer.run(copy, {}, {}, function(w) return w end)
    return table.concat(blamed, "; ")
  end

  local function make(w)
    local session = w.cdf:make_session(w.time)
    session.bound = w.time
    w.cdf:put_schedule({ name = "nightly", cronExpression = scenario.cron }, session, w.time)
  end

  it("nothing where the old one is replaced", function()
    assert.equal("", judged(function(w)
      make(w)
      table.remove(w.cdf.schedules, 1)
      return {}
    end))
  end)

  it("one that is lost, one too many, and one that was made in silence", function()
    assert.matches("no schedule is left", judged(function(w)
      w.cdf.schedules = {}
      return nil, { kind = "api" }
    end))
    assert.matches("the old schedule is still there", judged(function(w)
      make(w)
      return {}
    end))
    assert.matches("2 schedules were made", judged(function(w)
      make(w)
      make(w)
      table.remove(w.cdf.schedules, 1)
      return {}
    end))
    assert.matches("done, but told as api", judged(function(w)
      make(w)
      return nil, { kind = "api" }
    end))
    assert.matches("told as done, but nothing was done", judged(function() return {} end))
  end)
end)
