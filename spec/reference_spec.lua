-- SPDX-License-Identifier: Apache-2.0
-- The reference, the definition files for editors, and the check of annotations that `make lint` makes.
-- Runs on: 5.4

local cdf = require "cdfworkflow"
local later = require "cdfworkflow.later"
local shell = require "shell"
local simulator = require "cdfworkflow.simulator"

local function main(arguments) return shell.run("lua5.4 spec/support/reference/main.lua " .. arguments) end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- Calls `visit` with the name of each public function.
local function each_public(visit)
  local function each_in(t, prefix)
    for name, value in pairs(t) do
      if type(value) == "function" and not name:find "^_" then visit(prefix .. name) end
    end
  end
  later.load_all()
  local client = assert(cdf.client {
    project = "p", base_url = "https://cdf.example", credentials = assert(cdf.credentials { token = "t" }),
  })
  local function each_namespace(t, path)
    assert.is_nil(t.first_use) -- which loads its class
    each_in(getmetatable(t).__index, path .. ":")
    for name, inner in pairs(t) do
      local is_namespace = type(inner) == "table" and rawget(inner, "client") == client
      if is_namespace then each_namespace(inner, path .. "." .. name) end
    end
  end
  each_in(cdf, "cdf.")
  each_in(cdf.task, "cdf.task.")
  each_namespace(client, "client")
  each_in(simulator, "simulator.")
  each_in(getmetatable(simulator.new {}).__index, "sim:")
  client:close()
end

describe("the reference", function()
  local folder

  setup(function()
    folder = shell.run("mktemp -d"):gsub("\n", "")
    shell.run(("mkdir -p %s/meta/cdfworkflow"):format(folder))
    assert.equal("", (main("pages lua " .. folder)))
    assert.equal("", (main(("definition lua %s/meta"):format(folder))))
  end)

  teardown(function() shell.run("rm -rf " .. folder) end)

  it("has every public function, on both pages", function()
    local markdown, html, count = read(folder .. "/reference.md"), read(folder .. "/reference.html"), 0
    each_public(function(name)
      count = count + 1
      assert.truthy(markdown:find(("\n### `%s("):format(name), 1, true), name)
      assert.truthy(html:find(("<code>%s("):format(name), 1, true), name)
    end)
    assert.is_true(count > 80, count)
  end)

  it("says types, defaults, limits, results and kinds of errors", function()
    local markdown = read(folder .. "/reference.md")
    local list = markdown:match "\n### `client%.workflows%.triggers:list%(opts%)`\n(.-)\n<a id"
    assert.truthy(list:find("| `opts.limit` | `integer\\|nil` | 25 |", 1, true), list)
    assert.truthy(list:find('| `err` | `cdfworkflow.Error?` | of any kind but "ambiguous" |', 1, true), list)
    local wait = markdown:match "\n### `client%.workflows%.executions:wait%(execution, opts%)`\n(.-)\n<a id"
    assert.truthy(wait:find('| `err` | `cdfworkflow.Error?` | of any kind but "ambiguous"; "timeout"', 1, true), wait)
    assert.truthy(wait:find("| `opts.timeout` | `number\\|nil` | 90000 |", 1, true), wait)
    local watch = markdown:match "\n### `client%.workflows%.executions:watch%(execution, opts%)`\n(.-)\n<a id"
    assert.truthy(watch:find("```lua\nfor event in client.workflows.executions:watch(execution) do", 1, true), watch)
  end)

  it("has no link that leads nowhere, and no two places of one name", function()
    for _, page in ipairs {
      { "md", "%]%(#([^)]*)%)", '<a id="([^"]*)"' }, { "html", 'href="#([^"]*)"', ' id="([^"]*)"' },
    } do
      local text, ids, links = read(folder .. "/reference." .. page[1]), {}, 0
      for id in text:gmatch(page[3]) do
        assert.is_nil(ids[id], id)
        ids[id] = true
      end
      for id in text:gmatch(page[2]) do
        links = links + 1
        assert.is_true(ids[id], id)
      end
      assert.is_true(links > 10)
    end
  end)

  it("is a definition file that parses, and has the functions of the module and of the client", function()
    local text = read(folder .. "/meta/cdfworkflow.lua")
    assert.equal("---@meta cdfworkflow", text:match "^[^\n]*")
    local module = assert(load(text))()
    for name, value in pairs(cdf) do assert(type(value) ~= "function" or type(module[name]) == "function", name) end
    assert.equal("function", type(assert(load(read(folder .. "/meta/cdfworkflow/simulator.lua")))().new))
    assert.truthy(text:find("---@field triggers cdfworkflow.Triggers\n", 1, true))
    assert.truthy(text:find("\nfunction Triggers:history(trigger, opts) end\n", 1, true))
    assert.truthy(text:find('---\n--- ```lua\n--- assert(client:resume "nightly")\n--- ```\n---@param', 1, true))
    assert.truthy(text:find('\n---@class cdfworkflow.Error .-\n%-%-%-@field kind "invalid"|"auth"|'))
  end)
end)

