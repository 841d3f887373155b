-- Tags and who has them, from one platform to the other and back.
local apply = require("spec.support.apply")
local json = require("cjson")
local support = require("spec.support")

describe("tagua copy", function()
  local folder
  before_each(function()
    folder = apply.folder()
    support.write(folder.path .. "/connections.lua", [[
local fast = { per_second = 100000, burst = 1000 }
connection "bb" { platform = "local", store = "bb.db", rate = fast, in_flight = 64 }
connection "mg" { platform = "local", as = "mantago", store = "mg.db", rate = fast, in_flight = 64 }
connection "back" { platform = "local", store = "back.db", rate = fast, in_flight = 64 }
connection "personal" { platform = "local", as = "mantago", store = "p.db", family = "personal" }
connection "facebook" { platform = "local", store = "f.db", channel = "facebook" }
]])
  end)
  after_each(function() folder.remove() end)

  -- Who has which tag at a twin: "user name" lines, sorted by the database.
  local function holdings(store)
    local code, out, err = support.shell(("sqlite3 '%s/%s' \"select users.id || ' ' || tags.name || ' ' || count from"
      .. " user_tags join users on users.key = user join tags on tags.key = tag order by 1\""):format(folder.path, store))
    assert.equal(0, code, err)
    return out
  end

  local function shop(count)
    local lines = { "id,n" }
    for i = 1, count do
      lines[#lines + 1] = ("U%05d,%d"):format(i, i)
    end
    support.write(folder.path .. "/users.csv", table.concat(lines, "\n") .. "\n")
    support.write(folder.path .. "/rules.lua", [[
fields { n = integer }
tag "VIP 金" { folder = "Value", when = function(user) return user.n % 3 == 0 end }
tag "Even" { when = function(user) return user.n % 2 == 0 end }
one_of "Tier" { { "Low", function(user) return user.n % 7 < 3 end }, { "High", otherwise } }
]])
    local code, _, err = folder.run("apply rules.lua --users users.csv --to bb --yes")
    assert.equal(0, code, err)
  end

  -- Many more users for the store, and tags on some of them, past the command.
  local function crowd(count)
    local twin = assert(require("tagua.twin").open({ store = folder.path .. "/bb.db", durability = "normal" }))
    local users = {}
    for i = 1, count do
      users[i] = { id = ("U%05d"):format(i) }
    end
    assert(twin:add_users(users))
    twin:close()
    for name, each in pairs({ ["VIP 金"] = 7, Even = 6, Low = 10, High = 11 }) do
      local code, _, err = support.shell(("sqlite3 '%s/bb.db' \"insert or ignore into user_tags select users.key,"
        .. " tags.key, 1, 1795000000000 from users, tags where tags.name = '%s' and users.key %% %d = 0\""):format(
          folder.path, name, each))
      assert.equal(0, code, err)
    end
  end

  it("is the identity there and back, on 10,000 users", function()
    shop(30)
    crowd(support.sanitized and 1000 or 10000)
    local before = holdings("bb.db")
    local code, out, err = folder.run("copy --from bb --to mg --yes")
    assert.equal(0, code, err)
    assert.matches(support.sanitized and "1,000 read" or "10,000 read = 10,000 decided", out, 1, true)
    assert.matches("MantaGo has no folders: 1 tag will stand without one", out, 1, true)
    assert.is_true(before == holdings("mg.db"), "other tags than before")
    code, out, err = folder.run("copy --from mg --to bb --plan")
    assert.equal(0, code, err)
    assert.matches("nothing to do", out, 1, true)
    code, out, err = folder.run("copy --from mg --to back --yes")
    assert.equal(0, code, err)
    assert.matches("+ 0 failed + 0 skipped + 0 left", out, 1, true)
    assert.is_true(before == holdings("back.db"), "other tags than before")
    out = select(2, folder.run("copy --from mg --to back --yes"))
    assert.matches("nothing to do", out, 1, true)
  end)

  it("shows its plan and sends nothing with --plan; sends only what changed later", function()
    shop(30)
    local code, out, err = folder.run("copy --from bb --to mg --plan")
    assert.equal(0, code, err)
    assert.matches("30 read = 30 decided", out, 1, true)
    assert.matches("+ create the tag 'VIP 金'", out, 1, true)
    assert.equal("", holdings("mg.db"))
    assert.equal(0, (folder.run("copy --from bb --to mg --yes")))
    assert.equal(0, (folder.run("untag U00003 'VIP 金' --to bb")))
    assert.equal(0, (folder.run("tag U00001 Even --to bb")))
    code, out, err = folder.run("copy --from bb --to mg --yes --json")
    assert.equal(0, code, err)
    local told = json.decode(out)
    assert.same({ 1, 1, 2 }, { told.operations.on, told.operations.off, told.outcome.operations.done })
    assert.equal(holdings("bb.db"), holdings("mg.db"))
  end)

  it("brings tags that nobody has, too, and leaves alone whom the source does not know", function()
    shop(10)
    assert.equal(0, (folder.run("copy --from bb --to mg --yes")))
    assert.equal(0, (folder.run("tag stranger Even --to mg")))
    assert.equal(0, (folder.run("copy --from bb --to mg --yes")))
    assert.matches("stranger Even 1", holdings("mg.db"), 1, true)
    for i = 1, 10 do
      folder.run(("untag U%05d High --to bb"):format(i))
    end
    assert.equal(0, (folder.run("copy --from bb --to back --yes")))
    local out = select(2, folder.run("tags back --refresh --json"))
    assert.equal(holdings("bb.db"), holdings("back.db"))
    local _, names = support.shell(("sqlite3 '%s/back.db' \"select name from tags where kind = 'tag' order by 1\""):format(
      folder.path))
    assert.equal("Even\nHigh\nLow\nVIP 金\n", names)
    assert.is_string(out)
  end)

  it("says why it can't", function()
    for line, message in pairs({
      ["copy --from bb --to bb"] = "the same connection",
      ["copy --from personal --to bb"] = "MantaGo does not show who has the tags of 'personal'",
      ["copy --from bb --to facebook"] = "a user has another id on each channel",
      ["copy --from bb --to mg --yes"] = "has no tags to copy",
      ["copy --from nowhere --to mg"] = "unknown connection 'nowhere'",
    }) do
      local code, _, err = folder.run(line)
      assert.equal(2, code)
      assert.matches(message, err, 1, true)
    end
  end)
end)
