-- tagua plan, apply, why, check and forecast where --users is a file of events.
local command = require("spec.support.command")
local json = require("tagua.json")
local ledger = require("tagua.ledger")
local support = require("spec.support")

local RULES = [[
fields {
  purchases_30d = count("purchase", { within = "30d" }),
  spend = sum("purchase", "amount"),
  last_seen = latest("*"),
  joined = first("follow"),
  asked = any("message", { ["message.text"] = matches "多少錢" }),
  city = text,
}
tag "Regular" { when = function(user) return user.purchases_30d >= 2 end }
tag "Spender" { when = function(user) return user.spend >= 900.5 end }
tag "Asked" { when = function(user) return user.asked end }
tag "Capital" { when = function(user) return user.city == "台北" end }
tag "Dormant" { when = function(user) return days_since(user.last_seen) > 30 end }
tag "New" { when = function(user) return has(user, "joined") and days_since(user.joined) < 7 end }
]]

local EVENTS = {
  '{"id":"o-1","user":"U1","type":"purchase","at":"2026-11-20T10:00:00+08:00","amount":600,"city":"台北"}',
  '{"id":"f-1","user":"U2","type":"follow","at":"2026-10-01T10:00:00+08:00"}',
  '{"id":12,"user":"U1","type":"purchase","at":"2026-11-01 10:00","amount":300.5,"city":"高雄"}',
  '{"id":"m-1","user":"U2","type":"message","at":1790820000,"message":{"text":"這個多少錢？"}}',
  '{"id":"p-1","user":123456789012345678901,"type":"follow","at":1795190400000}',
  '{"id":"o-9","user":"U2","type":"purchase","at":"2026-11-21T09:00:00.001+08:00","amount":900}',
  '{"id":"o-8","user":"U9","type":"purchase","at":"2026-12-21 09:00","amount":900}',
}

local AT = "--at '2026-11-21 09:00'"