describe("the check of annotations", function()
  local folder

  setup(function()
    folder = shell.run("mktemp -d"):gsub("\n", "")
    shell.run("cp -r lua " .. folder)
  end)

  teardown(function() shell.run("rm -rf " .. folder) end)

  local function write(path, text)
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
  end

  --- Takes one text out of a copy of a file, or puts another there, and says what the check says then.
  local function spoiled(path, text, other)
    path = ("%s/lua/cdfworkflow/%s"):format(folder, path)
    local source = read(path)
    local first, last = source:find(text, 1, true)
    assert(first, "no such text: " .. text)
    write(path, source:sub(1, first - 1) .. other .. source:sub(last + 1))
    local output, status = main(("check %s/lua"):format(folder))
    write(path, source)
    assert.equal(1, status, output)
    return (output:gsub("^.-%.lua:%d+: ", ""))
  end

  it("finds nothing in the code as it is", function()
    local output, status = main(("check %s/lua"):format(folder))
    assert.equal("", output)
    assert.equal(0, status)
  end)

  for what, case in pairs {
    ["a parameter"] = { "api/workflows.lua", "---@param external_id string\n", "",
      "client.workflows:retrieve: @param external_id is lacking\n" },
    ["a result"] = { "definition/graph.lua", "---@return string picture without a line end at its end\n", "",
      "cdf.graph: @return is lacking\n" },
    ["an error"] = { "api/workflows.lua",
      "|nil stored\n---@return cdfworkflow.Error? err of any kind but \"ambiguous\"\n",
      "|nil stored\n",
      "client.workflows:upsert: @return cdfworkflow.Error? err is lacking\n" },
    ["the kinds of an error"] = { "api/workflows.lua", ' err of any kind but "ambiguous"', " err",
      "client.workflows:upsert: @return cdfworkflow.Error? does not say of which kind\n" },
    ["the text"] = { "api/triggers.lua", "--- Deletes one trigger.\n---\n", "",
      "client.workflows.triggers:delete: nothing says what it does\n" },
    ["a type"] = { "api/triggers.lua", "cdfworkflow.TriggerRun[]|nil", "cdfworkflow.Triggered[]|nil",
      "client.workflows.triggers:history: the type cdfworkflow.Triggered is nowhere\n" },
    ["an option's annotation"] = { "api/executions.lua", "---@field look_back? number", "--- number",
      "client.workflows.executions:run: opts.look_back is taken, and not annotated\n" },
    ["an option that is annotated only"] = { "api/triggers.lua", "---@param opts? { limit?: integer }",
      "---@param opts? { limit?: integer, newest?: boolean }",
      "client.workflows.triggers:history: opts.newest is annotated, and not taken\n" },
    ["an option that is in the table only"] = { "api/workflows.lua", "options.of { paging.LIMIT }",
      'options.of { paging.LIMIT, { "newest", check.boolean } }',
      "client.workflows:list: opts.newest is taken, and not annotated\n" },
    ["an example"] = { "api/triggers.lua", '---     assert(client.workflows.triggers:delete "nightly")\n', "",
      "client.workflows.triggers:delete: an example is lacking\n" },
    ["an example of its own"] = {
      "api/triggers.lua", 'assert(client.workflows.triggers:delete "nightly")', "client:run()",
      "client.workflows.triggers:delete: the example is another's\n" },
    ["an example that is Lua"] = { "api/triggers.lua", 'triggers:delete "nightly")', 'triggers:delete "nightly"',
      "client.workflows.triggers:delete: the example:1: ')' expected near <eof>\n" },
    ["whether an option must be there"] = { "api/schedule.lua", "---@field cron string", "---@field cron? string",
      "client:schedule: opts.cron is required, and annotated otherwise\n" },
  } do
    it("misses " .. what, function()
      local said = spoiled(case[1], case[2], case[3])
      assert.truthy(said:find(case[4], 1, true), said)
    end)
  end
end)
