local support = require("spec.support")

-- Runs .ci/deps with nothing on PATH but these programs and scripts: name -> text of a script, or true for
-- the system's own.
local function deps(programs, arguments)
  local folder, remove = support.folder()
  finally(remove)
  for name, text in pairs(programs) do
    local path = folder .. "/" .. name
    if text == true then
      os.execute(("ln -s \"$(command -v %s)\" '%s'"):format(name, path))
    else
      support.write(path, "#!/bin/sh\n" .. text .. "\n")
      os.execute(("chmod +x '%s'"):format(path))
    end
  end
  local code, out, err = support.shell(("PATH='%s' .ci/deps %s"):format(folder, arguments or ""))
  return code, out, err, folder
end

describe("make deps", function()
  it("finds everything where the specs run, in no time, and installs nothing", function()
    local code, out, err = support.shell(".ci/deps --look")
    assert.equal(0, code, err)
    assert.equal("", out)
  end)

  it("lists what is missing and stops where there is no apt-get", function()
    local code, _, err = deps({ sh = true, grep = true, id = "echo 0" })
    assert.equal(1, code)
    assert.matches("this system lacks:", err, 1, true)
    assert.matches("  Lua 5.4 (lua5.4)\n", err, 1, true)
    assert.matches("  busted, which runs the specs (lua-busted)\n", err, 1, true)
    assert.matches("there is no apt-get here", err, 1, true)
  end)

  it("names what is missing without touching it when it is asked to look", function()
    local code, _, err, folder = deps({ sh = true, grep = true, ["apt-get"] = "echo called >>\"$0.called\"" }, "--look")
    assert.equal(1, code)
    assert.matches("make deps", err, 1, true)
    assert.equal(1, (support.shell("test -e " .. folder .. "/apt-get.called")))
  end)

  it("installs as root with nothing recommended, removes nothing, and does not believe it blindly", function()
    local code, out, err = deps({
      sh = true, grep = true, env = true, id = "echo 0", ["apt-get"] = 'echo "apt-get $*, $DEBIAN_FRONTEND"',
    })
    assert.equal(1, code)
    assert.matches("apt-get update -q, noninteractive", out, 1, true)
    assert.matches("apt-get install -q -y --no-install-recommends --no-remove", out, 1, true)
    assert.matches(" cppcheck lua%-check .*, noninteractive", out)
    assert.matches("still not found", err, 1, true)
  end)

  it("goes through sudo where it is not root, and says what to type where there is none", function()
    local programs = { sh = true, grep = true, env = true, id = "echo 1000", ["apt-get"] = "exit 0" }
    local code, _, err = deps(programs)
    assert.equal(1, code)
    assert.matches("as root, run  apt-get install gcc", err, 1, true)
    programs.sudo = 'echo "sudo $*"'
    local _, out = deps(programs)
    assert.matches("sudo env DEBIAN_FRONTEND=noninteractive apt-get install", out, 1, true)
  end)
end)
