-- Processes of our own that talk in lines, and what is told to a service manager.
local core = require("tagua.core")
local support = require("spec.support")
local await = require("spec.support.command").await

local LUA = io.popen("command -v lua5.4"):read("l")

-- Starts a Lua program whose `owner` is the way back to us.
local function start(program, ...)
  local folder, remove = support.folder()
  local path = support.write(folder .. "/child.lua", "local core = require('tagua.core')\n"
    .. "local owner = assert(core.process.owner())\n" .. program)
  local child = assert(core.process.start(LUA, { path, ... }))
  finally(function()
    child:close()
    remove()
  end)
  return child, folder
end

-- Collects lines until there are as many, or no more can come.
local function read(child, count)
  local lines, open = {}, true
  await(function()
    local more
    more, open = child:lines()
    table.move(more, 1, #more, #lines + 1, lines)
    return #lines >= count or not open
  end)
  return lines, open
end

local function ended(child)
  local how, number
  await(function()
    how, number = child:ended()
    return how
  end)
  return how, number
end

local ECHO = [[
  while true do
    local lines, open = owner:lines()
    for _, line in ipairs(lines) do owner:write(line) end
    if owner:flush() and not open then return end
    core.system.sleep(0.001)
  end
]]

describe("a process that was started", function()
  it("answers in lines, and ends when nothing more comes", function()
    local child = start(ECHO)
    assert.is_true(child:write("one"))
    assert.is_true(child:write(""))
    assert.is_true(child:write("two\0three"))
    assert.same({ "one", "", "two\0three" }, (read(child, 3)))
    assert.is_number(child:pid())
    assert.is_nil(child:ended())
    child:finish()
    assert.same({ "exit", 0 }, { ended(child) })
    assert.is_nil(child:pid())
    assert.is_false(select(2, child:lines()))
  end)

  it("takes more than a pipe holds in both directions without waiting", function()
    local child = start(ECHO)
    local line = ("x"):rep(100000)
    for i = 1, 30 do assert.is_true(child:write(i .. line)) end
    local lines = {}
    await(function()
      child:flush()
      for _, more in ipairs((child:lines())) do lines[#lines + 1] = more end
      return #lines == 30
    end)
    assert.equal(30, #lines)
    for i = 1, 30 do assert.is_true(lines[i] == i .. line, i) end
  end)

  it("refuses a line with a newline, one that is too long, and more than may wait", function()
    local child = start("core.system.sleep(60)")
    assert.equal("EUSAGE", select(3, child:write("a\nb")))
    assert.equal("ETOOBIG", select(3, child:write(("x"):rep(1024 * 1024 + 1))))
    local count, message, code = 0
    repeat
      local ok
      ok, message, code = child:write(("x"):rep(1024 * 1024))
      count = count + (ok and 1 or 0)
    until not ok
    assert.equal("too much is waiting for a process", message)
    assert.equal("ETOOBIG", code)
    assert.is_true(count >= 3 and count <= 5)
  end)

  it("is not heard any more once a line of it is too long", function()
    local child = start([[
      io.stdout:close()
      for _ = 1, 3 do owner:write(("x"):rep(1024 * 1024)) end
      while not owner:flush() do core.system.sleep(0.001) end
      core.system.sleep(60)]])
    local lines, open = read(child, 3)
    assert.equal(3, #lines)
    assert.is_true(open)
    child = assert(core.process.start("/usr/bin/perl", { "-e", "print 'x' x 3000000; sleep 60" }))
    local lines_of_it, more = read(child, 1)
    child:close()
    assert.same({}, lines_of_it)
    assert.is_false(more)
  end)

  it("says how it ended", function()
    assert.same({ "exit", 7 }, { ended((start("os.exit(7)"))) })
    local child = start("owner:write('up') core.system.sleep(60)")
    read(child, 1)
    child:signal("term")
    assert.same({ "signal", 15 }, { ended(child) })
    child:signal("kill") -- of one that is gone: nothing
  end)

  it("is gone when its handle is", function()
    local child = start("owner:write('up') core.system.catch_signals() while true do core.system.sleep(1) end")
    read(child, 1)
    local pid = child:pid()
    assert.equal("folder", core.system.file_kind("/proc/" .. pid))
    child:close()
    assert.is_nil(core.system.file_kind("/proc/" .. pid))
    assert.has_error(function() child:lines() end, "the process is closed")
    child:close()
  end)

  it("holds its two pipes and standard error, and prints nothing into them", function()
    local child = start([[
      local held = #core.system.list("/proc/self/fd") - 1 -- but for the one that lists
      local links = io.popen("readlink /proc/" .. core.system.pid() .. "/fd/1 /proc/" .. core.system.pid() .. "/fd/2")
      owner:write(held .. " " .. tostring(io.read("a") == "") .. " " .. tostring(links:read("l") == links:read("l")))]])
    assert.same({ "5 true true" }, (read(child, 1)))
  end)

  it("hears that its owner was killed, and is told so by a signal where it does not listen", function()
    local folder, remove = support.folder()
    finally(remove)
    local listens = support.write(folder .. "/listens.lua", [[
      local core = require("tagua.core")
      local owner = assert(core.process.owner())
      core.system.catch_signals()
      owner:write(tostring(core.system.pid()))
      local open = true
      while open do open = select(2, owner:lines()) core.system.sleep(0.01) end
      local file = io.open(... .. "/heard", "w") file:write("heard") file:close()]])
    local deaf = support.write(folder .. "/deaf.lua", [[
      local core = require("tagua.core")
      local owner = assert(core.process.owner())
      owner:write(tostring(core.system.pid()))
      while true do core.system.sleep(1) end]])
    local middle = start(([[
      local children = {}
      for i, path in ipairs({ "%s", "%s" }) do
        children[i] = assert(core.process.start("%s", { path, "%s" }))
        local lines repeat lines = children[i]:lines() core.system.sleep(0.01) until lines[1]
        owner:write(lines[1])
      end
      core.system.sleep(60)]]):format(listens, deaf, LUA, folder))
    local pids = read(middle, 2)
    assert.equal(2, #pids)
    middle:signal("kill")
    ended(middle)
    assert.equal("heard", await(function() return core.system.file_kind(folder .. "/heard") and support.read(folder .. "/heard") end))
    local function gone(pid) -- a zombie whose new parent has not come by is gone as well
      local status = io.open("/proc/" .. pid .. "/status")
      local text = status and status:read("a")
      if status then status:close() end
      return not text or text:find("State:%s+Z") ~= nil
    end
    assert.is_true(await(function() return gone(pids[2]) end))
  end)

  it("is refused where it cannot be started", function()
    local child, message, code = core.process.start("/nowhere/tagua", {})
    assert.is_nil(child)
    assert.equal("cannot start '/nowhere/tagua': No such file or directory", message)
    assert.equal("EIO", code)
  end)
end)

-- A service manager: a datagram socket, in perl, which prints what arrives.
local MANAGER = [[
use strict; use Socket;
my ($name) = @ARGV; $name =~ s/^\@/\0/;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die; bind($socket, pack_sockaddr_un($name)) or die;
$| = 1; print "ready\n";
while (defined recv($socket, my $text, 65536, 0)) { $text =~ s/\n/|/g; print "$text\n"; }
]]

describe("what a service tells its manager", function()
  local function told(name, program, environment)
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/manager.pl", MANAGER)
    local manager = assert(core.process.start("/usr/bin/perl", { folder .. "/manager.pl", name }))
    read(manager, 1)
    support.write(folder .. "/service.lua", "local core = require('tagua.core')\n" .. program)
    os.execute(("NOTIFY_SOCKET='%s' %s %s %s/service.lua"):format(name, environment or "", LUA, folder))
    local lines = read(manager, 1)
    manager:close()
    return lines
  end

  it("reaches a socket in a folder and one in no folder", function()
    local folder, remove = support.folder()
    finally(remove)
    for _, name in ipairs({ folder .. "/notify", "@tagua-spec-" .. core.system.random_hex(8) }) do
      assert.same({ "READY=1|STATUS=on the air" },
        told(name, 'assert(core.notify.send("READY=1\\nSTATUS=on the air") == true)'))
    end
  end)

  it("is nothing where nobody asked, and an error where nobody listens", function()
    assert.is_false(core.notify.send("READY=1"))
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/service.lua", [[
      local core = require("tagua.core")
      local ok, message, code = core.notify.send("READY=1")
      print(ok, code, message)]])
    local function run(name)
      return io.popen(("NOTIFY_SOCKET='%s' %s %s/service.lua"):format(name, LUA, folder)):read("l")
    end
    assert.matches("^nil\tEIO\tcannot notify the service manager: No such file", run("/nowhere/notify"))
    assert.matches("NOTIFY_SOCKET is no socket's name", run("nowhere"), 1, true)
    assert.matches("NOTIFY_SOCKET is no socket's name", run("/" .. ("x"):rep(200)), 1, true)
  end)

  it("is wanted in time where the manager watches this process", function()
    local function period(environment)
      local folder, remove = support.folder()
      finally(remove)
      support.write(folder .. "/service.lua", "print((require('tagua.core').notify.watchdog()))")
      return io.popen(("%s exec %s %s/service.lua"):format(environment, LUA, folder)):read("l")
    end
    assert.equal("30.0", period("export WATCHDOG_USEC=30000000;"))
    assert.equal("30.0", period("export WATCHDOG_USEC=30000000 WATCHDOG_PID=$$;"))
    for _, text in ipairs({ "", "export WATCHDOG_USEC=30000000 WATCHDOG_PID=1;", "export WATCHDOG_USEC=x;",
      "export WATCHDOG_USEC=0;", "export WATCHDOG_USEC=99999999999999999999;" })
    do
      assert.equal("nil", period(text) or "nil")
    end
  end)
end)
