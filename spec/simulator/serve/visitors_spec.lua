-- SPDX-License-Identifier: Apache-2.0

local visitors = require "cdfworkflow.simulator.serve.visitors"

describe("simulator.serve.visitors", function()
  local function knows(host, own)
    return visitors.knows_name({ headers = { host = host } }, own or "0.0.0.0")
  end

  it("know the names of this machine, with a port and without, in any case", function()
    for _, host in ipairs {
      "localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "127.1.2.3:1", "[::1]", "[::1]:8080",
      "cdf.localhost:8080",
    } do
      assert.is_true(knows(host), host)
    end
  end)

  it("know the address that the server listens on", function()
    assert.is_true(knows("10.0.0.7:8080", "10.0.0.7"))
    assert.is_true(knows("[fe80::1]:8080", "FE80::1"))
    assert.is_true(knows("sim.example", "sim.example"))
  end)

  it("do not know a name that leads here by somebody else's doing", function()
    for _, host in ipairs {
      "rebound.example:8080", "127.0.0.1.rebound.example", "localhost.rebound.example:80", "10.0.0.7", "::1.example",
      "", "[::2]", "notlocalhost", "127.0.0.1@rebound.example", "[::1]rebound.example", "127.0.0.1:80.rebound.example",
    } do
      assert.is_false(knows(host), host)
    end
  end)

  it("take a request without Host for a program's", function()
    assert.is_true(knows(nil))
  end)

  it("see who is on this machine", function()
    local function near(address)
      return visitors.is_near { peername = function() return 2, address end }
    end
    assert.same({ true, true, true, false, false, false },
      { near "127.0.0.1", near "::1", near "::ffff:127.0.0.1", near "10.1.2.3", near "::ffff:10.1.2.3", near(nil) })
  end)
end)
