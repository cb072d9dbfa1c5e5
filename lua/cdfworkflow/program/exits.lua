-- SPDX-License-Identifier: Apache-2.0
-- How the program ends: the one table of exit statuses, and which of them an outcome or an error has. The manual and
-- --help are made from it.

local exits = {}

---@class cdfworkflow.program.Exit
---@field code integer
---@field name string
---@field meaning string

--- In the order of the codes.
---@type cdfworkflow.program.Exit[]
exits.TABLE = {
  { code = 0, name = "OK", meaning = "COMPLETED; or done, or accepted, where nothing was waited for" },
  { code = 1, name = "BUG", meaning = "a bug of the program, or its output could not be written" },
  { code = 2, name = "INPUT", meaning = "command line, settings or input wrong; nothing was started" },
  { code = 3, name = "FAILED", meaning = "FAILED (of several: the worst, in the order 3, 4, 5)" },
  { code = 4, name = "TIMED_OUT", meaning = "TIMED_OUT" },
  { code = 5, name = "TERMINATED", meaning = "TERMINATED" },
  { code = 6, name = "REFUSED", meaning = "refused by CDF, the identity provider or a proxy, or not trusted (TLS); "
    .. "nothing was started" },
  { code = 7, name = "AMBIGUOUS", meaning = "it may have been started, or was started and cannot be followed: "
    .. "standard error says how to find out" },
  { code = 8, name = "FINDINGS", meaning = "check found something, lint found errors, deploy --dry-run differences" },
  { code = 75, name = "TEMPORARY", meaning = "no connection, throttled, or no answer in time, and surely nothing was "
    .. "started: safe to repeat" },
  { code = 124, name = "WAITED", meaning = "the time of -t has passed; the run goes on, or was cancelled as asked" },
  { code = 130, name = "INTERRUPTED", meaning = "interrupted (Ctrl-C); standard error says which run goes on" },
  { code = 143, name = "ENDED", meaning = "ended by SIGTERM; likewise" },
}

for _, exit in ipairs(exits.TABLE) do exits[exit.name] = exit.code end

exits.OF_SIGNAL = { INT = exits.INTERRUPTED, TERM = exits.ENDED }

local OF_STATUS = {
  COMPLETED = exits.OK, FAILED = exits.FAILED, TIMED_OUT = exits.TIMED_OUT, TERMINATED = exits.TERMINATED,
}

--- Of several outcomes the one that comes first here decides.
local WORST_FIRST = {
  exits.BUG, exits.INTERRUPTED, exits.ENDED, exits.AMBIGUOUS, exits.FAILED, exits.TIMED_OUT, exits.TERMINATED,
  exits.WAITED, exits.REFUSED, exits.TEMPORARY, exits.INPUT, exits.FINDINGS, exits.OK,
}

--- What an execution's final status makes of the program. A status that is not known is no success.
---@param status string
---@return integer code
function exits.of_status(status) return OF_STATUS[status] or exits.FAILED end

local OF_KIND = {
  invalid = exits.INPUT, ambiguous = exits.AMBIGUOUS, transport = exits.TEMPORARY, timeout = exits.TEMPORARY,
  throttled = exits.TEMPORARY,
}

--- What an error of the library makes of it. No connection is there to be had where a proxy said no.
---@param err cdfworkflow.Error
---@return integer code
function exits.of_error(err)
  if err.waited then return exits.WAITED end
  if err.kind == "transport" and err.retryable == false then return exits.REFUSED end
  return OF_KIND[err.kind] or (err.retryable and exits.TEMPORARY) or exits.REFUSED
end

---@param a integer
---@param b integer
---@return integer the worse of two
function exits.worse(a, b)
  for _, code in ipairs(WORST_FIRST) do
    if code == a or code == b then return code end
  end
  return exits.BUG
end

---@class cdfworkflow.program.Failure
---@field code integer
---@field message string|nil nil: all has been said

local Failure = {}
Failure.__index = Failure

function Failure:__tostring() return self.message or "exit " .. self.code end

--- Ends the program. To be called from anywhere in a command; does not return.
---@param code integer
---@param message? string one sentence for standard error
function exits.fail(code, message) error(setmetatable({ code = code, message = message }, Failure), 0) end

--- Ends the program for an error of the library.
---@param err cdfworkflow.Error
function exits.fail_with(err) exits.fail(exits.of_error(err), err.message) end

--- What the library gave, or the end of the program for its error.
---@generic T
---@param result T|nil
---@param err? cdfworkflow.Error
---@return T result
function exits.check(result, err)
  if result == nil then exits.fail_with(err) end
  return result
end

--- Does something with each of several, says what went wrong with one, and goes on with the next; but a signal ends it.
---@generic T
---@param out cdfworkflow.program.Output
---@param list T[]
---@param fn fun(item: T)
---@return integer code the worst of them
function exits.each(out, list, fn)
  local code = exits.OK
  for _, item in ipairs(list) do
    local ok, failure = pcall(fn, item)
    if not ok then
      local is_one = exits.is_failure(failure) and failure.message ~= nil
      if not is_one or not list[2] then error(failure, 0) end
      out:say(list[2] and ("%s: %s"):format(item, failure.message) or failure.message)
      code = exits.worse(code, failure.code)
    end
  end
  return code
end

---@param value any
---@return boolean whether it is what `exits.fail` raises
function exits.is_failure(value) return getmetatable(value) == Failure end

return exits
