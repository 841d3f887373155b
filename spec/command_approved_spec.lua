local command = require("spec.support.command")
local json = require("tagua.json")
local planfile = require("tagua.planfile")

local RULES = [[
fields { orders = integer { if_empty = 0 }, city = text { if_empty = "" } }
tag "VIP" { folder = "Value", when = function(user) return user.orders >= 10 end }
tag "New" { when = function(user) return user.orders == 1 end, lasts = "30d" }
]]

local USERS = "id,orders,city\nU1,12,a\nU2,1,b\nU3,30,c\nU4,2,d\n"

describe("an approved plan", function()
  local place
  before_each(function()
    place = command.place()
    place:write("connections.lua",
      'connection "local" { platform = "local", store = "shop.db", rate = { per_second = 100000, burst = 1000 } }\n')
    place:write("rules.lua", RULES)
    place:write("users.csv", USERS)
  end)
  after_each(function() place:close() end)

  local function made(options)
    local code, out, err = place:run("plan rules.lua --users users.csv --out a.plan " .. (options or ""))
    assert.equal(0, code, err)
    return out
  end

  local function apply(options)
    return place:run("apply a.plan --yes " .. (options or ""))
  end

  -- What the platform has: "U1 VIP".
  local function platform()
    local rows = {}
    for line in io.popen(("sqlite3 -separator ' ' %s/shop.db 'select u.id, t.name from user_tags h join users u on u.key = h.user "
      .. "join tags t on t.key = h.tag order by 1, 2' 2>&1"):format(place.folder)):lines() do
      rows[#rows + 1] = line
    end
    return rows
  end

  -- Writes the plan again as its maker would have, its lines changed.
  local function rewrite(change)
    local lines = {}
    for line in place:read("a.plan"):gmatch("[^\n]+") do lines[#lines + 1] = json.decode(line) end
    lines[#lines] = nil
    change(lines)
    local writer = assert(planfile.create(place.folder .. "/a.plan", lines[1]))
    for i = 2, #lines do assert(writer:line(lines[i])) end
    assert(writer:finish())
  end

  it("holds every operation with its reason, and what it costs", function()
    assert.matches("the plan is in a.plan: tagua apply a.plan", made(), 1, true)
    local reader = assert(planfile.open(place.folder .. "/a.plan"))
    finally(function() reader:close() end)
    local header = reader.header
    assert.equal(3, header.operations)
    assert.equal(6, header.calls) -- a folder and two tags to create
    assert.equal(4, math.tointeger(header.input.records))
    assert.equal(64, #header.rules.sha256)
    assert.equal(64, #header.input.sha256)
    assert.equal(64, #header.mirror.sha256)
    local operations, read = {}, {}
    while true do
      local entry, message = reader:next()
      assert.is_nil(message)
      if not entry then break end
      if entry.kind == "op" then
        operations[#operations + 1] = ("%s %s %s rule %s line %d record %d"):format(entry.op, entry.user, entry.tag, entry.rule,
          entry.line, entry.record)
      elseif entry.values then
        read[#read + 1] = ("%d %s:%d %d %s"):format(entry.record, entry.rule, entry.line, entry.values.orders,
          entry.values.city)
      end
    end
    assert.same({ "tag U1 VIP rule VIP line 2 record 2", "tag U2 New rule New line 3 record 3", "tag U3 VIP rule VIP line 2 record 4" },
      operations)
    assert.same({ "2 VIP:2 12 nil", "3 New:3 1 nil", "4 VIP:2 30 nil" }, read)
  end)

  it("is carried out exactly, once", function()
    made()
    assert.same({}, platform())
    local code, out, err = apply()
    assert.equal(0, code, err)
    assert.matches("3 planned = 3 done + 0 failed + 0 skipped + 0 left", out, 1, true)
    assert.same({ "U1 VIP", "U2 New", "U3 VIP" }, platform())
    code, out, err = apply()
    assert.equal(5, code, out)
    assert.matches("run 1 has carried it out already; make the plan again", err, 1, true)
    local _, log = place:run("log U1")
    assert.matches("rules.lua:2", log, 1, true)
  end)

  it("leaves nothing in the ledger until it is applied", function()
    made()
    local _, out = place:run("runs --json")
    assert.same({}, json.decode(out))
  end)

  it("keeps the time of each tag", function()
    made()
    assert.equal(0, (apply()))
    assert.equal("U2", io.popen(("sqlite3 %s/tagua.db 'select user from tagged where ends is not null'"):format(place.folder)):read("l"))
  end)

  it("is refused when the rules or the input have changed since", function()
    made()
    place:write("rules.lua", RULES .. "-- a word\n")
    local code, _, err = apply()
    assert.equal(5, code)
    assert.matches("the plan 'a.plan' was not carried out: the rules in 'rules.lua' changed since; make the plan again", err, 1, true)
    place:write("rules.lua", RULES)
    place:write("users.csv", USERS .. "U5,1,e\n")
    code, _, err = apply()
    assert.equal(5, code)
    assert.matches("the input in 'users.csv' changed since", err, 1, true)
    assert.same({}, platform())
    os.remove(place.folder .. "/users.csv") -- it is not needed
    assert.equal(0, (apply()))
  end)

  it("is refused when its time is over, and for another account", function()
    made("--expire 2h")
    rewrite(function(lines)
      assert.equal(7200, lines[1].expires - lines[1].made)
      lines[1].made, lines[1].expires = 1700000000, 1700007200
    end)
    local code, _, err = apply()
    assert.equal(5, code)
    assert.matches("it was made at 2023-11-14 22:13 UTC and expired at 2023-11-15 00:13 UTC", err, 1, true)
    made()
    place:write("connections.lua", 'connection "local" { platform = "local", store = "shop.db", page = "other" }\n')
    code, _, err = apply()
    assert.equal(5, code)
    assert.matches("the connection 'local' has the page 'other' now", err, 1, true)
    code, _, err = apply("--to shop")
    assert.equal(2, code)
    assert.matches("is for 'local', and --to says 'shop'", err, 1, true)
  end)

  it("skips a user whose tags moved on the platform since, and says so", function()
    assert.equal(0, (place:run("tag U4 VIP --create --ledger other.db")))
    assert.equal(0, (place:run("tag U4 New --create --ledger other.db")))
    made()
    assert.equal(0, (place:run("tag U1 VIP --ledger other.db"))) -- somebody else does it meanwhile
    local code, out, err = apply()
    assert.equal(0, code, err)
    assert.matches("skipped, since their tags moved since the plan was made at .-: 1 user %(U1%)", out)
    assert.matches("3 planned = 2 done + 0 failed + 1 skipped + 0 left", out, 1, true)
    assert.equal("1", io.popen(("sqlite3 %s/shop.db "
      .. "\"select count from user_tags h join users u on u.key = h.user where u.id = 'U1'\""):format(place.folder)):read("l"))
  end)

  it("says where tags have changed since, though none that it is about", function()
    assert.equal(0, (place:run("tag U9 Other --create")))
    made()
    assert.equal(0, (place:run("tag U8 Other")))
    local code, out = apply()
    assert.equal(0, code)
    assert.matches("tags have changed on the platform since the plan was made at [%d%-: ]+UTC, none that it is about", out)
    made()
    assert.is_nil(select(2, apply()):find("have changed", 1, true))
  end)

  it("is refused when a tag was deleted on the platform since, before anything is sent", function()
    assert.equal(0, (place:run("tag U9 VIP --create")))
    made()
    local id = json.decode(select(2, place:run("tags --json"))).tags[1].id
    assert.equal(0, (place:run("--ledger console.db delete " .. id .. " --yes --force holders")))
    local code, _, err = apply()
    assert.equal(5, code)
    assert.matches("the tag 'VIP' (" .. id .. ") is not on the platform any more; make the plan again", err, 1, true)
    assert.same({}, platform())
  end)

  it("goes on with the rest after it was interrupted", function()
    local rows = { "id,orders,city" }
    for i = 1, 40 do rows[i + 1] = ("U%d,12,a"):format(i) end
    place:write("users.csv", table.concat(rows, "\n") .. "\n")
    place:write("connections.lua", 'connection "local" { platform = "local", store = "shop.db", rate = { per_second = 20 } }\n')
    made()
    local process = place:start("apply a.plan --yes")
    assert.is_truthy(process:await(function()
      local count = io.popen(("sqlite3 %s/shop.db 'select count(*) from user_tags' 2>/dev/null"):format(place.folder)):read("n")
      return count and count > 3
    end))
    process:signal("INT")
    assert.equal(130, (process:wait()))
    place:write("connections.lua", 'connection "local" { platform = "local", store = "shop.db" }\n')
    assert.equal(0, (apply()))
    assert.equal("40|1", io.popen(("sqlite3 %s/shop.db 'select count(*), max(count) from user_tags'"):format(place.folder)):read("l"))
  end)

  it("is guarded like any other", function()
    place:write("rules.lua", "guards { max_operations = 2 }\n" .. RULES)
    made()
    local code, _, err = apply()
    assert.equal(5, code)
    assert.matches("operations: the plan has 3 operations (max_operations is 2)", err, 1, true)
    assert.equal(0, (apply("--force operations")))
  end)

  it("is not read when it was damaged, cut off or is none", function()
    made()
    local whole = place:read("a.plan")
    for text, complaint in pairs({
      [whole:gsub('"U1"', '"U9"', 1)] = "it was changed after it was made",
      [whole:sub(1, #whole // 2)] = "it is cut off",
      [whole:gsub("[^\n]*\n$", "")] = "it is cut off",
      ["{}\n"] = "it is no plan that tagua plan --out wrote",
      [whole:gsub('"tagua_plan":1', '"tagua_plan":2')] = "it is of version 2, and this program reads 1",
      ["{" .. ("x"):rep(5000000)] = "line 1 is longer than",
      [whole:match("[^\n]*\n") .. '{"op":"delete","user":"U1","tag":"VIP"}\n'] = "line 2: option 'op' must be one of tag, untag",
      [whole:match("[^\n]*\n") .. '{"what":1}\n'] = "line 2 says nothing that this program knows",
    }) do
      place:write("a.plan", text)
      local code, _, err = apply()
      assert.equal(2, code, complaint)
      assert.matches(complaint, err, 1, true)
    end
    assert.same({}, platform())
  end)
end)
