local rules = require("spec.support.rules")

-- What an expression of moments is worth at a time of Taipei's clock (or another zone's).
local function holds(expression, at, zone)
  local source = (zone and ('timezone "%s" '):format(zone) or "") .. ([[
    tag "T" { when = function(user) return %s end }
    test "t" { user = {}, at = "%s", expect = { T = true } }
  ]]):format(expression, at)
  local result = rules.test(source)[1]
  assert(result.ok, expression .. " at " .. at .. ": " .. tostring(result.message))
end

describe("moments", function()
  it("are seconds since the epoch", function()
    holds("now() == 1795233600", "2026-11-21 12:00")
    holds('time "2026-11-21 12:00" == 1795233600', "2026-01-01")
  end)

  it("begin a day at midnight of the ruleset's zone", function()
    holds('today() == time "2026-11-21"', "2026-11-21 00:00")
    holds('today() == time "2026-11-21"', "2026-11-21 23:59:59")
    holds('today() == time "2026-11-22"', "2026-11-22 00:00")
  end)

  it("count calendar days, not days of 24 hours", function()
    holds('days_since(time "2026-11-20 23:59") == 1', "2026-11-21 00:01")
    holds('days_since(time "2026-11-21 00:00") == 0', "2026-11-21 23:59")
    holds('days_since(time "2026-11-22") == -1', "2026-11-21 23:59")
  end)

  it("count elapsed hours", function()
    holds('hours_since(time "2026-11-20 23:30") == 1.5', "2026-11-21 01:00")
  end)

  it("pass month ends and leap days", function()
    holds('days_since(time "2026-01-31") == 29', "2026-03-01")
    holds('days_since(time "2028-02-28") == 2', "2028-03-01")
    holds('days_since(time "2027-02-28") == 1', "2027-03-01")
  end)

  it("count a day of 23 or 25 hours as one where clocks change", function()
    holds('days_since(time "2026-03-28 12:00") == 1', "2026-03-29 12:00", "Europe/Paris")
    holds('hours_since(time "2026-03-28 12:00") == 23', "2026-03-29 12:00", "Europe/Paris")
    holds('days_since(time "2026-10-24 12:00") == 1', "2026-10-25 12:00", "Europe/Paris")
    holds('hours_since(time "2026-10-24 12:00") == 25', "2026-10-25 12:00", "Europe/Paris")
  end)

  it("are in Taipei unless the file says otherwise", function()
    holds('time "2026-11-21 00:00" == time "2026-11-20T16:00:00Z"', "2026-01-01")
    holds('time "2026-11-21 00:00" == time "2026-11-20T23:00:00Z"', "2026-01-01", "Europe/Paris")
  end)

  it("take a fraction of a second", function()
    holds("days_since(now() - 0.5) == 0", "2026-11-21 12:00")
  end)

  it("come from the run's clock where records are decided", function()
    local source = 'tag "T" { when = function() return now() == 1795233600 end }'
    assert.same({ T = true }, rules.want(source, "", { at = rules.NOON }))
    assert.same({ T = false }, rules.want(source, "", { at = rules.NOON + 1 }))
  end)

  describe("that make no sense", function()
    local function failure(body)
      return rules.failure('tag "T" { when = function() local x = ' .. body .. " return x > 0 end }", "")
    end

    it("fail at the rule's line", function()
      assert.equal("rules.lua:1: days_since: the date has no value", failure("days_since(nil)"))
      assert.equal("rules.lua:1: days_since wants a date, got 'x'", failure('days_since("x")'))
      assert.equal("rules.lua:1: hours_since wants a date, got a table", failure("hours_since({})"))
      assert.matches("rules.lua:1: time: 'soon' is not a date", failure('time "soon"'), 1, true)
      assert.matches("rules.lua:1: time wants a text", failure("time(5)"), 1, true)
    end)

    it("fail at the rule's line where the rule returns what they return", function()
      assert.matches("^rules.lua:1: tag 'T': days_since: the date has no value",
        rules.failure('tag "T" { when = function() return days_since(nil) end }', ""))
    end)

    it("are refused while the file is loaded: a file has no now", function()
      assert.matches("rules.lua:1: now() has no meaning while the rules are loaded: ask inside a rule",
        rules.rejection("local t = now()"), 1, true)
      assert.matches("rules.lua:1: today() has no meaning", rules.rejection("local t = today()"), 1, true)
    end)
  end)
end)

describe("timezone", function()
  it("names the nearest zone where it does not know one", function()
    local message = rules.rejection('\ntimezone "Asia/Taipe"')
    assert.matches("rules.lua:2: ", message, 1, true)
    assert.matches("Asia/Taipei", message, 1, true)
  end)

  it("is written once, before the first date", function()
    assert.matches("rules.lua:2: timezone is written twice",
      rules.rejection('timezone "Asia/Tokyo"\ntimezone "Asia/Taipei"'), 1, true)
    assert.matches("rules.lua:2: timezone must come before the first date",
      rules.rejection('local t = time "2026-11-11"\ntimezone "Asia/Taipei"'), 1, true)
  end)

  it("wants a name", function()
    assert.matches("timezone wants a name", rules.rejection("timezone(8)"), 1, true)
  end)
end)