describe("a file of events", function()
  local place
  before_each(function()
    place = command.place()
    place:write("connections.lua",
      'connection "local" { platform = "local", rate = { per_second = 100000, burst = 1000 }, in_flight = 64 }\n')
    place:write("rules.lua", RULES)
    place:write("events.jsonl", table.concat(EVENTS, "\n"))
  end)
  after_each(function() place:close() end)

  -- Who gets which tag, as the plan names them.
  local function plan(arguments)
    local code, out, err = place:run(("--json plan rules.lua %s"):format(arguments))
    assert.equal(0, code, err)
    local told = assert(json.decode(out))
    local found = {}
    for _, tag in ipairs(told.tags) do
      table.sort(tag.on_users or {})
      found[tag.name] = ("%d %s"):format(tag.on, table.concat(tag.on_users or {}, " "))
    end
    return found, told, err
  end

  local EXPECTED = {
    Regular = "1 U1",
    Spender = "1 U1",
    Asked = "1 U2",
    Capital = "1 U1",
    Dormant = "1 U2",
    New = "1 123456789012345678901",
  }

  it("is what users did, at the plan's moment and not later", function()
    local found, told = plan("--users events.jsonl " .. AT)
    assert.same(EXPECTED, found)
    assert.equal(3, told.records.read) -- U9 is yet to come
  end)

  it("comes to the same in any order, and with lines that are there twice", function()
    local shuffled = {}
    for i = #EVENTS, 1, -1 do
      shuffled[#shuffled + 1] = EVENTS[i]
      shuffled[#shuffled + 1] = ""
      shuffled[#shuffled + 1] = EVENTS[i % #EVENTS + 1]
    end
    place:write("events.jsonl", "\n" .. table.concat(shuffled, "\r\n") .. "\n")
    assert.same(EXPECTED, (plan("--users events.jsonl " .. AT)))
    assert.same(EXPECTED, (plan("--users - " .. AT .. " < events.jsonl")))
  end)

  it("lets what happened leave its window by the clock alone", function()
    assert.equal("1 U1", plan("--users events.jsonl --at '2026-12-01 09:59'").Regular)
    assert.equal("0 ", plan("--users events.jsonl --at '2026-12-01 10:00'").Regular)
  end)

  it("is applied, told why, checked and looked ahead on", function()
    assert.equal(0, (place:run("apply rules.lua --users events.jsonl --yes")))
    local code, out = place:run("why rules.lua --users events.jsonl " .. AT .. " U1 Regular")
    assert.equal(0, code)
    assert.matches("of the users in events.jsonl", out, 1, true)
    assert.matches("purchases_30d is 2: at 1 the user does not get Regular", out, 1, true)
    code, out = place:run("check rules.lua --users events.jsonl " .. AT)
    assert.equal(0, code)
    assert.matches("6 tags, 6 fields", out, 1, true)
    local _, ahead, noted = place:run("forecast rules.lua --users events.jsonl --until 2026-12-31 " .. AT)
    assert.matches("records: 3 read", ahead, 1, true)
    assert.matches("2026%-12%-02    0    1  %-*  Regular %-1", ahead)
    assert.equal("", noted)
    place:write("users.csv", "id,purchases_30d,spend,last_seen,joined,asked,city\nU1,3,5,2026-11-20,,yes,台北\n")
    _, _, noted = place:run("forecast rules.lua --users users.csv --until 2026-12-31 " .. AT)
    assert.matches("events leave their windows later: purchases_30d", noted, 1, true)
  end)

  it("says what the rules ask for in vain", function()
    place:write("rules.lua", (RULES:gsub('"purchase"', '"purchas"'):gsub('"amount"', '"amout"')))
    local _, _, err = plan("--users events.jsonl " .. AT)
    assert.matches("no event of events.jsonl is of the type 'purchas' (did you mean 'purchase'?)", err, 1, true)
    assert.matches("no event of events.jsonl has the field 'amout' (did you mean 'amount'?)", err, 1, true)
    place:write("rules.lua", (RULES:gsub("city = text", 'city = text { from = "ciy" }')))
    local code, _, message = place:run("plan rules.lua --users events.jsonl " .. AT)
    assert.equal(2, code)
    assert.matches("no record of the users in events.jsonl has 'ciy' (field city)", message, 1, true)
  end)

  it("decides where nobody ever did what a date is asked of", function()
    place:write("rules.lua", 'fields { f = first("gift") }\n'
      .. 'tag "T" { when = function(user) return not has(user, "f") end }')
    assert.same({ T = "3 123456789012345678901 U1 U2" }, (plan("--users events.jsonl " .. AT)))
  end)

  it("is not what a file of records is", function()
    local records = {
      '{"id":"U1","user":"x","type":"y","at":1,"purchases_30d":5,"spend":1,"last_seen":1,"joined":1,"asked":true,'
        .. '"city":"台北"}',
      '{"id":"U2","purchases_30d":1,"spend":1000,"last_seen":"2026-01-01","joined":"2026-11-20","asked":false,"city":"x"}',
    }
    place:write("users.jsonl", table.concat(records, "\n"))
    assert.same({ Regular = "1 U1", Spender = "1 U2", Asked = "1 U1", Capital = "1 U1", Dormant = "2 U1 U2",
      New = "1 U2" }, (plan("--users users.jsonl " .. AT)))
    place:write("users.csv", "id,purchases_30d,spend,last_seen,joined,asked,city\nU1,3,5,2026-11-20,,yes,台北\n")
    assert.same({ Regular = "1 U1", Spender = "0 ", Asked = "1 U1", Capital = "1 U1", Dormant = "0 ", New = "0 " },
      (plan("--users users.csv " .. AT)))
    place:write("users.jsonl", '{"id":"U1","city":"x"}')
    local code, _, err = place:run("plan rules.lua --users users.jsonl " .. AT)
    assert.equal(2, code)
    assert.matches("give records that have it, or events: JSON objects, one to a line, with user, type and at", err, 1,
      true)
  end)

  it("is read as records by rules that ask nothing of events", function()
    place:write("rules.lua", 'fields { amount = number }\ntag "T" { when = function(user) return user.amount > 1 end }')
    place:write("events.jsonl", '{"id":"o-1","user":"U1","type":"purchase","at":1,"amount":600}')
    assert.same({ T = "1 o-1" }, (plan("--users events.jsonl")))
  end)

  for line, problem in pairs({
    ['{"type":"follow","at":1}'] = 'it has no user: write "user": "U21ab..."',
    ['{"user":1.5,"type":"follow","at":1}'] = 'its user is 1.5: write "user": "U21ab..."',
    ['{"user":"U1","at":1}'] = 'it has no type: write "type": "purchase"',
    ['{"user":"U1","type":"follow"}'] = 'it does not say when it happened: write "at": "2026-11-21T09:30:00+08:00"',
    ['{"user":"U1","type":"follow","at":"yesterday"}'] = "at: 'yesterday' is not a date; write it as 2026-11-21 or "
      .. "2026-11-21 09:30",
    ['{"user":"U1","type":"follow","at":true}'] = "at: it is no date: write 2026-11-21T09:30:00+08:00, or a number of "
      .. "seconds or milliseconds",
    ['{"user":"U1","type":"follow","at":1,"id":{}}'] = "its id is neither a text nor a whole number",
    ['{"user":"U1","type":"follow","at":-5}'] = "at is not a moment in milliseconds since 1970",
    ['[1]'] = "it is no JSON object",
    ['{"user":"U1",'] = "",
  }) do
    it(("stops where a line is none: %s"):format(line), function()
      place:write("events.jsonl", table.concat(EVENTS, "\n") .. "\n\n" .. line .. "\n" .. EVENTS[1])
      local code, out, err = place:run("plan rules.lua --users events.jsonl " .. AT)
      assert.equal(2, code)
      assert.equal("", out)
      assert.matches("tagua: events.jsonl: line 9: " .. problem, err, 1, true)
    end)
  end

  it("of which nothing has happened yet is no input", function()
    local code, _, err = place:run("plan rules.lua --users events.jsonl --at '2020-01-01'")
    assert.equal(2, code)
    assert.matches("events.jsonl: nothing in it has happened at that moment", err, 1, true)
  end)

  it("leaves nothing behind in the folder for temporary files", function()
    local folder = place.folder .. "/temporary"
    assert(os.execute("mkdir " .. folder))
    place:run("plan rules.lua --users events.jsonl " .. AT, "TMPDIR=" .. folder)
    place:run("plan rules.lua --users events.jsonl --at '2020-01-01'", "TMPDIR=" .. folder)
    local _, left = support.shell("ls " .. folder)
    assert.equal("", left)
    local code, _, err = place:run("plan rules.lua --users events.jsonl", "TMPDIR=" .. folder .. "/none")
    assert.equal(2, code)
    assert.matches("none/tagua-events-", err, 1, true)
  end)

  it("notes in the run which events it was", function()
    local code, _, err = place:run("apply rules.lua --users events.jsonl --yes")
    assert.equal(0, code, err)
    local _, sum = support.shell("sha256sum < " .. place.folder .. "/events.jsonl")
    local book <close> = setmetatable({ open = assert(ledger.open(place.folder .. "/tagua.db")) }, {
      __close = function(self) self.open:close() end,
    })
    local input, hash = book.open.store:row("select input, input_hash from run where kind = 'apply'")
    assert.same({ "the users in events.jsonl", sum:match("^%x+") }, { input, hash })
  end)
end)
