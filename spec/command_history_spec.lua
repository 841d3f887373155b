-- What became of runs: runs, run, retry, undo, log; and whose tag it is: drift, release, adopt. Another
-- ledger beside the first one plays the person in the console.
local apply = require("spec.support.apply")
local json = require("cjson")
local support = require("spec.support")

local RULES = [[
fields { orders = integer, city = text }
tag "VIP" { when = function(user) return user.orders >= 10 end }
tag "North" { when = function(user) return user.city == "Taipei" end }
]]

describe("after a run", function()
  local folder

  before_each(function()
    folder = apply.folder()
    support.write(folder.path .. "/rules.lua", RULES)
  end)

  after_each(function()
    folder.remove()
  end)

  local function run(arguments, expected)
    local code, out, err = folder.run(arguments)
    assert.equal(expected or 0, code, arguments .. ": " .. out .. err)
    return out, err
  end

  local function apply_to(rows, more)
    support.write(folder.path .. "/users.csv", "id,orders,city\n" .. rows)
    return run("apply rules.lua --users users.csv --yes " .. (more or ""))
  end

  -- Somebody else at the platform.
  local function console(arguments)
    run("--ledger console.db " .. arguments)
  end

  local function tags_of(user)
    local out = run("--ledger console.db users --json")
    local names = {}
    for line in out:gmatch("[^\n]+") do
      local one = json.decode(line)
      for _, tag in ipairs(one.id == user and one.tags or {}) do names[#names + 1] = tag.name end
    end
    table.sort(names)
    return table.concat(names, " ")
  end

  it("lists runs and shows one", function()
    assert.matches("no run yet", run("runs"))
    apply_to("U1,12,Taipei\nU2,1,Tainan\n")
    assert.matches(" 1  %d+-%d+-%d+ [%d:]+  local       apply  done         2     2       0        0     0", run("runs"))
    local out = run("run 1")
    assert.matches("run 1: apply, local, done", out, 1, true)
    assert.matches("rules rules.lua on users.csv", out, 1, true)
    assert.matches("2 planned = 2 done + 0 failed + 0 skipped + 0 left", out, 1, true)
    local one = json.decode((run("--json run 1")))
    assert.same({ 2, 2, "done" }, { one.planned, one.done, one.state })
    assert.matches("the ledger has no run 7", select(2, run("run 7", 1)), 1, true)
  end)

  it("lists what failed, and tries it again", function()
    local faults = '{ "faults": [ { "do": "error", "status": 400, "code": 400, "path": "/v1/api/user/tag", "method": "POST" } ] }'
    support.write(folder.path .. "/faults.json", faults)
    support.write(folder.path .. "/rough.lua", [[connection "local" { platform = "local", faults = "faults.json", attempts = 1 }]])
    support.write(folder.path .. "/users.csv", "id,orders,city\nU1,12,Taipei\nU2,1,Tainan\n")
    run("--config rough.lua apply rules.lua --users users.csv --yes", 1)
    local out = run("run 1 --failed")
    assert.matches("+ VIP U1: ", out, 1, true)
    assert.matches("(EPLATFORM)", out, 1, true)
    assert.equal("", tags_of("U1"))
    assert.matches("2 operations = 2 on + 0 off", run("retry 1 --yes"), 1, true)
    assert.equal("North VIP", tags_of("U1"))
    assert.matches("retry of 1", run("runs"), 1, true)
    assert.matches("as wanted by now, or not known: 2 operations", run("retry 1 --yes"), 1, true)
    -- the reasons are those of the first time
    local last = json.decode((run("--json log U1 --limit 1")))
    assert.equal("users.csv", last.input)
    assert.equal("rules.lua", last.file)
  end)

  it("undoes a run, as a plan that says what it will do", function()
    apply_to("U1,12,Taipei\nU2,12,Tainan\nU3,12,\n")
    console("pull") -- knows who has what
    console("untag U2 VIP")
    local out = run("undo 1 --refresh --yes")
    assert.matches("%-  VIP             0    2     0  ", out)
    assert.matches("or somebody has touched it since: 1 operation", out, 1, true)
    assert.equal("", tags_of("U1"))
    assert.matches("nothing to do", run("undo 1 --yes"), 1, true)
    -- and an undo is a run that can be undone
    run("undo 2 --yes --tag VIP")
    assert.equal("VIP", tags_of("U1"))
    assert.equal("VIP", tags_of("U3"))
    assert.equal("", tags_of("U2"))
  end)

  it("asks before it undoes", function()
    apply_to("U1,12,Taipei\n")
    assert.matches("add --yes", select(2, run("undo 1", 2)), 1, true)
    assert.equal("North VIP", tags_of("U1"))
  end)

  it("tells why a user got a tag without last Monday's file", function()
    apply_to("U9,1,Tainan\nU1,12,Taipei\n")
    local hash = select(2, support.shell("sha256sum " .. folder.path .. "/users.csv")):match("^%x+")
    apply_to("U1,2,\n")
    os.remove(folder.path .. "/users.csv")
    local out = run("log U1")
    assert.matches("run 2    - VIP  done\n    rule 'VIP' (rules.lua:2); orders = 2; line 2 of users.csv", out, 1, true)
    assert.matches("run 1    + VIP  done\n    rule 'VIP' (rules.lua:2); orders = 12; line 3 of users.csv ("
      .. hash:sub(1, 12) .. ")", out, 1, true)
    assert.matches("run 1    + North  done\n    rule 'North' (rules.lua:3); city = Taipei; line 3", out, 1, true)
    assert.is_nil(out:find("- North", 1, true)) -- no city, no decision
    local first = json.decode((run("--json log --tag VIP"):match("^[^\n]*\n([^\n]+)")))
    assert.equal(hash, first.input_hash)
    assert.same({ orders = 12 }, first.fields)
    assert.matches("nothing was done", run("log U7"), 1, true)
    assert.matches("say of whom", select(2, run("log", 2)), 1, true)
  end)

  it("leaves what people change alone, says so, and gives it back when told", function()
    apply_to("U1,12,Taipei\nU2,1,Tainan\n")
    assert.matches("local has what was last applied", run("drift"), 1, true)
    console("untag U1 VIP")
    console("tag U2 VIP")
    local out = run("drift", 1)
    assert.matches("- VIP U1 taken off in the console", out, 1, true)
    assert.matches("+ VIP U2 put on in the console", out, 1, true)
    out = apply_to("U1,12,Taipei\nU2,1,Tainan\n")
    assert.matches("people put it on in the console and the rules do not want it: 1 tag on a user\n  VIP: 1 user (U2)",
      out, 1, true)
    assert.matches("people took it off in the console and the rules want it: 1 tag on a user\n  VIP: 1 user (U1)",
      out, 1, true)
    assert.equal("North", tags_of("U1"))
    run("drift") -- an apply has looked at it
    assert.matches("VIP on U1 is left to the rules", run("release U1 VIP"), 1, true)
    apply_to("U1,12,Taipei\nU2,1,Tainan\n")
    assert.equal("North VIP", tags_of("U1"))
    assert.equal("VIP", tags_of("U2"))
  end)

  it("names each user whom the plan leaves to the console", function()
    local rows = {}
    for i = 1, 12 do rows[i] = ("U%02d,12,Taipei\n"):format(i) end
    apply_to(table.concat(rows))
    for i = 1, 5 do console(("untag U%02d VIP"):format(i)) end
    local out = run("plan rules.lua --users users.csv --refresh")
    assert.matches("VIP: 5 users (U01, U02, U03, U04, U05)", out, 1, true)
  end)

  it("puts it right where the connection says that the rules win", function()
    apply_to("U1,12,Taipei\nU2,1,Tainan\n")
    console("untag U1 VIP")
    console("tag U2 VIP")
    support.write(folder.path .. "/connections.lua", [[connection "local" { platform = "local", conflicts = "rules_win" }]])
    apply_to("U1,12,Taipei\nU2,1,Tainan\n", "--refresh")
    assert.equal("North VIP", tags_of("U1"))
    assert.equal("", tags_of("U2"))
  end)

  it("asks whose the tags are that were there before", function()
    console("tag U1 VIP --create")
    local out = apply_to("U1,1,Taipei\n")
    assert.matches("VIP: 1 user (U1)\n  are these the rules' to take off? then tagua adopt TAG", out, 1, true)
    assert.equal("North VIP", tags_of("U1"))
    assert.matches("VIP is left to the rules on 1 user more", run("adopt VIP"), 1, true)
    apply_to("U1,1,Taipei\n")
    assert.equal("North", tags_of("U1"))
  end)
end)
