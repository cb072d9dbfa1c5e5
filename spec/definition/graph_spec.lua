-- SPDX-License-Identifier: Apache-2.0
-- cdf.graph: the pictures of definitions and executions, character by character, and that no id can break one.

local columns = require "cdfworkflow.definition.columns"
local core = require "cdfworkflow.core"
local new = require("cdfworkflow.definition").task
local graph = require "cdfworkflow.definition.graph"

local function fn(id, ...)
  return new.fn { externalId = id, functionExternalId = "f", dependsOn = { ... } }
end

local diamond = {
  workflowExternalId = "diamond", version = "1",
  workflowDefinition = { tasks = { fn "a", fn("b", "a"), fn("c", "a"), fn("d", "b", "c") } },
}

local function read(name)
  local file = assert(io.open("spec/contract/responses/" .. name .. ".json", "rb"))
  local text = file:read("*a")
  file:close()
  return assert(core.decode(text)).body
end

local function ran(id, status, more)
  local run = { id = "u-" .. id, externalId = id, status = status, taskType = "function", input = {}, output = {} }
  for name, value in pairs(more or {}) do run[name] = value end
  return run
end

--- An execution of these tasks; the rest of the arguments are its executed tasks.
local function execution(status, tasks, ...)
  return {
    workflowExternalId = "w", version = "1", status = status, engineExecutionId = "e",
    workflowDefinition = { tasks = tasks }, executedTasks = { ... },
  }
end

local function same(expected, picture)
  assert.equal((expected:gsub("^\n", ""):gsub("\n +$", ""):gsub("\n      ", "\n"):gsub("^      ", "")), picture)
end

