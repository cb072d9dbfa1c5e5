-- SPDX-License-Identifier: Apache-2.0
-- What must be true after a call, whatever has happened (README «Promises»). The judge knows what
-- truly became of each request; where a client says `ambiguous`, it asks whether an ideal one could have known better.

local judge = {}

local LOOKS = { list = true, read = true, triggers = true, schedules = true, data = true, schedules_by_id = true }
local PASSING = { transport = true, timeout = true, throttled = true }

local NONCE_LIFE = 60 -- seconds for which a nonce can surely be sent again
local SETTLED = 80 -- seconds after which a nonce is dead and what it started is listed
local LAG = 10 -- seconds for which one has to look before «not listed» means anything
local AGAIN = 20 -- seconds of looking after which the same nonce is sent again
local PATIENCE = 20 -- seconds that a client may take between two looks, or to end before its deadline
local MOST_ATTEMPTS = 11 -- max_retries 10
local STRANGER = 5 -- seconds after which a server that was never reached may be given up, and must be
local ATTEMPT = 30 -- seconds for one request that can be repeated or looked for
local TOLERANCE = 0.1 -- seconds beyond the deadline, for the hops
local MOST_REQUESTS = 45 -- of one call in its first minute
local MOST_A_MINUTE = 15 -- after that

---@class spec.model.Outcome what became of a call
---@field result? table
---@field err? table
---@field raised? string a raised error, which is always wrong
---@field began number
---@field ended number
---@field first integer index of its first exchange

local function is_plain(outcome) return outcome.err and outcome.err.kind ~= "ambiguous" end

local function is_ambiguous(outcome) return outcome.err and outcome.err.kind == "ambiguous" end

