-- SPDX-License-Identifier: Apache-2.0
-- src/library.c, and setopt.h: a libcurl that cannot keep the promises is refused when the module is loaded, and an
-- option that it does not take stops every request before anything is sent.

local native = require "native"
local shell = require "shell"
local wire = require "wire"

local other_curl, server

setup(function() other_curl = native.build("other_curl", "-lcurl") end)
teardown(function() os.remove(other_curl) end)

before_each(function()
  server = wire.serve "local connection = ... log 'asked' answer_all(connection)"
end)
after_each(function() server:stop() end)

-- What a program says that loads the module and sends a request, under a libcurl that is changed so.
local function run(variables)
  local said, status = shell.run(native.command("other_curl", "LD_PRELOAD=" .. other_curl .. " " .. variables)
    .. " " .. server.url)
  assert.equal(0, status, said)
  return (said:gsub("\n$", ""))
end

describe("libcurl", function()
  it("as it is will do", function()
    assert.equal("200", run "")
    assert.same({ "asked" }, server:stop())
  end)

  it("older than 7.80 is refused when the module is loaded, in one line that says what to do", function()
    assert.equal("cdfworkflow needs libcurl 7.80 or newer, and this process has libcurl 7.68.0, which may send a "
      .. "request twice: install a newer one, or build cdfworkflow with another that you have "
      .. "(luarocks make CURL_DIR=its folder)", run "OTHER_CURL_VERSION=7.68.0")
    assert.matches("has libcurl 7.79.1,", run "OTHER_CURL_VERSION=7.79.1")
    assert.equal("200", run "OTHER_CURL_VERSION=7.80.0")
    assert.equal("200", run "OTHER_CURL_VERSION=9.0.0")
  end)

  it("without https is refused likewise", function()
    assert.matches("^cdfworkflow needs a libcurl with https, and this process has libcurl %S+ without: install [^\n]+$",
      run "OTHER_CURL_PROTOCOL=http")
  end)

  -- CURLOPT_PROTOCOLS has two numbers: a libcurl that does not know the newer one is asked by the older.
  local PROMISES = {
    CURLOPT_PREREQFUNCTION = 20312, CURLOPT_PREREQDATA = 10313, CURLOPT_NOSIGNAL = 99, CURLOPT_SSL_VERIFYPEER = 64,
    CURLOPT_SSL_VERIFYHOST = 81, CURLOPT_SSLVERSION = 32, CURLOPT_FOLLOWLOCATION = 52, CURLOPT_HEADEROPT = 229,
    CURLOPT_DISALLOW_USERNAME_IN_URL = 278, CURLOPT_PATH_AS_IS = 234, CURLOPT_SUPPRESS_CONNECT_HEADERS = 265,
    CURLOPT_ERRORBUFFER = 10010, CURLOPT_HEADERFUNCTION = 20079, CURLOPT_WRITEFUNCTION = 20011,
    CURLOPT_OPENSOCKETFUNCTION = 20163, CURLOPT_CLOSESOCKETFUNCTION = 20208, CURLOPT_MAXAGE_CONN = 288,
    CURLOPT_TIMEOUT_MS = 155, CURLOPT_CONNECTTIMEOUT_MS = 156, CURLOPT_HTTPHEADER = 10023, CURLOPT_POSTFIELDS = 10015,
    CURLOPT_POSTFIELDSIZE_LARGE = 30120, CURLOPT_CUSTOMREQUEST = 10036, CURLOPT_URL = 10002, CURLOPT_NOPROXY = 10177,
    CURLOPT_PROXY = 10004, CURLOPT_XFERINFOFUNCTION = 20219, CURLOPT_DEBUGFUNCTION = 20094,
  }

  it("that does not take what a promise rests on sends nothing, and the error names it", function()
    for name, number in pairs(PROMISES) do
      assert.matches(("^local false libcurl %%S+ does not take %s, on which this library relies$"):format(name),
        run("OTHER_CURL_REFUSES=" .. number))
    end
    assert.same({}, server:stop())
  end)

  it("that does not take what only saves time serves all the same", function()
    for _, number in ipairs { 121 --[[TCP_NODELAY]], 213 --[[TCP_KEEPALIVE]], 322 --[[QUICK_EXIT]],
      237 --[[PIPEWAIT]], 189 --[[RTSP_REQUEST]], 10318 --[[PROTOCOLS_STR]] } do
      assert.equal("200", run("OTHER_CURL_REFUSES=" .. number), number)
    end
  end)
end)
