-- SPDX-License-Identifier: Apache-2.0
-- Runs on: 5.4 luajit
-- Where the program takes its settings from: the environment, a `.env` file here or one folder up, an extractor's YAML.
-- What they mean is spec/signin/.

local core = require "cdfworkflow.core"
local program = require "program"
local shell = require "shell"
local stub_cdf = require "stub_cdf"

local SIGNS_IN = "IDP_CLIENT_ID=%s\nIDP_CLIENT_SECRET=s\nIDP_TENANT_ID=t\n"
local YAML = "cognite:\n  host: https://yaml.example\n  project: of-yaml\n  idp-authentication:\n"
  .. "    client-id: yaml-client\n    secret: s\n    tenant: t\n"

local top, here

local function env_file(name) return ("CDF_CLUSTER=c\nCDF_PROJECT=%s\n"):format(name) .. SIGNS_IN:format(name) end

--- What a run would send: to which project, and who asks.
local function asked(variables, ...)
  local outcome = program.run({ "run", "w", "1", "--dry-run", "-o", "jsonl", ... }, { env = variables, folder = here })
  assert.equal(0, outcome.status, outcome.err)
  local token, _, run = outcome.out:match "([^\n]*)\n([^\n]*)\n([^\n]*)\n$"
  return core.decode(run).url:match "projects/([^/]*)", core.decode(token).body:match "client_id=([^&]*)"
end

local function refused(variables, ...)
  local outcome = program.run({ ... }, { env = variables, folder = here })
  assert.equal(2, outcome.status)
  assert.equal("", outcome.out)
  return outcome.err
end

describe("the settings of the program", function()
  before_each(function()
    top = program.folder()
    here = top .. "/here"
    shell.run("mkdir " .. here)
  end)
  after_each(function() shell.run("rm -rf " .. top) end)

  it("come from a .env file here, else from the one a folder up", function()
    program.write(top .. "/.env", env_file "above")
    assert.same({ "above", "above" }, { asked {} })
    program.write(here .. "/.env", env_file "here")
    assert.same({ "here", "here" }, { asked {} })
  end)

  it("come from the environment first, and from the YAML last", function()
    program.write(here .. "/config.yml", YAML)
    assert.same({ "of-yaml", "yaml-client" }, { asked({}, "--config", "config.yml") })
    program.write(here .. "/.env", env_file "here")
    assert.same({ "here", "here" }, { asked({}, "--config", "config.yml") })
    assert.same({ "of-environment", "here" }, { asked({ CDF_PROJECT = "of-environment" }, "--config", "config.yml") })
  end)

  it("come from the file that is named, and from no other", function()
    program.write(here .. "/.env", env_file "here")
    program.write(here .. "/prod.env", "CDF_PROJECT=named\n")
    assert.equal("cdfworkflow: CDF_CLUSTER is not set, neither in the environment nor in prod.env (nor is CDF_URL)\n",
      refused({}, "--env-file", "prod.env", "list"))
    assert.equal("cdfworkflow: none.env cannot be read: No such file or directory\n",
      refused({}, "list", "--env-file", "none.env"))
  end)

  it("are read once, so that the file may be a pipe", function()
    local outcome = program.shell(("printf %%s %s | $CDFWORKFLOW --env-file /dev/stdin schedule w 1 --via function "
      .. "--cron x"):format(shell.quote(env_file "me")), {})
    assert.equal(2, outcome.status)
    assert.matches("cron", outcome.err) -- the pair, which is asked for a second time, was there
  end)

  it("are not looked for in a folder .env, as a Python's may be called", function()
    program.write(top .. "/.env", env_file "above")
    shell.run("mkdir " .. here .. "/.env")
    assert.equal("above", (asked {}))
  end)

  it("that are nowhere are named, with where they were looked for", function()
    assert.equal("cdfworkflow: the environment variable CDF_PROJECT is not set, and there is no .env to be "
      .. "read here or one folder up\n", refused({}, "list"))
    program.write(here .. "/config.yml", YAML:gsub("project: ", "projct: "))
    assert.equal("cdfworkflow: config.yml: cognite.project is missing\n", refused({}, "list", "--config", "config.yml"))
  end)

  it("leave out a .env that cannot be read, and say so", function()
    shell.run("ln -s .env " .. here .. "/.env")
    assert.equal("cdfworkflow: .env: Too many levels of symbolic links; it is left out\n"
      .. "cdfworkflow: the environment variable CDF_PROJECT is not set, and there is no .env to be read here or one "
      .. "folder up\n", refused({}, "list"))
  end)

  it("say it in one sentence when a file that was named cannot be understood", function()
    program.write(here .. "/bad.env", (env_file("p"):gsub("SECRET=s", "SECRET='s")))
    for words, said in pairs {
      ["--env-file=."] = ". cannot be read: Is a directory",
      ["--env-file=bad.env"] = "bad.env, line 4: the quote of IDP_CLIENT_SECRET is not closed",
      ["--config=none.yaml"] = "none.yaml cannot be read: No such file or directory",
    } do
      assert.equal("cdfworkflow: " .. said .. "\n", refused({}, "list", words))
    end
  end)

  it("without a secret are told what helps where a session is refused: no option that the program has not", function()
    local stub = stub_cdf.serve [[function behave(kind, plan, answer, connection)
      if kind == "session" then
        answer = "HTTP/1.1 400 No\r\nContent-Type: application/json\r\nContent-Length: 48\r\n\r\n"
          .. '{"error":{"code":400,"message":"Invalid token"}}'
      end
      connection:write(answer)
    end]]
    local login = { CDF_URL = stub.url, CDF_PROJECT = "p", CDF_TOKEN = "t" }
    local outcome = program.run({ "run", "w", "1" }, { env = login })
    stub:stop()
    assert.equal(6, outcome.status)
    assert.matches("Invalid token; a login without a client secret gets its sessions by token exchange: where the "
      .. "identity provider cannot do that, sign in with IDP_CLIENT_ID and IDP_CLIENT_SECRET\n$", outcome.err)
  end)
end)
