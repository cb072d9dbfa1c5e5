-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- Processes on one spool that are killed with -9 at random moments, before a real server. `make queue` does more of it.

local queue_processes = require "queue_processes"

describe("processes that are killed #timed", function()
  it("lose nothing that they said is kept, and start nothing twice", function()
    local done = queue_processes.try(8, 1)
    assert.is_true(done.started >= done.safe)
  end)
end)
