-- SPDX-License-Identifier: Apache-2.0
-- Files that hold one text: a token, an assertion, a secret of systemd's; certificates, and whole configurations. Read
-- anew each time, since whoever writes them may renew them.

local secret_file = {}

local LARGEST = 64 * 1024 -- bytes; no token, key or chain of certificates comes near it

--- The bytes of the file.
---@param path string
---@param largest? integer
---@return string|nil bytes
---@return string? problem "PATH cannot be read: No such file or directory"
function secret_file.bytes(path, largest)
  largest = largest or LARGEST
  local file, why = io.open(path, "rb")
  if not file then return nil, ("%s cannot be read: %s"):format(path, (why:gsub("^.-: ", ""))) end
  local bytes, problem = file:read(largest + 1)
  file:close()
  if problem then return nil, ("%s cannot be read: %s"):format(path, problem) end
  if bytes and #bytes > largest then return nil, ("%s is larger than %d bytes"):format(path, largest) end
  return bytes or ""
end

--- The text in the file, without white space around it, such as the line's end that editors add.
---@param path string
---@return string|nil text
---@return string? problem
function secret_file.text(path)
  local bytes, problem = secret_file.bytes(path)
  if not bytes then return nil, problem end
  local text = bytes:match "^%s*(.-)%s*$"
  if text == "" then return nil, path .. " is empty" end
  return text
end

return secret_file
