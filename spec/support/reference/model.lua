-- SPDX-License-Identifier: Apache-2.0
-- The public functions as they are, found by walking the module, a client and a simulator, each with the annotations
-- above it and the table of what it takes. The core is not needed, so this runs before anything is built.

local annotations = require "reference.annotations"

local model = {}

local MODULES = { "cdfworkflow", "cdfworkflow.simulator" }

--- Stands for the core while the modules are loaded: whatever is asked for is a function that gives a table.
local function load_without_core()
  local function nothing() return {} end
  package.preload["cdfworkflow.core"] = function()
    return setmetatable({ version = "", null = {} }, { __index = function() return nothing end })
  end
end

local files = {}

local function lines_of(path)
  if not files[path] then
    local file = assert(io.open(path, "rb"))
    files[path] = annotations.lines(file:read "*a")
    file:close()
  end
  return files[path]
end

--- The function behind the door that method.lua puts before it.
local function behind_door(fn)
  if not debug.getinfo(fn, "S").source:find "cdfworkflow/method%.lua$" then return fn end
  for i = 1, math.huge do
    local name, value = debug.getupvalue(fn, i)
    if not name then return fn end
    if name == "fn" then return value end
    if name == "enter" then return behind_door(value) end
  end
end

--- The lines of a function, and the names of its parameters.
local function source_of(fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then return nil end
  local path = info.source:sub(2)
  local body = table.concat(lines_of(path), "\n", info.linedefined, info.lastlinedefined)
  local head, list = body:match "function%s*([%w_.:]*)%s*%(([^)]*)%)"
  local names = {}
  for name in (list or ""):gmatch "[%w_.]+" do names[#names + 1] = name end
  return { path = path, line = info.linedefined, body = body, head = head or "", names = names }
end

--- A function as the reference shows it. `fields` are those of the class that it is in, for what is annotated there.
local function entry(name, fn, declared, fields)
  local source = source_of(behind_door(fn))
  local block = source and annotations.above(lines_of(source.path), source.line) or annotations.block {}
  for _, field in ipairs(fields or {}) do
    if name:match "([%w_]+)$" == field.name and field.type:find "^fun" then
      block.params, block.returns = annotations.signature(field.type)
      block.text, source = { field.words, "" }, nil
      for _, line in ipairs(field.text or {}) do table.insert(block.text, line) end
    end
  end
  if source and name:find(":", 1, true) and not source.head:find(":", 1, true) then
    if block.params[1] and block.params[1].name == source.names[1] then table.remove(block.params, 1) end
    table.remove(source.names, 1)
  end
  return { name = name, block = block, source = source, takes = declared[name] }
end

local function sorted(names)
  table.sort(names)
  return names
end

local function public_functions(t)
  local names = {}
  for name, value in pairs(t) do
    if type(value) == "function" and not name:find "^_" then names[#names + 1] = name end
  end
  return sorted(names)
end

--- All classes and aliases of the files in a folder. What stands above more of a class is said of these fields.
local function types_of(folder)
  local found = { classes = {}, aliases = {} }
  local list = assert(io.popen(("find '%s' -name '*.lua' | LC_ALL=C sort"):format((folder:gsub("'", "'\\''")))))
  for path in list:lines() do
    for _, block in ipairs(annotations.all(lines_of(path))) do
      if block.alias then found.aliases[block.alias] = block end
      local known = block.class and found.classes[block.class]
      if known then
        for _, field in ipairs(block.fields) do
          known.fields[#known.fields + 1] = field
          field.text = block.text
        end
      elseif block.class then
        found.classes[block.class] = block
      end
    end
  end
  list:close()
  return found
end

--- The fields of a class, with those of its parents that it does not have itself.
---@return table[]|nil
function model.fields(types, name)
  local class = types.classes[name]
  if not class then return nil end
  local fields, known = {}, {}
  local function add(field)
    if not known[field.name] then fields[#fields + 1] = field end
    known[field.name] = true
  end
  for _, field in ipairs(class.fields) do add(field) end
  for _, field in ipairs(class.parent and model.fields(types, class.parent) or {}) do add(field) end
  return fields
end

--- The fields of a type that is a table written out, or a class, or has one in its union: of the first.
---@return table[]|nil
function model.fields_of(types, kind)
  local plain = annotations.members(kind)
  if plain then return plain end
  for name in kind:gmatch "[%w_.]+" do
    local fields = model.fields(types, name)
    if fields then return fields end
  end
end

--- The names of the classes and aliases that are spoken of in public, sorted.
---@param read table
---@return string[]
function model.public_types(read)
  local names, seen = {}, {}
  local function visit(text)
    for name in (text or ""):gmatch "cdfworkflow[%w_.]*" do
      local class, alias = read.types.classes[name], read.types.aliases[name]
      if (class or alias) and not seen[name] then
        seen[name], names[#names + 1] = true, name
        visit(class and class.parent)
        for _, field in ipairs(class and class.fields or {}) do visit(field.type) end
        for _, choice in ipairs(alias and alias.choices or {}) do visit(choice) end
      end
    end
  end
  for _, place in ipairs(read.places) do
    visit(place.class)
    for _, one in ipairs(place.functions) do
      for _, param in ipairs(one.block.params) do visit(param.type) end
      for _, result in ipairs(one.block.returns) do visit(result.type) end
    end
  end
  return sorted(names)
end

local function add_gateway(found)
  local gateway = require "cdfworkflow.gateway"
  for _, place in ipairs {
    { "gateway", ".", "cdfworkflow.gateway", gateway },
    { "webhook", ":", "cdfworkflow.gateway.Gateway", gateway.class },
    { "gateway.nginx", ".", "cdfworkflow.gateway.nginx", require "cdfworkflow.gateway.nginx" },
    { "gateway.haproxy", ".", "cdfworkflow.gateway.haproxy", require "cdfworkflow.gateway.haproxy" },
  } do
    found[#found + 1] = place
  end
end

--- The tables in which functions are: how a program reaches them, what stands between, the class, the table.
local function places()
  local cdf, simulator, redis = require(MODULES[1]), require(MODULES[2]), require "cdfworkflow.store.redis"
  require("cdfworkflow.later").load_all()
  local client = assert(cdf.client { project = "p", base_url = "https://cdf.example", credentials = {},
    transport = { now = print, http = print, sleep = print } })
  local found = {
    { "cdf", ".", "cdfworkflow", cdf }, { "cdf.task", ".", "cdfworkflow.task", cdf.task },
    { "client", ":", "cdfworkflow.Client", getmetatable(client).__index },
    { "queue", ":", "cdfworkflow.Queue", require("cdfworkflow.queue").class },
    { "cdfworkflow.queue.redis", ".", "cdfworkflow.queue.redis", require "cdfworkflow.queue.redis" },
    { "cdfworkflow.store.redis", ".", "cdfworkflow.store.redis", redis },
    { "store", ":", "cdfworkflow.store.Redis", redis.class },
  }
  local function namespaces(path, t, class, types)
    for _, field in ipairs(types.classes[class].fields) do
      local inner = t[field.name]
      if type(inner) == "table" then
        local _ = inner.list -- has its class from now on
        found[#found + 1] = { path .. "." .. field.name, ":", field.type, getmetatable(inner).__index }
        namespaces(path .. "." .. field.name, inner, field.type, types)
      end
    end
  end
  return found, function(types)
    namespaces("client", client, "cdfworkflow.Client", types)
    add_gateway(found)
    found[#found + 1] = { "simulator", ".", "cdfworkflow.simulator", simulator }
    found[#found + 1] = { "sim", ":", "cdfworkflow.simulator.Simulator", getmetatable(simulator.new {}).__index }
  end
end

--- Everything there is to say.
---@param folder string that holds `cdfworkflow/`
---@return table model `places`: { path, class, functions }; `types`: { classes, aliases }
function model.read(folder)
  load_without_core()
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(folder, folder, package.path)
  local types = types_of(folder .. "/cdfworkflow")
  local found, add_namespaces = places()
  add_namespaces(types)
  local declared = require("cdfworkflow.method").declared
  local read = { types = types, places = {} }
  for i, place in ipairs(found) do
    local path, joint, class, t = place[1], place[2], place[3], place[4]
    local functions = {}
    for _, name in ipairs(public_functions(t)) do
      functions[#functions + 1] = entry(path .. joint .. name, t[name], declared,
        types.classes[class] and types.classes[class].fields)
    end
    read.places[i] = { path = path, class = class, functions = functions }
  end
  return read
end

return model
