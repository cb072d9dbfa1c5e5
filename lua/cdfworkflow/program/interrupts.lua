-- SPDX-License-Identifier: Apache-2.0
-- Ctrl-C and SIGTERM. Before anything is sent they end the program as they end any other. From then on they are noted,
-- and end the next wait; but while a run is being started its answer is waited for a little longer, so that it is known
-- whether there is a run.

local core = require "cdfworkflow.core"
local exits = require "cdfworkflow.program.exits"

local interrupts = {}

local PATIENCE = 10 -- seconds that the answer to a start is still waited for

---@class cdfworkflow.program.Hold
---@field say fun(message: string)
---@field told? number when the user was told

local hold ---@type cdfworkflow.program.Hold|nil
local settled = 0 -- signals that have had their effect

--- Whatever the shell had done with the signals: they end the program.
function interrupts.end_at_once() core.handle_signals "end" end

--- From now on they end a wait.
function interrupts.note() core.handle_signals "note" end

--- A start is under way.
---@param say fun(message: string)
function interrupts.hold(say) hold = { say = say } end

--- It is not any more.
function interrupts.release() hold = nil end

--- What came has had its effect; only another one ends a wait again.
function interrupts.settle() settled = select(2, core.noted_signal()) or 0 end

local function is_held(new)
  if not hold then return false end
  if not hold.told then
    hold.told = core.now()
    hold.say "interrupted; waiting for CDF's answer, to know whether the run was started (once more: do not wait)"
  end
  return new < 2 and core.now() - hold.told < PATIENCE
end

--- Ends the program if a signal came; what waits calls this.
function interrupts.check()
  local name, count = core.noted_signal()
  if not name or count == settled or is_held(count - settled) then return end
  exits.fail(exits.OF_SIGNAL[name])
end

--- Whether an error is what `check` raises.
---@param err any
---@return boolean
function interrupts.is_interrupt(err)
  return exits.is_failure(err) and (err.code == exits.INTERRUPTED or err.code == exits.ENDED)
end

return interrupts
