-- MantaGo as the local connection: the twin in the process, and whole commands on it.
local apply = require("spec.support.apply")
local json = require("cjson")
local support = require("spec.support")
local tagua = require("tagua")

describe("the local connection as MantaGo", function()
  local folder
  before_each(function()
    folder = apply.folder()
    support.write(folder.path .. "/connections.lua", [[
connection "manta" { platform = "local", as = "mantago", store = "manta.db",
  rate = { per_second = 100000, burst = 1000 } }
connection "strange" { platform = "local", as = "mantago", store = "manta.db",
  rate = { per_second = 100000, burst = 1000 }, faults = "faults.json" }
connection "bb" { platform = "local", store = "bb.db", rate = { per_second = 100000, burst = 1000 } }
]])
    support.write(folder.path .. "/faults.json", "{}")
    support.write(folder.path .. "/rules.lua", [[
fields { n = integer }
tag "VIP" { folder = "Value", when = function(user) return user.n > 1 end }
tag "Quiet" { family = "client", when = function(user) return user.n < 2 end }
tag "Note" { family = "personal", when = function(user) return user.n == 3 end }
]])
    support.write(folder.path .. "/users.csv", "id,n\nU1,1\nU2,2\nU3,3\n")
  end)
  after_each(function() folder.remove() end)

  it("takes every primitive, in two connections at once", function()
    local one <close> = assert(tagua.connect({ platform = "local", as = "mantago", store = folder.path .. "/m.db" }))
    local two <close> = assert(tagua.connect({ platform = "local", as = "mantago", store = folder.path .. "/m.db" }))
    local tag = assert(one:create_tag("VIP"))
    assert.is_true(two:tag_user("U1", tag.id))
    assert.equal(tag.id, assert(one:user_tags("U1"))[1].id)
    assert.is_true(one:untag_user("U1", tag.id))
    assert.same({}, assert(two:user_tags("U1")))
  end)

  it("puts tags of each family on, and shows before what the platform lacks", function()
    local code, out, err = folder.run("plan rules.lua --users users.csv --to manta")
    assert.equal(0, code, err)
    assert.matches("MantaGo has no folders: 1 tag will stand without one", out, 1, true)
    assert.matches("+ create the tag 'Quiet', of the family client", out, 1, true)
    assert.not_matches("create the folder", out, 1, true)
    code, out, err = folder.run("apply rules.lua --users users.csv --to manta --yes")
    assert.equal(0, code, err)
    assert.matches("4 planned = 4 done", out, 1, true)
    code, out, err = folder.run("apply rules.lua --users users.csv --to manta --yes")
    assert.equal(0, code, err)
    assert.matches("nothing to do", out, 1, true)
    out = select(2, folder.run("plan rules.lua --users users.csv --to manta --json"))
    assert.equal(1, json.decode(out).unmet.folders)
  end)

  it("means the tag of the rule's family where two families have the name", function()
    local manta = assert(tagua.connect({ platform = "local", as = "mantago", store = folder.path .. "/manta.db" }))
    for _, family in ipairs({ "auto", "client", "personal" }) do
      assert(manta:create_tag("Quiet", { family = family }))
    end
    local auto = assert(manta:list_tags())[1].id
    assert(manta:tag_user("U1", auto))
    manta:close()
    local code, out, err = folder.run("apply rules.lua --users users.csv --to manta --yes")
    assert.equal(0, code, err)
    assert.matches("4 planned = 4 done", out, 1, true)
    manta = assert(tagua.connect({ platform = "local", as = "mantago", store = folder.path .. "/manta.db" }))
    local ids = {}
    for _, tag in ipairs(assert(manta:user_tags("U1"))) do
      ids[#ids + 1] = tag.id:match("^client:") or tag.id
    end
    table.sort(ids)
    local wanted = { auto, "client:" }
    table.sort(wanted)
    assert.same(wanted, ids)
    manta:close()
  end)

  it("refuses a family that the platform lacks before anything is made", function()
    support.write(folder.path .. "/rules.lua", 'fields { n = integer }\ntag "A" { family = "clients",'
      .. " when = function(user) return user.n > 1 end }")
    local code, _, err = folder.run("plan rules.lua --users users.csv --to manta")
    assert.equal(3, code)
    assert.matches("rules.lua:2: tag 'A': MantaGo has no family 'clients' (did you mean 'client'?)", err, 1, true)
    assert.is_nil(io.open(folder.path .. "/manta.db"))
  end)

  it("never repeats what can't be read back: a lost answer about a personal tag is for a person", function()
    support.write(folder.path .. "/faults.json",
      '{"faults":[{"do":"drop_after_work","path":"/api/openapi/personalTagMapping"}]}')
    local code, out = folder.run("apply rules.lua --users users.csv --to strange --yes")
    assert.equal(1, code)
    assert.matches("4 planned = 3 done + 1 failed + 0 skipped + 0 left", out, 1, true)
    local db = folder.path .. "/manta.db"
    assert.equal("1\n", select(2, support.shell(
      ("sqlite3 %s \"select sum(count) from user_tags join tags on tags.key = tag where name = 'Note'\""):format(db))))
  end)

  it("lists a user whom the platform does not know, calls it once in a run, and again in the next", function()
    support.write(folder.path .. "/rules.lua", [[
fields { n = integer }
tag "A" { when = function(user) return user.n > 0 end }
tag "B" { when = function(user) return user.n > 0 end }
tag "C" { when = function(user) return user.n > 0 end }
]])
    local refusal = '{"do":"error","status":404,"code":37011,"message":"Get client failed",'
      .. '"path":"/api/openapi/autoTagMapping"%s}'
    support.write(folder.path .. "/faults.json", ('{"faults":[%s]}'):format(refusal:format("")))
    support.write(folder.path .. "/users.csv", "id,n\nU1,1\n")
    local code, out = folder.run("apply rules.lua --users users.csv --to strange --yes")
    assert.equal(1, code)
    assert.matches("3 planned = 0 done + 3 failed", out, 1, true)
    assert.matches("37011", out, 1, true)
    -- Three tags to make, a list before and after each, and one call for the user.
    out = select(2, folder.run("apply rules.lua --users users.csv --to strange --yes --json"))
    local outcome = json.decode(out).outcome
    assert.equal(1, outcome.calls.sent)
    assert.equal("ENOUSER", outcome.problems[1].code)
    support.write(folder.path .. "/faults.json", "{}")
    code, out = folder.run("apply rules.lua --users users.csv --to strange --yes")
    assert.equal(0, code)
    assert.matches("3 planned = 3 done", out, 1, true)
  end)
end)
