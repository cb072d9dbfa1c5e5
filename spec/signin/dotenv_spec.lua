-- SPDX-License-Identifier: Apache-2.0
-- `.env` files as python-dotenv reads them, which the CDF Toolkit uses (SIGNIN.md section 2).

local core = require "cdfworkflow.core"
local dotenv = require "cdfworkflow.signin.dotenv"
local shell = require "shell"
local temp_folder = require "temp_folder"

local environment = { HOME = "/home/me", OURS = "from the environment" }

local function read(text)
  local variables = dotenv.parse(text, function(name) return environment[name] end)
  local values = {}
  for name, variable in pairs(variables) do values[name] = variable.value end
  return values, variables
end

-- What python-dotenv makes of each text of a JSON list.
local PYTHON = [[
import io, json, logging, os, sys
from dotenv.main import DotEnv
logging.disable(logging.CRITICAL)
os.environ.clear()
os.environ.update({"HOME": "/home/me", "OURS": "from the environment"})
def read(text):
  values = DotEnv(None, stream=io.StringIO(text, newline=None), override=False).dict()
  return {name: value for name, value in values.items() if value is not None}
print(json.dumps([read(text) for text in json.load(open(sys.argv[1]))]))
]]

local SIGNS = { "A", "B1", "=", "=", "=", "'", '"', "\\", "\\n", "#", " ", "\t", "\n", "\n", "\r\n", "\r", "$", "}",
  "${HOME}", "${OURS}", "${A}", "${B1:-d}", "-", "export ", "\195\169", "/", "a b" }

local function random_text()
  local parts = {}
  for i = 1, math.random(1, 24) do parts[i] = SIGNS[math.random(#SIGNS)] end
  return table.concat(parts)
end

describe("a .env file", function()
  for name, case in pairs {
    ["plain values"] = { "A=1\nB=two words\n", { A = "1", B = "two words" } },
    ["blanks around the sign and at the end"] = { "A = 1  \n\tB\t=\t2\t\n", { A = "1", B = "2" } },
    ["export"] = { "export A=1\n  export   B=2\nexportC=3", { A = "1", B = "2", exportC = "3" } },
    ["comments, and signs that are none"] =
      { "# A=0\n  # B=0\nA=1 # one\nB=2#two\nC=#three\nD= # a value, too\n",
        { A = "1", B = "2#two", C = "#three", D = "# a value, too" } },
    ["single quotes, taken as they are"] = { [[A='a "b" #c \n \' \\ '  # x]], { A = [[a "b" #c \n ' \ ]] } },
    ["double quotes, with escapes"] = { [[A="a 'b' #c \n \" \\ \t \q" # x]], { A = "a 'b' #c \n \" \\ \t \\q" } },
    ["quotes over several lines"] =
      { "A='one\ntwo'\nB=\"three\nfour\"\nC=5", { A = "one\ntwo", B = "three\nfour", C = "5" } },
    ["quotes amid a value, which are part of it"] = { "A=a'b'c\nB=\"x\"\n", { A = "a'b'c", B = "x" } },
    ["a backslash before the last quote"] = { "A=\"abc\\\\\"\nB='c:\\dir\\'\n", { A = "abc\\", B = "c:\\dir\\" } },
    ["lines of Windows, and its mark at the beginning"] = { "\239\187\191A=1\r\nB='2'\r\n\r\n", { A = "1", B = "2" } },
    ["lines of Windows amid quotes"] = { "A='one\r\ntwo'\rB=1\r", { A = "one\ntwo", B = "1" } },
    ["names of other alphabets, and in quotes"] =
      { "größe=1\nA/B=2\n'C D'=3\nexport 'E'=4\n", { ["größe"] = "1", ["A/B"] = "2", ["C D"] = "3", E = "4" } },
    ["no line's end at the end"] = { "A=1", { A = "1" } },
    ["empty values, and names alone, which take a value away"] =
      { "A=\nB=''\nC\nD=1\nE=1\nE # none\n", { A = "", B = "", D = "1" } },
    ["the last of several"] = { "A=1\nA=2", { A = "2" } },
    ["other variables, those of the environment first"] =
      { "OURS=from the file\nA=${OURS}/${HOME}\nB='${A}'\nC=${NONE}|${NONE:-x}|${NONE:x}|$A|${A\n",
        { OURS = "from the file", A = "from the environment//home/me", B = "from the environment//home/me",
          C = "|x|${NONE:x}|$A|${A" } },
    ["signs of base64 and of URLs"] =
      { "A=ab+/c==\nB=https://x/y?a=b&c=d\n", { A = "ab+/c==", B = "https://x/y?a=b&c=d" } },
  } do
    it("has " .. name, function() assert.same(case[2], (read(case[1]))) end)
  end

  it("knows the line of each variable", function()
    local _, variables = read "\n# comment\nA=1\n\nB='two\nlines'\nC=3\n"
    assert.same({ 3, 5, 7 }, { variables.A.line, variables.B.line, variables.C.line })
  end)

  for _, line in ipairs { "some words", "=2", "export", "set -a; x=1", "if [ -f x ]; then", "'A" } do
    it("is read past a line that is none: " .. line, function()
      assert.same({ A = "1", B = "2" }, (read("A=1\n" .. line .. "\nB=2\n")))
    end)
  end

  for text, problem in pairs {
    ["\nA=\"x\nB=2\n"] = "the quote of A is not closed",
    ["\nA='x' y\nB=2\n"] = "there is more behind the quotes of A",
    ["\nA x\nB=2\n"] = "expected NAME=value, and nothing behind it",
    ["\nA: x\nB=2\n"] = "expected NAME=value, and nothing behind it",
  } do
    it(("says which variable it may have been meant for: %q"):format(text), function()
      local values, variables = read(text)
      assert.same({ B = "2" }, values)
      assert.same({ line = 2, problem = problem }, variables.A)
      assert.same({ A = "0", B = "2" }, (read("A=0\n" .. text))) -- what was good before stays
    end)
  end

  it("of any text is read as python-dotenv itself reads it", function()
    math.randomseed(7)
    local texts = {}
    for i = 1, 3000 do texts[i] = random_text() end
    local folder = temp_folder.new()
    finally(function() folder:remove() end)
    local said, status = shell.run(("/usr/bin/python3 %s %s"):format(folder:write("read.py", PYTHON),
      folder:write("texts.json", core.encode(texts))))
    assert(status == 0, said)
    for i, expected in ipairs(core.decode(said)) do
      local values = read(texts[i])
      if next(values) or next(expected) then assert.same(expected, values, ("%q"):format(texts[i])) end
    end
  end)

  it("of any bytes raises nothing", function()
    math.randomseed(7)
    local signs = { "A", "=", "'", '"', "\\", "#", " ", "\n", "\r", "$", "{", "}", ":", "-", "export ", "\255", "\0" }
    for _ = 1, 3000 do
      local parts = {}
      for i = 1, math.random(1, 20) do parts[i] = signs[math.random(#signs)] end
      assert.is_table(dotenv.parse(table.concat(parts), function() end))
    end
  end)
end)
