-- SPDX-License-Identifier: Apache-2.0
-- What a request may hold: small checks that are put together into the closed request schemas of CDF's
-- surface. A check takes a value and where it stands, and gives a sentence when the value is refused.

local core = require "cdfworkflow.core"

local schema = {}

---@alias cdfworkflow.simulator.Check fun(value: any, where: string): string|nil

local function count(text)
  if #text == 0 then
    return 0
  end
  return select(2, text:gsub("[^\128-\191]", ""))
end

-- White space as ECMA 262 has it, since that is what the contract's pattern means by \s.
local WIDE_SPACE = {}
for _, bytes in ipairs {
  "\194\160", "\225\154\128", "\226\128\168", "\226\128\169", "\226\128\175", "\226\129\159", "\227\128\128",
  "\239\187\191",
} do
  WIDE_SPACE[bytes] = true
end
for last = 128, 138 do
  WIDE_SPACE["\226\128" .. string.char(last)] = true
end

local function outer_space(text)
  return text:find("^%s") or text:find("%s$") or WIDE_SPACE[text:sub(1, 2)] or WIDE_SPACE[text:sub(1, 3)]
    or WIDE_SPACE[text:sub(-2)] or WIDE_SPACE[text:sub(-3)]
end

---@param text string
---@return boolean # whether the text is well-formed UTF-8 (no surrogates, no overlong forms)
function schema.is_utf8(text)
  local position = text:find("[\128-\255]")
  while position do
    local rest = text:match("^[\194-\223][\128-\191]()", position)
      or text:match("^\224[\160-\191][\128-\191]()", position)
      or text:match("^[\225-\236\238\239][\128-\191][\128-\191]()", position)
      or text:match("^\237[\128-\159][\128-\191]()", position)
      or text:match("^\240[\144-\191][\128-\191][\128-\191]()", position)
      or text:match("^[\241-\243][\128-\191][\128-\191][\128-\191]()", position)
      or text:match("^\244[\128-\143][\128-\191][\128-\191]()", position)
    if not rest then
      return false
    end
    position = text:find("[\128-\255]", rest)
  end
  return true
end

---@param value any a value that came out of the JSON reader
---@return boolean
function schema.is_array(value)
  return type(value) == "table" and (value[1] ~= nil or core.is_array(value))
end

local function is_object(value)
  return type(value) == "table" and not schema.is_array(value)
end

local function any()
  return nil
end

---@param rules { min: integer?, max: integer?, pattern: string?, find: string?, trimmed: boolean?, enum: string[]? }
---@return cdfworkflow.simulator.Check
local function text(rules)
  local allowed
  if rules.enum then
    allowed = {}
    for _, word in ipairs(rules.enum) do
      allowed[word] = true
    end
  end
  return function(value, where)
    if type(value) ~= "string" then
      return where .. " must be a string"
    elseif #value < (rules.min or 0) then
      return where .. " must not be blank"
    elseif rules.max and #value > rules.max and count(value) > rules.max then
      return ("%s must have at most %d characters"):format(where, rules.max)
    elseif rules.trimmed and (outer_space(value) or value:find("\0", 1, true)) then
      return where .. " must not begin or end with white space or hold NUL"
    elseif rules.pattern and not value:find(rules.pattern) then
      return where .. " is not well-formed"
    elseif allowed and not allowed[value] then
      return where .. " must be one of " .. table.concat(rules.enum, ", ")
    end
  end
end

---@param min number?
---@param max number?
---@return cdfworkflow.simulator.Check
local function integer(min, max)
  return function(value, where)
    if type(value) ~= "number" or value % 1 ~= 0 then
      return where .. " must be an integer"
    elseif min and value < min then
      return ("%s must be at least %.0f"):format(where, min)
    elseif max and value > max then
      return ("%s must be at most %.0f"):format(where, max)
    end
  end
end

local function of_type(name)
  return function(value, where)
    if type(value) ~= name then
      return where .. " must be a " .. name
    end
  end
end

local function only(wanted)
  return function(value, where)
    if value ~= wanted then
      return ("%s must be %s"):format(where, tostring(wanted))
    end
  end
end

