-- SPDX-License-Identifier: Apache-2.0
-- Errors in the words of whoever set the client up: CDF_URL where base_url is meant.

local words = {}

--- Options that hints speak of. Others, such as `project`, are words of the language too.
local HINTED = {
  client_id = true, client_secret = true, tenant_id = true, token_url = true, scopes = true, base_url = true,
  ca_file = true,
}

local function rename(text, names)
  local token = names.token or names.token_file
  if token then text = text:gsub("^; check the token:", function() return "; check " .. token .. ":" end) end
  return (text:gsub("[%a_]+", function(word) return HINTED[word] and names[word] or nil end))
end

--- An error about a setting: names it as it is called where it came from.
---@param err cdfworkflow.Error
---@param names table<string, string> by option
---@return cdfworkflow.Error
function words.of_setting(err, names)
  local name = err.field and names[err.field]
  if not name then return err end
  if err.message:sub(1, #err.field) == err.field then err.message = name .. err.message:sub(#err.field + 1) end
  err.field = name
  return err
end

--- What a program says that gives its users no such options, in place of what the core says of sessions.
local OPTIONS_OF_RUN = 'give client_credentials, or session = "oneshot"'

--- An error of a call: names the options in the hint at its end.
---@param err cdfworkflow.Error
---@param names table<string, string>
---@return cdfworkflow.Error
function words.of_call(err, names)
  local said, hint = err.message:match "^(.*)(; [^;]*)$"
  if not hint then return err end
  local from, to = hint:find(OPTIONS_OF_RUN, 1, true)
  if from and names.session then hint = hint:sub(1, from - 1) .. names.session .. hint:sub(to + 1) end
  err.message = said .. rename(hint, names)
  return err
end

return words
