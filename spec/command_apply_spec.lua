local command = require("spec.support.command")
local json = require("tagua.json")

local RULES = [[
fields { orders = integer { if_empty = 0 }, city = text }
tag "VIP" { folder = "Value", when = function(user) return user.orders >= 10 end }
one_of "Where" {
  { "North", function(user) return user.city == "台北" end },
  { "Elsewhere", otherwise },
}
test "ten orders make a VIP" { user = { orders = 10, city = "台北" }, expect = { VIP = true, Where = "North" } }
]]

local USERS = "\u{FEFF}id,orders,city\nU1,12,台北\nU2,3,高雄\nU3,,台北\nU4,20,\n"

describe("tagua plan and tagua apply", function()
  local place
  before_each(function()
    place = command.place()
    place:write("rules.lua", RULES)
    place:write("users.csv", USERS)
  end)
  after_each(function() place:close() end)

  local function plan(options)
    return place:run("plan rules.lua --users users.csv --json " .. (options or ""))
  end

  local function apply(options)
    return place:run("apply rules.lua --users users.csv --yes " .. (options or ""))
  end

  local function told(_, out, err)
    return assert(json.decode(out), err)
  end

  it("shows a plan like a diff and changes nothing", function()
    local code, out, err = place:run("plan rules.lua --users users.csv")
    assert.equal(0, code, err)
    assert.matches("%+  VIP +Value +2 ", out)
    assert.matches("records: 4 read = 3 decided + 1 unknown + 0 failed + 0 rejected", out, 1, true)
    assert.matches("+ create the folder 'Value'", out, 1, true)
    assert.same(told(plan()), told(plan()))
  end)

  it("puts the tags on, then has nothing to do, then sends the difference alone", function()
    local code, out, err = apply()
    assert.equal(0, code, err)
    assert.matches("5 planned = 5 done + 0 failed + 0 skipped + 0 left", out, 1, true)
    code, out = apply()
    assert.equal(0, code)
    assert.matches("nothing to do", out)
    place:write("users.csv", (USERS:gsub("U1,12", "U1,9")))
    local changed = told(plan())
    assert.same({ planned = 1, on = 0, off = 1 }, changed.operations)
    assert.equal(0, (apply()))
    assert.equal(0, told(plan()).operations.planned)
  end)

  it("says before it starts which connection it is about to change", function()
    local _, _, err = apply()
    assert.matches("changing local (local, the twin in tagua-local.db): 5 tags on, 0 off, 1 new folder, 3 new tags\n", err, 1, true)
  end)

  it("tells programs the plan and what became of it", function()
    local answer = told(apply("--json"))
    assert.equal("local", answer.connection)
    assert.equal("done", answer.outcome.state)
    assert.equal(5, answer.outcome.operations.done)
    assert.equal(4, answer.outcome.created)
  end)

  it("refuses to go on where there is nobody to ask", function()
    local code, out, err = place:run("apply rules.lua --users users.csv")
    assert.equal(2, code)
    assert.matches("VIP", out)
    assert.matches("tagua: nothing was changed: .*%-%-yes", err)
    assert.equal(5, told(plan()).operations.planned)
  end)

  it("asks at a terminal, and takes anything but yes for no", function()
    local code, shown = place:at_terminal("apply rules.lua --users users.csv", "n\\n")
    assert.equal(5, code)
    assert.matches("change local %(.-%): 5 tags on, .-%? %[y/N%]", shown)
    assert.matches("nothing was changed", shown)
    assert.equal(130, (place:at_terminal("apply rules.lua --users users.csv", "\\003", nil, 0.6)))
    assert.equal(5, told(plan()).operations.planned)
    code, shown = place:at_terminal("apply rules.lua --users users.csv", "y\\n")
    assert.equal(0, code, shown)
    assert.equal(0, told(plan()).operations.planned)
  end)

  it("colours on a terminal, unless NO_COLOR is set", function()
    local _, coloured = place:at_terminal("plan rules.lua --users users.csv", "")
    assert.matches("\27[32m", coloured, 1, true)
    local _, plain = place:at_terminal("plan rules.lua --users users.csv", "", "NO_COLOR=1")
    assert.is_nil(plain:find("\27[3", 1, true))
  end)

  it("stops at rules that are wrong before anything is made", function()
    place:write("rules.lua", "tag \"VIP\" {}\n")
    local code, _, err = plan()
    assert.equal(3, code)
    assert.matches("^tagua: .*rules%.lua:1", err)
    assert.is_nil(io.open(place.folder .. "/tagua.db"))
  end)

  it("stops at rules that fail their own tests, unless told to go on", function()
    place:write("rules.lua", (RULES:gsub(">= 10", ">= 11")))
    local code, _, err = plan()
    assert.equal(3, code)
    assert.matches("FAILED ten orders make a VIP", err, 1, true)
    assert.matches("--skip-tests", err, 1, true)
    assert.equal(0, (plan("--skip-tests")))
  end)

  it("names a column that is not there, and the nearest", function()
    place:write("users.csv", "id,ordesr,city\nU1,1,台北\n")
    local code, _, err = plan()
    assert.equal(2, code)
    assert.matches("'orders'", err, 1, true)
    assert.matches("did you mean 'ordesr'", err, 1, true)
  end)

  it("names the id column that is not there", function()
    local code, _, err = plan("--id-column ids")
    assert.equal(2, code)
    assert.matches("'ids'", err, 1, true)
  end)

  it("stops at an input that is not there, empty, or cut off inside quotes", function()
    local code, _, err = place:run("plan rules.lua --users nobody.csv")
    assert.equal(2, code)
    assert.matches("nobody.csv", err, 1, true)
    for _, text in ipairs({ "", "id,orders,city\nU1,1,\"台北\n" }) do
      place:write("users.csv", text)
      code, _, err = plan()
      assert.equal(2, code, text)
      assert.matches("users.csv", err, 1, true)
    end
  end)

  it("stops at two records for one user, naming both the user and the lines", function()
    place:write("users.csv", "id,orders,city\nU1,1,台北\nU2,1,台北\nU1,12,台北\n")
    local code, _, err = apply()
    assert.equal(2, code)
    assert.matches("users.csv has two records for one user, 'U1': lines 2 and 4; keep one", err, 1, true)
    code, _, err = place:run("plan rules.lua --users - < users.csv")
    assert.equal(2, code)
    assert.matches("standard input has two records for one user: lines 2 and 4; keep one", err, 1, true)
    place:write("users.csv", USERS)
    assert.equal(5, told(plan()).operations.planned)
  end)

  it("takes JSONL from standard input", function()
    place:write("users.jsonl", '{"id":"U1","orders":12,"city":"台北"}\n{"id":123456789012345678,"orders":1,"city":"x"}\n')
    local code, out, err = place:run("plan rules.lua --users - --json < users.jsonl")
    assert.equal(0, code, err)
    local answer = json.decode(out)
    assert.equal(3, answer.operations.on)
    local shown = {}
    for _, tag in ipairs(answer.tags) do shown[tag.name] = tag.on_users[1] end
    assert.equal("123456789012345678", shown.Elsewhere)
  end)

  it("takes what Excel in Taiwan writes", function()
    place:write("users.txt", "id;orders;city\nU1;12;\xA5x\xA5_\n") -- 台北 in Big5
    local code, out, err = place:run("plan rules.lua --users users.txt --encoding big5 --delimiter ';' --json")
    assert.equal(0, code, err)
    assert.equal(2, json.decode(out).operations.on)
  end)

  it("goes on after a bad line, and says which", function()
    place:write("users.csv", "id,orders,city\nU1,12,台北\nU2,1\nU3,1,高雄\n")
    local code, out = place:run("plan rules.lua --users users.csv")
    assert.equal(0, code)
    assert.matches("line 3", out, 1, true)
    assert.matches("3 read = 2 decided + 0 unknown + 0 failed + 1 rejected", out, 1, true)
  end)

  it("counts a rule that raises as failed, with file, line and id", function()
    place:write("rules.lua", 'fields { orders = integer { if_empty = 0 } }\n'
      .. 'tag "VIP" { when = function(user) return user.orders.x.y end }\n')
    local code, out = place:run("plan rules.lua --users users.csv")
    assert.equal(0, code)
    assert.matches("4 failed", out, 1, true)
    assert.matches("user U1: .*rules%.lua:2", out)
  end)

  it("names the connection that is not there", function()
    local code, _, err = plan("--to shpo")
    assert.equal(2, code)
    assert.matches("unknown connection 'shpo'", err, 1, true)
  end)

  it("asks for --users", function()
    local code, _, err = place:run("plan rules.lua")
    assert.equal(2, code)
    assert.matches("--users", err, 1, true)
  end)

  it("has one of two at once send for both, and each sees its own", function()
    place:write("connections.lua", 'connection "local" { platform = "local", rate = { per_second = 5 } }\n')
    place:write("more.csv", USERS .. "U5,20,台北\n")
    local first = place:start("apply rules.lua --users users.csv --yes")
    assert.is_truthy(first:line("5 tags on", "err"), first:file("err"))
    local code, out, err = place:run("apply rules.lua --users more.csv --yes")
    assert.equal(0, code, err)
    assert.matches("process " .. first.pid .. " with the ledger", err, 1, true)
    assert.matches("7 planned = 2 done + 0 failed + 5 skipped + 0 left", out, 1, true)
    local first_code, first_out, first_err = first:wait()
    assert.equal(0, first_code, first_err)
    assert.matches("5 planned = 5 done + 0 failed + 0 skipped + 0 left", first_out, 1, true)
    local asked = io.popen(("sqlite3 -batch %s/tagua-local.db 'select count(*), sum(count) from user_tags'"):format(place.folder))
    assert.equal("7|7", asked:read("l"))
    asked:close()
  end)

  for _, signal in ipairs({ "INT", "TERM", "HUP" }) do it("ends with 130 and sums on SIG" .. signal, function()
    place:write("connections.lua", 'connection "local" { platform = "local", rate = { per_second = 5 } }\n')
    local process = place:start("apply rules.lua --users users.csv --yes")
    assert.is_truthy(process:line("5 tags on", "err"), process:file("err"))
    process:signal(signal)
    local code, out, err = process:wait()
    assert.equal(130, code, err)
    local done, left = out:match("5 planned = (%d+) done %+ 0 failed %+ 0 skipped %+ (%d+) left")
    assert.equal(5, done + left, out)
    place:write("connections.lua", "")
    assert.equal(0, (apply()))
    assert.equal(0, told(plan()).operations.planned)
  end) end

  it("goes on after being killed, and every user has each tag put on once", function()
    local rows = {}
    for i = 1, 300 do
      rows[i] = ("U%d,12,台北"):format(i)
    end
    place:write("users.csv", "id,orders,city\n" .. table.concat(rows, "\n") .. "\n")
    place:write("connections.lua", 'connection "local" { platform = "local", rate = { per_second = 200 }, quarantine = 1 }\n')
    local process = place:start("apply rules.lua --users users.csv --yes")
    local function asked(file, sql)
      return io.popen(("sqlite3 -batch %s/%s '%s' 2>&1"):format(place.folder, file, sql)):read("l")
    end
    assert.is_truthy(process:await(function()
      local done = tonumber(asked("tagua.db", "select count(*) from operations where outcome = \"done\"") or "")
      return done and done > 0
    end))
    process:signal("KILL")
    process:wait()
    local code, out, err = apply()
    assert.equal(0, code, err)
    assert.matches("run 1 was cut off", err, 1, true)
    assert.matches(" 0 left", out, 1, true)
    assert.equal("600|600", asked("tagua-local.db", "select count(*), sum(count) from user_tags"))
    assert.equal(0, told(plan("--refresh")).operations.planned)
  end)
end)
