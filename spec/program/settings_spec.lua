-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4
-- Where the program's settings come from when nobody says.

local program = require "program"
local shell = require "shell"

describe("the settings", function()
  local folder

  before_each(function()
    folder = program.folder()
    shell.run("mkdir " .. folder .. "/here")
  end)

  after_each(function() shell.run("rm -r " .. folder) end)

  --- What a dry run of the program in the folder would send its token request to.
  local function asked(env)
    local outcome = program.shell("$CDFWORKFLOW run w 1 -n -o jsonl", { env = env or {}, folder = folder .. "/here" })
    return outcome.out:match '"url":"https://([^/"]*)/token"', outcome
  end

  local function settings(host)
    return ("CDF_URL=https://cdf.example\nCDF_PROJECT=p\nIDP_TOKEN_URL=https://%s/token\nIDP_CLIENT_ID=me\n"
      .. "IDP_CLIENT_SECRET=x\n"):format(host)
  end

  it("come from .env here, or else from the one a folder up, and the environment wins", function()
    program.write(folder .. "/.env", settings "above.example")
    assert.equal("above.example", (asked()))
    program.write(folder .. "/here/.env", settings "here.example")
    assert.equal("here.example", (asked()))
    assert.equal("env.example", (asked { IDP_TOKEN_URL = "https://env.example/token" }))
  end)

  it("pass by a folder that is called .env, as Python's environments are", function()
    shell.run("mkdir " .. folder .. "/here/.env")
    program.write(folder .. "/.env", settings "above.example")
    local host, outcome = asked()
    assert.equal("above.example", host, outcome.err)
    assert.equal("", outcome.err)
  end)

  it("leave out a .env that cannot be read, and say so", function()
    shell.run("ln -s .env " .. folder .. "/here/.env")
    local host, outcome = asked()
    assert.is_nil(host)
    assert.equal(2, outcome.status)
    assert.equal("cdfworkflow: .env: Too many levels of symbolic links; it is left out\n"
      .. "cdfworkflow: the environment variable CDF_PROJECT is not set\n", outcome.err)
  end)

  it("say it in one sentence when a file that was named is not there, or cannot be understood", function()
    program.write(folder .. "/here/bad.env", "CDF_PROJECT=p\nIDP_CLIENT_SECRET='x\n")
    for words, said in pairs {
      ["--env-file none.env"] = "none.env cannot be read: No such file or directory",
      ["--env-file ."] = ". cannot be read: Is a directory",
      ["--env-file bad.env"] = "bad.env, line 2: the quote of IDP_CLIENT_SECRET is not closed",
      ["--config none.yaml"] = "none.yaml cannot be read: No such file or directory",
    } do
      local outcome = program.shell("$CDFWORKFLOW list " .. words, { env = {}, folder = folder .. "/here" })
      assert.equal(2, outcome.status)
      assert.equal("cdfworkflow: " .. said .. "\n", outcome.err)
    end
  end)
end)
