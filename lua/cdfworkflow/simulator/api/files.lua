-- SPDX-License-Identifier: Apache-2.0
-- Files, as far as a function's zip needs them: create with an upload URL, take the bytes, look whether they came.
-- The bytes themselves are counted, not kept: no Python runs here.

local core = require "cdfworkflow.core"
local kept = require "cdfworkflow.simulator.lib.kept"
local random = require "cdfworkflow.simulator.lib.random"
local refusal = require "cdfworkflow.simulator.lib.refusal"
local refusals = require "cdfworkflow.simulator.lib.refusals"

local refuse_with = refusal.refuse_with

local files = {}

local URL_LIFETIME = 7 * 24 * 3600 * 1000

local key = kept.key

local SHOWN = {
  "id", "externalId", "name", "mimeType", "dataSetId", "source", "directory", "metadata", "uploaded", "uploadedTime",
  "createdTime", "lastUpdatedTime",
}

local function view(file)
  local shown = {}
  for _, name in ipairs(SHOWN) do
    shown[name] = file[name]
  end
  return shown
end

-- Where the client reached this server; without a proper Host header the URL is relative.
local function base_url(request, host)
  if request.base_url then
    return request.base_url
  elseif not host or not host:find("^[%w.:%-%[%]]+$") then
    return ""
  end
  return (request.scheme or "http") .. "://" .. host
end

local function upload_url(exchange, file)
  local project = exchange.project
  local token = random.hex(exchange.sim.state, 32)
  exchange.sim.state.uploads[token] = {
    project = project.name,
    file = key(file.id),
    expires = project:now() + URL_LIFETIME,
  }
  return base_url(exchange.request, exchange.headers.host) .. "/upload/" .. token
end

local function initiate(exchange)
  local project, item = exchange.project, exchange.body
  local before = item.externalId and kept.find(project.state.files, item)
  if before and not exchange.query.overwrite then
    refuse_with({ duplicated = { { externalId = item.externalId } } }, refusals.files_exist)
  end
  local now = project:now()
  local file = {
    id = before and before.id or project:new_id(),
    uploaded = false,
    createdTime = before and before.createdTime or now,
    lastUpdatedTime = now,
  }
  for name, value in pairs(item) do
    file[name] = value
  end
  project.state.files[key(file.id)] = file
  local shown = view(file)
  shown.uploadUrl = upload_url(exchange, file)
  return shown, 201
end

-- The storage host's own way of saying no.
local function denied()
  return {
    status = 403,
    headers = { ["content-type"] = "application/xml" },
    body = "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
  }
end

local function upload(exchange)
  local grant = exchange.sim.state.uploads[exchange.params.uploadToken]
  if not grant or grant.expires <= exchange.sim.state.clock then
    return nil, denied()
  end
  local project = exchange.sim.projects[grant.project]
  local file = project.state.files[grant.file]
  file.uploaded = true
  file.uploadedTime, file.lastUpdatedTime = project:now(), project:now()
  file.size = #exchange.body_text
  return nil, { status = 200, headers = {}, body = "" }
end

local function by_ids(exchange)
  local found, missing = core.array({}), {}
  for _, item in ipairs(exchange.body.items) do
    local file = kept.find(exchange.project.state.files, item)
    if file then
      found[#found + 1] = view(file)
    else
      missing[#missing + 1] = item
    end
  end
  if #missing > 0 and not exchange.body.ignoreUnknownIds then
    refuse_with({ missing = missing }, refusals.files_missing)
  end
  return { items = found }
end

files.operations = {
  { operation = "initiateFileUpload", method = "POST", path = "/files", acl = { "filesAcl", "WRITE" },
    query = { "overwrite" }, handle = initiate },
  { operation = "retrieveFiles", method = "POST", path = "/files/byids", acl = { "filesAcl", "READ" },
    handle = by_ids },
  { operation = "uploadFileContent", method = "PUT", path = "/upload/{uploadToken}", handle = upload, bare = true },
}

return files
