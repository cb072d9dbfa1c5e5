-- SPDX-License-Identifier: Apache-2.0
-- A folder of files for one spec, gone afterwards.

local shell = require "shell"

local Folder = {}
Folder.__index = Folder

local temp_folder = {}

---@return table folder `path`, `write`, `remove`
function temp_folder.new()
  local name = os.tmpname()
  os.remove(name)
  local said, status = shell.run("mkdir -m 700 " .. shell.quote(name))
  assert(status == 0, said)
  return setmetatable({ path = name }, Folder)
end

--- Writes a file; gives its path.
function Folder:write(name, text)
  local path = self.path .. "/" .. name
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

function Folder:remove() os.execute("rm -rf " .. shell.quote(self.path)) end

return temp_folder
