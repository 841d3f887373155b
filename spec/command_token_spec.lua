local command = require("spec.support.command")
local json = require("tagua.json")

-- Against a MantaGo twin on a TCP port, from a new pair to its end.
describe("tagua token", function()
  local place, twin, token, secret, url
  local CONNECTIONS = [[
connection "shop" { platform = "mantago", bot = "lNbWoobyg", channel = "line", url = "%s", pair = file "shop.pair" }
connection "turning" { platform = "mantago", bot = "lNbWoobyg", channel = "line", url = "%s", pair = "shop.pair",
  rotate = true }
connection "two" { platform = "mantago", bot = "lNbWoobyg", channel = "line", url = "%s", token = file "token",
  secret = file "secret" }
connection "bb" { platform = "botbonnie", bot = "b", page = "p", channel = "line", url = "%s", token = file "secret" }
]]

  before_each(function()
    place = command.place()
    local _, out = place:run("twin token add --pair --bot lNbWoobyg --store twin.db")
    token, secret = out:match("^(eyJ%S+)\n(%S+)\n$")
    twin = place:start("twin serve --store twin.db --listen 127.0.0.1:0")
    url = assert(twin:first_line(), twin:file("err")):match("http://%S+")
    place:write("token", token .. "\n")
    place:write("secret", secret .. "\n")
    os.execute(("chmod 600 %s/token %s/secret"):format(place.folder, place.folder))
    place:write("connections.lua", CONNECTIONS:format(url, url, url, url))
    place:write("rules.lua", 'fields { n = integer }\ntag "A" { when = function(user) return user.n > 1 end }\n')
    place:write("users.csv", "id,n\nU1,1\nU2,2\nU3,3\n")
  end)
  after_each(function() place:close() end)

  local function set(name)
    return place:run(("token set %s --token-file token --secret-file secret"):format(name or "shop"))
  end

  local function shows_nothing(text)
    assert.not_matches(token, text, 1, true)
    assert.not_matches(secret, text, 1, true)
  end

  it("set keeps a pair that only its owner can read, and show tells its age and its end", function()
    local code, out, err = set()
    assert.equal(0, code, err)
    shows_nothing(out .. err)
    assert.matches("the pair is in " .. place.folder .. "/shop.pair", (out:gsub("in shop.pair", "in " .. place.folder
      .. "/shop.pair")), 1, true)
    code, out = place:run("token show shop")
    assert.equal(0, code)
    assert.matches("expires  %d%d%d%d%-%d%d%-%d%d %d%d:%d%d UTC %(in 30 days%)", out)
    assert.matches("stored", out, 1, true)
    shows_nothing(out)
    code, out = place:run("token show shop --json")
    assert.equal(0, code)
    local told = json.decode(out)
    assert.is_true(told.seconds_left > 29 * 86400)
    assert.is_false(told.rotate)
    shows_nothing(out)
    assert.matches("in 30 days", select(2, place:run("token show two")), 1, true)
  end)

  it("set reads two lines of standard input, and shows none of them at a terminal", function()
    local code, _, err = place:run("token set shop < both", "cat token secret > both;")
    assert.equal(0, code, err)
    assert.equal(0, (place:run("tags shop")))
    local shown
    code, shown = place:at_terminal("token set turning", token .. "\\n" .. secret .. "\\n", nil, 1)
    assert.equal(0, code, shown)
    assert.matches("API token: ", shown, 1, true)
    assert.matches("secret key: ", shown, 1, true)
    shows_nothing(shown)
  end)

  it("set takes nothing that others may read, and half a pair for none", function()
    os.execute("chmod 644 " .. place.folder .. "/secret")
    local code, _, err = set()
    assert.equal(2, code)
    assert.matches("can be read by others", err, 1, true)
    code, _, err = place:run("token set shop --token-file token < /dev/null")
    assert.equal(2, code)
    assert.matches("secret key", err, 1, true)
    assert.matches("No such file", select(3, place:run("tags shop")), 1, true)
  end)

  it("refresh asks before it shuts other programs out, and does it with --yes", function()
    set()
    local code, _, err = place:run("token refresh shop")
    assert.equal(2, code)
    assert.matches("nothing was changed", err, 1, true)
    local out
    code, out, err = place:run("token refresh shop --yes")
    assert.equal(0, code, err)
    assert.matches("a new pair is in", out, 1, true)
    shows_nothing(out .. place:read("shop.pair"))
    assert.equal(0, (place:run("token refresh turning")))
    assert.equal(0, (place:run("tags shop")))
    -- The program with the old pair stops, and says where to go.
    code, _, err = place:run("pull two")
    assert.equal(4, code)
    assert.matches("120000", err, 1, true)
    assert.matches("API Integration Settings", err, 1, true)
  end)

  it("says of connections that have no pair what they have instead", function()
    local code, _, err = place:run("token refresh two --yes")
    assert.equal(2, code)
    assert.matches('pair = file "two.pair"', err, 1, true)
    code, _, err = place:run("token refresh bb --yes")
    assert.equal(2, code)
    assert.matches("does not expire by itself", err, 1, true)
    assert.matches("does not say when it expires", select(2, place:run("token show bb")), 1, true)
  end)

  it("does the whole job on MantaGo", function()
    set()
    local code, out, err = place:run("apply rules.lua --users users.csv --to turning --yes")
    assert.equal(0, code, err)
    assert.matches("2 planned = 2 done", out, 1, true)
    code, out = place:run("users turning --json")
    assert.equal(0, code)
    assert.equal("A", json.decode(out:match("^[^\n]+")).tags[1].name)
    assert.matches("nothing to do", select(2, place:run("apply rules.lua --users users.csv --to shop --yes")), 1, true)
  end)

  it("is warned of by a plan from seven days before the end, unless the pair is replaced by itself", function()
    set()
    local code, _, err = place:run("plan rules.lua --users users.csv --to shop")
    assert.equal(0, code, err)
    assert.not_matches("warning", err, 1, true)
    local store = 'sqlite3 twin.db "select value from settings where name = \'jwt_key\'"'
    local _, key = require("spec.support").shell("cd " .. place.folder .. " && " .. store)
    local core = require("tagua.core")
    local function ending_in(seconds)
      local now = os.time()
      place:write("token", assert(core.jwt.sign((key:gsub("\n", "")), { subject = "lNbWoobyg", serial = 1,
        issued = now - 30 * 86400 + seconds, expires = now + seconds })) .. "\n")
      set()
      return place:run("plan rules.lua --users users.csv --to shop")
    end
    code, _, err = ending_in(5 * 86400 + 100)
    assert.equal(0, code)
    assert.matches("warning: the token of 'shop' expires in 5 days: tagua token refresh shop", err, 1, true)
    code, _, err = ending_in(-100)
    assert.equal(0, code)
    assert.matches("the token of 'shop' has expired", err, 1, true)
    code, _, err = place:run("plan rules.lua --users users.csv --to shop --refresh")
    assert.equal(4, code)
    assert.matches("tagua token refresh shop", err, 1, true)
    code, _, err = place:run("plan rules.lua --users users.csv --to turning --refresh")
    assert.equal(0, code, err)
    assert.not_matches("warning", err, 1, true)
  end)
end)