describe("text:", function()
  it("a definition as a tree; a task with two parents stands under the first", function()
    same([[
      diamond version 1
      └─ a  function
         ├─ b  function
         │  └─ d  function
         └─ c  function
            └─ ↑ d]], graph(diamond, "text"))
    same([[
      └─ a  function
         ├─ b  function
         │  └─ d  function
         └─ c  function
            └─ ↑ d]], graph(diamond.workflowDefinition, "text"))
  end)

  it("an execution with marks, durations, reasons and the tasks inside tasks", function()
    same([[
      ✓ daily-etl version 1  completed in 90 ms
      └─ ✓ fetch  function  10 ms
         ├─ ✓ wait  function  70 ms
         ├─ ! transform  transformation  completed with errors after 40 ms: Transformation failed
         └─ ✓ request  cdf  1 ms
            └─ ✓ make  function  9 ms
               └─ ✓ fanout  dynamic  1 ms
                  │ ┊ └─ ✓ d1  function  9 ms
                  ├─ ✓ sub  subworkflow  1 ms
                  │  │ ┊ └─ ✓ s1  function  9 ms
                  │  │ ┊    └─ ✓ s2  transformation  10 ms
                  │  └─ ✓ sim  simulation  10 ms
                  └─ ✓ other  subworkflow  30 ms
                     └─ ↑ sim]], graph(read "execution-completed-every-task-type", "text"))
  end)

  it("every status, and what has not begun", function()
    same([[
      ▶ daily-etl version 1  running
      ├─ ○ t-scheduled  function  scheduled
      ├─ ▶ t-in_progress  function  in progress
      ├─ ■ t-canceled  function  canceled after 10 ms: why
      ├─ ✗ t-failed  function  failed after 10 ms: why
      ├─ ✗ t-failed_with_terminal_error  function  failed with terminal error after 10 ms: why
      ├─ ✓ t-completed  function  10 ms
      ├─ ! t-completed_with_errors  function  completed with errors after 10 ms
      ├─ ✗ t-timed_out  function  timed out after 10 ms: why
      └─ – t-skipped  function  skipped]], graph(read "execution-every-task-status", "text"))
    same([[
      ▶ w version 1  running
      └─ · a  function  waiting
         └─ ? b  function  paused]], graph(execution("RUNNING", { fn "a", fn("b", "a") }, ran("b", "PAUSED")), "text"))
    local over = execution("TERMINATED", { fn "a" })
    over.endTime, over.reasonForIncompletion = 5, "not needed"
    same([[
      ■ w version 1  terminated: not needed
      └─ · a  function  not run]], graph(over, "text"))
  end)

  it("several attempts count, and the newest is shown", function()
    assert.truthy(graph(read "execution-failed", "text")
      :find("✗ fetch  function  failed after 10 ms (2 attempts): Function call failed", 1, true))
    local failed = ran("a", "FAILED", { startTime = 10, endTime = 20 })
    local good = ran("a", "COMPLETED", { startTime = 30, endTime = 35 })
    for _, order in ipairs { { failed, good }, { good, failed } } do
      same([[
      ▶ w version 1  running
      └─ ✓ a  function  5 ms (2 attempts)]], graph(execution("RUNNING", { fn "a" }, order[1], order[2]), "text"))
    end
    local again = ran("a", "SCHEDULED")
    assert.truthy(graph(execution("RUNNING", { fn "a" }, again, failed), "text"):find("○ a", 1, true))
  end)

  it("durations as people read them", function()
    for ms, words in pairs {
      [0] = "0 ms", [999] = "999 ms", [1000] = "1.0 s", [59949] = "59.9 s", [59999] = "1 min 00 s",
      [125400] = "2 min 05 s", [3600000] = "1 h 00 min", [5461000] = "1 h 31 min",
    } do
      local run = ran("a", "COMPLETED", { startTime = 7, endTime = 7 + ms })
      local picture = graph(execution("RUNNING", { fn "a" }, run), "text")
      assert.equal("a  function  " .. words, picture:match("a  function .*"))
    end
    local backwards = ran("a", "COMPLETED", { startTime = 7, endTime = 3 })
    assert.truthy(graph(execution("RUNNING", { fn "a" }, backwards), "text"):find("✓ a  function  completed", 1, true))
  end)

  it("colours only when asked", function()
    assert.is_nil(graph(read "execution-failed", "text"):find("\27", 1, true))
    local picture = graph(execution("FAILED", { fn "a" }, ran("a", "FAILED")), "text", { color = true })
    same("\27[31m✗\27[0m w version 1  failed\n└─ \27[31m✗\27[0m a  function  \27[31mfailed\27[0m", picture)
  end)

  it("cut to a width, with a sign where something is missing, colours and wide characters included", function()
    local run = execution("FAILED", { fn "清洗-温度-传感器", fn("b", "清洗-温度-传感器") },
      ran("清洗-温度-传感器", "FAILED", { reasonForIncompletion = ("because "):rep(20) }))
    local plain = graph(run, "text", { width = 30 })
    for line in plain:gmatch "[^\n]+" do assert.is_true(columns.of(line) <= 30, line) end
    assert.truthy(plain:find("✗ 清洗-温度-传感器  functi…", 1, true), plain)
    local colored = graph(run, "text", { width = 30, color = true })
    assert.equal(plain, (colored:gsub("\27%[%d*m", "")))
    assert.equal(graph(run, "text"), graph(run, "text", { width = 1000 }))
    assert.error_matches(function() graph(run, "text", { width = 19 }) end,
      "width: expected a whole number from 20 to 10000, got 19")
  end)

  it("deep down its left side gives way, so that the names are seen", function()
    local tasks = { fn "t1" }
    for i = 2, 32 do tasks[i] = fn("t" .. i, "t" .. i - 1) end
    local lines = {}
    for line in graph({ tasks = tasks }, "text", { width = 30 }):gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal(32, #lines)
    for i, line in ipairs(lines) do
      assert.is_true(columns.of(line) <= 30, line)
      assert.truthy(line:find("└─ t" .. i .. "  function", 1, true), line)
    end
  end)

  it("in ASCII, ids included", function()
    local picture = graph(execution("RUNNING", { fn "gå", fn("b", "gå"), fn("c", "gå"), fn("d", "b", "c"), fn "e" },
      ran("gå", "COMPLETED"), ran("b", "FAILED"), ran("c", "IN_PROGRESS"), ran("e", "SKIPPED")), "text",
      { ascii = true, width = 40 })
    same([[
      > w version 1  running
      |- + g?  function  completed
      |  |- x b  function  failed
      |  |  `- . d  function  waiting
      |  `- > c  function  in progress
      |     `- ^ d
      `- - e  function  skipped]], picture)
  end)

  it("nothing that could disturb a terminal", function()
    local odd = execution("FAILED", { fn "a\n\27[2Jb\tc\0d", fn "\194\155x", fn "y\255z" },
      ran("a\n\27[2Jb\tc\0d", "FAILED", { reasonForIncompletion = "\7\r\n" }))
    same([[
      ✗ w version 1  failed
      ├─ ✗ a\n\x1b[2Jb\tc\x00d  function  failed: \x07\x0d\n
      ├─ · �x  function  waiting
      └─ · y�z  function  waiting]], graph(odd, "text"))
  end)
end)

describe("tasks that a definition does not tell:", function()
  it("made by a dynamic task, with their own dependencies", function()
    local made = { fn "m1", fn("m2", "m1") }
    local subject = execution("RUNNING", { new.dynamic { externalId = "d", tasks = "${workflow.input.tasks}" } },
      ran("d", "IN_PROGRESS", { taskType = "dynamic", input = { dynamic = { tasks = made } } }),
      ran("m1", "COMPLETED", { parentTaskExternalId = "d", startTime = 1, endTime = 2 }))
    same([[
      ▶ w version 1  running
      └─ ▶ d  dynamic  in progress
           ┊ └─ ✓ m1  function  1 ms
           ┊    └─ · m2  function  waiting]], graph(subject, "text"))
  end)

  it("of a subworkflow by reference, or of no task that is known", function()
    local other = new.subworkflow { externalId = "s", workflowExternalId = "other", version = "2" }
    local subject = execution("RUNNING", { other }, ran("s", "IN_PROGRESS", { taskType = "subworkflow" }),
      ran("x", "COMPLETED", { parentTaskExternalId = "s" }), ran("y", "FAILED", { parentTaskExternalId = "gone" }))
    same([[
      ▶ w version 1  running
      ├─ ▶ s  subworkflow  in progress
      │    ┊ └─ ✓ x  function  completed
      └─ ✗ y  function  failed]], graph(subject, "text"))
  end)

  it("ids equal to those of other lists stay apart", function()
    local sub = new.subworkflow { externalId = "order", tasks = { fn "a", fn("b", "a") } }
    local subject = execution("RUNNING", { fn "a", sub }, ran("a", "FAILED"),
      ran("a", "COMPLETED", { parentTaskExternalId = "order" }))
    same([[
      ▶ w version 1  running
      ├─ ✗ a  function  failed
      └─ · order  subworkflow  waiting
           ┊ └─ ✓ a  function  completed
           ┊    └─ · b  function  waiting]], graph(subject, "text"))
  end)
end)

describe("dot:", function()
  it("boxes, frames and arrows between them", function()
    local sub = new.subworkflow { externalId = "sub", tasks = { fn "s1", fn("s2", "s1") }, dependsOn = { "a" } }
    same([[
      digraph workflow {
        graph [rankdir=LR, compound=true, fontname="Helvetica,sans-serif", fontsize=13];
        node [shape=box, style="rounded,filled", fontname="Helvetica,sans-serif", fontsize=11];
        edge [color="#495057", arrowsize=0.7];
        labelloc=t; label="w version 1  running";
        t1 [label="a\nfunction\n3 ms", color="#2d6a4f", fillcolor="#d8f3dc"];
        subgraph cluster_t2 {
          label="sub\nsubworkflow\nwaiting"; labelloc=t; fontsize=11; style=rounded; color="#adb5bd"; bgcolor="#ffffff";
          t3 [label="s1\nfunction\nwaiting", color="#adb5bd", fillcolor="#ffffff"];
          t4 [label="s2\nfunction\nwaiting", color="#adb5bd", fillcolor="#ffffff"];
        }
        t5 [label="b\nfunction\nwaiting", color="#adb5bd", fillcolor="#ffffff"];
        t1 -> t3 [lhead=cluster_t2];
        t3 -> t4;
        t4 -> t5 [ltail=cluster_t2];
      }]], graph(execution("RUNNING", { fn "a", sub, fn("b", "sub") },
        ran("a", "COMPLETED", { startTime = 1, endTime = 4 })), "dot"))
  end)

  it("arrows to and from frames with several ways in and out, and frames in a ring", function()
    local sub = new.subworkflow {
      externalId = "sub", dependsOn = { "a" },
      tasks = { fn("s1", "s2"), fn "s2", fn("s3", "s2"), fn("s4", "s1", "s3") },
    }
    local picture = graph({ tasks = { fn "a", sub, fn("b", "sub") } }, "dot")
    assert.truthy(picture:find("t1 -> t4 [lhead=cluster_t2];", 1, true), picture)
    assert.truthy(picture:find("t6 -> t7 [ltail=cluster_t2];", 1, true), picture)
    assert.truthy(picture:find('t1 [label="a\\nfunction", color="#495057", fillcolor="#ffffff"];', 1, true), picture)
    local ring = new.subworkflow { externalId = "sub", tasks = { fn("s1", "s2"), fn("s2", "s1") }, dependsOn = { "a" } }
    assert.truthy(graph({ tasks = { fn "a", ring } }, "dot"):find("t1 -> t3 [lhead=cluster_t2];", 1, true))
  end)

  it("ids with signs of its own", function()
    local picture = graph({ tasks = { fn 'a"b', fn "back\\slash \\N", fn "x\ny", fn "&lt;<i>" } }, "dot")
    for _, label in ipairs {
      [["a\"b\nfunction"]], [["back\\slash \\N\nfunction"]], [["x\\ny\nfunction"]], [["&amp;lt;<i>\nfunction"]],
    } do
      assert.truthy(picture:find("[label=" .. label, 1, true), label)
    end
  end)

  it("a long reason is cut between characters", function()
    local long = ran("a", "FAILED", { reasonForIncompletion = ("å"):rep(100) })
    local picture = graph(execution("FAILED", { fn "a" }, long), "dot")
    assert.truthy(picture:find("\\nfailed\\n" .. ("å"):rep(19) .. '…"', 1, true), picture)
  end)
end)

describe("mermaid:", function()
  it("boxes, frames, arrows and classes", function()
    local sub = new.subworkflow { externalId = "sub", tasks = { fn "s1" }, dependsOn = { "a" } }
    same([[
      ---
      title: "w version 1  running"
      ---
      flowchart LR
        t1("a<br/>function<br/>3 ms")
        subgraph t2["sub · subworkflow · waiting"]
          t3("s1<br/>function<br/>waiting")
        end
        t1 --> t2
        classDef done fill:#d8f3dc,stroke:#2d6a4f,color:#212529
        class t1 done
        classDef idle fill:#ffffff,stroke:#adb5bd,color:#212529
        class t2,t3 idle]], graph(execution("RUNNING", { fn "a", sub },
        ran("a", "COMPLETED", { startTime = 1, endTime = 4 })), "mermaid"))
  end)

  it("ids with signs of its own, of Markdown and of HTML", function()
    local ids = { 'a"]b', "<b>x", "1. y", "`z`", "#35;", "end\nof", "fa:fa-car", "må", "1.2-b", "x-->y", "-z" }
    local tasks = {}
    for i, id in ipairs(ids) do tasks[i] = fn(id) end
    local picture = graph({ workflowExternalId = 'w"<b>\\', workflowDefinition = { tasks = tasks } }, "mermaid")
    for _, expected in ipairs {
      'title: "w\\"‹b›\\\\"', "a#34;#93;b", "#60;b#62;x", "1#46; y", "#96;z#96;", "#35;35#59;",
      "end#92;\226\128\139nof", "fa:\226\128\139fa-car", '("må<br/>function")',
      '("1.2-b<br/>', '("x#45;#45;#62;y<br/>', '("#45;z<br/>',
    } do
      assert.truthy(picture:find(expected, 1, true), expected .. "\n" .. picture)
    end
  end)
end)

describe("whatever it is given", function()
  it("rings and unknown dependencies are drawn, not followed for ever", function()
    local ring = { tasks = { fn("a", "b"), fn("b", "a"), fn("c", "c", "nobody"), fn("d", "a", "a") } }
    same([[
      ├─ c  function
      └─ a  function
         ├─ b  function
         │  └─ ↑ a
         └─ d  function]], graph(ring, "text"))
    assert.truthy(graph(ring, "dot"):find("t2 -> t1;", 1, true))
  end)

  it("tasks of odd shapes are drawn or left out", function()
    local loop = { externalId = "loop", type = "subworkflow" }
    loop.parameters = { subworkflow = { tasks = { loop } } }
    local subject = {
      tasks = { "x", {}, { externalId = 7 }, fn "a", fn "a", { externalId = "b", dependsOn = "a" }, loop,
        { externalId = "c", type = {}, parameters = 1, dependsOn = { 1, {}, { externalId = {} }, "a" } } },
    }
    for _, format in ipairs { "text", "dot", "mermaid" } do
      local _, times = graph(subject, format):gsub("%f[%w]a%f[^%w]", "")
      assert.equal(1, times, format)
    end
    local runs = execution("RUNNING", {}, "x", {}, { externalId = "a" },
      { externalId = "b", status = 7, startTime = "y" },
      { externalId = "self", parentTaskExternalId = "self", status = "FAILED" })
    for _, format in ipairs { "text", "dot", "mermaid" } do
      assert.truthy(graph(runs, format):find("self", 1, true))
    end
  end)

  it("what cannot be drawn raises at the user's line", function()
    for expected, arguments in pairs {
      ["expected a workflow definition or an execution in detail"] = { "x", "text" },
      ["(executions:retrieve gives it), got a table"] = { { engineExecutionId = "e", status = "RUNNING" }, "text" },
      ["got a table"] = { {}, "text" },
      ['format: expected "text", "dot" or "mermaid", got a string'] = { diamond, "svg" },
      ['or "mermaid", got "mermaidd"; did you mean "mermaid"?'] = { diamond, "mermaidd" },
      ['unknown option "colour"; did you mean "color"?'] = { diamond, "text", { colour = true } },
    } do
      local ok, message = pcall(function()
        local picture = graph(arguments[1], arguments[2], arguments[3])
        return picture
      end)
      assert.is_false(ok)
      assert.truthy(message:find("graph_spec.lua:%d+: cdf.graph: "), message)
      assert.truthy(message:find(expected, 1, true), message)
    end
  end)
end)
