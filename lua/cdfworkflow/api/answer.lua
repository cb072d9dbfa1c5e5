-- SPDX-License-Identifier: Apache-2.0
-- What namespaces make of CDF's answers.

local core = require "cdfworkflow.core"

local answer = {}

--- `nil, err` for an answer that is not what CDF promises.
---@param message string
---@return nil, cdfworkflow.Error err kind "protocol"
function answer.protocol(message)
  return nil, core.error { kind = "protocol", message = message }
end

--- The first item of an answer that must hold one.
---@param what string
---@param body table|nil
---@param err cdfworkflow.Error|nil passed on when there is no answer
---@return table|nil item
---@return cdfworkflow.Error? err
function answer.first(what, body, err)
  if not body then return nil, err end
  local item = type(body.items) == "table" and body.items[1]
  if type(item) ~= "table" then return answer.protocol("CDF's answer holds no " .. what) end
  return item
end

--- The items of an answer, each an object.
---@return table[]|nil items
---@return cdfworkflow.Error? err
function answer.items(what, body, err)
  if not body then return nil, err end
  local items = body.items
  if type(items) ~= "table" or next(items) ~= nil and not core.is_array(items) then
    return answer.protocol("CDF's answer holds no list of " .. what)
  end
  for _, item in ipairs(items) do
    if type(item) ~= "table" then
      return answer.protocol(("CDF's answer holds a %s in its list of %s"):format(type(item), what))
    end
  end
  return items
end

--- `true` for a call whose answer says nothing but that it was done.
---@return true|nil done
---@return cdfworkflow.Error? err
function answer.done(body, err)
  if not body then return nil, err end
  return true
end

--- Whether the error is what CDF itself said: it has the code of CDF's envelope. Proxies in front of CDF have none.
---@return boolean
function answer.is_own(err)
  return err.status ~= nil and type(err.code) == "number"
end

--- Whether CDF says that what was asked for is not there; it does so in two ways (CDF.md section 16).
---@return boolean
function answer.is_missing(err)
  return answer.is_own(err) and (err.status == 404 or type(err.missing) == "table" and #err.missing > 0)
end

--- A list that stays one in JSON also when it is empty.
---@return table
function answer.list(items)
  return next(items) == nil and core.array {} or items
end

return answer
