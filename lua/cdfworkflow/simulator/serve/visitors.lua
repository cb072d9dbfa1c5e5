-- SPDX-License-Identifier: Apache-2.0
-- Who is asking: a program on this machine, a page that a browser has open, and by which name the server was reached.
-- A page of elsewhere whose name was rebound to this machine comes from here, too; its Host gives it away.

local visitors = {}

-- The name without its port, in lower case; brackets of an IPv6 address are gone.
local function host_name(host)
  local name = host:gsub(":%d*$", "")
  return (name:match("^%[(.*)%]$") or name):lower()
end

---@param name string
---@return boolean # whether the name can only mean this machine
function visitors.is_loopback(name)
  name = name:lower()
  return name == "localhost" or name:find("%.localhost$") ~= nil or name == "::1"
    or name:find("^127%.%d+%.%d+%.%d+$") ~= nil
end

---@param request cdfworkflow.simulator.Request
---@param own string the address that the server listens on, as it was given
---@return boolean # whether the server was asked by a name of its own; a client without Host is no browser
function visitors.knows_name(request, own)
  local host = request.headers.host
  if not host then return true end
  local name = host_name(host)
  return visitors.is_loopback(name) or name == own:lower()
end

---@param request cdfworkflow.simulator.Request
---@return boolean # whether a page asks that a browser has open, as far as the browser says so
function visitors.is_page(request)
  local site = request.headers["sec-fetch-site"]
  return request.headers.origin ~= nil or site ~= nil and site ~= "none"
end

---@param stream table lua-http's
---@return boolean # whether the other end is on this machine
function visitors.is_near(stream)
  local _, address = stream:peername()
  address = tostring(address):gsub("^::ffff:", "")
  return visitors.is_loopback(address)
end

return visitors
