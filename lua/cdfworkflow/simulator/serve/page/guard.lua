-- SPDX-License-Identifier: Apache-2.0
-- Who may read the page, and whose clicks count. A page from elsewhere that a browser has open must neither read this
-- one (by a name that its owner makes to mean this machine) nor send its forms.

local visitors = require "cdfworkflow.simulator.serve.visitors"

local guard = {}

---@class cdfworkflow.simulator.Guard
---@field host string what the server listens on
---@field token string in every form; made anew when the server starts
---@field acts boolean whether there are forms at all
local Guard = {}
Guard.__index = Guard

--- What is said where there are no forms.
guard.ONLY_SHOWS = "This page only shows: the simulator listens to other machines, too, and was started without "
  .. "--page-actions."

-- No script but our own file, no frame around the page, nothing from elsewhere. The referrer policy is not
-- `no-referrer`, with which browsers send `Origin: null` for our own forms.
guard.HEADERS = {
  ["cache-control"] = "no-store",
  ["content-security-policy"] = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    .. "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  ["cross-origin-opener-policy"] = "same-origin",
  ["cross-origin-resource-policy"] = "same-origin",
  ["referrer-policy"] = "same-origin",
  ["x-content-type-options"] = "nosniff",
  ["x-frame-options"] = "DENY",
}

---@param given { host: string, token: string, page_actions?: boolean } `page_actions` opens the forms although the
---  server listens to more than this machine
---@return cdfworkflow.simulator.Guard
function guard.new(given)
  return setmetatable({
    host = given.host, token = given.token, acts = given.page_actions or visitors.is_loopback(given.host),
  }, Guard)
end

--- Whether a request came under a name of this server.
---@param request cdfworkflow.simulator.Request
---@return boolean
function Guard:knows(request)
  return visitors.knows_name(request, self.host)
end

-- Takes as long for every token of the same length.
local function same(given, wanted)
  if type(given) ~= "string" or #given ~= #wanted then return false end
  local difference = 0
  for i = 1, #wanted do
    if given:byte(i) ~= wanted:byte(i) then difference = difference + 1 end
  end
  return difference == 0
end

local function is_own_origin(headers)
  local origin, site = headers.origin, headers["sec-fetch-site"]
  if site and site ~= "same-origin" then return false end
  return not origin or origin:lower():match("^https?://(.*)$") == (headers.host or ""):lower()
end

--- Whether a form that was sent is one of this page. The Host header is known by then.
---@param headers table<string, string>
---@param form table<string, string>
---@return boolean|nil ok, string|nil message
function Guard:takes(headers, form)
  if not self.acts then return nil, guard.ONLY_SHOWS end
  local kind = (headers["content-type"] or ""):lower()
  if not kind:find("^application/x%-www%-form%-urlencoded") then return nil, "What was sent is not a form." end
  if not is_own_origin(headers) then return nil, "This form was sent by another page." end
  if not same(form.token, self.token) then
    return nil, "This form is older than the running simulator, or not its own. Go back, load the page again, and send "
      .. "it once more."
  end
  return true
end

return guard
