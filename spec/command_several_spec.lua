-- One rule file on a BotBonnie and a MantaGo connection, whose users have the same LINE ids.
local apply = require("spec.support.apply")
local json = require("cjson")
local support = require("spec.support")

describe("several --to", function()
  local folder
  before_each(function()
    folder = apply.folder()
    support.write(folder.path .. "/connections.lua", [[
connection "bb" { platform = "local", rate = { per_second = 100000, burst = 1000 } }
connection "mg" { platform = "local", as = "mantago", rate = { per_second = 100000, burst = 1000 } }
]])
    support.write(folder.path .. "/rules.lua", [[
fields { n = integer }
tag "VIP" { folder = "Value", when = function(user) return user.n > 1 end }
tag "Quiet" { family = "client", when = function(user) return user.n < 2 end }
]])
    support.write(folder.path .. "/users.csv", "id,n\nU1,1\nU2,2\nU3,3\n")
  end)
  after_each(function() folder.remove() end)

  it("shows for each connection what it would change and what its platform lacks", function()
    local code, out, err = folder.run("plan rules.lua --users users.csv --to bb --to mg")
    assert.equal(0, code, err)
    local bb, mg = out:match("^bb %(local, the twin in [^\n]*(.-)\nmg %(local, the twin in [^\n]*(.*)$")
    assert.matches("+ create the folder 'Value'", bb, 1, true)
    assert.matches("BotBonnie has no families of tags: 1 tag will be as any other", bb, 1, true)
    assert.matches("MantaGo has no folders: 1 tag will stand without one", mg, 1, true)
    assert.matches("+ create the tag 'Quiet', of the family client", mg, 1, true)
  end)

  it("changes both, then neither", function()
    local code, out, err = folder.run("apply rules.lua --users users.csv --to bb --to mg --yes")
    assert.equal(0, code, err)
    local _, done = out:gsub("3 planned = 3 done", "")
    assert.equal(2, done)
    for _, name in ipairs({ "bb", "mg" }) do
      local users = select(2, folder.run("users " .. name .. " --json"))
      local tags = {}
      for line in users:gmatch("[^\n]+") do
        local user = json.decode(line)
        tags[user.id] = user.tags[1].name
      end
      assert.same({ U1 = "Quiet", U2 = "VIP", U3 = "VIP" }, tags)
    end
    out = select(2, folder.run("apply rules.lua --users users.csv --to bb --to mg --yes"))
    assert.equal(2, select(2, out:gsub("nothing to do", "")))
  end)

  it("sends nothing to any when there is something wrong with one", function()
    support.write(folder.path .. "/rules.lua", 'fields { n = integer }\ntag "A" { family = "nothing",'
      .. " when = function(user) return user.n > 1 end }")
    local code, _, err = folder.run("apply rules.lua --users users.csv --to bb --to mg --yes")
    assert.equal(3, code)
    assert.matches("MantaGo has no family 'nothing'", err, 1, true)
    local _, out = folder.run("apply rules.lua --users users.csv --to bb --yes --json")
    assert.equal(2, json.decode(out).outcome.operations.done)
  end)

  it("tells programs one plan a line", function()
    local _, out = folder.run("plan rules.lua --users users.csv --to bb --to mg --json")
    local first, second = out:match("^([^\n]+)\n([^\n]+)\n$")
    assert.equal("bb", json.decode(first).connection)
    assert.equal("mg", json.decode(second).connection)
  end)

  it("refuses the same twice, standard input, and a plan in a file", function()
    for line, message in pairs({
      ["plan rules.lua --users users.csv --to bb --to bb"] = "names 'bb' twice",
      ["plan rules.lua --users - --to bb --to mg < users.csv"] = "can be read once",
      ["plan rules.lua --users users.csv --to bb --to mg --out p"] = "for one connection",
    }) do
      local code, _, err = folder.run(line)
      assert.equal(2, code)
      assert.matches(message, err, 1, true)
    end
  end)
end)
