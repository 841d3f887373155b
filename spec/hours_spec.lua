local core = require("tagua.core")
local hours = require("tagua.hours")

local function zone(name)
  return assert(core.zone.open(name))
end

-- Whether the hours include a local time, and else when they begin.
local function at(text, when, name)
  local z = zone(name or "Asia/Taipei")
  local open, opens = hours.open(assert(hours.parse(text)), z, assert(z:parse(when)))
  return open or z:format(opens):sub(1, 16)
end

describe("the hours of a connection", function()
  it("include their first minute and not their last", function()
    assert.is_true(at("10:00-21:00", "2026-11-21 10:00"))
    assert.is_true(at("10:00-21:00", "2026-11-21 20:59:59"))
    assert.equal("2026-11-22 10:00", at("10:00-21:00", "2026-11-21 21:00"))
    assert.equal("2026-11-21 10:00", at("10:00-21:00", "2026-11-21 09:59:59"))
  end)

  it("go past midnight, and up to it", function()
    assert.is_true(at("21:00-02:00", "2026-11-21 23:59"))
    assert.is_true(at("21:00-02:00", "2026-11-22 00:00"))
    assert.equal("2026-11-22 21:00", at("21:00-02:00", "2026-11-22 02:00"))
    assert.is_true(at("9:00-24:00", "2026-11-21 23:59:59"))
    assert.equal("2026-11-22 09:00", at("9:00-24:00", "2026-11-22 00:00"))
  end)

  it("begin on the next day at the end of a month and of a year", function()
    assert.equal("2026-12-01 10:00", at("10:00-21:00", "2026-11-30 22:00"))
    assert.equal("2027-01-01 10:00", at("10:00-21:00", "2026-12-31 23:59"))
    assert.equal("2028-02-29 10:00", at("10:00-21:00", "2028-02-28 21:00"))
  end)

  it("are those of the zone's clock when it changes", function()
    local york = "America/New_York"
    assert.is_true(at("10:00-21:00", "2026-03-08 10:00", york)) -- the day has 23 hours
    assert.equal("2026-03-08 10:00", at("10:00-21:00", "2026-03-07 22:00", york))
    assert.equal("2026-11-01 10:00", at("10:00-21:00", "2026-10-31 22:00", york)) -- and this one 25
    assert.equal("2026-11-02 10:00", at("10:00-21:00", "2026-11-01 21:00", york))
  end)

  it("are the same moment's in another zone", function()
    local utc, window = zone("UTC"), assert(hours.parse("10:00-21:00"))
    local moment = assert(utc:parse("2026-11-21 04:00"))
    assert.is_true(hours.open(window, zone("Asia/Taipei"), moment)) -- noon
    assert.is_false((hours.open(window, utc, moment)))
  end)

  it("refuse what are none", function()
    for _, text in ipairs({ "", "10", "10:00", "10:00-10:00", "25:00-26:00", "10:60-11:00", "24:00-01:00", "a-b", "10:00-21:00-22:00" }) do
      local window, message = hours.parse(text)
      assert.is_nil(window, text)
      assert.matches("must be hours such as '10:00-21:00'", message, 1, true)
    end
  end)
end)
