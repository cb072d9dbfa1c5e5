-- SPDX-License-Identifier: Apache-2.0
-- src/folder.c, src/files.c, src/scan.c: folders for Lua, files that survive, locks, and the oldest files.

local core = require "cdfworkflow.core"
local queue_world = require "queue_world"
local shell = require "shell"

local path, remove, folder

before_each(function()
  path, remove = queue_world.path()
  folder = assert(core.folder(path))
end)

after_each(function()
  folder:close()
  remove()
end)

local function modes() return (shell.run(("stat -c '%%a %%n' %s %s/*"):format(path, path)):gsub(path .. "/?", "")) end

describe("core.folder", function()
  it("makes a folder, and in it folders and files, for its owner only, whatever the umask says", function()
    folder:folder "inner"
    folder:write("file", "text")
    assert.equal("700 \n600 file\n700 inner\n", modes())
  end)

  it("is its owner's, with all that is in it, where root makes something in it", function()
    if shell.run "id -u" ~= "0\n" then return print "# only root can make something for others" end
    shell.run(("chown 65534:65534 %s"):format(path))
    folder:close()
    folder = assert(core.folder(path))
    assert(folder:write("file", "x"))
    assert(folder:lock("lock", true)):close()
    assert(folder:folder "inner"):close()
    assert.equal("65534 file\n65534 inner\n65534 lock\n",
      (shell.run(("stat -c '%%u %%n' %s/*"):format(path)):gsub(path .. "/", "")))
  end)

  it("opens one that is there, by its place and not by its path", function()
    folder:write("file", "text")
    local again = assert(core.folder(path))
    shell.run(("mv %s %s-moved"):format(path, path))
    assert.equal("text", again:read("file", 100))
    again:close()
  end)

  it("says what keeps it from that", function()
    local none, message = core.folder(path .. "/no/such")
    assert.is_nil(none)
    assert.equal("No such file or directory", message)
    folder:write("file", "text")
    none, message = core.folder(path .. "/file")
    assert.is_nil(none)
    assert.equal("Not a directory", message)
  end)

  it("takes no name that leads out of it", function()
    for _, name in ipairs { "", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a\0b" } do
      assert.error_matches(function() folder:read(name, 10) end, "a file's name in a folder expected")
      assert.error_matches(function() folder:write(name, "") end, "a file's name in a folder expected")
      assert.error_matches(function() folder:lock(name, true) end, "a file's name in a folder expected")
    end
  end)

  it("follows no link that was put in a file's place", function()
    shell.run(("ln -s /etc/passwd %s/link"):format(path))
    local text, message = folder:read("link", 100)
    assert.is_nil(text)
    assert.matches("symbolic links", message)
    assert.is_nil((folder:write("link", "text")))
    assert.is_nil((folder:lock("link", true)))
  end)

  it("cannot be used once it is closed, and may be closed twice", function()
    folder:close()
    folder:close()
    assert.error_matches(function() folder:read("file", 10) end, "it is closed")
  end)
end)

describe("folder:write", function()
  it("writes what read reads, of any bytes, and as old as was said", function()
    local text = ("\0\r\n\255x"):rep(50000)
    assert.is_true(folder:write("file", text, 1500000000.25))
    assert.is_true(text == folder:read("file", 1e6))
    assert.equal(#text, folder:size "file")
    assert.equal("1500000000.250000000\n", (shell.run(("date -r %s/file +%%s.%%N"):format(path))))
  end)

  it("never writes over a file", function()
    folder:write("file", "one")
    local done, message = folder:write("file", "two")
    assert.is_nil(done)
    assert.equal("File exists", message)
    assert.equal("one", folder:read("file", 10))
  end)

  it("leaves nothing where the disk was full, and says so", function()
    -- A limit on the size of files stands for the disk; it is the same error path.
    local source = ("package.cpath = %q local f = require 'cdfworkflow.core'.folder(%q) "):format(package.cpath, path)
      .. "print(f:write('big', ('x'):rep(100000))) print(f:size 'big') print(f:write('small', 'x'))"
    local said = shell.run(("trap '' XFSZ; ulimit -f 8; %s -e %s"):format(shell.lua, shell.quote(source)))
    assert.equal("nil\tFile too large\nfalse\ntrue\n", said)
  end)

  it("says that there is no space on a disk that is really full", function()
    local source = ("package.cpath = %q local f = require 'cdfworkflow.core'.folder(%q) "):format(package.cpath, path)
      .. "print(f:write('big', ('x'):rep(200000))) print(f:size 'big')"
    local command = ("mount -t tmpfs -o size=64k none %s && exec %s -e %s"):format(path, shell.lua, shell.quote(source))
    local said, status = shell.run("unshare -rm sh -c " .. shell.quote(command))
    if status ~= 0 then return print("# no file system can be mounted here: " .. said:match "[^\n]*") end
    assert.equal("nil\tNo space left on device\nfalse\n", said)
  end)
end)

describe("folder:read", function()
  it("reads no more than it is told", function()
    folder:write("file", "0123456789")
    assert.equal("0123", folder:read("file", 4))
    assert.equal("", folder:read("file", 0))
  end)

  it("gives false where there is none", function()
    assert.is_false(folder:read("file", 10))
    assert.is_false(folder:size "file")
    assert.is_false(folder:remove "file")
    assert.is_false(folder:move("file", folder:folder "inner"))
    assert.is_false(folder:lock("file", false))
  end)
end)

describe("folder:publish and folder:move", function()
  it("give a file its name in another folder, once", function()
    local inner = folder:folder "inner"
    folder:write("temp", "one")
    assert.is_true(folder:publish("temp", inner, "file"))
    assert.is_false(folder:size "temp")
    assert.equal("one", inner:read("file", 10))
    folder:write("temp", "two")
    assert.is_false(folder:publish("temp", inner, "file"))
    assert.equal("one", inner:read("file", 10))
    assert.is_true(inner:move("file", folder))
    assert.equal("one", folder:read("file", 10))
  end)

  it("say that a folder has become read-only, and so do all that write", function()
    local source = ("package.cpath = %q local f = require 'cdfworkflow.core'.folder(%q) "):format(package.cpath, path)
      .. "f:write('temp', 'x') os.execute('mount -o remount,ro,bind " .. path .. "') "
      .. "print(f:publish('temp', f, 'file')) "
      .. "print(f:write('a', 'x')) print(f:remove 'temp') print(f:lock('b', true)) print(f:read('temp', 9))"
    local command = ("mount -t tmpfs none %s && exec %s -e %s"):format(path, shell.lua, shell.quote(source))
    local said, status = shell.run("unshare -rm sh -c " .. shell.quote(command))
    if status ~= 0 then return print("# no file system can be mounted here: " .. said:match "[^\n]*") end
    assert.equal(("nil\tRead-only file system\n"):rep(4) .. "x\n", said)
  end)
end)

describe("folder:lock", function()
  it("lets one in, also of the same process, until it is closed", function()
    local lock = folder:lock("file", true, false)
    assert.is_false(folder:lock("file", true, false))
    lock:close()
    assert.truthy(folder:lock("file", true, false))
  end)

  it("lets go when a process is killed", function()
    local second = folder:lock("second", true, false)
    local source = ("package.cpath = %q local f = require 'cdfworkflow.core'.folder(%q) "):format(package.cpath, path)
      .. "local lock = assert(f:lock('file', true)) print 'locked' io.stdout:flush() f:lock('second', true, true)"
    local process = io.popen(("%s -e %s & echo $!; wait"):format(shell.lua, shell.quote(source)))
    local pid = process:read "*l"
    assert.equal("locked", process:read "*l")
    assert.is_false(folder:lock("file", true, false))
    shell.run("kill -9 " .. pid)
    assert.truthy(folder:lock("file", true, true)) -- waits until it is
    process:close()
    second:close()
  end)

  it("has a file that grows, and one that is written over", function()
    local lock = folder:lock("file", true, false)
    lock:append("one\n", true)
    lock:append("two\n", false)
    assert.equal("one\ntwo\n", lock:read(100))
    lock:append("three\n", true)
    assert.equal("one\ntwo\nthree\n", lock:read(100))
    lock:rewrite "new"
    assert.equal("new", folder:read("file", 100))
  end)

  it("gives the file that has the name, not one that was removed meanwhile", function()
    local lock = folder:lock("file", true, false)
    folder:remove "file"
    local other = folder:lock("file", true, false)
    assert.truthy(other)
    other:append("x", false)
    assert.equal("x", folder:read("file", 10))
    lock:close()
  end)
end)

describe("folder:scan", function()
  local function all(most, piece)
    local scan = assert(folder:scan(most))
    while scan:step(piece) do end -- luacheck: ignore 542
    return scan:result()
  end

  it("finds the oldest, in order, and counts all", function()
    for i = 1, 50 do folder:write("f" .. i, ("x"):rep(i), 1500000000 + (i * 7) % 50 + 0.5) end
    folder:folder "inner"
    local names, times, files, bytes = all(3, 4)
    assert.same({ "f50", "f43", "f36" }, names)
    assert.same({ 1500000000.5, 1500000001.5, 1500000002.5 }, times)
    assert.equal(50, files)
    assert.equal(1275, bytes)
    assert.equal(50, #all(1000, 1000))
  end)

  it("goes by the name where the time is the same", function()
    for _, name in ipairs { "b", "c", "a" } do folder:write(name, "", 1500000000) end
    assert.same({ "a", "b", "c" }, (all(10, 10)))
  end)

  it("finds nothing in an empty folder, and cannot go on after its end", function()
    local scan = folder:scan(10)
    assert.is_false(scan:step(10))
    local names, _, files, bytes = scan:result()
    assert.same({}, names)
    assert.equal(0, files)
    assert.equal(0, bytes)
    assert.error_matches(function() scan:step(1) end, "the scan is over")
  end)
end)
