-- SPDX-License-Identifier: Apache-2.0
-- The JSON body of a request: content type, gzip undone (lua-zlib, loaded when it is first needed), JSON.

local core = require "cdfworkflow.core"
local depth = require "cdfworkflow.simulator.lib.depth"
local refuse = require("cdfworkflow.simulator.lib.refusal").refuse
local refusals = require "cdfworkflow.simulator.lib.refusals"

local body = {}

local MOST = 10 * 1024 * 1024
local CHUNK = 4096 -- so that a gzip bomb is noticed before it has gone off

local function inflate(text)
  local found, zlib = pcall(require, "zlib")
  if not found then
    refuse(refusals.gzip_unavailable)
  end
  local stream, parts, size = zlib.inflate(), {}, 0
  for first = 1, #text, CHUNK do
    local ok, part, ended = pcall(stream, text:sub(first, first + CHUNK - 1))
    if not ok then
      refuse(refusals.gzip)
    end
    parts[#parts + 1] = part
    size = size + #part
    if size > MOST then
      refuse(refusals.body_too_large)
    elseif ended then
      return table.concat(parts)
    end
  end
  refuse(refusals.gzip_cut)
end

local function plain_text(exchange)
  local encoding = (exchange.headers["content-encoding"] or "identity"):lower()
  if encoding == "gzip" then
    return inflate(exchange.body_text)
  elseif encoding ~= "identity" then
    refuse(refusals.encoding)
  end
  return exchange.body_text
end

---@param exchange cdfworkflow.simulator.Exchange
---@return any # the JSON value; refuses with 400, 413 or 415
function body.read(exchange)
  local kind = exchange.headers["content-type"]
  if kind and not kind:lower():find("^application/json") then
    refuse(refusals.media_type)
  end
  local text = plain_text(exchange)
  if #text > MOST then
    refuse(refusals.body_too_large)
  elseif text == "" and exchange.operation.optional_body then
    return {}
  elseif text == "" then
    refuse(refusals.body_missing)
  end
  local value, problem = core.decode(text)
  if value == nil then
    refuse(refusals.body, problem)
  elseif depth.is_too_deep(value) then
    refuse(refusals.body_too_deep, depth.MOST)
  end
  return value
end

return body
