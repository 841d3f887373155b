local settle = require("tagua.settle")

local HOUR = 3600000
local SEEN = 1700000000000 -- a timestamp of the platform's

local function image(what)
  if what == "absent" then
    return { present = false }
  elseif what == "undated" then
    return { present = true }
  elseif what then
    return { present = true, timestamp = what }
  end
end

local function decide(action, before, now, after_quarantine)
  local verdict, _, outcome =
    settle.decide({ action = action, before = image(before), now = image(now), after_quarantine = after_quarantine })
  return outcome or verdict
end

describe("settle", function()
  -- action, before, now, the verdict at once, the verdict after the quarantine
  local ROWS = {
    { "tag", "absent", SEEN, "unattributed", "unattributed" },
    { "tag", "absent", "undated", "unattributed", "unattributed" },
    { "tag", "absent", "absent", "wait", "send" },
    { "tag", SEEN, SEEN + 1, "unattributed", "unattributed" },
    { "tag", SEEN, SEEN, "wait", "send" },
    { "tag", SEEN, "absent", "ambiguous", "ambiguous" },
    { "tag", SEEN, "undated", "unattributed", "unattributed" },
    { "tag", "undated", SEEN, "unattributed", "unattributed" },
    { "tag", "undated", "absent", "ambiguous", "ambiguous" },
    { "tag", nil, SEEN, "unattributed", "unattributed" },
    { "tag", nil, "absent", "ambiguous", "ambiguous" },
    { "tag", nil, nil, "ambiguous", "ambiguous" },
    { "untag", SEEN, "absent", "unattributed", "unattributed" },
    { "untag", SEEN, SEEN, "wait", "send" },
    { "untag", SEEN, SEEN + 1, "stands", "stands" },
    { "untag", SEEN, "undated", "ambiguous", "ambiguous" },
    { "untag", "absent", "absent", "unattributed", "unattributed" },
    { "untag", "absent", SEEN, "stands", "stands" },
    { "untag", "undated", "absent", "unattributed", "unattributed" },
    { "untag", "undated", SEEN, "ambiguous", "ambiguous" },
    { "untag", nil, "absent", "unattributed", "unattributed" },
    { "untag", nil, SEEN, "ambiguous", "ambiguous" },
    { "untag", SEEN, nil, "ambiguous", "ambiguous" },
  }

  for _, row in ipairs(ROWS) do
    local action, before, now, at_once, later = row[1], row[2], row[3], row[4], row[5]
    it(("says of a lost %s, %s before and %s now: %s, then %s"):format(
      action, tostring(before or "not known"), tostring(now or "not readable"), at_once, later), function()
      assert.equal(at_once, decide(action, before, now, false))
      assert.equal(later, decide(action, before, now, true))
    end)
  end

  it("does not care whether the platform's clock is an hour behind or ahead", function()
    for _, skew in ipairs({ -HOUR, HOUR }) do
      assert.equal("unattributed", decide("tag", SEEN, SEEN + skew, false))
      assert.equal("stands", decide("untag", SEEN, SEEN + skew, false))
      assert.equal("unattributed", decide("tag", "absent", SEEN + skew, false))
    end
  end)

  it("never sends again before the quarantine is over", function()
    for _, action in ipairs({ "tag", "untag" }) do
      for _, before in ipairs({ "absent", "undated", SEEN, false }) do
        for _, now in ipairs({ "absent", "undated", SEEN, SEEN + 1, false }) do
          assert.not_equal("send", decide(action, before or nil, now or nil, false))
        end
      end
    end
  end)

  it("tells a person what to look at", function()
    local _, reason = settle.decide({ action = "untag", before = nil, now = { present = true, timestamp = 1 } })
    assert.matches("look in the platform's console, then pull", reason, 1, true)
    assert.error_matches(function()
      settle.decide({ action = "add" })
    end, "the action must be 'tag' or 'untag', got 'add'")
  end)
end)
