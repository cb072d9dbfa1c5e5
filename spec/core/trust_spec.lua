-- SPDX-License-Identifier: Apache-2.0
-- A bundle as large as a system's is not parsed as a whole for one connection, and yet trusted as it is: just what is
-- in it, and just now. Which servers are taken and refused with one: promises/tls_spec.lua.

local certificates = require "certificates"
local libcurl = require "libcurl"
local world = require "http_world"

local stranger, server

setup(function() stranger = certificates.new() end)
teardown(function() stranger:remove() end)
before_each(function() server = world.nginx("ssl", "keepalive_timeout 0; location / { return 200 '{}'; }") end)
after_each(world.stop)

local function fetch(http)
  return world.fetch(http, server.url, "GET", "/x")
end

--- A bundle with a trusted certificate of OpenSSL's own kind in it too.
local function odd_bundle()
  local path = stranger:bundle { server.ca_file }
  local file = assert(io.open(server.ca_file))
  local text = file:read "*a":gsub("CERTIFICATE", "TRUSTED CERTIFICATE")
  file:close()
  file = assert(io.open(path, "a"))
  file:write(text)
  file:close()
  return path
end

--- CPU of a first connection, the least of some.
local function cpu_of_connecting(path)
  local least = math.huge
  for _ = 1, 5 do
    local http = world.new { ca_file = path, proxy = "" }
    local begun = os.clock()
    assert.equal(200, fetch(http).status)
    least = math.min(least, os.clock() - begun)
  end
  return least
end

describe("a bundle", function()
  it("is trusted as it is now, within the life of a process too", function()
    local http = world.new { ca_file = stranger:bundle { server.ca_file }, proxy = "" }
    for _ = 1, 3 do assert.equal(200, fetch(http).status) end
    stranger:bundle {} -- the same path
    local fresh = world.new { ca_file = stranger.folder .. "/bundle.pem", proxy = "" }
    world.assert_failed("tls", false, fetch(fresh))
    world.assert_failed("tls", false, fetch(http))
    world.assert_failed("tls", false, fetch(fresh))
    stranger:bundle { server.ca_file }
    assert.equal(200, fetch(world.new { ca_file = stranger.folder .. "/bundle.pem", proxy = "" }).status)
  end)

  it("may have other things in it than certificates", function()
    assert.equal(200, fetch(world.new { ca_file = odd_bundle(), proxy = "" }).status)
  end)

  it("may vanish within the life of a process, which is no reason to trust nothing else", function()
    local path = stranger:bundle { server.ca_file }
    local http = world.new { ca_file = path, proxy = "" }
    assert.equal(200, fetch(http).status)
    os.remove(path)
    local response = fetch(http)
    world.assert_failed("tls", false, response)
    assert.matches("bundle%.pem", response.message)
    stranger:bundle { server.ca_file }
    assert.equal(200, fetch(http).status)
  end)

  it("costs little CPU, with OpenSSL", function()
    local quick = cpu_of_connecting(stranger:bundle { server.ca_file })
    local slow = cpu_of_connecting(odd_bundle())
    assert.equal(not libcurl.is_on_gnutls(), quick < slow / 3, ("%g s, and %g s"):format(quick, slow))
  end)
end)
