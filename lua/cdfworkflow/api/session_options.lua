-- SPDX-License-Identifier: Apache-2.0
-- What the methods take for which a session is made (CDF.md section 3).

local check = require "cdfworkflow.check"

---@class cdfworkflow.SessionOptions
---@field session? "client_credentials"|"token_exchange"|"oneshot" the first unless told where the client signs in with
---  client credentials, otherwise the second
---@field client_credentials? { client_id: string, client_secret: string }|userdata for the session, instead of the
---  client's own
---@field nonce? string one that the caller has made; then no session is made

local session_options = {}

session_options.SESSION = { "session", check.choice { "client_credentials", "token_exchange", "oneshot" } }
session_options.CLIENT_CREDENTIALS = { "client_credentials", check.client_credentials }
session_options.NONCE = { "nonce", check.string }

session_options.ALL = { session_options.SESSION, session_options.CLIENT_CREDENTIALS, session_options.NONCE }

--- What is wrong with them together.
---@return string?
function session_options.rule(given)
  local session = given.session
  if given.client_credentials ~= nil and (session == "token_exchange" or session == "oneshot") then
    return ("client_credentials do not go with session = %q"):format(session)
  end
end

return session_options
