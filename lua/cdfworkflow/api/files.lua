-- SPDX-License-Identifier: Apache-2.0
-- Upload of a file to CDF, as far as the zip of a function needs it.
-- The bytes go to a storage host outside CDF, which must not see the access token (CDF.md section 9).

local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"

---@class cdfworkflow.File a resource of CDF; further members pass through
---@field name string at most 256 characters
---@field externalId? string
---@field mimeType? string
---@field dataSetId? integer
---@field id? integer in answers, like what follows
---@field uploaded? boolean

---@class cdfworkflow.Files
local Files = {}
Files.__index = Files

local LENGTHS = { name = 256, externalId = 255, mimeType = 256, source = 128, directory = 512 }
local MOST_BYTES = 64 * 1024 * 1024
local LOOKS = 5 -- for `uploaded`, 1, 2, 4 and 8 seconds apart

--- Waits until CDF has seen that the file's content was uploaded.
---@param id integer
---@return cdfworkflow.File|nil file, table? err kind "timeout" when it has not after five looks, 15 seconds
function Files:wait_uploaded(id)
  local digits, err = check.id("id", id)
  if not digits then return nil, err end
  for look = 1, LOOKS do
    local file
    file, err = check.first("file", self.client:_call("POST", "/files/byids", { items = { { id = id } } }))
    if not file or file.uploaded == true then return file, err end
    if look < LOOKS then
      local _, stopped = self.client:_sleep(2 ^ (look - 1))
      if stopped then return nil, stopped end
    end
  end
  return nil, core.error {
    kind = "timeout", retryable = true, attempts = LOOKS,
    message = ("CDF has not seen the upload of file %s after %d looks"):format(digits, LOOKS),
  }
end

--- Creates the file, or replaces the one with its external id, and uploads its content. CDF sees the upload a moment
--- later: `wait_uploaded`.
---@param file cdfworkflow.File
---@param bytes string
---@return cdfworkflow.File|nil created, table? err
function Files:upload(file, bytes)
  check.type(file, "table", "file")
  check.type(bytes, "string", "bytes")
  if type(file.name) ~= "string" or file.name == "" then
    return check.invalid("name", "name must be text, not empty")
  end
  local ok, err = check.texts(file, LENGTHS)
  if not ok then return nil, err end
  if file.mimeType and file.mimeType:find "[^ -~]" then
    return check.invalid("mimeType", "mimeType contains a character that cannot stand in a header")
  end
  if #bytes > MOST_BYTES then return check.invalid("bytes", "the file is larger than 64 MiB", MOST_BYTES) end
  local created
  created, err = self.client:_call("POST", "/files", check.without(file, {}),
    { query = { overwrite = true }, repeatable = "throttled" })
  if not created then return nil, err end
  if type(created.uploadUrl) ~= "string" or not check.id("id", created.id) then
    return check.protocol("CDF's answer to a new file holds no uploadUrl and id")
  end
  local url = created.uploadUrl
  if url:sub(1, 1) == "/" then url = self.client.base_url .. url end
  ok, err = self.client:_put(url, bytes, { content_type = file.mimeType })
  if not ok then return nil, err end
  return created
end

return Files
