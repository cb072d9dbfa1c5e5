-- SPDX-License-Identifier: Apache-2.0
-- Checks exchanges of a client or a server against the contract (validate.mjs, by node).

local json = require "dkjson"

local contract = {}

local folder = debug.getinfo(1, "S").source:match "^@(.*)support/contract%.lua$"

---@class contract.Exchange
---@field name? string what to call it in a complaint (default: method and path)
---@field operationId? string fails when the path leads to another operation
---@field method string
---@field path string raw, with its `?query`
---@field request? string body text, gzip undone; "" for none; nil leaves it unchecked
---@field status? integer
---@field response? string body text; "" for none; nil leaves it unchecked

-- JSON stays as it is, so that what `{}` was is not lost; a form, HTML and the like become a JSON string.
local function body(text)
  return text:find "^%s*[%[{]" and text:gsub("[\r\n]", " ") or json.encode(text)
end

local function line(exchange)
  local members = {}
  for _, name in ipairs { "name", "operationId", "method", "path", "status" } do
    if exchange[name] then
      members[#members + 1] = ("%q:%s"):format(name, json.encode(exchange[name]))
    end
  end
  for _, name in ipairs { "request", "response" } do
    if exchange[name] then
      members[#members + 1] = ("%q:%s"):format(name, body(exchange[name]))
    end
  end
  return "{" .. table.concat(members, ",") .. "}\n"
end

--- The complaints about these exchanges, one string each; none when all keep to the contract.
---@param exchanges contract.Exchange[]
---@return string[] violations
function contract.violations(exchanges)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  for _, exchange in ipairs(exchanges) do
    file:write(line(exchange))
  end
  assert(file:close())
  local process = assert(io.popen(("node '%ssupport/validate.mjs' < '%s' 2>&1"):format(folder, name)))
  local violations = {}
  for said in process:lines() do
    violations[#violations + 1] = said
  end
  process:close()
  os.remove(name)
  local report = table.concat(violations, "\n")
  local count = table.remove(violations)
  assert(count == ("%d exchanges, %d violations"):format(#exchanges, #violations), report)
  return violations
end

--- Every file of a folder of the contract, decoded by dkjson, which keeps `[]` and `{}` apart.
---@param part "golden"|"responses"
---@return { name: string, content: table }[]
function contract.files(part)
  local files = {}
  local listing = assert(io.popen(("ls '%scontract/%s'"):format(folder, part)))
  for name in listing:lines() do
    local file = assert(io.open(folder .. "contract/" .. part .. "/" .. name))
    files[#files + 1] = { name = name, content = json.decode(file:read "*a") }
    file:close()
  end
  listing:close()
  return files
end

return contract
