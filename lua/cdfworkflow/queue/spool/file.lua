-- SPDX-License-Identifier: Apache-2.0
-- A delivery as a file: a line of JSON, and behind it the input, byte for byte. And how the file is called.

local core = require "cdfworkflow.core"

local file = {}

local FORMAT = 1

--- Bytes that the first line takes at most: 10 pairs of metadata, 287 characters each, six bytes a character.
file.HEAD = 32 * 1024
--- Bytes of a whole file at most.
file.MOST = 256 * 1024

local LONGEST_NAME = 180

--- The name of a delivery's file: what is no small letter or digit is written as %XX, so that names differ on every
--- file system; very long ids are cut, and told apart by a digest.
---@param id string
---@return string
function file.name(id)
  local name = id:gsub("[^a-z0-9_-]", function(byte) return ("%%%02x"):format(byte:byte()) end)
  if #name <= LONGEST_NAME then return name end
  return name:sub(1, 80) .. "%~" .. core.sha256(id)
end

--- The id that such a name stands for, where it was not cut.
---@param name string
---@return string
function file.id(name)
  return (name:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

---@param delivery cdfworkflow.queue.Delivery
---@param put cdfworkflow.queue.Moment
---@return string
function file.text(delivery, put)
  local input = delivery.input or ""
  local head = {
    format = FORMAT, id = delivery.id, workflow = delivery.workflow, version = delivery.version,
    metadata = delivery.metadata, put = put, has_input = delivery.input ~= nil, bytes = #input,
  }
  return ("%s\n%s\n"):format(assert(core.encode(head)), input)
end

--- What stands in the first line.
---@param text string the file, or its beginning
---@return table|nil head nil: this is no delivery, or not one that this version can read
---@return integer? start of the input
function file.head(text)
  local line, start = text:match "^([^\n]*)\n()"
  local head = line and core.decode(line)
  local is_one = type(head) == "table" and head.format == FORMAT and type(head.put) == "table"
  if is_one and head.metadata == core.null then head.metadata = nil end
  return is_one and head or nil, start
end

--- The delivery in a file.
---@param text string
---@param id? string that it must have
---@return cdfworkflow.queue.Delivery|nil delivery nil: it is damaged
---@return cdfworkflow.queue.Moment? put
function file.delivery(text, id)
  local head, start = file.head(text)
  if not head or id and head.id ~= id or #text ~= start + head.bytes or text:sub(-1) ~= "\n" then return nil end
  return {
    id = head.id, workflow = head.workflow, version = head.version, metadata = head.metadata,
    input = head.has_input and text:sub(start, -2) or nil, created = head.put.time,
  }, head.put
end

return file
