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

  describe("of recency, frequency and amount", function()
    it("makes records of raw orders, and tags by their scores", function()
      local orders = {}
      local function order(customer, date, amount)
        orders[#orders + 1] = (" %s %s  1  %s\n"):format(customer, date, amount)
      end
      for month = 1, 6 do order("U1", ("2022%02d10"):format(month), "80.00") end -- often, much, lately
      order("U2", "20210105", "11.77")
      for day = 1, 3 do order("U3", ("2021100%d"):format(day), "60.00") end -- was worth much, is gone
      support.write(folder .. "/orders.txt", table.concat(orders))
      local code, out, err = run("lua5.4 $E/rfm/records.lua 2022-07-01 <orders.txt >records.csv && "
        .. "tagua apply $E/rfm/rules.lua --users - --yes <records.csv")
      assert.equal(0, code, err)
      assert.matches("Champion +RFM +1 +0 +0 +U1", out)
      assert.matches("Win back +RFM +1 +0 +0 +U3", out)
      assert.matches("records: 3 read = 3 decided", out, 1, true)
      out = select(2, run("tagua users local --json"))
      assert.matches('{[^\n]*"U1"[^\n]*"R5"', out)
      assert.is_nil(out:find('"U2"', 1, true)) -- scores nothing
    end)
  end)

  describe("of a web application", function()
    it("tags who logs in, without a request that waits, with one call for twenty logins", function()
      if not package.searchpath("_cqueues", package.cpath) then return pending("lua-cqueues is not installed") end
      local code, out, err = run([[
port=$(lua5.4 -e 'print(20000 + math.random(20000))')
lua5.4 $E/web/app.lua $port >said & app=$!
for i in 1 2 3 4 5 6 7 8 9; do curl -s http://127.0.0.1:$port/count >/dev/null && break; sleep 0.2; done
i=0
while [ $i -lt 20 ]; do
  i=$((i + 1))
  for user in U1 U2 U3; do curl -s -d user=$user http://127.0.0.1:$port/login; done
done | sort | uniq -c
curl -s -o /dev/null -w '%{http_code}\n' -d nobody=1 http://127.0.0.1:$port/login
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:$port/elsewhere
kill $app && wait $app; cat said
tagua tags local 2>/dev/null]])
      assert.equal("", err)
      assert.matches("^ *60 welcome\n400\n404\n3 tagged, 0 failed, 3 calls\n.*Member +3 ", out)
      assert.equal(0, code)
    end)
  end)

  describe("of a move to another platform", function()
    before_each(function() run("cp $E/migrate/* .") end)

    it("copies what is missing, and tells what still is", function()
      assert.equal(0, (run("tagua apply rules.lua --users users.csv --to old --yes")))
      local code, out = run("./migrate.sh look && ./migrate.sh check")
      assert.equal(1, code)
      assert.matches("\n7 tags on users are on old and not on new\n$", out)
      code, out = run("./migrate.sh copy && ./migrate.sh check")
      assert.equal(0, code, out)
      assert.matches("\nnew has every tag that old has, on the same users\n$", out)
      run("tagua tag U21ab30ccce78feb456048adeb80cf00a 邀請 --to old --create")
      code, out = run("./migrate.sh check")
      assert.equal(1, code)
      assert.matches("邀請 +1 +0 *\n", out)
      code, out = run("./migrate.sh copy; ./migrate.sh check")
      assert.equal(0, code)
      assert.matches("邀請 +1 +1 *\n", out)
    end)

    it("says how it is used", function()
      local code, _, err = run("./migrate.sh")
      assert.equal(2, code)
      assert.matches("./migrate.sh copy [OLD NEW]", err, 1, true)
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

    it("raises the alarm about what people changed in the console, and leaves it so", function()
      assert.same({ 0, "", "" }, { run("$E/nightly/nightly.sh rules.lua users.csv") })
      run([[sqlite3 tagua-local.db "delete from user_tags"]])
      local code, out = run("$E/nightly/nightly.sh rules.lua users.csv")
      assert.equal(0, code)
      assert.matches("^Tags were changed in the console since the last run; they are left so%.[^\n]*\n\n%- VIP U1 taken off", out)
      assert.is_nil(select(2, run("tagua tags local")):match("VIP +1 "))
      assert.same({ 0, "", "" }, { run("$E/nightly/nightly.sh rules.lua users.csv") })
    end)

    it("gives what a person should see to the command of one's own", function()
      support.write(folder .. "/rules.lua", 'tag "VIP"\n')
      local code, out = run("NIGHTLY_ALARM='cat >alarm' $E/nightly/nightly.sh rules.lua users.csv")
      assert.same({ 3, "" }, { code, out })
      assert.matches("^The rules are not in order", support.read(folder .. "/alarm"))
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
