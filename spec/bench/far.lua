-- SPDX-License-Identifier: Apache-2.0
-- `far.lua DELAY PORT …`: makes servers on loopback as far away as DELAY seconds each way. Prints the port of its own
-- for each of theirs, and passes bytes on from there. Making a connection takes a round trip too: on loopback it takes
-- none, so what is said first comes that much later.

local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local socket = require "cqueues.socket"

local LIFETIME = 120 -- seconds; who started it ends it sooner
local delay = tonumber(arg[1])
local loop = cqueues.new()

--- Passes on what comes from one to the other, each piece `delay` after it came, and the end of it too. Nothing sets
--- off before `connected`.
local function pass_on(from, to, connected)
  local pieces, first, last, changed = {}, 1, 0, condition.new()
  local function add(piece)
    last = last + 1
    pieces[last] = { piece, math.max(cqueues.monotime(), connected) + delay }
    changed:signal()
  end
  loop:wrap(function()
    for piece in function() return from:read(-65536) end do add(piece) end
    add(false)
  end)
  loop:wrap(function()
    while true do
      while first > last do changed:wait() end
      local piece, due = pieces[first][1], pieces[first][2]
      pieces[first], first = nil, first + 1
      cqueues.sleep(math.max(due - cqueues.monotime(), 0))
      if not piece then return to:shutdown "w" end
      if not to:write(piece) then return end
    end
  end)
end

local function open(one)
  one:setmode("bn", "bn")
  one:settimeout(nil)
  one:onerror(function(_, _, code) return code end)
  return one
end

for i = 2, #arg do
  local listening = socket.listen { host = "127.0.0.1", port = 0, nodelay = true }
  listening:listen()
  print((select(3, listening:localname())))
  loop:wrap(function()
    for client in listening:clients() do
      local server = open(socket.connect { host = "127.0.0.1", port = tonumber(arg[i]), nodelay = true })
      open(client)
      pass_on(client, server, cqueues.monotime() + 2 * delay)
      pass_on(server, client, 0)
    end
  end)
end
io.stdout:flush()

assert(loop:loop(LIFETIME))
