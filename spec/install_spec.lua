local support = require("spec.support")

-- Runs make with the built tree, without asking anything else of it.
local function make(target, folder)
  return support.shell(("make --no-print-directory -s BUILD='%s' DESTDIR='%s' PREFIX=/opt/tagua %s")
    :format(support.build, folder, target))
end

describe("make", function()
  it("builds nothing the second time", function()
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/before", "")
    local code, _, err = make("build", folder)
    assert.equal(0, code, err)
    local _, out = support.shell(("find '%s' -type f -newer '%s/before' -name '[a-z]*'"):format(support.build, folder))
    assert.equal("", out)
  end)

  it("leaves no half of a file behind when a module does not compile", function()
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/broken.lua", "local x = = 1")
    local code, _, err = support.shell(("make -s BUILD='%s/b' EMBED=broken='%s/broken.lua' '%s/b/embedded.c'"):format(
      folder, folder, folder))
    assert.equal(2, code)
    assert.matches("broken.lua:1: unexpected symbol near '='", err, 1, true)
    assert.is_nil(io.open(folder .. "/b/embedded.c"))
  end)

  it("lists its targets", function()
    local _, out = support.shell("make help")
    for _, target in ipairs({ "demo", "test", "check", "bench", "install" }) do
      assert.matches("make " .. target .. " +%l", out)
    end
  end)
end)

describe("make install", function()
  it("puts the command and the module below DESTDIR and PREFIX, where they work", function()
    local folder, remove = support.folder()
    finally(remove)
    local code, _, err = make("install", folder)
    assert.equal(0, code, err)
    local _, out = support.shell(folder .. "/opt/tagua/bin/tagua version")
    assert.equal("tagua " .. require("tagua.version") .. "\n", out)
    for _, path in ipairs({ "man/man1/tagua.1", "bash-completion/completions/tagua", "zsh/site-functions/_tagua" }) do
      assert.is_true(#support.read(folder .. "/opt/tagua/share/" .. path) > 1000)
    end
    local script = ("package.path = '%s/opt/tagua/share/lua/5.4/?.lua' "
      .. "package.cpath = '%s/opt/tagua/lib/lua/5.4/?.so' "
      .. "io.write(require('tagua.version'), type(require('tagua.core')))"):format(folder, folder)
    code, out, err = support.shell('lua5.4 -e "' .. script .. '"')
    assert.equal(0, code, err)
    assert.equal(require("tagua.version") .. "table", out)
  end)

  it("is taken back by make uninstall, and nothing else is", function()
    local folder, remove = support.folder()
    finally(remove)
    assert.equal(0, (make("install", folder)))
    support.write(folder .. "/opt/tagua/share/lua/5.4/other.lua", "return 1\n")
    assert.equal(0, (make("uninstall", folder)))
    local _, out = support.shell("cd " .. folder .. " && find . -type f")
    assert.equal("./opt/tagua/share/lua/5.4/other.lua\n", out)
  end)
end)
