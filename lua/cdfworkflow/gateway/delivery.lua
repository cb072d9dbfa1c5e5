-- SPDX-License-Identifier: Apache-2.0
-- Reads a delivery out of a POST: its body, byte for byte, and its Idempotency-Key; or says what is wrong with it.

local answers = require "cdfworkflow.gateway.answers"
local core = require "cdfworkflow.core"
local json = require "cdfworkflow.json"

local delivery = {}

--- CDF takes this much input, and a body is nothing but the input (CDF.md section 5).
delivery.MOST_BODY = 102400
--- What a run's metadata holds, where the request id goes too (CDF.md section 4).
local LONGEST_ID = 255

--- Where a hash of the body travels in the run's metadata.
delivery.HASH = "cdfworkflow.bodyHash"

---@class cdfworkflow.gateway.Delivery
---@field workflow string
---@field version string
---@field caller string
---@field body string
---@field hash string of the body
---@field key? string the Idempotency-Key
---@field id? string the `request_id` that the key becomes
---@field memory? table where it is remembered
---@field deadline? number of the attempt that is made, as `core.now` counts

--- A header that comes twice is no header: hosts give such as a table.
---@param request cdfworkflow.gateway.Request
---@return string|nil
function delivery.header(request, name)
  local value = request.headers[name]
  return type(value) == "string" and value or nil
end

local header = delivery.header

--- The body, which is a JSON object; or what is wrong.
local function body_of(request)
  local kind = (header(request, "content-type") or ""):lower():match "^%s*([^;%s]*)"
  if kind ~= "application/json" then return nil, answers.refusal "content_type" end
  local length = tonumber(header(request, "content-length") or 0)
  local body = length and length <= delivery.MOST_BODY and request.read_body(delivery.MOST_BODY)
  if not body or #body > delivery.MOST_BODY then return nil, answers.refusal "too_large" end
  local input, problem = json.decode(body)
  if type(input) ~= "table" or core.is_array(input) or not body:find "^%s*{" then
    return nil, answers.refusal("body", "the body must be a JSON object" .. (problem and ": " .. problem or ""))
  end
  return body
end

--- The request id of a key: the key itself, and before it who sent it, where there are several who may.
function delivery.request_id(caller, key)
  return caller == "" and key or caller .. ":" .. key
end

local request_id = delivery.request_id

local function key_of(request, caller)
  local key = request.headers["idempotency-key"]
  if key == nil then return nil end
  if type(key) ~= "string" then return nil, answers.refusal("invalid", "the Idempotency-Key comes more than once") end
  local most = LONGEST_ID - #request_id(caller, "")
  if key == "" or #key > most or key:find "%c" then
    return nil, answers.refusal("invalid", ("the Idempotency-Key must have 1 to %d characters"):format(most))
  end
  return key
end

---@param request cdfworkflow.gateway.Request
---@param about { workflow: string, version: string, caller: string }
---@return cdfworkflow.gateway.Delivery|nil
---@return cdfworkflow.gateway.Answer? refusal
function delivery.read(request, about)
  local body, refused = body_of(request)
  if not body then return nil, refused end
  local key
  key, refused = key_of(request, about.caller)
  if refused then return nil, refused end
  return {
    workflow = about.workflow, version = about.version, caller = about.caller,
    body = body, hash = core.sha256(body), key = key, id = key and request_id(about.caller, key),
  }
end

--- What a run of the delivery is started with.
---@param one cdfworkflow.gateway.Delivery
---@return table options of `client:run`
function delivery.run_options(one)
  return {
    input = json.json(one.body), metadata = one.key and { [delivery.HASH] = one.hash } or nil, request_id = one.id,
  }
end

--- The request id and the hash of the body that an execution bears. CDF may leave its metadata out.
---@param execution cdfworkflow.Execution
---@return string|nil id
---@return string|nil hash
function delivery.marks(execution)
  local metadata = type(execution.metadata) == "table" and execution.metadata or {}
  local id, hash = metadata["cdfworkflow.requestId"], metadata[delivery.HASH]
  return type(id) == "string" and id or nil, type(hash) == "string" and hash or nil
end

return delivery
