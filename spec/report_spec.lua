local report = require("tagua.report")
local terminal = require("tagua.terminal")

local plain = terminal.painter(false)

local function tag(fields)
  local base = {
    name = "VIP", on = 0, off = 0, stay = 0, console = 0, kept = 0, unsure = 0, unknown = 0, failed = 0,
    on_users = {}, off_users = {},
  }
  for key, value in pairs(fields) do
    base[key] = value
  end
  return base
end

local function plan(fields)
  local base = {
    records = {
      read = 0, decided = 0, unknown = 0, failed = 0, rejected = 0, unmatched = 0, ambiguous = 0, blocked = 0,
    },
    tags = {}, creations = {}, operations = 0, on = 0, off = 0, calls = 0,
    rejected = {}, failures = {}, unknown = {}, unmatched = {}, ambiguous = {}, blocked = {},
  }
  for key, value in pairs(fields) do
    base[key] = value
  end
  return base
end

local function text_of(lines)
  return table.concat(lines, "\n")
end

describe("report of a plan", function()
  it("shows per tag how many come on, go off and stay, and names a few", function()
    local text = text_of(report.plan(plan({
      tags = { tag({ name = "常客", folder = "Value", on = 1200, stay = 7, on_users = { "U1", "U2" } }) },
      operations = 1200, on = 1200, calls = 1200,
    }), plain))
    assert.matches("+  常客  Value   1,200    0     7  U1, U2, …", text, 1, true)
  end)

  it("adds the records up", function()
    local text = text_of(report.plan(plan({
      records = {
        read = 12, decided = 8, unknown = 1, failed = 1, rejected = 2, unmatched = 0, ambiguous = 0, blocked = 0,
      },
      rejected = { { line = 3, message = "too few cells" }, { line = 9, column = 4, message = "bad" } },
      failures = { { line = 4, id = "U4", message = "rules.lua:3: boom" } },
    }), plain))
    assert.matches("12 read = 8 decided + 1 unknown + 1 failed + 2 rejected", text, 1, true)
    assert.matches("line 3: too few cells", text, 1, true)
    assert.matches("line 9, column 4: bad", text, 1, true)
    assert.matches("line 4, user U4: rules.lua:3: boom", text, 1, true)
  end)

  it("says so when the records do not add up", function()
    local text = text_of(report.plan(plan({
      records = {
        read = 2, decided = 1, unknown = 0, failed = 0, rejected = 0, unmatched = 0, ambiguous = 0, blocked = 0,
      },
    }), plain))
    assert.matches("does not add up", text, 1, true)
  end)

  it("tells what it costs in calls and time at the known rate", function()
    local text = text_of(report.plan(plan({ operations = 600, on = 600, calls = 601, per_second = 5 }), plain))
    assert.matches("600 operations = 600 on + 0 off; 601 calls, about 2 min at 5 a second", text, 1, true)
  end)

  it("says plainly that there is nothing to do", function()
    assert.matches("nothing to do", text_of(report.plan(plan({}), plain)), 1, true)
  end)

  it("names what has yet to be created, and where", function()
    local text = text_of(report.plan(plan({
      creations = { { kind = "folder", name = "Value" }, { kind = "tag", name = "VIP", folder = "Value" } },
    }), plain))
    assert.matches("+ create the folder 'Value'", text, 1, true)
    assert.matches("+ create the tag 'VIP' in the folder 'Value'", text, 1, true)
  end)

  it("counts the users that a missing field left undecided, by tag and field, most first", function()
    local text = text_of(report.plan(plan({
      unknown = { { tag = "North", field = "city", count = 1 }, { tag = "VIP", field = "spend", count = 1500 } },
    }), plain))
    local vip = text:find("VIP: 1,500 users without spend", 1, true)
    local north = text:find("North: 1 user without city", 1, true)
    assert.is_true(vip < north)
  end)

  it("lists five of a long list and counts the rest", function()
    local entries = {}
    for i = 1, 100 do
      entries[i] = { line = i, id = "x" .. i }
    end
    local text = text_of(report.plan(plan({
      records = {
        read = 240, decided = 240, unknown = 0, failed = 0, rejected = 0, unmatched = 240, ambiguous = 0, blocked = 0,
      },
      unmatched = entries,
    }), plain))
    assert.matches("match no user of this connection, not called: 240 records", text, 1, true)
    assert.matches("line 5: x5", text, 1, true)
    assert.not_matches("line 6: x6", text, 1, true)
    assert.matches("and 235 more", text, 1, true)
  end)

  it("does not let a tag's name drive the terminal", function()
    local text = text_of(report.plan(plan({ tags = { tag({ name = "a\27[2Jb", on = 1 }) } }), plain))
    assert.not_matches("\27", text, 1, true)
  end)
end)

describe("report of an outcome", function()
  local function sums(fields)
    local base = { planned = 0, done = 0, failed = 0, skipped = 0, left = 0, unattributed = 0 }
    for key, value in pairs(fields) do
      base[key] = value
    end
    return base
  end

  it("adds the operations up", function()
    local text = text_of(report.outcome({
      state = "stopped",
      sums = sums({ planned = 10, done = 4, failed = 1, skipped = 2, left = 3 }),
    }, plain))
    assert.matches("10 planned = 4 done + 1 failed + 2 skipped + 3 left", text, 1, true)
  end)

  it("shows calls, time, what the limit refused, and retries", function()
    local text = text_of(report.outcome({
      state = "done",
      seconds = 2,
      sums = sums({ planned = 2000, done = 2000 }),
      wire = { sent = 2010, throttled = 3, retries = 10 },
    }, plain))
    assert.matches("2,010 calls in 2 s (1,005 a second), 3 refused by the platform's limit, 10 retries", text, 1, true)
  end)

  it("shows who failed and why", function()
    local text = text_of(report.outcome({
      state = "done",
      sums = sums({ planned = 9, done = 2, failed = 7 }),
      problems = { { user = "U1", tag = "VIP", message = "the platform does not know the user" } },
    }, plain))
    assert.matches("U1 VIP: the platform does not know the user", text, 1, true)
    assert.matches("and 2 more", text, 1, true)
  end)

  it("tells of operations whose answers were lost", function()
    local text = text_of(report.outcome({
      state = "done",
      sums = sums({ planned = 2, done = 2, unattributed = 1 }),
    }, plain))
    assert.matches("1 operation lost the answer and was found done; somebody else may have done it, so undo leaves it out", text, 1, true)
  end)
end)
