-- SPDX-License-Identifier: Apache-2.0
-- What callers are told: the one table of refusals, and what becomes of the library's errors. Nobody is told more than
-- it can change; the rest is for the log.

local core = require "cdfworkflow.core"

local answers = {}

---@class cdfworkflow.gateway.Answer
---@field status integer
---@field headers table<string, string> names in lower case
---@field body string
---@field code? string of a refusal

---@param status integer
---@param content table
---@param headers? table<string, string>
---@return cdfworkflow.gateway.Answer
function answers.json(status, content, headers)
  headers = headers or {}
  headers["content-type"] = "application/json"
  headers["cache-control"] = "no-store"
  return { status = status, headers = headers, body = assert(core.encode(content)) .. "\n" }
end

--- Every refusal that there is: its status, what it says, and after how many seconds it is worth trying again.
local REFUSALS = {
  body = { 400, "the body must be a JSON object" },
  invalid = { 400 },
  refused = { 400 },
  unauthorized = { 401, "a bearer token is needed" },
  forbidden = { 403 },
  not_found = { 404 },
  method = { 405 },
  in_progress = { 409, "a request with this Idempotency-Key is under way, or may still take effect", 5 },
  ended = { 409, "it has ended already" },
  too_large = { 413, "the body may have at most 102400 bytes" },
  content_type = { 415, "the body must be application/json" },
  key_reused = { 422, "this Idempotency-Key came with another body before; nothing was started" },
  internal = { 500, "the gateway failed" },
  auth = { 502, "this gateway could not sign in to CDF" },
  transport = { 502, "CDF could not be used" },
  tls = { 502, "CDF could not be used" },
  protocol = { 502, "CDF could not be used" },
  api = { 502, "CDF could not be used" },
  ambiguous = {
    502, "the workflow may have started; repeat the request with the same Idempotency-Key to find out", 5,
  },
  throttled = { 503, "CDF has too much to do", 5 },
  cancelled = { 503, "the gateway is going down", 5 },
  reading = {
    503, "the gateway has just started and reads which runs there are; deliveries with an Idempotency-Key have to wait",
    2,
  },
  lost = {
    503, "the memory of deliveries was lost a short while ago; new ones with an Idempotency-Key have to wait", 20,
  },
  store = { 503, "the gateway cannot reach its memory, and takes no delivery with an Idempotency-Key", 5 },
  full = { 503, "the queue is full", 60 },
  queue = { 503, "the delivery could not be stored", 5 },
  timeout = { 504, "CDF did not answer in time", 5 },
}

--- All codes, for whoever counts them.
answers.codes = {}
for code in pairs(REFUSALS) do answers.codes[#answers.codes + 1] = code end
table.sort(answers.codes)

--- A refusal, by its code.
---@param code string
---@param message? string in place of the usual one
---@param headers? table<string, string>
---@return cdfworkflow.gateway.Answer
function answers.refusal(code, message, headers)
  local rule = REFUSALS[code]
  headers = headers or {}
  headers["retry-after"] = headers["retry-after"] or rule[3] and tostring(rule[3])
  local answer = answers.json(rule[1], { error = { code = code, message = message or rule[2] } }, headers)
  answer.code = code
  return answer
end

--- Whether CDF said itself that there is no such thing; whoever stands in between has no error code of CDF's.
local function is_unknown(err) return err.kind == "api" and err.status == 404 and err.code ~= nil end

--- What an error of the library becomes. What is not the caller's doing is a bad gateway (502), or one that may do
--- better later (503, 504).
---@param err cdfworkflow.Error
---@param unknown string what is said where CDF does not know what was asked for
---@return cdfworkflow.gateway.Answer
function answers.failure(err, unknown)
  if is_unknown(err) then return answers.refusal("not_found", unknown) end
  if err.kind == "api" and err.status == 400 then return answers.refusal("refused", err.message) end
  if err.kind == "invalid" then return answers.refusal("invalid", err.message) end
  local code = REFUSALS[err.kind] and err.kind or "internal"
  return answers.refusal(code, nil, err.retryable and { ["retry-after"] = "5" } or nil)
end

return answers
