--- Whose tag it is: three ways between what was done last, what the rules want and what the platform
-- has. Pure.
--
-- The mirror gives one letter for each user and tag:
--
--    .  absent
--    t  there, put on by Tagua
--    f  there since before the first pull, and not adopted
--    ?  not known: an operation on it is under way, or its effect could not be found out
--    c  there, put on in the console, and no apply has looked since
--    k  K  the same, and the rules wanted it off when an apply first looked; K: they have wanted it on since
--    l  L  the same, and the rules wanted it on when an apply first looked; L: they have wanted it off since
--    o  taken off in the console, and no apply has looked since
--    q  Q  the same, and the rules wanted it on; Q: they have wanted it off since
--    x  absent since its time was over; d: there, and its time is over; r: there, and its rule gives it
--       another time by now (`d` and `r` are `t` to who asks without a clock)
--
-- What a person did stays until the rules have changed their mind and changed it back.
-- @module tagua.ownership
local M = {}

--- Policies: who has the last word where a person and the rules differ.
M.CONSOLE_WINS, M.RULES_WIN = "console_wins", "rules_win"

--- What a note means that is none of the decisions 0 to 3 of the ledger: the tag is the rules' again.
M.RELEASED = 4

local PRESENT = { [0] = "k", "l", "K", "L" }
local ABSENT = { [0] = "o", "q", "q", "Q" }

--- The letter of a row of the mirror.
-- @tparam integer present 1 or 0
-- @tparam integer ours
-- @tparam integer doubt
-- @tparam integer found
-- @tparam ?integer decision
-- @treturn string
function M.letter(present, ours, doubt, found, decision)
  if doubt ~= 0 then
    return "?"
  elseif present == 1 then
    if ours == 1 then
      return "t"
    end
    return found == 1 and "f" or PRESENT[decision] or "c"
  end
  return ours == 1 and "." or ABSENT[decision] or "o"
end

-- letter -> wanted -> { what the plan counts it as, the note that an apply makes }; "on" and "off" are
-- operations, "console" and "denied" what is left as a person left it: on, and off.
local WANTED = {
  ["."] = { "on" },
  x = {},
  t = { "stay" },
  d = { "stay" },
  r = { "stay" },
  f = { "stay" },
  ["?"] = { "unsure" },
  c = { "stay", 1 },
  k = { "stay", 2 },
  K = { "stay" },
  l = { "stay" },
  L = { "stay", M.RELEASED }, -- there and back: from here on the rules have it
  o = { "denied", 1 },
  q = { "denied" },
  Q = { "on" },
}
local UNWANTED = {
  ["."] = {},
  x = {},
  t = { "off" },
  d = { "off" },
  r = { "off" },
  f = { "found" },
  ["?"] = { "unsure" },
  c = { "console", 0 },
  k = { "console" },
  K = { "off" },
  l = { "console", 3 },
  L = { "console" },
  o = { nil, 3 },
  q = { nil, 3 },
  Q = {},
}

--- What a decision comes to.
-- @tparam boolean wanted
-- @tparam string letter
-- @tparam table tag `conflicts` (a policy), `adopt`, `never_remove`
-- @treturn ?string "on", "off", "stay", "unsure", "kept" (never removed), "found", "console", "denied"; nil
--   where there is nothing to count
-- @treturn ?integer the note that an apply makes
function M.judge(wanted, letter, tag)
  local row = (wanted and WANTED or UNWANTED)[letter] or {}
  local what, note = row[1], row[2]
  if letter == "f" and tag.adopt then -- the rules have it from here on
    if wanted then
      note = M.RELEASED
    else
      what = "off"
    end
  elseif tag.conflicts == M.RULES_WIN then
    if what == "console" then
      what, note = "off", nil
    elseif what == "denied" then
      what, note = "on", nil
    end
  end
  if what == "off" and tag.never_remove then
    what = "kept"
  end
  return what, note
end

return M
