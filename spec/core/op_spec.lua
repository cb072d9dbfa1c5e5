-- SPDX-License-Identifier: Apache-2.0
-- The table of answers (README «Promises»), walked: what a reply to an attempt means for what is known of its nonce.

local rooms = require "rooms"

local REPLIES = { "success", "untouched", "put_off", "denied", "spent", "refused", "told", "impossible", "lost" }
local NONCES = { "none", "untouched", "put_off", "in_doubt", "spent" }

--- reply → for each nonce: the move, and what is known of the nonce then
local TABLE = {
  success = { "finish none", "finish untouched", "finish put_off", "finish in_doubt", "finish spent" },
  untouched = { "repeat none", "repeat untouched", "repeat put_off", "look_on in_doubt", "look_on spent" },
  put_off = { "repeat none", "repeat put_off", "repeat put_off", "look_on in_doubt", "look_on spent" },
  denied = { "renew none", "renew untouched", "renew put_off", "renew in_doubt", "renew spent" },
  spent = { "fail none", "refuse untouched", "doubt spent", "look_on spent", "look_on spent" },
  refused = { "fail none", "refuse untouched", "fail put_off", "look_on in_doubt", "look_on spent" },
  told = { "fail none", "make_sure untouched", "make_sure put_off", "look_on in_doubt", "look_on spent" },
  impossible = { "fail none", "fail untouched", "fail put_off", "look_on in_doubt", "look_on spent" },
  lost = { "doubt none", "doubt in_doubt", "doubt in_doubt", "doubt in_doubt", "doubt spent" },
}

--- Calls `visit` with each reply, nonce, and the move and nonce that follow.
local function walk(visit)
  for _, reply in ipairs(REPLIES) do
    for _, nonce in ipairs(NONCES) do visit(reply, nonce, rooms.move(reply, nonce)) end
  end
end

describe("the table of answers", function()
  for reply, row in pairs(TABLE) do
    for i, nonce in ipairs(NONCES) do
      it(("%s, nonce %s: %s"):format(reply, nonce, row[i]), function()
        assert.equal(row[i], table.concat({ rooms.move(reply, nonce) }, " "))
      end)
    end
  end

  it("revokes a session only where no attempt with its nonce can have been carried out", function()
    walk(function(reply, nonce, move)
      if move == "refuse" then
        assert.equal("untouched", nonce)
        assert.truthy(reply == "spent" or reply == "refused", reply)
      end
    end)
  end)

  it("never leads from doubt to an error, nor to a plain repeat", function()
    walk(function(reply, nonce, move, next)
      if nonce == "in_doubt" or nonce == "spent" then
        assert.truthy(next == "in_doubt" or next == "spent")
        assert.truthy(move == "finish" or move == "renew" or move == "doubt" or move == "look_on", reply)
      end
    end)
  end)

  it("loses what is known of a nonce to no reply", function()
    local order = { none = 1, untouched = 2, put_off = 3, in_doubt = 4, spent = 5 }
    walk(function(_, nonce, _, next) assert.is_true(order[next] >= order[nonce]) end)
  end)
end)
