-- SPDX-License-Identifier: Apache-2.0
-- What a request may hold: the closed request schemas of CDF's surface, put together of shapes.

local shapes = require "cdfworkflow.simulator.lib.shapes"
local task_types = require "cdfworkflow.simulator.engine.task_types"

local text, integer, only, object = shapes.text, shapes.integer, shapes.only, shapes.object
local array, nullable, variants, of_type = shapes.array, shapes.nullable, shapes.variants, shapes.of_type
local EXTERNAL_ID, EPOCH, ANY_OBJECT, TEXT = shapes.EXTERNAL_ID, shapes.EPOCH, shapes.ANY_OBJECT, shapes.TEXT
local DESCRIPTION, BOOLEAN = shapes.DESCRIPTION, shapes.BOOLEAN

local schema = {}

-- Parts that several requests share ----------------------------------------------------------------------------

local INTERNAL_ID = integer(1, 9007199254740991)
local NONCE = text { min = 1 }
local PAGE_LIMIT = integer(1, 1000)
local CURSOR = text { min = 1 }
local UUID_PATTERN = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"

local METADATA = object { open = true, max = 10, key = text { max = 32 }, values = text { max = 255 } }
local TIME_RANGE = object { members = { min = EPOCH, max = EPOCH } }
local AUTHENTICATION = object { required = { "nonce" }, members = { nonce = NONCE } }
local ID_ITEM = object { required = { "id" }, members = { id = INTERNAL_ID } }
local IDENTIFIER = variants({
  { "id", ID_ITEM },
  { "externalId", object { required = { "externalId" }, members = { externalId = text { min = 1, max = 255 } } } },
}, "must have id or externalId")
local WORKFLOW_ID_ITEM = object { required = { "externalId" }, members = { externalId = EXTERNAL_ID } }
local WORKFLOW_FILTERS = array(
  object { required = { "externalId" }, members = { externalId = EXTERNAL_ID, version = EXTERNAL_ID } }, 0, 100)

local function items(item, min, max, more)
  local members = { items = array(item, min, max) }
  for name, check in pairs(more or {}) do
    members[name] = check
  end
  return object { required = { "items" }, members = members }
end

-- Trigger rules -------------------------------------------------------------------------------------------------

local RECORD_SOURCE = object {
  required = { "source", "properties" },
  open = true,
  members = {
    source = object {
      required = { "space", "externalId" },
      open = true,
      members = { type = TEXT, space = TEXT, externalId = TEXT },
    },
    properties = array(TEXT, 1, 1000),
  },
}

local function is_stream_id(value, where)
  local message = TEXT(value, where)
  if message then
    return message
  elseif #value > 100 or not (value:find("^%l$") or value:find("^%l[%l%d_-]*[%l%d]$")) then
    return where .. " is not well-formed"
  end
end

local RULES = {
  schedule = object {
    required = { "cronExpression" },
    open = true,
    members = { cronExpression = text { min = 1 }, timezone = TEXT },
  },
  dataModeling = object {
    required = { "dataModelingQuery", "batchSize", "batchTimeout" },
    open = true,
    members = {
      dataModelingQuery = object {
        required = { "with", "select" },
        open = true,
        members = { with = ANY_OBJECT, select = ANY_OBJECT },
      },
      batchSize = integer(1, 1000),
      batchTimeout = integer(10, 86400),
    },
  },
  recordStream = object {
    required = { "streamExternalId", "batchSize", "batchTimeout" },
    open = true,
    members = {
      streamExternalId = is_stream_id,
      batchSize = integer(1, 100),
      batchTimeout = integer(10, 86400),
      filter = ANY_OBJECT,
      sources = array(RECORD_SOURCE),
      initializeCursor = TEXT,
    },
  },
}

local function rule(value, where)
  local message = object { required = { "triggerType" }, open = true }(value, where)
  if message then
    return message
  elseif not RULES[value.triggerType] then
    return where .. ".triggerType must be one of schedule, dataModeling, recordStream"
  end
  return RULES[value.triggerType](value, where)
end

-- Request bodies, by operation -----------------------------------------------------------------------------------

local SECRET_NAME = function(value, where)
  if #value > 15 or not value:find("^[%l%d-]+$") then
    return where .. " must be lower-case letters, digits and dash, at most 15"
  end
end

local FUNCTION_STATUS = text { enum = { "Queued", "Deploying", "Ready", "Failed", "Retired" } }
local EXECUTION_STATUS = text { enum = { "RUNNING", "COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED" } }
local IGNORE = { ignoreUnknownIds = BOOLEAN }

