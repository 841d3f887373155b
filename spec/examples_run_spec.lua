-- The examples as people run them, each in a clean folder.
local support = require("spec.support")

local function trimmed(command) return (select(2, support.shell(command)):gsub("\n", "")) end

describe("the example", function()
  local root = trimmed("pwd")
  local folder, remove

  before_each(function() folder, remove = support.folder() end)
  after_each(function() remove() end)

  -- Runs a line in the clean folder, where $E is the folder of the examples.
  local function run(line)
    return support.shell(("cd '%s' && export E='%s/examples' PATH='%s':$PATH HOME='%s' XDG_STATE_HOME='%s/state' "
      .. "LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;'\n%s"):format(folder, root, support.build, folder, folder, root, root, line))
  end

  describe("of a CRM's export in Big5", function()
    local apply = "tagua apply $E/crm/rules.lua --users $E/crm/%s.csv --encoding big5 --id-column 會員編號 "
      .. "--match param:會員編號 --yes"

    it("tags members by their number, and tags them again as they change", function()
      assert.same({ 0, "", "" }, { run("lua5.4 $E/crm/members.lua") })
      local code, out, err = run(apply:format("november"))
      assert.equal(0, code, err)
      assert.matches("白金會員 +2 +0 +0 ", out)
      assert.matches("高消費 +價值 +2 +0 +0 ", out)
      assert.matches("高消費: 1 user without spend", out, 1, true)
      assert.matches("line 12: M0099", out, 1, true)
      code, out, err = run(apply:format("december"))
      assert.equal(0, code, err)
      assert.matches("白金會員 +1 +0 +2 ", out)
      assert.matches("金卡會員 +1 +1 +2 ", out)
      assert.matches("一般會員 +0 +1 +4", out)
    end)

    it("has rules whose tests pass", function()
      local code, out, err = run("tagua check $E/crm/rules.lua")
      assert.equal(0, code, err)
      assert.matches("1 test passed", out, 1, true)
    end)

    it("is in Big5", function()
      local text = support.read("examples/crm/november.csv")
      assert.is_nil(utf8.len(text))
      assert.equal(0, (run("iconv -f big5 -t utf-8 $E/crm/november.csv >/dev/null")))
    end)
  end)

  describe("of a program that answers requests", function()
    it("tags who logs in, with one call for twenty logins", function()
      local lines = {}
      for i = 1, 60 do lines[i] = ("U%d %s"):format(i % 3, i % 10 == 0 and "/about" or "/login") end
      support.write(folder .. "/requests", table.concat(lines, "\n") .. "\n")
      local code, out, err = run("lua5.4 $E/login/login.lua < requests")
      assert.equal("", err)
      assert.equal("60 requests, 3 users tagged, 3 calls\n", out)
      assert.equal(0, code)
    end)
  end)

  describe("of a night's work", function()
    before_each(function()
      support.write(folder .. "/rules.lua",
        'fields { orders = integer }\ntag "VIP" { when = function(user) return user.orders >= 10 end }\n')
      support.write(folder .. "/users.csv", "id,orders\nU1,12\nU2,3\n")
    end)

    it("says nothing when all is well", function()
      assert.same({ 0, "", "" }, { run("$E/nightly/nightly.sh rules.lua users.csv") })
      local _, out = run("tagua tags local")
      assert.matches("VIP +1 ", out)
    end)

    it("says what to do about rules that are not in order", function()
      support.write(folder .. "/rules.lua", 'tag "VIP"\n')
      local code, out = run("$E/nightly/nightly.sh rules.lua users.csv")
      assert.equal(3, code)
      assert.matches("^The rules are not in order; nothing was sent.\n\n.*rules.lua:1", out)
    end)

    it("tries again what is safe to try again, and then gives up", function()
      support.write(folder .. "/tagua", '#!/bin/sh\n[ "$1" = check ] && exit 0\necho "cannot connect"\nexit 75\n')
      support.shell("chmod +x " .. folder .. "/tagua")
      local code, out = run("PATH=.:$PATH NIGHTLY_WAIT=0 $E/nightly/nightly.sh rules.lua users.csv away")
      assert.equal(75, code)
      assert.equal("Not finished: the platform could not be used. The next run goes on.\n\ncannot connect\n", out)
    end)
  end)

  describe("of one user and one tag", function()
    it("ends as the command does", function()
      local code, out, err = run([[
id=$(lua5.4 -e 'local t = require("tagua").connect("local") print(t:create_tag("VIP").id) t:close()')
lua5.4 $E/one/tag.lua U1 "$id" && tagua users local --json
lua5.4 $E/one/tag.lua U1 tag-nowhere]])
      assert.equal(1, code)
      assert.matches('"VIP"', out, 1, true)
      assert.matches("cannot put the tag 'tag-nowhere' on user 'U1'", err, 1, true)
      assert.equal(2, (run("lua5.4 $E/one/tag.lua")))
    end)
  end)
end)
