local core = require("tagua.core")
local months = require("tagua.months")

local function zone(name)
  return assert(core.zone.open(name))
end

describe("months", function()
  it("begin at the zone's own midnight, the latest first", function()
    local z = zone("Asia/Taipei")
    local found = months.between(z, assert(z:parse("2026-11-30 23:59:59")), assert(z:parse("2027-01-01 00:00:00")))
    local labels = {}
    for i, month in ipairs(found) do labels[i] = month.label end
    assert.same({ "2027-01", "2026-12", "2026-11" }, labels)
    assert.equal("2026-11-30 16:00:00", zone("UTC"):format(found[2].first))
  end)

  it("end with the one that a moment is in, to the second", function()
    local z = zone("Asia/Taipei")
    local from = assert(z:parse("2026-11-01"))
    assert.equal(1, #months.between(z, from, assert(z:parse("2026-11-30 23:59:59"))))
    assert.equal(2, #months.between(z, from, assert(z:parse("2026-12-01 00:00:00"))))
  end)

  it("follow the zone's clock when it changes", function()
    local z = zone("America/New_York")
    local found = months.between(z, assert(z:parse("2026-03-01")), assert(z:parse("2026-04-02")))
    assert.equal("2026-04-01 04:00:00", zone("UTC"):format(found[1].first)) -- summer time by then
    assert.equal("2026-03-01 05:00:00", zone("UTC"):format(found[2].first))
  end)
end)
