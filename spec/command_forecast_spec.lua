local command = require("spec.support.command")
local json = require("tagua.json")

describe("tagua forecast", function()
  local place
  before_each(function()
    place = command.place()
    place:write("rules.lua", [[
fields { seen = date }
tag "Dormant" { when = function(user) return days_since(user.seen) > 90 end }
tag "Newcomer" { when = function(user) return days_since(user.seen) < 30 end }
]])
    place:write("users.csv", "id,seen\nU1,2026-08-25\nU2,2026-08-25\nU3,2026-11-01\nU4,\nU5,2020-01-01\n")
  end)
  after_each(function() place:close() end)

  local function forecast(arguments)
    return place:run("forecast rules.lua --users users.csv --at '2026-11-21 09:00' " .. arguments)
  end

  it("shows a table and a chart of the days", function()
    local code, out, err = forecast("--until 2026-12-31")
    assert.equal("", err)
    assert.equal(0, code)
    assert.equal([[
day          on  off
            2 days without a change
2026-11-24    2    0  ++++++++++++++++++++++++  Dormant +2
            6 days without a change
2026-12-01    0    1  ------------              Newcomer -1
            30 days without a change
records: 5 read = 4 decided + 1 unknown + 0 failed + 0 rejected
2 come on and 1 go off in 40 days, beside what an apply at 2026-11-21 09:00 would change
]], out)
  end)

  it("says the same to programs", function()
    local _, out = forecast("--until 2026-12-01 --json")
    local told = assert(json.decode(out))
    assert.equal(10, #told.days)
    assert.same({ day = "2026-11-24", on = 2, off = 0, tags = { { name = "Dormant", on = 2, off = 0 } } }, told.days[3])
  end)

  it("wants a day that is to come, and not too far", function()
    local code, _, err = forecast("--until 2026-11-21")
    assert.equal(2, code)
    assert.equal("tagua: --until: 2026-11-21 is over by 2026-11-21 09:00: name a later day\n", err)
    code, _, err = forecast("--until 2036-11-21")
    assert.equal(2, code)
    assert.equal("tagua: --until: 2036-11-21 is more than 1,100 days away\n", err)
    code, _, err = forecast("")
    assert.equal(2, code)
    assert.matches("--until", err, 1, true)
  end)

  it("leaves no ledger behind", function()
    forecast("--until 2026-12-01")
    assert.is_nil(io.open(place.folder .. "/tagua.db"))
  end)

  it("reads the tags of the users as they are now", function()
    place:write("connections.lua",
      'connection "local" { platform = "local", rate = { per_second = 100000, burst = 1000 }, in_flight = 64 }\n')
    assert.equal(0, (place:run("apply rules.lua --users users.csv --yes")))
    place:write("rules.lua", 'fields { seen = date, tags = tagset }\n'
      .. 'tag "Wake" { when = function(user) return user.tags["Dormant"] and days_since(user.seen) > 10000 end }\n')
    place:write("users.csv", "id,seen\nU5,2020-01-01\n")
    local code, out = place:run("forecast rules.lua --users users.csv --at 2047-05-10 --until 2047-06-01 --json")
    assert.equal(0, code)
    local on = 0
    for _, day in ipairs(json.decode(out).days) do on = on + day.on end
    assert.equal(1, on)
  end)

  it("decides 100,000 users for 40 days in a few seconds", function()
    local lines = { "id,seen" }
    for i = 1, 100000 do
      lines[#lines + 1] = ("U%06d,2026-%02d-%02d"):format(i, 1 + i % 10, 1 + i % 28)
    end
    place:write("users.csv", table.concat(lines, "\n") .. "\n")
    local began = os.time()
    local code, out = forecast("--until 2026-12-31")
    assert.equal(0, code)
    assert.matches("records: 100,000 read = 100,000 decided", out, 1, true)
    assert.is_true(os.time() - began < 40)
  end)
end)
