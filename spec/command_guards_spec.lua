local command = require("spec.support.command")
local json = require("tagua.json")

local RULES = [[
fields { orders = integer { if_empty = 0 } }
tag "VIP" { when = function(user) return user.orders >= 10 end }
]]

local function users(count, orders, first)
  local rows = { "id,orders" }
  for i = first or 1, (first or 1) + count - 1 do
    rows[#rows + 1] = ("U%d,%d"):format(i, orders)
  end
  return table.concat(rows, "\n") .. "\n"
end

describe("guards at the command line", function()
  local place
  before_each(function()
    place = command.place()
    place:write("rules.lua", RULES)
    place:write("users.csv", users(40, 12))
    place:write("connections.lua", 'connection "local" { platform = "local", rate = { per_second = 100000, burst = 1000 } }\n')
  end)
  after_each(function() place:close() end)

  local function apply(options)
    return place:run("apply rules.lua --users users.csv --yes " .. (options or ""))
  end

  local function holders()
    local _, out = place:run("tags --json")
    return json.decode(out).tags[1].users
  end

  it("let nobody lose a tag in bulk, unless it is forced by name", function()
    assert.equal(0, (apply()))
    place:write("users.csv", users(40, 3))
    local code, out = place:run("plan rules.lua --users users.csv")
    assert.equal(0, code)
    assert.matches("! guard losses: 'VIP' would come off 40 of the 40 users who have it (100%; up to 30%, or 10 users, pass)",
      out, 1, true)
    local err
    code, out, err = apply()
    assert.equal(5, code, out)
    assert.matches("losses: 'VIP' would come off 40 of the 40 users", err, 1, true)
    assert.matches("add --force losses", err, 1, true)
    assert.equal(5, (apply("--force growth")))
    assert.equal(40, holders())
    code, out, err = apply("--force losses")
    assert.equal(0, code, out .. err)
    assert.matches("forced: losses: 'VIP' would come off 40", err, 1, true)
    assert.equal(0, holders())
  end)

  it("let a second run finish what the first did not", function()
    place:write("users.csv", users(300, 12))
    place:write("faults.json", [[{ "faults": [{ "do": "error", "status": 422, "path": "/v1/api/user/tag", "skip": 120 }] }]])
    place:write("connections.lua", [[connection "local" { platform = "local", faults = "faults.json",
      rate = { per_second = 100000, burst = 1000 } }]])
    assert.equal(1, (apply()))
    assert.equal(120, holders())
    place:write("connections.lua", 'connection "local" { platform = "local", rate = { per_second = 100000, burst = 1000 } }\n')
    local code, _, err = apply()
    assert.equal(0, code, err)
    assert.equal(300, holders())
    place:write("users.csv", users(700, 12))
    assert.equal(5, (apply()))
  end)

  it("look at an undo and a retry as at any plan, but for what an undo takes back", function()
    local connection = 'connection "local" { platform = "local", rate = { per_second = 100000, burst = 1000 }, %s }\n'
    place:write("connections.lua", connection:format([[faults = { faults = { { ["do"] = "error_in_200",
      path = "/v1/api/user/tag", code = 37011, message = "no", skip = 2, first = 38 } } }]]))
    assert.equal(1, (apply()))
    place:write("connections.lua", connection:format("guards = { max_operations = 37 }"))
    local code, _, err = place:run("retry 1 --yes")
    assert.equal(5, code)
    assert.matches("operations: the plan has 38 operations (max_operations is 37)", err, 1, true)
    assert.matches("add --force operations", err, 1, true)
    assert.equal(2, holders())
    assert.equal(0, (place:run("retry 1 --yes --force operations")))
    assert.equal(40, holders())
    code, _, err = place:run("undo 2 --yes")
    assert.equal(5, code)
    assert.matches("operations: the plan has 38 operations", err, 1, true)
    assert.is_nil(err:find("losses", 1, true))
    place:write("connections.lua", connection:format(""))
    assert.equal(0, (place:run("undo 2 --yes"))) -- all but two of those who have it, and nobody is asked twice
    assert.equal(2, holders())
  end)

  it("take their bounds from the rule file before those of the connection", function()
    place:write("connections.lua", 'connection "local" { platform = "local", guards = { max_operations = 30 } }\n')
    local code, _, err = apply()
    assert.equal(5, code)
    assert.matches("operations: the plan has 40 operations (max_operations is 30)", err, 1, true)
    place:write("rules.lua", "guards { max_operations = 50, max_minutes = false }\n" .. RULES)
    assert.equal(0, (apply()))
  end)

  it("stop at an input that is empty or half as long as the last run's", function()
    assert.equal(0, (apply()))
    place:write("users.csv", users(19, 12))
    local code, out, err = apply()
    assert.equal(5, code, out)
    assert.matches("input: the input has 19 records, the last run had 40 (48%; from 50% on pass)", err, 1, true)
    place:write("users.csv", "id,orders\n")
    code, out, err = apply()
    assert.equal(5, code, out)
    assert.matches("input: the input has no records", err, 1, true)
    place:write("users.csv", users(20, 12))
    assert.equal(0, (apply()))
    place:write("users.csv", users(10, 12)) -- measured against the last run that went through
    assert.equal(0, (apply()))
  end)

  it("are told to programs", function()
    place:write("connections.lua", 'connection "local" { platform = "local", message_cost = { VIP = 0.5 }, guards = { max_cost = 19 } }\n')
    local _, out = place:run("plan rules.lua --users users.csv --json")
    local told = json.decode(out)
    assert.equal(20, told.money)
    assert.equal("cost", told.guards[1].guard)
    assert.matches("cost 20.00 (max_cost is 19)", told.guards[1].message, 1, true)
    _, out = place:run("plan rules.lua --users users.csv")
    assert.matches("messages for 20", out, 1, true)
    assert.equal(0, (apply("--force cost")))
  end)

  it("know their names", function()
    local code, _, err = apply("--force lossses")
    assert.equal(2, code)
    assert.matches("did you mean 'losses'", err, 1, true)
  end)
end)

describe("the hours of a connection at the command line", function()
  it("keep apply, tag and untag from sending outside of them, with 75", function()
    local place = command.place()
    finally(function() place:close() end)
    place:write("rules.lua", RULES)
    place:write("users.csv", users(2, 12))
    local hour = tonumber(os.date("!%H")) -- a window that begins in two or three hours
    place:write("connections.lua", ('connection "local" { platform = "local", zone = "UTC", hours = "%02d:00-%02d:00" }\n'):format(
      (hour + 3) % 24, (hour + 4) % 24))
    for _, line in ipairs({ "apply rules.lua --users users.csv --yes", "tag U1 VIP --create", "untag U1 VIP" }) do
      local code, _, err = place:run(line)
      assert.equal(75, code, err)
      assert.matches(("'local' sends from %02d:00 to %02d:00 (UTC), and it is "):format((hour + 3) % 24, (hour + 4) % 24), err, 1, true)
      assert.matches(("run this again after 20%%d%%d%%-%%d%%d%%-%%d%%d %02d:00"):format((hour + 3) % 24), err)
    end
    assert.equal(0, (place:run("plan rules.lua --users users.csv")))
  end)
end)