local function sorted_names(members)
  local names = {}
  for name in pairs(members) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function missing_member(rules, value, where)
  for name, message in pairs(rules.refused or {}) do
    if value[name] ~= nil then
      return message
    end
  end
  for _, name in ipairs(rules.required or {}) do
    if value[name] == nil then
      return ("%s.%s must be given"):format(where, name)
    end
  end
end

-- What holds for every member, known by name or not.
local function wrong_member(rules, value, where)
  local size = 0
  for name, member in pairs(value) do
    size = size + 1
    if not (rules.open or rules.values or rules.members[name]) then
      return ("%s.%s is not a known member"):format(where, name)
    end
    local message = rules.key and rules.key(name, ("name of %s.%s"):format(where, name))
      or rules.values and rules.values(member, where .. "." .. name)
    if message then
      return message
    end
  end
  if rules.max and size > rules.max then
    return ("%s must have at most %d members"):format(where, rules.max)
  end
end

---@param rules { required: string[]?, members: table<string, cdfworkflow.simulator.Check>?, open: boolean?,
---  refused: table<string, string>?, max: integer?, key: cdfworkflow.simulator.Check?,
---  values: cdfworkflow.simulator.Check? }
---@return cdfworkflow.simulator.Check
local function object(rules)
  rules.members = rules.members or {}
  local names = sorted_names(rules.members)
  return function(value, where)
    if not is_object(value) then
      return where .. " must be an object"
    end
    local message = missing_member(rules, value, where) or wrong_member(rules, value, where)
    for _, name in ipairs(names) do
      if message then
        break
      elseif value[name] ~= nil then
        message = rules.members[name](value[name], where .. "." .. name)
      end
    end
    return message
  end
end

---@param items cdfworkflow.simulator.Check
---@param min integer?
---@param max integer?
---@return cdfworkflow.simulator.Check
local function array(items, min, max)
  return function(value, where)
    if not schema.is_array(value) then
      return where .. " must be an array"
    elseif #value < (min or 0) then
      return ("%s must have at least %d items"):format(where, min)
    elseif max and #value > max then
      return ("%s must have at most %d items"):format(where, max)
    end
    for position, item in ipairs(value) do
      local message = items(item, ("%s[%d]"):format(where, position - 1))
      if message then
        return message
      end
    end
  end
end

local function either(...)
  local checks = { ... }
  return function(value, where)
    local first
    for _, check in ipairs(checks) do
      local message = check(value, where)
      if not message then
        return nil
      end
      first = first or message
    end
    return first
  end
end

local function nullable(check)
  return function(value, where)
    return value ~= core.null and check(value, where) or nil
  end
end

-- The variants of an object that are told apart by the presence of one member, in the order given.
local function variants(list, message)
  return function(value, where)
    if not is_object(value) then
      return where .. " must be an object"
    end
    for _, variant in ipairs(list) do
      if value[variant[1]] ~= nil then
        return variant[2](value, where)
      end
    end
    return where .. " " .. message
  end
end

-- Parts that several requests share ----------------------------------------------------------------------------

local EXTERNAL_ID = text { min = 1, max = 255, trimmed = true }
local INTERNAL_ID = integer(1, 9007199254740991)
local EPOCH = integer(0)
local NONCE = text { min = 1 }
local PAGE_LIMIT = integer(1, 1000)
local CURSOR = text { min = 1 }
local REFERENCE = text { pattern = "%${[^{}]+}" }
local ANY_OBJECT = object { open = true }
local TEXT = text {}
local DESCRIPTION = text { max = 500 }
local BOOLEAN = of_type "boolean"
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

-- Tasks ---------------------------------------------------------------------------------------------------------

local function parameters(name, check)
  return object { required = { name }, open = true, members = { [name] = check } }
end

local task -- holds itself: subworkflow and dynamic tasks hold tasks
local TASKS = array(function(value, where)
  return task(value, where)
end)

local FUNCTION = object {
  required = { "function" },
  open = true,
  members = {
    ["function"] = object {
      required = { "externalId" },
      open = true,
      members = { externalId = text { min = 1 }, data = either(ANY_OBJECT, REFERENCE) },
    },
    isAsyncComplete = BOOLEAN,
  },
}

