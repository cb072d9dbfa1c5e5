-- SPDX-License-Identifier: Apache-2.0

local copy = require "cdfworkflow.simulator.lib.copy"
local core = require "cdfworkflow.core"

it("simulator.copy copies JSON values and keeps arrays arrays", function()
  local value = core.decode '{"a":[],"b":[1,{"c":null}],"d":{}}'
  local copied = copy(value)
  assert.are_not.equal(value.b, copied.b)
  assert.same(core.decode(core.encode(value)), core.decode(core.encode(copied)))
  assert.is_true(core.is_array(copied.a))
end)
