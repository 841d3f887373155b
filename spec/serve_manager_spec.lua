-- What tagua serve tells its service manager: with a manager and a clock that are made up here, and once for real.
local await = require("spec.support.command").await
local core = require("tagua.core")
local daemon = require("spec.support.daemon")
local manager = require("tagua.serve.manager")
local support = require("spec.support")

local SECOND = 1000000000

local function made_up(period)
  local m = { now = 0, told = {}, warned = {} }
  m.manager = manager.open({
    clock = function() return m.now end, period = period,
    send = function(text)
      m.told[#m.told + 1] = text
      if m.broken then return nil, "cannot notify" end
      return true
    end,
    log = { seldom = function(_, ...) m.warned[#m.warned + 1] = table.pack(...) end },
  })
  return m
end

describe("the service manager", function()
  it("is told what goes on, with a line for its status", function()
    local m = made_up()
    m.now = 5 * SECOND
    m.manager:ready("serving shop")
    m.manager:reloading("serving\nshop")
    m.manager:stopping("draining")
    assert.same({ "READY=1\nSTATUS=serving shop", "RELOADING=1\nMONOTONIC_USEC=5000000\nSTATUS=serving shop",
      "STOPPING=1\nSTATUS=draining" }, m.told)
  end)

  it("is given a sign of life three times in its period, and none while a part does not answer", function()
    local m = made_up(30)
    local function count(seconds, answering)
      local before = #m.told
      for _ = 1, seconds * 4 do
        m.now = m.now + SECOND // 4
        m.manager:feed(answering, "serving")
      end
      return #m.told - before
    end
    assert.equal(6, count(60, true))
    assert.equal(0, count(60, false))
    assert.equal(3, count(30, true))
    assert.equal("WATCHDOG=1\nSTATUS=serving", m.told[1])
  end)

  it("that wants no sign of life gets none", function()
    local m = made_up()
    m.manager:feed(true, "serving")
    assert.same({}, m.told)
  end)

  it("that cannot be told is a line in the log", function()
    local m = made_up()
    m.broken = true
    m.manager:ready("serving")
    assert.same({ "warning", "manager", "cannot notify" }, { table.unpack(m.warned[1], 1, 3) })
  end)

  it("hears of a real tagua serve when it is ready, lives, reads its rules again, and ends", function()
    local d = daemon.new()
    local folder = d.folder
    support.write(folder .. "/manager.pl", [[
      use strict; use Socket;
      socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die; bind($socket, pack_sockaddr_un($ARGV[0])) or die;
      $| = 1; print "listening\n";
      while (defined recv($socket, my $text, 65536, 0)) { $text =~ s/\n/|/g; print "$text\n"; } ]])
    local heard = assert(core.process.start("/usr/bin/perl", { folder .. "/manager.pl", folder .. "/notify" }))
    finally(function()
      heard:close()
      d:close()
    end)
    local lines = {}
    local function hears(pattern)
      return await(function()
        for _, line in ipairs((heard:lines())) do lines[#lines + 1] = line end
        for i, line in ipairs(lines) do
          if line:find(pattern) then
            lines = table.move(lines, i + 1, #lines, 1, {})
            return line
          end
        end
      end)
    end
    assert.is_truthy(hears("listening"))
    d:start(("NOTIFY_SOCKET=%s/notify WATCHDOG_USEC=600000"):format(folder))
    assert.equal("READY=1|STATUS=serving local; rules in use", hears("^READY=1"))
    assert.equal("WATCHDOG=1|STATUS=serving local; rules in use", hears("^WATCHDOG=1"))
    d.place:write("rules.lua", "nonsense")
    d.process:signal("HUP")
    assert.is_truthy(hears("^RELOADING=1|MONOTONIC_USEC=%d+|"))
    assert.equal("READY=1|STATUS=serving local; the rule file is refused, older rules go on", hears("^READY=1"))
    assert.equal(0, d:stop())
    assert.equal("STOPPING=1|STATUS=draining", hears("^STOPPING=1"))
  end)
end)
