-- SPDX-License-Identifier: Apache-2.0
-- What a project keeps by number: functions, files, sessions, calls, schedules.

local kept = {}

---@param id number
---@return string # its name in the state, which is JSON
function kept.key(id)
  return ("%.0f"):format(id)
end

---@param entries table<string, table>
---@param identifier { id: integer?, externalId: string? }
---@return table|nil entry
function kept.find(entries, identifier)
  if identifier.id then return entries[kept.key(identifier.id)] end
  for _, entry in pairs(entries) do
    if entry.externalId == identifier.externalId then return entry end
  end
end

---@param entries table<string, { next_fire: integer? }>
---@return integer|nil # when the first of them fires, in milliseconds
function kept.first_due(entries)
  local due
  for _, entry in pairs(entries) do
    if entry.next_fire and (not due or entry.next_fire < due) then due = entry.next_fire end
  end
  return due
end

return kept