--- The exchanges of the call under judgement, of one kind or of all.
local function exchanges(world, outcome, kind)
  local found = {}
  for i = outcome.first, #world.exchanges do
    local exchange = world.exchanges[i]
    if not kind or exchange.kind == kind then found[#found + 1] = exchange end
  end
  return found
end

local function any(list, test)
  for _, item in ipairs(list) do
    if test(item) then return item end
  end
end

-- {==== Sessions ====

local LEAVES_OPEN = { doubt = true, ["put off"] = true, foreign = true }

--- A session may be taken back where CDF itself has refused its nonce, or 429 was the end, and nothing else was ever
--- said of it that leaves open what became of it.
local function may_revoke(world, session, index)
  local is_refused = false
  for i = 1, index - 1 do
    local exchange = world.exchanges[i]
    if exchange.nonce == session.nonce then
      if LEAVES_OPEN[exchange.heard] then return false end
      if exchange.status then is_refused = true end
    end
  end
  return is_refused
end

local function judge_sessions(world, blame)
  for _, session in ipairs(world.cdf.sessions) do
    if session.revoked and session.bound and session.bound > 0 then blame "a session in use was revoked" end
  end
  for i, exchange in ipairs(world.exchanges) do
    local session = exchange.kind == "revoke" and world.cdf.sessions[exchange.session]
    if session and not may_revoke(world, session, i) then blame "a session was revoked that may be in use" end
  end
end

-- }====

-- {==== What an ideal client could have known ====

local REPEATED = { [429] = true, [502] = true, [503] = true, [504] = true }

--- How many requests came to nothing.
local function vain(list)
  local count = 0
  for _, exchange in ipairs(list) do
    if exchange.heard ~= "done" then count = count + 1 end
  end
  return count
end

--- Something that no time mends: a look, a token or a session was refused; or a token or a session was answered in a
--- way that is not repeated (README «Promises»: «Retries»).
local function is_shut_out(list)
  local denials = 0
  for _, exchange in ipairs(list) do
    local heard = exchange.heard
    if heard == "denied" then denials = denials + 1 end
    local first = exchange.kind == "token" or exchange.kind == "session"
    local no_use = heard == "refused" or heard == "foreign" or exchange.failure == "tls"
    if (LOOKS[exchange.kind] or first) and no_use then return true end
    if first and heard == "doubt" and exchange.status and not REPEATED[exchange.status] then return true end
  end
  return denials >= 2
end

local function last_doubt(list, effect)
  for i = #list, 1, -1 do
    if list[i].kind == effect and list[i].heard ~= "done" then return list[i] end
  end
end

--- Whether CDF has answered 400 to the nonce, as it does to one that is spent: sending it again is of no use then.
local function is_spent(list, nonce)
  return any(list, function(one) return one.nonce == nonce and one.heard == "refused" and one.status == 400 end)
end

local function answered(world, nonce)
  local exchange = any(world.exchanges, function(one) return one.made == nonce end)
  return exchange and exchange.ended
end

--- Whether what was there before was read, and what is there after the doubt as well.
local function read_back(list, doubt)
  local before, after = false, false
  for _, exchange in ipairs(list) do
    if exchange.kind == "triggers" and exchange.heard == "done" then
      if exchange.at < doubt.at then before = true else after = true end
    end
  end
  return before and after
end

--- When, at the latest, a client that looks and repeats could have settled the matter; math.huge: never.
local function knowable(world, scenario, list, effects)
  local quiet = world.troubled
  local taken, doubt = effects[#effects], last_doubt(list, scenario.effect)
  if scenario.reads_back and not read_back(list, doubt) then return math.huge end
  if scenario.reads_back and taken and taken.at > doubt.ended then return math.huge end -- it came later
  if taken then
    local lag = scenario.lags and world.chosen.listed == "late" and LAG or 0
    return math.max(quiet, taken.at + lag) + PATIENCE
  end
  local session = doubt and world.cdf.by_nonce[doubt.nonce]
  if not session then return quiet + PATIENCE end
  local again = not scenario.reads_back and not is_spent(list, session.nonce)
  if again and quiet + AGAIN <= session.created + NONCE_LIFE then return quiet + AGAIN + PATIENCE end
  local made = answered(world, session.nonce)
  if not made or not scenario.renews then return math.huge end
  return math.max(quiet, made + SETTLED) + PATIENCE
end

local function judge_ambiguity(world, scenario, outcome, effects, blame)
  local list = exchanges(world, outcome)
  if not any(list, function(one) return one.kind == scenario.effect and one.heard ~= "done" end) then
    return blame "ambiguous, although nothing was in doubt"
  end
  if is_shut_out(list) then return end
  local deadline = outcome.began + scenario.timeout
  if scenario.renews == "at once" and vain(list) >= MOST_ATTEMPTS then return end
  local by = knowable(world, scenario, list, effects)
  if by == math.huge then return end
  if by <= deadline then
    blame(("ambiguous, although it could be known after %.0f s of %d"):format(by - outcome.began, scenario.timeout))
  elseif deadline - outcome.ended > PATIENCE then
    blame(("ambiguous %.0f s before the deadline"):format(deadline - outcome.ended))
  end
end

--- Where nothing is looked for: ambiguous exactly when the last attempt was left in doubt, and then at once.
local function judge_plain_ambiguity(world, scenario, outcome, blame)
  local attempts = exchanges(world, outcome, scenario.effect)
  local put_off, doubt = {}, false
  for _, attempt in ipairs(attempts) do
    if doubt then return blame "sent again after it was in doubt" end
    doubt = attempt.heard == "doubt" or attempt.heard == "refused" and attempt.status == 400 and put_off[attempt.nonce]
    if attempt.heard == "put off" then put_off[attempt.nonce] = true end
  end
  if doubt and not is_ambiguous(outcome) then
    blame("in doubt, but told as " .. (outcome.err and outcome.err.kind or "done"))
  end
  if not doubt and is_ambiguous(outcome) then blame "ambiguous, although nothing was in doubt" end
end

-- }====

-- {==== Errors that need not have been ====

--- When the server of the last request was asked first, if no request of this process has ever reached it.
local function stranger_since(world, last)
  local since
  for _, one in ipairs(world.exchanges) do
    if one.process == last.process and (one.kind == "token") == (last.kind == "token") then
      if one.failure ~= "connect" then return nil end
      since = since or one.at
    end
  end
  return since
end

--- Nobody was there from the start: an early end, but not at the first attempt.
local function judge_stranger(outcome, since, blame)
  if outcome.ended - since > STRANGER + TOLERANCE then
    blame(("waited %.0f s for a server that was never reached"):format(outcome.ended - since))
  elseif outcome.ended - since < STRANGER - 2 then
    blame(("given up after %.1f s"):format(outcome.ended - since))
  end
end

--- Trouble that would have passed, on a request that may be repeated.
local function judge_failure(world, scenario, outcome, blame)
  local err = outcome.err
  local passing = PASSING[err.kind] or err.kind == "api" and REPEATED[err.status]
  local list = exchanges(world, outcome)
  local last
  for i = #list, 1, -1 do last = last or list[i].kind ~= "revoke" and list[i] end
  local since = scenario.untold and last and last.failure == "connect" and stranger_since(world, last)
  if since then return judge_stranger(outcome, since, blame) end
  if scenario.reads_back then return end -- three requests share the time there is
  if not passing or not last or scenario.unsafe and last.kind == scenario.effect then return end
  -- settled: it was in doubt, has not been carried out, and its nonce is not replaced
  if not scenario.renews and last_doubt(list, scenario.effect) and LOOKS[last.kind] then return end
  local left = outcome.began + scenario.timeout - math.max(outcome.ended, world.troubled)
  if left > PATIENCE and vain(list) < MOST_ATTEMPTS then
    blame(("given up as %s %.0f s before the deadline"):format(err.kind, left))
  end
end

--- A nonce that was nowhere before, and was too old when it was sent: another one would have done.
local function judge_old_nonce(world, scenario, outcome, blame)
  local list = exchanges(world, outcome, scenario.effect)
  local last = list[#list]
  if not last or last.heard ~= "refused" or last.fault or last.status ~= 400 then return end
  if any(list, function(one) return one.nonce == last.nonce and one.heard == "doubt" end) then return end
  local session = world.cdf.by_nonce[last.nonce]
  if answered(world, session.nonce) and not session.bound and last.at - session.created > NONCE_LIFE then
    blame "given up over a nonce that was only old"
  end
end

-- }====

-- {==== Each kind of call ====

local function judge_once(world, scenario, outcome, effects, blame)
  if #effects > 1 then blame(("%s %d times"):format(scenario.effect, #effects)) end
  if outcome.result then
    if #effects == 0 then blame "told as done, but nothing was done" end
    if #effects == 1 and not scenario.is_ours(outcome.result, effects[1]) then blame "told of something else" end
  elseif is_plain(outcome) and #effects > 0 then
    blame("done, but told as " .. outcome.err.kind .. (outcome.err.status and " " .. outcome.err.status or ""))
  end
  if scenario.looks and is_ambiguous(outcome) then judge_ambiguity(world, scenario, outcome, effects, blame) end
  if not scenario.looks then judge_plain_ambiguity(world, scenario, outcome, blame) end
end

--- An upsert: as often as it wants, as long as the end is what was asked for.
local function judge_idempotent(world, scenario, outcome, effects, blame)
  local wanted = scenario.stands(world)
  if outcome.result and not wanted then blame "told as done, but nothing was done" end
  if is_plain(outcome) and #effects > 0 then
    blame("done, but told as " .. outcome.err.kind .. (outcome.err.status and " " .. outcome.err.status or ""))
  end
  if not is_ambiguous(outcome) then return end
  local list = exchanges(world, outcome, scenario.effect)
  local refused_later = #list > 1 and list[#list].heard ~= "doubt"
  if not refused_later then judge_ambiguity(world, scenario, outcome, effects, blame) end
end

--- A function schedule: exactly one in the end, and never none where there was one.
local function judge_schedule(world, scenario, outcome, _, blame)
  local old, new = 0, 0
  for _, schedule in ipairs(world.cdf.schedules) do
    if schedule.cron == scenario.cron then new = new + 1 else old = old + 1 end
  end
  if scenario.replaces and old + new == 0 then blame "no schedule is left" end
  if new > 1 then blame(("%d schedules were made"):format(new)) end
  if outcome.result and new == 0 then blame "told as done, but nothing was done" end
  if outcome.result and old > 0 then blame "told as done, but the old schedule is still there" end
  -- the old one may not have gone, and the new one is there: the error says so
  local told = is_plain(outcome) and tostring(outcome.err.message):find("is there as well; calling again", 1, true)
  if is_plain(outcome) and new > 0 and not told then blame("done, but told as " .. outcome.err.kind) end
  if is_plain(outcome) and scenario.replaces and old == 0 and not told then
    blame "the old schedule is gone, told as a plain error"
  end
  local doubt = any(exchanges(world, outcome), function(one)
    return (one.kind == "schedule" or one.kind == "unschedule") and one.heard ~= "done"
  end)
  if is_ambiguous(outcome) and not doubt then blame "ambiguous, although nothing was in doubt" end
  if world.cdf.deployed then blame "the starter was deployed, although it was there" end
end

local function carries(session)
  return function(exchange) return exchange.nonce == session.nonce end
end

--- Another call looks first: for what was started before, by this process or by one that was killed. An error before
--- it has sent anything says nothing of what others have started.
local function judge_look_back(world, scenario, outcome, effects, blame)
  local sent = exchanges(world, outcome, "run")
  local visible = any(exchanges(world, outcome, "list"), function(one) return one.heard == "done" end)
  if not scenario.settled and visible and #effects <= 2 then
    -- called again too soon after the kill for anybody to know of what was not shown
    local shown = any(effects, function(one) return one.shown and sent[1] and one.shown <= sent[1].at end)
    if not shown and any(effects, function(one) return not any(sent, carries(one.session)) end) then return end
  end
  if #effects > 1 then blame(("run %d times"):format(#effects)) end
  if outcome.result and not any(effects, function(one) return one.id == outcome.result.id end) then
    blame "told of something else"
  end
  if is_plain(outcome) and #sent > 0 and #effects > 0 then blame("done, but told as " .. outcome.err.kind) end
  if is_ambiguous(outcome) and #sent > 0 then judge_ambiguity(world, scenario, outcome, effects, blame) end
end

judge.of = {
  once = judge_once, idempotent = judge_idempotent, schedule = judge_schedule, look_back = judge_look_back,
}

-- }====

--- Nothing that can be asked for again holds a call longer than half a minute.
local function judge_attempts(world, scenario, outcome, blame)
  for _, exchange in ipairs(exchanges(world, outcome)) do
    local once = exchange.kind == scenario.effect and not scenario.looks
    if not once and exchange.ended and exchange.ended - exchange.at > ATTEMPT + TOLERANCE then
      blame(("an attempt (%s) took %.0f s"):format(exchange.kind, exchange.ended - exchange.at))
    end
  end
end

local function judge_time(world, scenario, outcome, blame)
  local took = outcome.ended - outcome.began
  local most = scenario.timeout * (scenario.calls or 1)
  if took > most + TOLERANCE then blame(("took %.1f s of %d"):format(took, most)) end
  local count = #exchanges(world, outcome)
  local fair = MOST_REQUESTS * (scenario.reads_back and 2 or 1) + MOST_A_MINUTE * math.max(took / 60 - 1, 0)
  if count > fair then blame(("%d requests in %.0f s"):format(count, took)) end
end

--- What is wrong with the outcome of a call; an empty list where nothing is. To be asked after `world:settle()`.
---@param world spec.model.World
---@param scenario spec.model.Scenario
---@param outcome spec.model.Outcome
---@return string[] blamed
function judge.judge(world, scenario, outcome)
  local blamed = {}
  local function blame(text) blamed[#blamed + 1] = text end
  if outcome.raised then
    blame("raised: " .. outcome.raised)
    return blamed
  end
  local effects = scenario.effects(world)
  judge.of[scenario.judged](world, scenario, outcome, effects, blame)
  judge_sessions(world, blame)
  judge_time(world, scenario, outcome, blame)
  judge_attempts(world, scenario, outcome, blame)
  if is_plain(outcome) then
    judge_failure(world, scenario, outcome, blame)
    judge_old_nonce(world, scenario, outcome, blame)
  end
  return blamed
end

return judge
