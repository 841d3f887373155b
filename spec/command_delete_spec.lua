-- tagua delete: tags and folders off the platform, guarded and journaled. Another ledger beside the first
-- one plays the person in the console; a twin in a process of its own the platform in trouble.
local command = require("spec.support.command")
local core = require("tagua.core")
local json = require("tagua.json")

local RULES = [[
fields { orders = integer }
tag "VIP" { folder = "Value", when = function(user) return user.orders >= 10 end }
tag "Gold" { folder = "Value", when = function(user) return user.orders >= 50 end }
tag "Odd" { when = function(user) return user.orders % 2 == 1 end }
]]

describe("tagua delete", function()
  local place

  before_each(function()
    place = command.place()
    place:write("rules.lua", RULES)
    place:write("users.csv", "id,orders\nU1,12\nU2,60\nU3,3\n")
    place:write("connections.lua", "")
  end)
  after_each(function() place:close() end)

  local function run(arguments, expected)
    local code, out, err = place:run(arguments)
    assert.equal(expected or 0, code, arguments .. ": " .. out .. err)
    return out, err
  end

  local function tags_of(user)
    local names = {}
    for line in run("--ledger console.db users --json"):gmatch("[^\n]+") do
      local one = json.decode(line)
      for _, tag in ipairs(one.id == user and one.tags or {}) do names[#names + 1] = tag.name end
    end
    table.sort(names)
    return table.concat(names, " ")
  end

  local function names()
    local found = {}
    for _, tag in ipairs(json.decode((run("tags --json"))).tags) do found[#found + 1] = tag.name end
    return table.concat(found, " ")
  end

  local function applied()
    run("apply rules.lua --users users.csv --yes")
  end

  it("deletes a tag that nobody has, and keeps it as a run", function()
    run("tag U1 Old --create")
    run("untag U1 Old")
    local out = run("delete Old --yes")
    assert.matches("- Old", out, 1, true)
    assert.matches("1 planned = 1 done + 0 failed + 0 skipped + 0 left", out, 1, true)
    assert.equal("", names())
    assert.matches("delete  done", run("runs"), 1, true)
    assert.matches("- everybody Old  done: the tag was deleted", run("log --tag Old"), 1, true)
  end)

  it("refuses a tag that users have, unless it is forced by name", function()
    applied()
    local out, err = run("delete VIP --yes", 5)
    assert.matches("2 users have it", out, 1, true)
    assert.matches("holders: 'VIP' is on 2 users, who would lose it (0 pass)", err, 1, true)
    assert.matches("add --force holders", err, 1, true)
    assert.equal("Gold VIP", tags_of("U2"))
    assert.equal("Gold Odd VIP Value", names())
    run("delete VIP --yes --force holders")
    assert.equal("Gold", tags_of("U2"))
    assert.equal("", tags_of("U1"))
  end)

  it("counts the holders that the platform has, not those of an old mirror", function()
    run("tag U1 Old --create")
    run("untag U1 Old")
    local id = json.decode((run("tags --json"))).tags[1].id
    run("--ledger console.db tag U7 " .. id)
    local _, err = run("delete Old --yes", 5)
    assert.matches("'Old' is on 1 user,", err, 1, true)
    run("--ledger console.db untag U7 " .. id)
    run("delete Old --yes")
  end)

  it("refuses a folder that has children, and says that the platform may have more than it shows", function()
    applied()
    local out, err = run("delete Value --yes", 5)
    assert.matches("holds 2 that Tagua knows of", out, 1, true)
    assert.matches("children: the folder 'Value' holds 2 that Tagua knows of (Gold, VIP), and the platform does not show"
      .. " whether it holds more", err, 1, true)
    assert.matches("holders: 'VIP' is on 2 users", err, 1, true)
    assert.matches("add --force children --force holders", err, 1, true)
    run("delete Value --yes --force children", 5)
    out = run("delete Value --yes --force children --force holders")
    assert.matches("3 planned = 3 done", out, 1, true)
    assert.matches("2 calls ", out, 1, true) -- the pull, and the folder takes its tags along
    assert.equal("Odd", names())
    assert.equal("", tags_of("U2"))
    assert.matches("- VIP  done: the tag was deleted", run("log U2"), 1, true)
    assert.is_nil(run("log U3"):find("deleted", 1, true))
  end)

  it("takes its bounds from the connection", function()
    place:write("connections.lua", 'connection "local" { platform = "local", guards = { delete_holders = 2, delete_children = false } }\n')
    applied()
    run("delete Value --yes")
    assert.equal("Odd", names())
  end)

  it("takes an id, and refuses a name that nothing has", function()
    run("tag U1 Old --create")
    run("untag U1 Old")
    local id = json.decode((run("tags --json"))).tags[1].id
    local _, err = run("delete Oldd --yes", 2)
    assert.matches("did you mean 'Old'", err, 1, true)
    run("delete " .. id .. " --yes")
    _, err = run("delete " .. id .. " --yes", 2)
    assert.matches("has no tag", err, 1, true)
  end)

  it("asks first, and tells programs", function()
    run("tag U1 Old --create")
    local _, err = run("delete Old --force holders", 2)
    assert.matches("nothing was changed", err, 1, true)
    local answer = json.decode((run("delete Old --force holders --yes --json")))
    assert.same({ "Old", "tag", 1 }, { answer.delete[1].name, answer.delete[1].kind, answer.delete[1].holders })
    assert.same({ 1, 1, 0 }, { answer.operations.planned, answer.operations.done, answer.operations.failed })
    assert.equal("holders", answer.guards[1].guard)
  end)

  it("is not undone and not retried: what was on whom is in the log alone", function()
    applied()
    run("delete VIP --yes --force holders")
    local _, err = run("undo 2 --yes", 2)
    assert.matches("run 2 deleted tags, and a platform does not bring those back", err, 1, true)
    _, err = run("retry 2 --yes", 2)
    assert.matches("tagua delete", err, 1, true)
    assert.is_nil(run("undo 1 --yes"):find("VIP", 1, true))
    local out = run("plan rules.lua --users users.csv") -- the rule still wants it
    assert.matches("+ create the tag 'VIP' in the folder 'Value'", out, 1, true)
  end)

  it("goes through the process that is sending", function()
    place:write("connections.lua", 'connection "local" { platform = "local", rate = { per_second = 50 } }\n')
    run("tag U1 Old --create")
    run("untag U1 Old")
    local rows = { "id,orders" }
    for i = 1, 200 do rows[#rows + 1] = ("A%03d,12"):format(i) end
    place:write("users.csv", table.concat(rows, "\n") .. "\n")
    local first = place:start("apply rules.lua --users users.csv --yes")
    assert.is_truthy(first:line("200 tags on", "err"), first:file("err"))
    local out, err = run("delete Old --yes")
    assert.matches("sends this run, too", err, 1, true)
    assert.matches("1 planned = 1 done", out, 1, true)
    assert.equal("", first:file("rc"), "the apply is still under way")
    local code, said = first:wait()
    assert.equal(0, code)
    assert.matches("200 planned = 200 done", said, 1, true)
  end)

  describe("at a platform in trouble", function()
    local twin

    local function serve(faults)
      place:write("faults.json", ('{ "faults": [ %s ] }'):format(faults))
      run("twin token add --bot bot-1 --store twin.db >token.txt && chmod 600 token.txt")
      place:write("connections.lua", ([[connection "shop" {
        platform = "botbonnie", bot = "bot-1", page = "page-1", channel = "line", token = file "token.txt",
        url = "unix:%s/twin.sock", rate = { per_second = 1000, burst = 20 }, timeout = 1, quarantine = 0.2, attempts = 2 }]])
        :format(place.folder))
      twin = place:start(("twin serve --listen unix:%s/twin.sock --store twin.db --faults faults.json"):format(place.folder))
      assert(command.await(function()
        return core.system.file_kind(place.folder .. "/twin.sock") ~= nil
      end), "the twin does not listen: " .. twin:file("err"))
    end

    it("finds out what became of a deletion whose answer was lost, by reading the tag", function()
      serve('{ "do": "drop_after_work", "path": "/v1/api/tag/*", "method": "DELETE", "first": 1 }')
      run("tag U1 Old --create --to shop")
      run("untag U1 Old --to shop")
      local out = run("delete Old --to shop --yes")
      assert.matches("1 operation lost the answer and was found done", out, 1, true)
      assert.equal("", (run("tags shop"):match("Old") or ""))
    end)

    it("deletes again what was lost before the work", function()
      serve('{ "do": "drop", "path": "/v1/api/tag/*", "method": "DELETE", "first": 1 }')
      run("tag U1 Old --create --to shop")
      run("untag U1 Old --to shop")
      assert.matches("1 planned = 1 done", run("delete Old --to shop --yes"), 1, true)
    end)

    it("is settled by the next command after a crash", function()
      serve('{ "do": "slow", "seconds": 60, "path": "/v1/api/tag/*", "method": "DELETE", "first": 1 }')
      run("tag U1 Old --create --to shop")
      run("untag U1 Old --to shop")
      place:write("connections.lua", (place:read("connections.lua"):gsub("timeout = 1,", "timeout = 30,")))
      local process = place:start("delete Old --to shop --yes")
      assert(process:await(function()
        return place:sqlite("twin.db", "select count(*) from tags") == "0\n"
      end), process:file("err"))
      process:signal("KILL")
      process:wait()
      assert.matches("1 left", run("run 3"), 1, true)
      local _, err = run("tag U1 Other --create --to shop")
      assert.matches("run 3 was cut off: asking shop what became of 1 operation", err, 1, true)
      assert.matches("1 planned = 1 done + 0 failed + 0 skipped + 0 left", run("run 3"), 1, true)
      assert.is_nil(run("tags shop"):match("Old"))
    end)
  end)
end)