local TRANSFORMATION = parameters("transformation", object {
  required = { "externalId" },
  open = true,
  members = {
    externalId = text { min = 1 },
    concurrencyPolicy = text { enum = { "fail", "waitForCurrent", "restartAfterCurrent" } },
    useTransformationCredentials = BOOLEAN,
  },
})

local CDF_REQUEST = parameters("cdfRequest", object {
  required = { "resourcePath", "method" },
  open = true,
  members = {
    resourcePath = text { min = 1 },
    method = either(text { enum = { "GET", "POST", "PUT" } }, REFERENCE),
    queryParameters = either(ANY_OBJECT, REFERENCE),
    body = either(ANY_OBJECT, REFERENCE),
    requestTimeoutInMillis = either(integer(0), REFERENCE),
    cdfVersionHeader = TEXT,
  },
})

local DYNAMIC = parameters("dynamic", object {
  required = { "tasks" },
  open = true,
  members = { tasks = either(REFERENCE, TASKS) },
})

local SUBWORKFLOW_INLINE = object { required = { "tasks" }, open = true, members = { tasks = TASKS } }
local SUBWORKFLOW_REFERENCE = object {
  required = { "workflowExternalId", "version" },
  open = true,
  members = { workflowExternalId = EXTERNAL_ID, version = EXTERNAL_ID },
}
local SUBWORKFLOW = parameters("subworkflow", function(value, where)
  if is_object(value) and value.tasks ~= nil and value.workflowExternalId ~= nil then
    return where .. " must have either tasks or workflowExternalId, not both"
  end
  return variants({ { "tasks", SUBWORKFLOW_INLINE }, { "workflowExternalId", SUBWORKFLOW_REFERENCE } },
    "must have tasks, or workflowExternalId and version")(value, where)
end)

local SIMULATION_INPUT = object {
  required = { "referenceId", "value" },
  open = true,
  members = {
    referenceId = text { min = 1 },
    value = either(TEXT, of_type "number", array(either(TEXT, of_type "number"))),
    unit = nullable(object { required = { "name" }, open = true, members = { name = TEXT } }),
  },
}
local SIMULATION = parameters("simulation", object {
  required = { "routineExternalId" },
  open = true,
  members = {
    routineExternalId = text { min = 1 },
    runTime = nullable(either(EPOCH, REFERENCE)),
    inputs = either(array(SIMULATION_INPUT, 0, 200), REFERENCE),
  },
})

local FUNCTION_APP = parameters("functionApp", object {
  required = { "externalId", "path" },
  open = true,
  members = {
    externalId = text { min = 1, max = 255 },
    path = text { max = 255 },
    method = TEXT,
    parameters = object { open = true, max = 10, values = TEXT },
  },
})

local JSON_MAPPING = parameters("jsonMapping", object {
  required = { "expression" },
  open = true,
  members = { expression = text { min = 1 }, inputs = either(array(any), REFERENCE) },
})

local PARAMETERS = {
  ["function"] = FUNCTION,
  transformation = TRANSFORMATION,
  cdf = CDF_REQUEST,
  dynamic = DYNAMIC,
  subworkflow = SUBWORKFLOW,
  simulation = SIMULATION,
  functionApp = FUNCTION_APP,
  jsonMapping = JSON_MAPPING,
}

local TASK_MEMBERS = {
  externalId = EXTERNAL_ID,
  type = TEXT,
  parameters = ANY_OBJECT,
  name = text { max = 255 },
  description = DESCRIPTION,
  retries = integer(0, 10),
  timeout = integer(60, 86400),
  onFailure = text { enum = { "abortWorkflow", "skipTask" } },
  dependsOn = array(object { required = { "externalId" }, members = { externalId = EXTERNAL_ID } }, 0, 100),
}
local TASK = object { required = { "externalId", "type", "parameters" }, members = TASK_MEMBERS, open = true }

-- Unknown members of a definition are taken: nothing public says that CDF refuses them (CDF.md section 20).
function task(value, where)
  local message = TASK(value, where)
  if message then
    return message
  end
  local check = PARAMETERS[value.type]
  return check and check(value.parameters, where .. ".parameters")
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
        members = { description = DESCRIPTION, tasks = array(task) },
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
  return schema.is_utf8(given) and given or nil
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
