-- SPDX-License-Identifier: Apache-2.0
-- What the queue (init.lua, drain.lua) asks of a store, and what a store may rely on. The spool folder (spool.lua) is
-- one, a Redis stream (redis.lua) another. The queue decides what is tried when, and what an error means; the store
-- keeps.

-- luacheck: no unused, ignore 241

local contract = {}

---@class cdfworkflow.queue.Clock what counts time for queue and store; the queue gives it to the store
---@field now fun(): number seconds on a clock that only goes forward, and counts sleep (`core.now`)
---@field time fun(): number seconds since the epoch, which may jump (`core.time`)
---@field boot? string tells one start of the machine from another, so that `now` of two processes can be compared
---@field sleep fun(seconds: number) lets the host do other things

--- A delivery: one run that is to be started.
---@class cdfworkflow.queue.Delivery
---@field id string names it, and is the `request_id` of its run: 1 to 255 characters
---@field workflow string external id
---@field version string
---@field input? string JSON text, byte for byte as it was given; at most 102,400 bytes
---@field metadata? table<string, string>
---@field created number seconds since the epoch when it was put, or last retried
---@field state? "waiting"|"starting"|"refused"|"started" what the store knows of it
---@field attempts? integer how often it was begun
---@field error? { kind: string, message: string, status?: integer } the latest, of a delivery that waits or was
---  refused
---@field execution? { id: string, status: string, … } of one that was started, as CDF answered
---@field ended? number seconds since the epoch when it was started or refused

--- What `claim` gives: a delivery that is nobody else's until it is settled, refused, failed or released.
---@class cdfworkflow.queue.Claim : cdfworkflow.queue.Delivery
---@field look_back? number seconds since the first attempt was begun, by the store's most cautious clock; nil where
---  none ever was. The attempt looks so far back
---@field wait? number seconds that must go by before the next attempt: an earlier one may still bring about a run
---@field age number seconds since it was put, or retried, by the store's most cautious clock

--- A store. Each method returns `nil, err` where the store cannot be reached, or its disk is full, with `err.kind`
--- "transport" and a message that names the store; what stays in doubt for `put` then is said in the message. Methods
--- may yield to the host. They are called in coroutines, several at a time, but never two for the same claim.
---@class cdfworkflow.queue.Store
---@field clock cdfworkflow.queue.Clock set by the queue before anything else is called
local Store = {}

--- Keeps a delivery, surely: returns when it survives a crash of the machine. A delivery whose id is known (it waits,
--- was refused, or was started within the last day) changes nothing.
---@param delivery cdfworkflow.queue.Delivery without `state`
---@param limits { max_entries: integer, max_bytes: integer } of all that wait or were refused. A full store refuses:
---  `err.kind` "throttled", `err.retryable`, `err.limit` the figure, the message says which limit it was
---@return boolean|nil is_new false: its id was known
---@return cdfworkflow.Error? err
function Store:put(delivery, limits) end

--- What is known of a delivery; of one that was started for a day, without its input.
---@param id string
---@return cdfworkflow.queue.Delivery|nil delivery nil without an error: none of that id
---@return cdfworkflow.Error? err
function Store:get(id) end

--- Deliveries that wait (or are being started) and those that were refused, oldest first, without their inputs.
---@param opts { state?: "waiting"|"refused", limit: number }
---@return cdfworkflow.queue.Delivery[]|nil list
---@return cdfworkflow.Error? err
function Store:list(opts) end

--- How many there are; takes no longer when they are many.
---@return { waiting: integer, refused: integer, bytes: integer }|nil count
---@return cdfworkflow.Error? err
function Store:count() end

--- Takes the oldest delivery that waits and is nobody's. A claim that was not begun within a minute or so may be
--- given to another; the queue gives claims back sooner, where they have to wait. One whose drain died is given out
--- again: never sooner than its attempt's deadline (`begin`) + 90 s, unless the claim's `wait` says what is missing
--- to that, or to 90 s after the store has seen for certain that the drain is dead.
---@return cdfworkflow.queue.Claim|nil claim
---@return cdfworkflow.Error? err nil: nothing can be claimed now
---@return number? seconds after which it is worth asking again, where others hold what there is
function Store:claim() end

--- An attempt begins: it is noted, surely, before a byte is sent. `false`: the claim is not ours any more (taken
--- over, or dropped meanwhile), and nothing may be sent.
---@param claim cdfworkflow.queue.Claim
---@param seconds number the attempt's deadline from now. The library sends nothing for it that is later, by a clock
---  that counts sleep; a nonce that it holds then is dead 70 s later
---@return boolean|nil is_ours
---@return cdfworkflow.Error? err nothing may be sent
function Store:begin(claim, seconds) end

--- It was started. Its id is known for a day. Repeating this is harmless; so is never having done it, since the next
--- attempt looks.
---@param claim cdfworkflow.queue.Claim
---@param execution cdfworkflow.Execution
---@return true|nil done
---@return cdfworkflow.Error? err
function Store:settle(claim, execution) end

--- It was refused for good, and is kept apart with the reason.
---@param claim cdfworkflow.queue.Claim
---@param err cdfworkflow.Error
---@return true|nil done
---@return cdfworkflow.Error? err
function Store:refuse(claim, err) end

--- The attempt failed for a while: it waits again, at its old place, and can be claimed.
---@param claim cdfworkflow.queue.Claim
---@param err cdfworkflow.Error
---@param in_doubt boolean it may yet bring about a run: no attempt for 90 s (`wait` of the next claim)
---@return true|nil done
---@return cdfworkflow.Error? err
function Store:fail(claim, err, in_doubt) end

--- The claim is given back; nothing was begun, or the queue does not know what came of it, and then this must not be
--- taken for the end of an attempt.
---@param claim cdfworkflow.queue.Claim
---@return true|nil done
---@return cdfworkflow.Error? err
function Store:release(claim) end

--- A refused delivery waits again, at its old place, with `created` now.
---@param id string
---@return true|nil done nil without an error: no refused delivery of that id
---@return cdfworkflow.Error? err
function Store:retry(id) end

--- A delivery that waits or was refused is forgotten; what is known of its attempts is kept for a day, so that
--- putting its id again still looks back to the first. `err.kind` "invalid" for one that is being started just now.
---@param id string
---@return true|nil done nil without an error: none of that id
---@return cdfworkflow.Error? err
function Store:drop(id) end

--- A drain has ended, and another one may go on. A store that keeps nothing for its drain has no such method.
---@type nil|fun(self: cdfworkflow.queue.Store)
Store.rest = nil

--- Lets go of what it holds (locks, connections). Claims that are under way are left as a killed drain would leave
--- them.
function Store:close() end

--- The names of the methods.
contract.METHODS = {
  "put", "get", "list", "count", "claim", "begin", "settle", "refuse", "fail", "release", "retry", "drop", "close",
}

--- Seconds after which nothing can come of an attempt whose deadline has passed: its nonce is dead (70 s), and the
--- list of executions shows what it brought about (10 s); and some more. See src/look.h.
contract.SETTLED_AFTER = 90

--- Seconds for which the id of a started or dropped delivery is known.
contract.REMEMBERED = 86400

return contract
