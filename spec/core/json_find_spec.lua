-- SPDX-License-Identifier: Apache-2.0
-- src/json_find.c: a session's answer, read for its nonce without a table; whatever is not plain is left to the reader,
-- so that the same is taken and refused as by it.

local core = require "cdfworkflow.core"
local scripted = require "scripted_calls"

--- The nonce with which the run goes out behind this answer to the session, or nil, err.
local function nonce_of(body)
  local client, script = scripted.static({ { status = 200, body = body }, scripted.ACCEPTED }, { max_retries = 0 })
  local execution, err = client:run("foo", "1")
  if not execution then return nil, err end
  return core.decode(script.requests[2].body).authentication.nonce
end

describe("a session is read", function()
  for body, nonce in pairs {
    ['{"items":[{"nonce":"abc"}]}'] = "abc",
    ['{ "items" : [ { "id" : 7, "nonce" : "abc" , "x" : [ 1 , { "y" : null } , [ ] , { } , true ] } ] }\r\n'] = "abc",
    ['\t{"items":[{"nonce":"abc"}]}'] = "abc",
    ['{"items":[{"nonce":"a\\u0062c","id":7}]}'] = "abc",
    ['{"items":[{"nonce":"\195\165\226\130\172"}]}'] = "\195\165\226\130\172",
    ['{"items":[{"nonce":"abc","x":-1.5e3}]}'] = "abc",
    ['{"items":[{"nonce":"abc","x":"\\n"}]}'] = "abc",
    ['{"items":[{"nonce":"abc"},{"nonce":"def"}]}'] = "abc",
    ['{"items":[{"nonce":"abc","nonce":"def"}]}'] = "def",
    ['{"items":[{"nonce":"abc"}],"next":1}'] = "abc",
    ['{"next":1,"items":[{"nonce":"abc"}]}'] = "abc",
    ['{"items":[{"nonce":"abc","x":' .. ("["):rep(40) .. ("]"):rep(40) .. "}]}"] = "abc",
    ['{"items":[{"nonce":"abc","id":12345678901234567890}]}'] = "abc",
  } do
    it("from " .. body:gsub("[^ -~]", "?"), function() assert.equal(nonce, nonce_of(body)) end)
  end
end)

describe("what is no session is refused", function()
  for _, body in ipairs {
    '{"items":[{"nonce":"abc"}]', '{"items":[{"nonce":"abc"}]}}', '{"items":[{"nonce":"abc"}]}x',
    '{"items":[{"nonce":"abc', '{"nonce":"abc"}',
    '{"items":[{"nonce":"abc",}]}', '{"items":[{"nonce":"abc" "id":1}]}', '{"items":[{"nonce":"abc","id":01}]}',
    '{"items":[{"nonce":"abc","x":tru}]}', '{"items":[{"nonce":"abc","x":[1,]}]}',
    '{"items":[{"nonce":"abc","x":{"a"}}]}',
    '{"items":[{"nonce":"abc","x":"\1"}]}', '{"items":[{"nonce":"\255"}]}', '{"items":[{"nonce":""}]}',
    '{"items":[{"nonce":7}]}', '{"items":[]}', '{"items":[{}]}', "[]", "",
  } do
    it("as " .. body:gsub("[^ -~]", "?"), function()
      local nonce, err = nonce_of(body)
      assert.is_nil(nonce)
      assert.equal("protocol", err.kind)
    end)
  end
end)

it("a session that is refused with its run is taken back by its id, where that is one", function()
  for text, id in pairs { ["7"] = 7, ["9007199254740991"] = 9007199254740991, ["0"] = false, ["1.5"] = false } do
    local session = ('{"items":[{"id":%s,"nonce":"abc"}]}'):format(text)
    local client, script = scripted.static { { status = 200, body = session }, scripted.status(400), { status = 200 } }
    assert.is_nil((client:run("foo", "1")))
    assert.equal(id and 3 or 2, #script.requests)
    if id then assert.same({ items = { { id = id } } }, core.decode(script.requests[3].body)) end
  end
end)
