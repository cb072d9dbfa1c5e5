-- SPDX-License-Identifier: Apache-2.0
local starter = require "cdfworkflow.api.starter"

--- What a Python program with the zip's bytes on its standard input prints.
local function python(program)
  local script, zip = os.tmpname(), os.tmpname()
  local file = assert(io.open(script, "w"))
  file:write(program)
  file:close()
  file = assert(io.open(zip, "wb"))
  file:write(starter.zip)
  file:close()
  local pipe = assert(io.popen(("python3 %s %s 2>&1"):format(script, zip)))
  local printed = pipe:read("*a")
  pipe:close()
  os.remove(script)
  os.remove(zip)
  return printed
end

describe("starter", function()
  it("is a zip that holds the handler, whole and true", function()
    assert.equal("None\n['handler.py']\n" .. starter.handler, python [[
import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
print(archive.testzip())
print(archive.namelist())
sys.stdout.write(archive.read("handler.py").decode())
]])
  end)

  it("makes a session of its own from the secrets, and starts the version that data names", function()
    assert.equal([[
{'executionId': 'e-1'}
/api/v1/projects/acme%2Fdev/sessions
{'items': [{'clientId': 'i', 'clientSecret': 's'}]}
/api/v1/projects/acme%2Fdev/workflows/a%2Fb%20%C3%A6/versions/v~1/run
{'authentication': {'nonce': 'n'}, 'input': {'a': 1}}
{'executionId': 'e-1'}
{'authentication': {'nonce': 'n'}}
]], python [[
import sys
sys.path.insert(0, sys.argv[1])
import handler

class Answer:
    def __init__(self, body): self.body = body
    def json(self): return self.body

class Client:
    def __init__(self): self.posted = []
    def post(self, url, json):
        self.posted.append((url, json))
        return Answer({"items": [{"nonce": "n"}]} if url.endswith("/sessions") else {"id": "e-1"})

secrets = {"client-id": "i", "client-secret": "s", "project": "acme/dev"}
data = {"workflow-external-id": "a/b \u00e6", "workflow-version": "v~1"}
client = Client()
print(handler.handle(client, dict(data, input={"a": 1}), secrets))
for url, json in client.posted:
    print(url)
    print(json)
client = Client()
print(handler.handle(client, data, secrets))
print(client.posted[1][1])
]])
  end)
end)
