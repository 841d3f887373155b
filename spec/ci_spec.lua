local support = require("spec.support")

-- What .ci/run prints last, and answers, where make does as this script says.
local function run(make)
  local folder, remove = support.folder()
  finally(remove)
  support.write(folder .. "/make", "#!/bin/sh\n" .. make .. "\n")
  local code, out = support.shell(("chmod +x '%s/make' && PATH='%s':$PATH .ci/run"):format(folder, folder))
  return code, out:match("([^\n]*)\n$")
end

describe(".ci/run", function()
  it("sums what busted counted in both runs", function()
    local code, last = run('echo "200 0 2" >>"$TAGUA_COUNTS"')
    assert.equal(0, code)
    assert.equal("400 passed, 0 failed, 4 skipped", last)
  end)

  it("leaves out skipped specs where there are none", function()
    local _, last = run('echo "7 0 0" >>"$TAGUA_COUNTS"')
    assert.equal("14 passed, 0 failed", last)
  end)

  it("fails where a spec failed", function()
    local code, last = run('echo "7 1 0" >>"$TAGUA_COUNTS"; exit 2')
    assert.equal(1, code)
    assert.equal("14 passed, 2 failed", last)
  end)

  it("counts a check that failed without a spec", function()
    local code, last = run('echo "7 0 0" >>"$TAGUA_COUNTS"; [ "$1" = test ]')
    assert.equal(1, code)
    assert.equal("14 passed, 1 failed", last)
  end)

  it("fails where busted never came to its end", function()
    local code, last = run("exit 0")
    assert.equal(1, code)
    assert.equal("0 passed, 1 failed", last)
  end)
end)