---@type table<string, cdfworkflow.simulator.Check>
schema.body = {
  createSessions = items(variants({
    {
      "clientId",
      object {
        required = { "clientId", "clientSecret" },
        members = { clientId = text { min = 1 }, clientSecret = text { min = 1 } },
      },
    },
    { "tokenExchange", object { members = { tokenExchange = only(true) } } },
    { "oneshotTokenExchange", object { members = { oneshotTokenExchange = only(true) } } },
  }, "must have clientId and clientSecret, tokenExchange, or oneshotTokenExchange"), 1, 1),
  retrieveSessions = items(ID_ITEM, 1, 1000),
  revokeSessions = items(ID_ITEM, 1),

  upsertWorkflows = items(object {
    required = { "externalId" },
    members = {
      externalId = EXTERNAL_ID,
      description = DESCRIPTION,
      dataSetId = INTERNAL_ID,
      maxConcurrentExecutions = nullable(integer(1, 10000)),
    },
  }, 1, 1),
  deleteWorkflows = items(WORKFLOW_ID_ITEM, 1, 100),
  upsertWorkflowVersions = items(object {
    required = { "workflowExternalId", "version", "workflowDefinition" },
    members = {
      workflowExternalId = EXTERNAL_ID,
      version = EXTERNAL_ID,
      workflowDefinition = object {
        required = { "tasks" },
        open = true,
        members = { description = DESCRIPTION, tasks = array(task_types.check) },
      },
    },
  }, 1, 1),
  listWorkflowVersions = object {
    members = {
      filter = object { members = { workflowFilters = WORKFLOW_FILTERS } },
      limit = PAGE_LIMIT,
      cursor = CURSOR,
    },
  },
  deleteWorkflowVersions = items(object {
    required = { "workflowExternalId", "version" },
    members = { workflowExternalId = EXTERNAL_ID, version = EXTERNAL_ID },
  }, 1, 100),

  runWorkflowVersion = object {
    required = { "authentication" },
    members = { authentication = AUTHENTICATION, input = ANY_OBJECT, metadata = METADATA },
  },
  listWorkflowExecutions = object {
    members = {
      filter = object {
        members = {
          workflowFilters = WORKFLOW_FILTERS,
          createdTimeStart = EPOCH,
          createdTimeEnd = EPOCH,
          status = array(EXECUTION_STATUS),
        },
      },
      limit = PAGE_LIMIT,
      cursor = CURSOR,
    },
  },
  cancelWorkflowExecution = object { members = { reason = text { max = 500 } } },
  retryWorkflowExecution = object { required = { "authentication" }, members = { authentication = AUTHENTICATION } },
  updateTaskStatus = object {
    required = { "status" },
    members = {
      status = text { enum = { "COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR" } },
      output = ANY_OBJECT,
    },
  },

  upsertTriggers = items(object {
    required = { "externalId", "triggerRule", "workflowExternalId", "workflowVersion", "authentication" },
    members = {
      externalId = EXTERNAL_ID,
      triggerRule = rule,
      input = ANY_OBJECT,
      metadata = METADATA,
      workflowExternalId = EXTERNAL_ID,
      workflowVersion = EXTERNAL_ID,
      authentication = AUTHENTICATION,
    },
  }, 1, 1),
  deleteTriggers = items(WORKFLOW_ID_ITEM, 1, 1),

  createFunctions = items(object {
    required = { "name", "fileId" },
    members = {
      name = text { min = 1, max = 140 },
      fileId = INTERNAL_ID,
      externalId = text { max = 255 },
      description = DESCRIPTION,
      owner = text { max = 128 },
      functionPath = text { max = 500 },
      secrets = object { open = true, max = 30, key = SECRET_NAME, values = TEXT },
      envVars = object { open = true, max = 100, values = TEXT },
      cpu = of_type "number",
      memory = of_type "number",
      runtime = TEXT,
      metadata = object { open = true, max = 16, key = text { max = 32 }, values = text { max = 512 } },
      indexUrl = TEXT,
      extraIndexUrls = array(TEXT),
    },
  }, 1, 1),
  retrieveFunctions = items(IDENTIFIER, 1, 10, IGNORE),
  listFunctions = object {
    members = {
      filter = object {
        members = {
          name = TEXT,
          owner = TEXT,
          fileId = INTERNAL_ID,
          status = FUNCTION_STATUS,
          externalIdPrefix = TEXT,
          createdTime = TIME_RANGE,
          metadata = object { open = true, values = TEXT },
        },
      },
      limit = integer(1, 10000),
    },
  },
  deleteFunctions = items(IDENTIFIER, 1, 10, IGNORE),
  callFunction = object { required = { "nonce" }, members = { nonce = NONCE, data = ANY_OBJECT } },
  listFunctionCalls = object {
    members = {
      filter = object {
        members = {
          status = text { enum = { "Running", "Completed", "Failed", "Timeout" } },
          scheduleId = INTERNAL_ID,
          startTime = TIME_RANGE,
          endTime = TIME_RANGE,
        },
      },
      limit = PAGE_LIMIT,
      cursor = CURSOR,
    },
  },
  retrieveFunctionCalls = items(ID_ITEM, 1, 10000, IGNORE),

  createFunctionSchedules = items(object {
    required = { "name", "cronExpression", "functionId", "nonce" },
    refused = { functionExternalId = "When a session is used functionId is needed" },
    members = {
      name = text { min = 1, max = 140 },
      cronExpression = text { min = 1, max = 1024 },
      functionId = INTERNAL_ID,
      description = DESCRIPTION,
      data = ANY_OBJECT,
      nonce = NONCE,
    },
  }, 1, 1),
  listFunctionSchedules = object {
    members = {
      filter = function(value, where)
        local message = object {
          members = {
            name = TEXT,
            functionId = INTERNAL_ID,
            functionExternalId = text { max = 255 },
            createdTime = TIME_RANGE,
            cronExpression = TEXT,
          },
        }(value, where)
        if not message and value.functionId and value.functionExternalId then
          return where .. " must have at most one of functionId and functionExternalId"
        end
        return message
      end,
      limit = integer(1, 10000),
    },
  },
  retrieveFunctionSchedules = items(ID_ITEM, 1, 10000, IGNORE),
  deleteFunctionSchedules = items(ID_ITEM, 1, 1),

  initiateFileUpload = object {
    required = { "name" },
    members = {
      name = text { min = 1, max = 256 },
      externalId = text { max = 255 },
      mimeType = text { max = 256 },
      dataSetId = INTERNAL_ID,
      source = text { max = 128 },
      directory = text { max = 512 },
      metadata = object { open = true, values = TEXT },
    },
  },
  retrieveFiles = items(IDENTIFIER, 1, 1000, IGNORE),
}

