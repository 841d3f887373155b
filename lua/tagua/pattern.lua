--- A pattern: what one distinct pair of (decision, mirror) means for a plan, worked out once for all its
-- users. Pure.
local cohort = require("tagua.cohort")
local ownership = require("tagua.ownership")

local M = {}

-- Bytes of `wants` (rules) and `states` (mirror).
local WANTED, UNWANTED, UNKNOWN, FAILED = ("+-?!"):byte(1, 4)
local EXPIRED, DUE = "x", "d" -- letters of the mirror that the time decides about
local HELD, OUTSIDE_ON, OUTSIDE_OFF = (cohort.HELD .. cohort.OUTSIDE_ON .. cohort.OUTSIDE_OFF):byte(1, 3)
-- What is left as somebody in the console left it: users of these are named, too.
local LEFT_ALONE = { console = "console_users", denied = "denied_users", found = "found_users" }

--- What one distinct pair of decision and mirror means, worked out once.
-- `off` comes before `on`, so that a user never holds two members of a one_of.
-- `times` is what changes in the ledger alone.
function M.of(targets, wants, state)
  local pattern =
    { count = 0, tallies = {}, off = {}, on = {}, times = {}, named = {}, notes = {}, status = "decided" }
  local function tally(index, what)
    pattern.tallies[#pattern.tallies + 1] = { index, what }
  end
  -- What a rule in the shadow decides is counted and goes no further.
  local function change(index, direction)
    if targets[index].shadow then
      return tally(index, "shadow_" .. direction)
    end
    table.insert(pattern[direction], index)
    tally(index, direction)
  end
  local function retime(index, what)
    if not targets[index].shadow then
      table.insert(pattern.times, { index, what })
    end
  end
  for i, target in ipairs(targets) do
    local want, has = wants:byte(i), state:sub(i, i)
    if want == HELD then
      tally(i, "held")
      want = UNWANTED
    end
    if target.early then
      want = nil -- before it starts it is left alone
    elseif target.over and want ~= OUTSIDE_ON and want ~= OUTSIDE_OFF then
      want = UNWANTED
    end
    if want == OUTSIDE_ON or want == OUTSIDE_OFF then
      local what = ownership.judge(want == OUTSIDE_ON, has, target)
      if what == "on" or what == "off" then
        tally(i, "outside")
      end
    elseif want == FAILED then
      pattern.status = "failed"
      tally(i, "failed")
    elseif want == UNKNOWN then
      pattern.status = pattern.status == "failed" and "failed" or "unknown"
      tally(i, "unknown")
    elseif (want == WANTED or want == UNWANTED) and has == DUE then
      tally(i, "due")
    elseif want == WANTED and has == EXPIRED then
      tally(i, "expired")
    elseif want == UNWANTED and has == EXPIRED then
      retime(i, "off")
    elseif want == WANTED or want == UNWANTED then
      local what, note = ownership.judge(want == WANTED, has, target)
      if what == "on" or what == "off" then
        change(i, what)
      elseif what then
        tally(i, what)
      end
      if LEFT_ALONE[what] then
        pattern.named[#pattern.named + 1] = { i, LEFT_ALONE[what] }
      elseif what == "stay" and (has == "r" or has == "t" and target.renew) then
        retime(i, target.renew and "renew" or "time")
      elseif what == "stay" and has == "f" and target.adopt and (target.lasts or target.ends) then
        retime(i, "time") -- which counts from the platform's timestamp: a ledger that was lost has lost nothing
      end
      if note and not target.shadow then
        pattern.notes[#pattern.notes + 1] = { i, note }
      end
    end
  end
  pattern.special = pattern.on[1] or pattern.off[1] or pattern.times[1] or pattern.named[1] or pattern.notes[1]
  return pattern
end

return M
