local core = require("tagua.core")
local support = require("spec.support")

local function zone(name)
  return assert(core.zone.open(name))
end

local function utc(text)
  return assert(zone("UTC"):parse(text))
end

describe("a time zone", function()
  it("knows what the clock shows", function()
    assert.equal("2026-11-21 17:30:00", zone("Asia/Taipei"):format(utc("2026-11-21 09:30")))
    assert.equal("2026-11-21 04:30:00", zone("America/New_York"):format(utc("2026-11-21 09:30")))
    assert.equal("2026-07-21 05:30:00", zone("America/New_York"):format(utc("2026-07-21 09:30")))
    assert.equal("2026-11-21 15:15:00", zone("Asia/Kathmandu"):format(utc("2026-11-21 09:30")))
  end)

  it("has the clock of the C library, in every zone, over the centuries", function()
    local names = {
      "UTC", "Asia/Taipei", "America/New_York", "Europe/London", "Europe/Dublin", "Australia/Lord_Howe", "America/St_Johns",
      "Africa/Casablanca", "Africa/El_Aaiun", "America/Nuuk", "Pacific/Apia", "Pacific/Chatham", "Asia/Tehran", "America/Havana",
      "Asia/Gaza", "Antarctica/Troll", "America/Sao_Paulo", "Africa/Monrovia", "Asia/Kolkata", "EST5EDT", "Etc/GMT+12",
    }
    local folder, remove = support.folder()
    finally(remove)
    support.write(folder .. "/clock.lua", [[
      for line in io.lines(arg[1]) do print(os.date("%Y-%m-%d %H:%M:%S", math.tointeger(line))) end
    ]])
    local moments = {}
    local random = 7
    for i = 1, 1500 do
      random = random * 6364136223846793005 + 1442695040888963407
      moments[i] = (random >> 16) % (400 * 31556952) - 100 * 31556952 -- 1870 to 2270
    end
    support.write(folder .. "/moments", table.concat(moments, "\n") .. "\n")
    for _, name in ipairs(names) do
      local z = zone(name)
      local _, out = support.shell(("TZ=%s lua5.4 %s/clock.lua %s/moments"):format(name, folder, folder))
      local i = 0
      for line in out:gmatch("[^\n]+") do
        i = i + 1
        assert.equal(line, z:format(moments[i]), name .. " at " .. moments[i])
      end
      assert.equal(#moments, i)
    end
  end)

  it("has exact changes, second by second", function()
    local z = zone("America/New_York")
    assert.equal("2026-03-08 01:59:59", z:format(utc("2026-03-08 06:59:59")))
    assert.equal("2026-03-08 03:00:00", z:format(utc("2026-03-08 07:00:00")))
    assert.equal("2026-11-01 01:59:59", z:format(utc("2026-11-01 05:59:59")))
    assert.equal("2026-11-01 01:00:00", z:format(utc("2026-11-01 06:00:00")))
    assert.equal("3026-07-01 08:00:00", z:format(utc("3026-07-01 12:00:00")))
  end)

  it("takes the first of a time that comes twice, and moves on one that is skipped", function()
    local z = zone("America/New_York")
    assert.equal(utc("2026-11-01 05:30"), z:parse("2026-11-01 01:30"))
    assert.equal(utc("2026-03-08 07:30"), z:parse("2026-03-08 02:30"))
    assert.equal("2026-03-08 03:30:00", z:format(z:parse("2026-03-08 02:30")))
  end)

  it("begins a day at midnight, or at the first moment that it has", function()
    assert.equal(utc("2026-11-20 16:00"), zone("Asia/Taipei"):day_start(utc("2026-11-21 09:30")))
    -- Havana goes from 00:00 to 01:00 in spring, and has 00:30 twice in autumn.
    local havana = zone("America/Havana")
    assert.equal("2026-03-08 01:00:00", havana:format(havana:day_start(havana:parse("2026-03-08 12:00"))))
    assert.equal(havana:day_start(havana:parse("2026-03-08 12:00")), havana:parse("2026-03-08"))
    assert.equal(utc("2026-11-01 04:00"), havana:parse("2026-11-01"))
    assert.equal(utc("2026-11-01 04:00"), havana:day_start(utc("2026-11-01 05:30")))
    -- Apia had no 30 December 2011 at all.
    local apia = zone("Pacific/Apia")
    assert.equal("2011-12-31 00:00:00", apia:format(apia:parse("2011-12-30")))
  end)

  it("counts calendar days, not hours", function()
    local z = zone("America/New_York")
    local function days(from, to) return z:days_between(z:parse(from), z:parse(to)) end
    assert.equal(1, days("2026-03-07 23:59", "2026-03-08 00:01"))
    assert.equal(0, days("2026-03-08 00:00", "2026-03-08 23:59"))
    assert.equal(-1, days("2026-03-08", "2026-03-07 23:59"))
    assert.equal(366, days("2024-01-01", "2025-01-01"))
    assert.equal(146097, days("2000-03-01", "2400-03-01"))
    assert.equal(-25567, zone("UTC"):days_between(0, utc("1900-01-01")))
  end)

  it("works at the ends of what numbers can say", function()
    local z = zone("Europe/London")
    for _, t in ipairs { math.mininteger, math.maxinteger, -1, 0 } do
      assert.is_true(z:day_start(t) ~= nil)
      assert.is_true(math.type(z:days_between(0, t)) == "integer")
    end
  end)

  it("that is unknown is an error with the nearest name", function()
    for given, meant in pairs {
      ["Asia/Tapei"] = "Asia/Taipei", ["asia/taipei"] = "Asia/Taipei", ["Taipei"] = "Asia/Taipei",
      ["Europe/Londn"] = "Europe/London",
    } do
      local z, message, code = core.zone.open(given)
      assert.is_nil(z)
      assert.equal("unknown time zone '" .. given .. "'; did you mean '" .. meant .. "'?", message)
      assert.equal("ECONFIG", code)
    end
    for _, name in ipairs { "", "../../etc/passwd", "/etc/localtime", "tzdata.zi", "zone.tab", "Asia", "xyzzyx", ("A"):rep(2000) } do
      local z, message = core.zone.open(name)
      assert.is_nil(z)
      assert.matches("unknown time zone", message)
    end
  end)

  it("that is broken on disk is an error, not a wrong clock", function()
    local folder, remove = support.folder()
    finally(remove)
    local good = support.read("/usr/share/zoneinfo/Europe/London")
    local script = ("TZDIR=%s LUA_CPATH='%s' %s -e 'print(require(\"tagua.core\").zone.open(\"Cut\"))'"):format(
      folder, os.getenv("LUA_CPATH"), support.lua)
    for _, length in ipairs { 4, 43, 100, #good - 1, #good - 20 } do
      support.write(folder .. "/Cut", good:sub(1, length))
      local _, out = support.shell(script)
      assert.matches("^nil\tthe system's data of the time zone 'Cut' cannot be read", out)
    end
    local _, out = support.shell("TZDIR=/nonexistent " .. script:gsub("TZDIR=%S+ ", ""))
    assert.matches("no zone data in '/nonexistent'; install the package tzdata", out, 1, true)
  end)

  it("that counts leap seconds is refused", function()
    if core.system.file_kind("/usr/share/zoneinfo/right/UTC") ~= "file" then return pending("no zones with leap seconds here") end
    assert.matches("leap seconds", select(2, core.zone.open("right/UTC")))
  end)
end)

describe("a date", function()
  local taipei = zone("Asia/Taipei")
  local function parse(text, format, roc)
    local t = taipei:parse(text, format, roc)
    return t and taipei:format(t)
  end

  it("is read in the forms that need no format", function()
    for text, expected in pairs {
      ["2026-11-21"] = "2026-11-21 00:00:00", ["2026/11/21"] = "2026-11-21 00:00:00", ["2026/1/5"] = "2026-01-05 00:00:00",
      ["2026-11-21 09:30"] = "2026-11-21 09:30:00", ["2026-11-21T09:30:15"] = "2026-11-21 09:30:15",
      ["2026/11/21 9:30"] = "2026-11-21 09:30:00", [" 2026-11-21 "] = "2026-11-21 00:00:00",
      ["2026-11-21T01:30:00Z"] = "2026-11-21 09:30:00", ["2026-11-21T01:30:00.123Z"] = "2026-11-21 09:30:00",
      ["2026-11-21 09:30 +08:00"] = "2026-11-21 09:30:00", ["2026-11-21 09:30+0900"] = "2026-11-21 08:30:00",
      ["2026-11-21 01:30:00-00:00"] = "2026-11-21 09:30:00", ["2024-02-29"] = "2024-02-29 00:00:00",
      ["2026/1/5 下午 03:04:05"] = "2026-01-05 15:04:05", ["2026/1/5 上午 12:04"] = "2026-01-05 00:04:00",
      ["2026/1/5 3:04 pm"] = "2026-01-05 15:04:00", ["0001-01-01"] = "0001-01-01 00:00:00",
      ["9999-12-31 23:59:59"] = "9999-12-31 23:59:59",
    } do
      assert.equal(expected, parse(text), text)
    end
  end)

  it("that the calendar does not have is none", function()
    for _, text in ipairs {
      "", " ", "2026", "2026-11", "2026-13-01", "2026-00-01", "2026-11-31", "2026-02-29", "1900-02-29", "2026-11-00", "0000-01-01",
      "26-11-21", "2026-11/21", "2026-11-21x", "2026-11-21 24:00", "2026-11-21 09:60", "2026-11-21 09:30:60", "2026-11-21 9",
      "2026-11-21 09:30 CET", "2026-11-21 09:30+25:00", "11/21/2026", "20261121", "1795341000", "2026-11-21 09:30:00.", "today",
      "２０２６-11-21", "2026-11-21 下午 13:00 x", "2026-11-21\0",
    } do
      assert.is_nil((taipei:parse(text)), text)
    end
    local _, message, code = taipei:parse("yesterday")
    assert.matches("'yesterday' is not a date; write it as 2026-11-21", message, 1, true)
    assert.equal("EINPUT", code)
  end)

  it("of the Republic counts its years from 1912", function()
    for text, expected in pairs {
      ["115/11/20"] = "2026-11-20 00:00:00", ["115-11-20"] = "2026-11-20 00:00:00", ["115.11.20 09:30"] = "2026-11-20 09:30:00",
      ["1/1/1"] = "1912-01-01 00:00:00", ["99/12/31"] = "2010-12-31 00:00:00", ["1151120"] = "2026-11-20 00:00:00",
      ["991231"] = "2010-12-31 00:00:00", ["113/2/29"] = "2024-02-29 00:00:00",
    } do
      assert.equal(expected, parse(text, nil, true), text)
    end
    for _, text in ipairs { "0/1/1", "114/2/29", "2026/11/20", "115/13/1", "11511201", "-1/1/1" } do
      assert.is_nil((taipei:parse(text, nil, true)), text)
    end
    assert.equal("2026-11-20 00:00:00", parse("民國115年11月20日", "民國%Y年%m月%d日", true))
    assert.equal("115/11/20", taipei:format(taipei:parse("2026-11-20"), "%Y/%m/%d", true))
  end)

  it("is read by a format", function()
    for _, case in ipairs {
      { "21/11/2026", "%d/%m/%Y", "2026-11-21 00:00:00" }, { "20261121", "%Y%m%d", "2026-11-21 00:00:00" },
      { "11-21-26 9:05", "%m-%d-%y %H:%M", "2026-11-21 09:05:00" }, { "1/2/99", "%d/%m/%y", "1999-02-01 00:00:00" },
      { "Nov 21, 2026", "%b %d, %Y", "2026-11-21 00:00:00" }, { "5 september 2026", "%e %B %Y", "2026-09-05 00:00:00" },
      { "may 5 2026", "%b %d %Y", "2026-05-05 00:00:00" }, { "03:04 PM 2026-11-21", "%I:%M %p %F", "2026-11-21 15:04:00" },
      { "12:00 AM 2026-11-21", "%I:%M %p %F", "2026-11-21 00:00:00" }, { "1795224600", "%s", "2026-11-21 09:30:00" },
      { "2026-11-21T01:30:00Z", "%FT%T%z", "2026-11-21 09:30:00" }, { "100% 2026", "100%% %Y", "2026-01-01 00:00:00" },
    } do
      assert.equal(case[3], parse(case[1], case[2]), case[1])
    end
    for _, case in ipairs {
      { "21/11/26", "%d/%m/%Y" }, { "31/02/2026", "%d/%m/%Y" }, { "21/11/2026 ", "%d-%m-%Y" }, { "13:00 PM 2026", "%I:%M %p %Yx" },
      { "", "%Y" }, { "2026", "%Y %m" },
    } do
      assert.is_nil((taipei:parse(case[1], case[2])), case[1])
    end
  end)

  it("has a format that is checked", function()
    local _, message, code = taipei:parse("x", "%d/%q/%Y")
    assert.matches("'%q'", message, 1, true)
    assert.equal("ECONFIG", code)
    assert.matches("has no year", select(2, taipei:parse("x", "%d/%m")))
    assert.matches("letter that is not known", select(2, taipei:parse("x", "%Y%")))
  end)

  it("is written as it is read", function()
    local t = taipei:parse("2026-01-05 15:04:09")
    for _, format in ipairs { "%Y-%m-%d %H:%M:%S", "%d %B %Y %T", "%b %e %Y %I:%M:%S %p", "%s", "%F %T %z", "%y%m%d%H%M%S" } do
      assert.equal(t, taipei:parse(taipei:format(t, format), format), format)
    end
  end)
end)