-- Path and query parameters, by name: text in, value and sentence out ----------------------------------------------

local function parsed(check, read)
  return function(given, where)
    local value = read(given)
    if value == nil then
      return nil, where .. " is not well-formed"
    end
    local message = check(value, where)
    return not message and value or nil, message
  end
end

local function as_text(given)
  return shapes.is_utf8(given) and given or nil
end

local function as_integer(given)
  return given:find("^%d+$") and #given <= 16 and tonumber(given) or nil
end

local function boolean(given, where)
  if given ~= "true" and given ~= "false" then
    return nil, where .. " must be true or false"
  end
  return given == "true"
end

local SESSION_STATUSES = { "READY", "ACTIVE", "CANCELLED", "EXPIRED", "REVOKED", "ACCESS_LOST" }
for position = 1, 6 do
  SESSION_STATUSES[position + 6] = SESSION_STATUSES[position]:lower()
end

local IDENTIFIER_SEGMENT = parsed(EXTERNAL_ID, as_text)
local NUMBER_SEGMENT = parsed(INTERNAL_ID, as_integer)
local UUID_SEGMENT = parsed(text { pattern = UUID_PATTERN }, as_text)

---@type table<string, fun(given: string, where: string): any, string|nil>
schema.path = {
  workflowExternalId = IDENTIFIER_SEGMENT,
  version = IDENTIFIER_SEGMENT,
  triggerExternalId = IDENTIFIER_SEGMENT,
  executionId = UUID_SEGMENT,
  taskId = UUID_SEGMENT,
  functionId = NUMBER_SEGMENT,
  callId = NUMBER_SEGMENT,
  scheduleId = NUMBER_SEGMENT,
}

---@type table<string, fun(given: string, where: string): any, string|nil>
schema.query = {
  limit = parsed(PAGE_LIMIT, as_integer),
  cursor = parsed(CURSOR, as_text),
  status = parsed(text { enum = SESSION_STATUSES }, as_text),
  ignoreUnknownIds = boolean,
  overwrite = boolean,
  workflowExternalId = IDENTIFIER_SEGMENT,
  workflowVersion = IDENTIFIER_SEGMENT,
}

schema.UUID = UUID_PATTERN

return schema
