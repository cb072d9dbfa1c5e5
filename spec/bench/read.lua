-- SPDX-License-Identifier: Apache-2.0
-- CPU seconds of `client.workflows.executions:retrieve` of an execution of 200 tasks, whose answer is there at once,
-- and of lua-cjson reading the same text, each the least of some; and the bytes of the text.

local cdf = require "cdfworkflow"
local cjson = require "cjson"

local ID = "059edaa4-b17d-4f6e-8b3b-2a4a3e0d0f11"
local TASKS, ROUNDS, READS = 200, 20, 5

local function task(i)
  local name = ("task-%03d"):format(i)
  return ([[{"id":"0e4f5c1a-7d0c-4c58-9d4c-3b1f0c8d%04x","externalId":"%s","status":"COMPLETED","taskType":"function",
    "startTime":17000000%05d,"endTime":17000001%05d,"reasonForIncompletion":null,"parentTaskExternalId":null,
    "input":{"externalId":"clean-and-resample","data":{"site":"north-%d","sensors":["21PT1019","21PT1020","21TT1021"],
    "window":[0.25,0.5,%d.75],"since":17000000%05d,"options":{"interpolate":true,"limit":null}},
    "isAsyncComplete":false},"output":{"callId":90071992%05d,"functionId":5551234567,"response":{"rows":%d,
    "mean":%d.123456,"message":"took %d rows of \"north-%d\" and wrote them to the table of clean\nvalues: no gap",
    "files":[],"quality":{"good":%d,"bad":0,"uncertain":3}}}}]]):format(i, name, i, i, i, i, i, i, i, i, i, i, i)
end

local function execution()
  local tasks, definitions = {}, {}
  for i = 1, TASKS do
    tasks[i] = task(i)
    definitions[i] = ([[{"externalId":"task-%03d","type":"function","name":"Clean and resample %d","description":null,
      "parameters":{"function":{"externalId":"clean-and-resample","data":{"site":"${workflow.input.site}"}}},
      "retries":3,"timeout":3600,"onFailure":"abortWorkflow","dependsOn":[{"externalId":"task-%03d"}]}]])
      :format(i, i, i - 1)
  end
  return ([[{"id":"%s","workflowExternalId":"foo","version":"1","status":"COMPLETED","engineExecutionId":"e1",
    "createdTime":1700000000000,"startTime":1700000000001,"endTime":1700000100000,"reasonForIncompletion":null,
    "metadata":{},"input":{"site":"north"},"workflowDefinition":{"hash":"abc","description":null,"tasks":[%s]},
    "executedTasks":[%s]}]]):format(ID, table.concat(definitions, ","), table.concat(tasks, ",")):gsub("\n *", "")
end

local text = execution()
local answer = { status = 200, headers = {}, body = text }
local client = assert(cdf.client {
  project = "p", base_url = "http://127.0.0.1:1", credentials = assert(cdf.credentials { token = "t" }),
  transport = {
    now = require("cdfworkflow.core").now, sleep = function() end, http = function() return answer end,
  },
})

local function ours() return #assert(client.workflows.executions:retrieve(ID)).executedTasks end
local function theirs() return #cjson.decode(text).executedTasks end

local function seconds(read)
  collectgarbage()
  local began = os.clock()
  for _ = 1, READS do assert(read() == TASKS) end
  return (os.clock() - began) / READS
end

local least = { math.huge, math.huge }
for _ = 1, ROUNDS do
  least[1], least[2] = math.min(least[1], seconds(ours)), math.min(least[2], seconds(theirs))
end
print(("%.7f %.7f %d"):format(least[1], least[2], #text))
