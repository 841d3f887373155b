local core = require("tagua.core")

describe("seen", function()
  it("finds nothing where all keys differ", function()
    local seen = assert(core.record.seen())
    for i = 1, 1000 do assert(seen:add("U" .. i, i)) end
    assert.same({ {}, 0 }, { seen:finish() })
  end)

  it("pairs every line after a key's first with it", function()
    local seen = assert(core.record.seen())
    assert(seen:add({ "a", "b", "a", "", "a", "b", "" }, { 2, 3, 5, 6, 9, 10, 11 }))
    assert.same({ { { 2, 5 }, { 2, 9 }, { 3, 10 }, { 6, 11 } }, 4 }, { seen:finish() })
  end)

  it("keeps the lowest lines when there are more pairs than asked for", function()
    local seen = assert(core.record.seen())
    for i = 1, 5000 do assert(seen:add("U" .. (i * 7919 % 1000), i)) end
    local pairs_found, total = seen:finish(3)
    assert.equal(4000, total)
    assert.same({ { 1, 1001 }, { 2, 1002 }, { 3, 1003 } }, pairs_found)
  end)

  it("works past what it keeps in memory", function()
    local seen = assert(core.record.seen())
    local keys, lines = {}, {}
    for i = 1, 300000 do
      keys[i], lines[i] = ("U%032x"):format(i), i + 1
    end
    keys[299999], keys[150000], keys[65537] = keys[3], keys[65536], keys[65536]
    assert(seen:add(keys, lines))
    local pairs_found, total = seen:finish()
    assert.equal(3, total)
    assert.same({ { 65537, 65538 }, { 65537, 150001 }, { 4, 300000 } }, pairs_found)
  end)

  it("says where its temporary file cannot be", function()
    local support = require("spec.support")
    local _, out = support.shell(([[TMPDIR=/nonexistent LUA_CPATH='%s' %s -e '
      local seen = require("tagua.core").record.seen()
      for i = 1, 70000 do
        local ok, message, code = seen:add("U" .. i, i)
        if not ok then print(message, code) break end
      end']]):format(os.getenv("LUA_CPATH"), support.lua))
    assert.matches("cannot make a temporary file in '/nonexistent' to look for repeated ids: .*TMPDIR.*\tEIO", out)
  end)

  it("refuses what is no key, and work after its end", function()
    local seen = assert(core.record.seen())
    assert.has_error(function() seen:add({ 1 }, { 1 }) end)
    assert.has_error(function() seen:add({ "a" }, {}) end)
    seen:finish()
    assert.error_matches(function() seen:add("a", 1) end, "closed")
  end)
end)
