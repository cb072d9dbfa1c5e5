-- SPDX-License-Identifier: Apache-2.0
-- Upload of a file to CDF, as far as the zip of a function needs it.
-- The bytes go to a storage host outside CDF, which must not see the access token (CDF.md section 9).

local answer = require "cdfworkflow.api.answer"
local check = require "cdfworkflow.check"
local core = require "cdfworkflow.core"
local method = require "cdfworkflow.method"
local options = require "cdfworkflow.options"

---@class cdfworkflow.File a resource of CDF; further members pass through
---@field name string at most 256 characters
---@field externalId? string
---@field mimeType? string
---@field source? string at most 128 characters
---@field directory? string at most 512 characters
---@field dataSetId? integer
---@field id? integer in answers, like what follows
---@field uploaded? boolean

---@class cdfworkflow.Files
local Files = {}
Files.__index = Files

local takes = {}

local MOST_BYTES = 64 * 1024 * 1024
local LOOKS = 5 -- for `uploaded`, 1, 2, 4 and 8 seconds apart

takes.wait_uploaded = { { "id", check.id "a file", required = true } }

--- Waits until CDF has seen that the file's content was uploaded.
---
---     local file = assert(client.files:upload({ name = "day.csv" }, "a,b\n1,2\n"))
---     print(assert(client.files:wait_uploaded(file)).uploaded) --> true
---@param id integer|cdfworkflow.File
---@return cdfworkflow.File|nil file
---@return cdfworkflow.Error? err of any kind but "ambiguous"; "timeout" when it has not after five looks, 15
---  seconds
function Files:wait_uploaded(id)
  for look = 1, LOOKS do
    local file, err = answer.first("file", self.client:_call("POST", "/files/byids", { items = { { id = id } } }))
    if not file or file.uploaded == true then return file, err end
    if look < LOOKS then
      local _, stopped = self.client:_sleep(2 ^ (look - 1))
      if stopped then return nil, stopped end
    end
  end
  return nil, core.error {
    kind = "timeout", retryable = true, attempts = LOOKS,
    message = ("CDF has not seen the upload of file %s after %d looks"):format(check.digits(id), LOOKS),
  }
end

local FILE = options.resource {
  { "name", check.text(256, 1), required = true },
  { "externalId", check.text(255) },
  { "mimeType", check.text(256) },
  { "source", check.text(128) },
  { "directory", check.text(512) },
}

takes.upload = { { "file", FILE, required = true }, { "bytes", check.string, required = true } }

--- Creates the file, or replaces the one with its external id, and uploads its content. CDF sees the upload a moment
--- later: `wait_uploaded`.
---
---     local file = assert(client.files:upload({ name = "day.csv", externalId = "day-31" }, "a,b\n1,2\n"))
---@param file cdfworkflow.File
---@param bytes string
---@return cdfworkflow.File|nil created
---@return cdfworkflow.Error? err of any kind
function Files:upload(file, bytes)
  if file.mimeType and file.mimeType:find "[^ -~]" then
    return check.invalid("mimeType", "mimeType contains a character that cannot stand in a header", "printable ASCII")
  end
  if #bytes > MOST_BYTES then return check.invalid("bytes", "the file is larger than 64 MiB", MOST_BYTES) end
  local created, err = self.client:_call("POST", "/files", file, { query = { overwrite = true }, repeats = "unsafe" })
  if not created then return nil, err end
  if type(created.uploadUrl) ~= "string" or not check.is_id(created.id) then
    return answer.protocol("CDF's answer to a new file holds no uploadUrl and id")
  end
  local url = created.uploadUrl
  if url:sub(1, 1) == "/" then url = self.client.base_url .. url end
  local ok
  ok, err = self.client:_put(url, bytes, { content_type = file.mimeType })
  if not ok then return nil, err end
  return created
end

return method.class(Files, "client.files", takes)
