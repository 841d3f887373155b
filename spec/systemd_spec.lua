-- The unit that make install puts where systemd looks: it starts what was installed, and is shut in well.
local support = require("spec.support")

local tool = io.popen("command -v systemd-analyze"):read("l")

describe("the systemd unit", function()
  local folder, remove, unit

  lazy_setup(function()
    folder, remove = support.folder()
    local code, _, err = support.shell(("make --no-print-directory -s BUILD='%s' DESTDIR='%s' PREFIX=/opt/tagua install")
      :format(support.build, folder))
    assert.equal(0, code, err)
    unit = support.read(folder .. "/opt/tagua/lib/systemd/system/tagua.service")
  end)

  lazy_teardown(function() remove() end)

  it("starts the command that was installed, with options that it has", function()
    local command = unit:match("\nExecStart=([^\n]*)")
    assert.equal("/opt/tagua/bin/tagua", command:match("^%S+"))
    local _, help = support.shell(folder .. "/opt/tagua/bin/tagua serve --help")
    for option in command:gmatch("%-%-%l+") do
      local everywhere = option == "--config" -- which the end of the help names
      assert.is_true(everywhere or help:find(option, 1, true) ~= nil, option)
    end
    assert.not_matches("@", unit:match("ExecStart.-\n"))
  end)

  it("runs as the user that its sysusers file makes, and writes nowhere but in that user's folder", function()
    local user, home = support.read(folder .. "/opt/tagua/lib/sysusers.d/tagua.conf"):match('\nu (%w+) %- ".-" (%S+)')
    assert.equal(user, unit:match("\nUser=(%w+)"))
    assert.equal(home, unit:match("\nWorkingDirectory=(%S+)"))
    assert.equal("/var/lib/" .. unit:match("\nStateDirectory=(%w+)"), home)
    assert.matches("\nProtectSystem=strict\n", unit)
    assert.is_nil(unit:match("\nReadWritePaths"))
  end)

  it("waits for the notice that it is ready, and for the watchdog's", function()
    assert.matches("\nType=notify\n", unit)
    assert.matches("\nWatchdogSec=%d+\n", unit)
    assert.matches("\nExecReload=/bin/kill %-HUP %$MAINPID\n", unit)
  end)

  it("is not started again where trying again does not help", function()
    local prevented = {}
    for code in unit:match("\nRestartPreventExitStatus=([%d ]+)"):gmatch("%d+") do prevented[tonumber(code)] = true end
    local errors = require("tagua.errors")
    assert.same({ [errors.EXIT_USAGE] = true, [errors.EXIT_RULES] = true, [errors.EXIT_AUTH] = true }, prevented)
  end)

  it("has an exposure below 3, as systemd-analyze counts it", function()
    if not tool then
      pending("systemd-analyze is not here")
      return
    end
    local path = folder .. "/opt/tagua/lib/systemd/system/tagua.service"
    local code, out, err = support.shell(("systemd-analyze security --offline=true --threshold=30 --no-pager %s"):format(path))
    assert.equal(0, code, out .. err)
    assert.is_true(tonumber(out:match("Overall exposure level for tagua.service: ([%d.]+)")) < 3, out)
  end)
end)
