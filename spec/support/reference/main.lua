-- SPDX-License-Identifier: Apache-2.0
-- Makes the reference out of the annotations:
--   lua main.lua check LUA_FOLDER             says what the annotations lack; exit status 1 where it is something
--   lua main.lua definition LUA_FOLDER FOLDER writes the definition files for editors
--   lua main.lua pages LUA_FOLDER FOLDER      writes reference.md and reference.html
--   lua main.lua examples LUA_FOLDER FOLDER   writes examples.lua for a spec to run: a list of
--                                             { name, example, what is said of the error }

package.path = arg[0]:gsub("[^/]*$", "") .. "../?.lua;" .. package.path

local annotations = require "reference.annotations"
local check = require "reference.check"
local model = require "reference.model"

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local COMMANDS = {}

function COMMANDS.check(read)
  local complaints = check(read)
  for _, complaint in ipairs(complaints) do io.stderr:write(complaint, "\n") end
  os.exit(#complaints == 0 and 0 or 1)
end

function COMMANDS.definition(read, folder)
  local definition = require "reference.definition"
  write(folder .. "/cdfworkflow.lua", definition.module(read))
  write(folder .. "/cdfworkflow/simulator.lua", definition.simulator(read))
end

function COMMANDS.pages(read, folder)
  local pages = require "reference.pages"
  write(folder .. "/reference.md", pages.markdown(read))
  write(folder .. "/reference.html", pages.html(read))
end

function COMMANDS.examples(read, folder)
  local lines = {}
  local function add(name, text, returns)
    local last = returns and returns[#returns]
    for _, code in ipairs(annotations.examples(text)) do
      lines[#lines + 1] = ("{ %q, %q, %q },"):format(name, code,
        last and last.type:find "cdfworkflow%.Error" and last.words or "")
    end
  end
  for _, place in ipairs(read.places) do
    local class = read.types.classes[place.class]
    add(place.path, class and class.text or {})
    for _, one in ipairs(place.functions) do add(one.name, one.block.text, one.block.returns) end
  end
  write(folder .. "/examples.lua", "return {\n" .. table.concat(lines, "\n") .. "\n}\n")
end

COMMANDS[arg[1]](model.read(arg[2]), arg[3])
