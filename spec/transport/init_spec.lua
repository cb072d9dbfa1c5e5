-- SPDX-License-Identifier: Apache-2.0
-- In nginx and HAProxy, where the answer is another, nginx_spec.lua and haproxy_spec.lua have shown it.
local Curl = require "cdfworkflow.transport.curl"
local transport = require "cdfworkflow.transport"

describe("the transport of a plain script", function()
  it("is libcurl waiting in C", function()
    local found = transport.of_host {}
    assert.equal(Curl, getmetatable(found))
    found:close()
  end)

  it("is given the options", function()
    assert.error_matches(function() transport.of_host { max_connections = 0 } end, "max_connections")
  end)
end)
