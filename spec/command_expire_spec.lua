local command = require("spec.support.command")
local json = require("tagua.json")

describe("tagua expire", function()
  local place
  before_each(function() place = command.place() end)
  after_each(function() place:close() end)

  -- Makes it so much later for what was put on.
  local function pass(seconds)
    assert(os.execute(("sqlite3 -batch %s/tagua.db 'update holding set since = since - %d, ends = ends - %d'"):format(
      place.folder, seconds, seconds)))
  end

  local function holders(tag)
    local _, out = place:run("tags --refresh --json")
    for _, one in ipairs(json.decode(out).tags) do
      if one.name == tag then return one.users end
    end
  end

  local function run(line)
    local code, out, err = place:run(line)
    assert.equal(0, code, err)
    return out, err
  end

  -- The first row of a question to the ledger.
  local function asked(sql)
    return io.popen(('sqlite3 -batch %s/tagua.db "%s"'):format(place.folder, sql)):read("l")
  end

  it("takes off what was put on for a time, without rules or input, when the time is over", function()
    run("tag U1 VIP --create --lasts 30d")
    run("tag U2 VIP --ends '2099-12-01 10:00'")
    run("tag U3 VIP")
    assert.matches("nothing is due", run("expire"), 1, true)
    assert.equal("2099-12-01 02:00:00", asked("select ends from tagged where user = 'U2'")) -- ten in Taipei
    pass(30 * 86400)
    assert.matches("1 planned = 1 done", run("expire"), 1, true)
    assert.matches("nothing is due", run("expire"), 1, true)
    assert.equal("expire|untag|U1", asked("select r.kind, o.action, o.user from operations o join runs r using (run) "
      .. "order by o.run desc limit 1"))
    assert.equal(2, holders("VIP"))
    assert.equal(0, json.decode(run("expire --json")).operations.planned)
  end)

  it("is what every apply does first, and no guard stands in its way", function()
    place:write("rules.lua", [[
fields { orders = integer }
tag "New" { when = function(user) return user.orders == 1 end, lasts = "30d" }
]])
    local rows = { "id,orders" }
    for i = 1, 20 do rows[i + 1] = ("U%d,1"):format(i) end
    place:write("users.csv", table.concat(rows, "\n") .. "\n")
    run("apply rules.lua --users users.csv --yes")
    pass(30 * 86400 + 60)
    local shown = run("plan rules.lua --users users.csv")
    assert.matches("past their time, taken off first by apply, or by expire: 20 tags on users", shown, 1, true)
    local out, err = run("apply rules.lua --users users.csv --yes")
    assert.matches("took off what was past its time: 20 of 20 tags", err, 1, true)
    assert.matches("nothing to do", out, 1, true)
    assert.matches("left off, since their time was over and the rule has not been off since: 20 tags on users", out,
      1, true)
    assert.equal(0, holders("New"))
    place:write("users.csv", (table.concat(rows, "\n"):gsub("U1,1\n", "U1,2\n")) .. "\n")
    run("apply rules.lua --users users.csv --yes") -- the rule is off for U1
    place:write("users.csv", table.concat(rows, "\n") .. "\n")
    assert.matches("1 planned = 1 done", run("apply rules.lua --users users.csv --yes"), 1, true)
    assert.equal(1, holders("New"))
  end)

  it("goes by the platform's timestamp after a pull", function()
    run("tag U1 VIP --create --lasts 30d")
    run("pull")
    pass(30 * 86400)
    assert.matches("nothing is due", run("expire"), 1, true)
  end)

  describe("where the ledger was lost,", function()
    local RULES = [[
fields { orders = integer }
tag "New" { %s when = function(user) return user.orders == 1 end, lasts = "30d" }
]]

    -- U1 got the tag 31 days ago, U2 today, by a ledger that is gone.
    local function lost(option)
      place:write("rules.lua", RULES:format(option))
      place:write("users.csv", "id,orders\nU1,1\nU2,1\n")
      run("apply rules.lua --users users.csv --yes")
      place:sqlite("tagua-local.db", "update user_tags set timestamp = timestamp - 31 * 86400000 "
        .. "where user = (select key from users where id = 'U1')")
      for _, ending in ipairs({ "", "-wal", "-shm" }) do os.remove(place.folder .. "/tagua.db" .. ending) end
    end

    local function tagged()
      return place:sqlite("tagua-local.db", "select group_concat(u.id) from user_tags t join users u on u.key = t.user")
    end

    it("loses nothing where the rule adopts what it finds: the time counts from the platform's timestamp", function()
      lost("adopt = true,")
      assert.matches("nothing to do", run("apply rules.lua --users users.csv --yes"), 1, true)
      assert.equal("U1,U2\n", tagged())
      assert.matches("1 planned = 1 done", run("expire"), 1, true)
      assert.equal("U2\n", tagged())
      assert.equal(os.date("!%Y-%m-%d", os.time() + 30 * 86400), asked("select date(ends) from tagged where user = 'U2'"))
    end)

    it("loses nothing once somebody adopts the tag", function()
      lost("")
      assert.matches("nothing to do", run("apply rules.lua --users users.csv --yes"), 1, true)
      assert.matches("nothing is due", run("expire"), 1, true)
      run("adopt New")
      run("apply rules.lua --users users.csv --yes")
      assert.matches("1 planned = 1 done", run("expire"), 1, true)
      assert.equal("U2\n", tagged())
    end)
  end)

  it("does not begin with a time that is none, or over", function()
    local code, _, err = place:run("tag U1 VIP --create --lasts 30")
    assert.equal(2, code)
    assert.matches("--lasts takes a length of time such as 30d (m, h, d or w), got '30'", err, 1, true)
    code, _, err = place:run("tag U1 VIP --create --ends 2020-01-01")
    assert.equal(2, code)
    assert.matches("--ends: '2020-01-01' is over already", err, 1, true)
  end)
end)
