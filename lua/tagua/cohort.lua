--- Which users a rule is tried on: a rollout, that grows without dropping anybody, and a holdout, that
-- never gets the tag. Pure: a user's place is a hash of the rule's name and the user's id, so that every
-- run on every machine finds the same ones, and each rule others.
-- @module tagua.cohort
local core = require("tagua.core")

local M = {}

--- Decisions that are not carried out, in the place of `+` and `-`.
-- `h`: the tag is wanted, but the user is held out; `p` and `m`: on and off, outside of the rollout.
M.HELD, M.OUTSIDE_ON, M.OUTSIDE_OFF = "h", "p", "m"

local WHOLE = 10000 -- percentages are kept in hundredths of one percent

--- The place of a user in a cohort.
-- @tparam string purpose `rollout` or `holdout`, whose places have nothing to do with each other
-- @tparam string rule its name
-- @tparam string user its id
-- @treturn integer from 0 to 9999, each as likely as the others
function M.place(purpose, rule, user)
  local hash = core.secret.sha256(("%s\0%s\0%s"):format(purpose, rule, user))
  return tonumber(hash:sub(1, 12), 16) * WHOLE >> 48
end

local Cohorts = {}
Cohorts.__index = Cohorts

--- The cohorts of a ruleset.
-- @tparam {table,...} tags as `pool:load` describes them: `rollout` and `holdout` in hundredths of a
--   percent, `cohort` the name of the rule, whose tags are decided together
-- @treturn table|nil nil where no rule has a rollout or a holdout
function M.new(tags)
  local rules, by_name = {}, {}
  for i, tag in ipairs(tags) do
    if tag.rollout or tag.holdout then
      local rule = by_name[tag.cohort]
      if not rule then
        rule = { name = tag.cohort, rollout = tag.rollout or WHOLE, holdout = tag.holdout or 0, tags = {} }
        by_name[tag.cohort] = rule
        rules[#rules + 1] = rule
      end
      rule.tags[#rule.tags + 1] = i
    end
  end
  return rules[1] and setmetatable({ rules = rules }, Cohorts)
end

local PLUS, MINUS = ("+-"):byte(1, 2)

--- Takes out of a decision what is not for this user.
-- @tparam string user its id on the platform
-- @tparam string wants one byte a tag
-- @treturn string the same with `h`, `p` and `m` where the decision is not carried out
function Cohorts:apply(user, wants)
  local bytes
  for _, rule in ipairs(self.rules) do
    local outside = rule.rollout < WHOLE and M.place("rollout", rule.name, user) >= rule.rollout
    local held = not outside and rule.holdout > 0 and M.place("holdout", rule.name, user) < rule.holdout
    for _, i in ipairs((outside or held) and rule.tags or {}) do
      local want = wants:byte(i)
      local instead = want == PLUS and (outside and M.OUTSIDE_ON or M.HELD)
        or want == MINUS and outside and M.OUTSIDE_OFF
      if instead then
        bytes = bytes or { wants:byte(1, -1) }
        bytes[i] = instead:byte()
      end
    end
  end
  return bytes and string.char(table.unpack(bytes)) or wants
end

return M
