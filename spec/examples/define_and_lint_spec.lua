-- SPDX-License-Identifier: Apache-2.0
local example = require "example"

describe("the example define_and_lint", function()
  it("names the slips of the first try, draws the second, and is content with it", function()
    local printed, status = example.run("define_and_lint", example.simulator())
    assert.equal(0, status)
    assert.same({ [[
First try: 5 findings
  error    tasks[1].parameters.function.data.day
           "${workflow.inputs.day}" asks for what a workflow does not offer; it has only workflow.input
  error    tasks[2].timeout
           timeout must be a whole number from 60 to 86400, not 90000
  error    tasks[3].parameters.function.data.rows
           "${load.output.rows}": "load" need not have run when "report" starts; put it in dependsOn
  error    tasks[3].parameters.function.data.rows
           "${load.output.rows}": the output of a transformation task has jobId
  error    tasks[3].dependsOn[1].externalId
           there is no task "lod" to wait for; did you mean "load"?

Second try: 0 findings

└─ plan  function
   ├─ load  transformation
   │  └─ report  function
   └─ simulate  dynamic
      └─ ↑ report
]] }, { printed })
  end)
end)
