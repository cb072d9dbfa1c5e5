-- SPDX-License-Identifier: Apache-2.0
-- The colours of the page against one another, as WCAG 2.2 wants them at level AA (1.4.3 and 1.4.11): 4.5 to 1 for
-- text, 3 to 1 for what else has to be seen, light and dark.

local style = require "cdfworkflow.simulator.serve.page.style"

local TONES = { "done", "live", "bad", "warn", "idle", "stop" }

local function colours_of(block)
  local colours = {}
  for name, hex in block:gmatch "%-%-([%a]+): #(%x+);" do
    local six = #hex == 3 and hex:gsub("%x", "%0%0") or hex
    local colour = {}
    for pair in six:gmatch "%x%x" do colour[#colour + 1] = tonumber(pair, 16) end
    colours[name] = colour
  end
  return colours
end

local light = colours_of(style:match ":root (%b{})")
local dark = colours_of(style:match "dark%) { :root (%b{})")

local function luminance(colour)
  local sum = 0
  for i, share in ipairs { 0.2126, 0.7152, 0.0722 } do
    local part = colour[i] / 255
    sum = sum + share * (part <= 0.03928 and part / 12.92 or ((part + 0.055) / 1.055) ^ 2.4)
  end
  return sum
end

local function contrast(one, other)
  local a, b = luminance(one), luminance(other)
  return (math.max(a, b) + 0.05) / (math.min(a, b) + 0.05)
end

local function over(colour, share, ground)
  local mixed = {}
  for i = 1, 3 do mixed[i] = colour[i] * share + ground[i] * (1 - share) end
  return mixed
end

-- The opacity that a rule gives.
local function share(rule)
  return assert(tonumber(style:match(rule:gsub("%p", "%%%0") .. "[^}]-%-?opacity: ([%d.]+)")), rule)
end

for name, colours in pairs { light = light, dark = dark } do
  describe("the style's colours, " .. name, function()
    local function at_least(wanted, one, other, what)
      local ratio = contrast(one, other)
      assert.is_true(ratio >= wanted, ("%s: %.2f"):format(what, ratio))
    end

    it("leave all text readable, on every ground", function()
      for _, text in ipairs { "ink", "faint", "link", "done", "live", "bad", "warn", "idle", "stop" } do
        for _, ground in ipairs { "ground", "card", "press" } do
          at_least(4.5, colours[text], colours[ground], text .. " on " .. ground)
        end
      end
      at_least(4.5, colours.card, colours.link, "the main button")
      assert.is_nil(style:find("placeholder { [^}]*opacity: 0?%."))
    end)

    it("leave the words in a graph's boxes readable, pointed at or not", function()
      for _, tone in ipairs(TONES) do
        for _, rule in ipairs { "svg .tint {", "svg a:hover .tint {" } do
          local ground = over(colours[tone], share(rule), colours.card)
          at_least(4.5, colours[tone], ground, tone .. " in its box")
          at_least(4.5, colours.faint, ground, "faint in the box of " .. tone)
        end
      end
    end)

    it("show where fields, buttons, edges and bars are", function()
      at_least(3, colours.rim, colours.card, "rim on a card")
      at_least(3, colours.rim, colours.ground, "rim on the ground")
      for _, rule in ipairs { "button, .button {", "input, textarea, select {" } do
        assert.matches("border: 1px solid var%(%-%-rim%)", style:match(rule:gsub("%p", "%%%0") .. "[^}]*"), 1, false)
      end
      assert.matches("stroke: var%(%-%-rim%)", style:match "svg %.edge {[^}]*")
      for _, tone in ipairs(TONES) do
        at_least(3, over(colours[tone], share ".lane .past {", colours.card), colours.card, "an earlier bar, " .. tone)
      end
    end)
  end)
end
