-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- Five reloads of each host under load (`make gateway` makes a hundred): no delivery is lost, and none started twice.

local campaign = require "gateway_campaign"
local gateway = require "gateway"
local nginx = require "nginx"
local temp_folder = require "temp_folder"

describe("a reload under load", function()
  local sim, here, folder

  setup(function() sim, folder = gateway.cdf(), temp_folder.new() end)

  teardown(function()
    sim:stop()
    folder:remove()
  end)

  after_each(function()
    here:stop()
    here = nil
  end)

  local function loses_nothing(name, signal)
    nginx.wait_until("the gateway is ready", function() return here:ask "/ready" == 200 end)
    local complaints, statuses = campaign.reloads {
      sim = sim, here = here, name = name, reloads = 5, pause = 0.3, deliveries = 40, copies = 2, seconds = 60,
      reload = function() here:signal(signal) end,
    }
    print(("# %s, 5 reloads: %s"):format(name, statuses))
    assert.same({}, complaints)
  end

  it("of nginx", function()
    here = gateway.in_nginx(sim)
    loses_nothing("nginx", "HUP")
  end)

  it("of HAProxy", function()
    here = gateway.in_haproxy(sim, { arguments = "-W", environment = { GATEWAY_SPOOL = folder.path } })
    loses_nothing("HAProxy", "USR2")
  end)
end)
