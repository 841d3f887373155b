local command = require("spec.support.command")
local json = require("tagua.json")

-- Against a twin on a TCP port, with real bearer tokens.
describe("with a token, the command", function()
  local place, twin, token, url
  before_each(function()
    place = command.place()
    token = select(2, place:run("twin token add --bot bot-1 --store twin.db")):match("^(%S+)")
    twin = place:start("twin serve --store twin.db --listen 127.0.0.1:0")
    url = assert(twin:first_line(), twin:file("err")):match("http://%S+")
    place:write("token", token .. "\n")
    os.execute("chmod 600 " .. place.folder .. "/token")
    place:write("connections.lua", ([[
connection "shop" { platform = "botbonnie", bot = "bot-1", page = "p", channel = "line", url = "%s",
  token = file "token", rate = { per_second = 1000 } }
connection "wrong" { platform = "botbonnie", bot = "bot-2", page = "p", channel = "line", url = "%s",
  token = env "WRONG_TOKEN" }
connection "gone" { platform = "botbonnie", bot = "bot-3", page = "p", channel = "line",
  url = "http://127.0.0.1:1", token = file "token", attempts = 2 }
]]):format(url, url))
    place:write("rules.lua", 'fields { n = integer }\ntag "A" { when = function(user) return user.n > 1 end }\n')
    place:write("users.csv", "id,n\nU1,1\nU2,2\nU3,3\n")
  end)
  after_each(function() place:close() end)

  it("does the whole job over HTTP", function()
    local code, out, err = place:run("apply rules.lua --users users.csv --to shop --yes")
    assert.equal(0, code, err)
    assert.matches("2 planned = 2 done", out, 1, true)
    assert.matches("changing shop (botbonnie, bot-1, page p, line, at " .. url .. ")", err, 1, true)
    code, out = place:run("users shop --json")
    assert.equal(0, code)
    assert.equal("A", json.decode(out:match("^[^\n]+")).tags[1].name)
  end)

  it("shows it nowhere: not in output, ledger, store, lock or arguments", function()
    place:run("apply rules.lua --users users.csv --to shop --yes")
    place:run("users shop")
    place:run("tags shop --json")
    place:run("tag U1 nothing --to shop")
    place:run("plan rules.lua --users users.csv --to gone --refresh")
    place:run("pull wrong", "WRONG_TOKEN=" .. token .. "x")
    os.execute(("cd %s && rm token terminal.sh 2>/dev/null"):format(place.folder))
    local found = io.popen(("grep -rl -e '%s' %s 2>/dev/null"):format(token, place.folder)):read("a")
    assert.equal("", found)
    assert.is_nil(twin:file("out"):find(token, 1, true) or twin:file("err"):find(token, 1, true))
  end)

  it("says in one line which connection's token was refused and where it comes from", function()
    local code, out, err = place:run("pull wrong", "WRONG_TOKEN=wrong-wrong-wrong")
    assert.equal(4, code)
    assert.equal("", out)
    assert.equal(1, select(2, err:gsub("\n", "")), err)
    assert.matches("^tagua: .*'wrong'.*WRONG_TOKEN", err)
    assert.is_nil(err:find("wrong-wrong-wrong", 1, true))
  end)

  it("ends with 4 before anything is created when apply's token is refused", function()
    local code, _, err = place:run("apply rules.lua --users users.csv --to wrong --yes", "WRONG_TOKEN=wrong-wrong")
    assert.equal(4, code, err)
  end)

  it("names the variable that is not set", function()
    local code, _, err = place:run("pull wrong")
    assert.equal(2, code)
    assert.matches("WRONG_TOKEN", err, 1, true)
  end)

  it("refuses a token file that others may read", function()
    os.execute("chmod 644 " .. place.folder .. "/token")
    local code, _, err = place:run("pull shop")
    assert.equal(2, code)
    assert.matches("chmod 600", err, 1, true)
  end)

  it("ends with 75 when the platform can't be reached, and says what to do", function()
    local code, out, err = place:run("pull gone")
    assert.equal(75, code)
    assert.equal("", out)
    assert.matches("'gone'", err, 1, true)
    assert.matches("127.0.0.1", err, 1, true)
  end)
end)
