-- The pair of credentials that rotates: its file, what is left of it wherever a process was killed,
-- and two processes that find it expired together. The twin is real and so are the processes.
local core = require("tagua.core")
local json = require("tagua.json")
local mantago = require("spec.support.mantago")
local support = require("spec.support")

local REFRESH = [[
local shop = assert(connect())
local done, message = shop.pair:refresh(function(point)
  if point == arg[2] then os.execute("kill -9 $PPID") end
end)
print(done or message)
]]

local USE = [[
local shop, message, code = connect({ rotate = arg[2] ~= "no" })
if shop then shop, message, code = shop:list_tags() end
print(shop and "works" or code .. " " .. message)
]]

describe("a pair of credentials", function()
  local f

  before_each(function()
    f = mantago.fixture()
    f.first = f.keep()
  end)
  after_each(function() f.close() end)

  local function rotations() return f.twin:stats().effects.rotate or 0 end

  local function file() return json.decode(support.read(f.folder .. "/pair.json")) end

  local function mode(path)
    local _, out = support.shell("stat -c %a '" .. path .. "'")
    return out:gsub("\n", "")
  end

  it("is in a file that its owner alone can read, and in no other", function()
    assert.equal("600", mode(f.folder .. "/pair.json"))
    assert.equal(f.first.token, file().token)
    assert.equal(f.first.secret, file().secret)
    assert.is_nil(core.system.file_kind(f.folder .. "/pair.json.new"))
    assert.is_nil(core.system.file_kind(f.folder .. "/pair.json.intent"))
  end)

  it("is refused when others may read its file, when it is broken and when there is none", function()
    assert(os.execute("chmod 640 '" .. f.folder .. "/pair.json'"))
    local pair, message, code = core.pair.open(f.folder .. "/pair.json")
    assert.is_nil(pair)
    assert.equal("ECONFIG", code)
    assert.matches("can be read by others (mode 640): chmod 600 it", message, 1, true)
    support.write(f.folder .. "/pair.json", '{"token":"only the half of it"')
    assert(os.execute("chmod 600 '" .. f.folder .. "/pair.json'"))
    assert.matches("holds no pair: tagua token set", select(2, core.pair.open(f.folder .. "/pair.json")), 1, true)
    assert.matches("No such file", select(2, core.pair.open(f.folder .. "/none")), 1, true)
  end)

  it("knows when it was made and when it ends, and shows neither half", function()
    local pair = assert(core.pair.open(f.folder .. "/pair.json"))
    local times = pair:times()
    assert.equal(f.first.expires // 1000, times.expires)
    assert.equal(30 * 86400, times.expires - times.issued)
    assert.is_near(os.time(), times.stored, 5)
    assert.not_matches(f.first.secret, tostring(pair:secret()), 1, true)
    assert.equal("[secret] [secret]", core.secret.redact(f.first.token .. " " .. f.first.secret))
    pair:close()
  end)

  it("is exchanged for a new one, and the old one is dead", function()
    assert.equal("rotated\n", (f.run(REFRESH)))
    assert.equal(1, rotations())
    assert.not_equal(f.first.token, file().token)
    assert.not_equal(f.first.secret, file().secret)
    assert.equal("600", mode(f.folder .. "/pair.json"))
    assert.equal("works\n", (f.run(USE)))
    assert.equal(1, rotations())
  end)

  it("is replaced when the platform says that it has expired, and no request fails", function()
    f.keep(-10)
    assert.equal("works\n", (f.run(USE)))
    assert.equal(1, rotations())
    assert.equal("works\n", (f.run(USE)))
    assert.equal(1, rotations())
  end)

  it("is replaced ahead of its end, and not again at once", function()
    local made = assert(f.twin:issue_pair(mantago.BOT, { seconds = 20 * 86400 }))
    local pair = '{"token":"%s","secret":"%s","stored":%d}'
    support.write(f.folder .. "/pair.json", pair:format(made.token, made.secret, os.time() - 16 * 86400))
    assert.equal("works\n", (f.run(USE)))
    assert.equal(0, rotations()) -- 20 days to go
    made = assert(f.twin:issue_pair(mantago.BOT, { seconds = 60 }))
    support.write(f.folder .. "/pair.json", pair:format(made.token, made.secret, os.time() - 40))
    assert.equal("works\n", (f.run("os.time = function() return arg[2] + 0 end\n" .. USE:gsub("arg%[2%]", "arg[3]"),
      os.time() + 55)))
    assert.equal(1, rotations())
    assert.equal("works\n", (f.run("os.time = function() return arg[2] + 0 end\n" .. USE:gsub("arg%[2%]", "arg[3]"),
      os.time() + 29 * 86400)))
    assert.equal(2, rotations())
    assert.equal("works\n", (f.run(USE)))
    assert.equal(2, rotations())
  end)

  it("is left alone where the connection does not say rotate, which says what to do", function()
    f.keep(-10)
    local out = f.run(USE, "no")
    assert.matches("^EAUTH ", out)
    assert.matches("has expired", out, 1, true)
    assert.matches("API Integration Settings", out, 1, true)
    assert.equal(0, rotations())
  end)

  it("is read again when it was replaced, and used no more when the file has no newer one", function()
    local old = support.read(f.folder .. "/pair.json")
    assert.equal("rotated\n", (f.run(REFRESH)))
    local new = support.read(f.folder .. "/pair.json")
    -- A process that has the old one in memory finds the new one in the file.
    support.write(f.folder .. "/pair.json", old)
    local stem = f.start([[
      local shop = assert(connect())
      io.open(folder .. "/opened", "w"):close()
      while not core.system.file_kind(folder .. "/replaced") do core.system.sleep(0.005) end
      local tags, message = shop:list_tags()
      print(tags and "works" or message)
    ]])
    f.finish({ stem }, function()
      if core.system.file_kind(f.folder .. "/opened") and not core.system.file_kind(f.folder .. "/replaced") then
        support.write(f.folder .. "/pair.json", new)
        support.write(f.folder .. "/replaced", "")
      end
    end)
    assert.equal("works\n", support.read(stem .. ".out"))
    assert.equal(1, rotations())
    support.write(f.folder .. "/pair.json", old)
    local out = f.run(USE)
    assert.matches("^EAUTH .*was replaced %(code 120000%), and the file holds no newer one", out)
    assert.matches("API Integration Settings in the console; tagua token set manta keeps it", out, 1, true)
    assert.equal(1, rotations())
  end)

  -- What the next start finds, by where the process was killed.
  local KILLED = {
    { "locked", "old" }, { "intent half written", "old" }, { "intent written", "old" }, { "intended", "old" },
    { "asking", "either" }, { "answered", "lost" }, { "read", "lost" }, { "half written", "lost" },
    { "written", "new" }, { "synced", "new" }, { "renamed", "new" }, { "settled", "new" }, { "done", "new" },
  }
  for _, case in ipairs(KILLED) do
    local point, left = case[1], case[2]
    it(("works, or says which page to open, when a process was killed at '%s'"):format(point), function()
      local out, code = f.run(REFRESH, point)
      assert.equal("Killed\n", out)
      assert.equal(137, code)
      assert.is_string(file().secret) -- a whole pair, at every moment
      local made = rotations()
      assert.equal(left == "old" and 0 or left == "either" and made or 1, made)
      out = f.run(USE)
      if left == "lost" or (left == "either" and made == 1) then
        assert.matches("^EAUTH [^\n]*a refresh was cut off before its answer was on disk", out)
        assert.matches("Settings > Advanced Settings > API Integration Settings in the console", out, 1, true)
      else
        assert.equal("works\n", out)
        assert.equal(left == "new", file().token ~= f.first.token)
        assert.equal("rotated\n", (f.run(REFRESH))) -- and it can be replaced
        assert.is_nil(core.system.file_kind(f.folder .. "/pair.json.intent"))
      end
      assert.is_nil(core.system.file_kind(f.folder .. "/pair.json.new"))
      assert.equal("600", mode(f.folder .. "/pair.json"))
    end)
  end

  it("is kept, with the intent beside, when the answer to a refresh was lost", function()
    f.close()
    f = mantago.fixture({ faults = { faults = { { ["do"] = "drop_after_work", path = "/api/openapi/token" } } } })
    f.first = f.keep()
    local out = f.run(REFRESH)
    assert.matches("the answer was lost", out, 1, true)
    assert.equal(1, rotations())
    assert.equal(f.first.token, file().token)
    out = f.run(USE)
    assert.matches("^EAUTH .*a refresh was cut off", out)
    assert.equal(1, rotations()) -- never again with a pair that was replaced
  end)

  it("is none the worse when the platform is not there or wants fewer requests", function()
    f.close()
    f = mantago.fixture({ faults = { faults = { { ["do"] = "throttle", path = "/api/openapi/token", first = 2 } } } })
    f.keep()
    assert.equal("rotated\n", (f.run(REFRESH)))
    local out = f.run([[
      local shop = assert(connect({ url = "unix:" .. folder .. "/nobody.sock", attempts = 1 }))
      print(shop.pair:refresh())
    ]])
    assert.matches("cannot connect to", out, 1, true)
    assert.equal("works\n", (f.run(USE)))
    assert.equal(1, rotations())
  end)
end)

describe("two processes with one pair", function()
  -- Both work without pause; the platform's clock jumps past the end of the pair again and again.
  local WORK = [[
    local shop = assert(connect())
    local done = 0
    while not core.system.file_kind(folder .. "/stop") do
      local operations = {}
      for i = 1, 8 do operations[i] = { "tag", user = arg[3] .. i, tag = arg[2] } end
      for result in shop:perform(operations) do
        if not result.ok then
          print("failed", result.code, result.message)
          os.exit(1)
        end
        done = done + 1
      end
    end
    print(done)
  ]]

  it("replace it once each time that it has expired, and fail no request", function()
    local rounds = support.sanitized and 50 or 200
    local clock = 1795000000000
    local f = mantago.fixture({ now = function() return clock end })
    f.keep()
    local tag = f.run('print(assert(connect()):create_tag("VIP").id)'):gsub("\n", "")
    local stems = { f.start(WORK, tag, "A"), f.start(WORK, tag, "B") }
    -- What each of the two has done, by the first letter of its users.
    local function work()
      local done = { A = 0, B = 0 }
      for _, effect in ipairs(f.twin:effects()) do
        local who = effect.user:sub(1, 1)
        done[who] = done[who] + effect.count
      end
      return done
    end
    local jumps, before = 0, { A = 0, B = 0 }
    f.finish(stems, function()
      local rotated = f.twin:stats().effects.rotate or 0
      assert(rotated <= jumps, "one refresh too many")
      local now = rotated == jumps and work()
      -- The next jump comes when both have worked since the last: no request meets two ends.
      if now and now.A >= before.A + 8 and now.B >= before.B + 8 then
        if jumps == rounds then
          support.write(f.folder .. "/stop", "")
        else
          jumps, before = jumps + 1, now
          clock = clock + 31 * 86400000
        end
      end
    end)
    for _, stem in ipairs(stems) do
      assert.matches("^%d+\n$", support.read(stem .. ".out"))
    end
    assert.equal(rounds, jumps)
    assert.equal(rounds, f.twin:stats().effects.rotate)
    f.close()
  end)
end)
