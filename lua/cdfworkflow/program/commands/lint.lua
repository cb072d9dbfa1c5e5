-- SPDX-License-Identifier: Apache-2.0
-- cdfworkflow lint: what is wrong with definitions, without asking CDF.

local cdf = require "cdfworkflow"
local documents = require "cdfworkflow.program.documents"
local exits = require "cdfworkflow.program.exits"
local inputs = require "cdfworkflow.program.inputs"

local lint = {}

function lint.define(command)
  command:argument("file", "Files with definitions, versions or lists of them, or folders of the Toolkit."):args "+"
  command:option("--set", "What to fill in for {{ NAME }}; may be given again. Others stand for their own names.")
    :argname "NAME=VALUE":count "*"
end

--- What cdf.lint finds; a file of versions must not hold less.
local function lint_document(document)
  if document.kind ~= "version" or document.value.workflowDefinition ~= nil then return cdf.lint(document.value) end
  return { { severity = "error", code = "missing-member", path = "", message = "workflowDefinition is missing" } }
end

--- The findings of a document, each with where it is.
local function add_findings(found, document)
  if document.kind ~= "version" and document.kind ~= "definition" then return end
  for _, finding in ipairs(lint_document(document)) do
    found[#found + 1] = {
      file = document.file .. (document.index and ("[%d]"):format(document.index) or ""), path = finding.path,
      severity = finding.severity, code = finding.code, message = finding.message,
    }
  end
end

local function line_of(finding)
  return ("%s: %s: %s%s"):format(finding.file, finding.severity, finding.path ~= "" and finding.path .. ": " or "",
    finding.message)
end

local function has_errors(findings)
  for _, finding in ipairs(findings) do
    if finding.severity == "error" then return true end
  end
  return false
end

--- What is wrong with the definitions in documents.
---@param found cdfworkflow.program.Document[]
---@return table[] findings, boolean has_errors
function lint.findings(found)
  local findings = {}
  for _, document in ipairs(found) do add_findings(findings, document) end
  return findings, has_errors(findings)
end

lint.line = line_of

---@param context cdfworkflow.program.Context
---@param args table
---@return integer code
function lint.run(context, args)
  local values = inputs.pairs(args.set, "--set") or {}
  local findings, wrong = lint.findings(documents.read(args.file, { values = values, lenient = true }))
  context.out:list(findings, function(finding) return finding.code end, function()
    local lines = {}
    for i, finding in ipairs(findings) do lines[i] = line_of(finding) end
    return lines
  end)
  return wrong and exits.FINDINGS or exits.OK
end

return lint
