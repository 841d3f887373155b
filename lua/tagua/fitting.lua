--- Whether a ruleset fits a platform: families of tags, and what the platform lacks. Pure.
-- @module tagua.fitting
local nearest = require("tagua.nearest")

local M = {}

--- Refuses a family that the platform does not have.
-- @tparam table ruleset as the pool describes it
-- @tparam table settings of the connection, see `tagua.settings`
-- @treturn boolean|nil true
-- @treturn string what is wrong, with the rule file's line
-- @treturn string ERULES
function M.check(ruleset, settings)
  local vendor = settings.vendor
  for _, tag in ipairs(ruleset.tags) do
    local known = tag.family == nil or not vendor.families -- which the plan says
    for _, family in ipairs(vendor.families or {}) do
      known = known or family == tag.family
    end
    if not known then
      local where = ("%s:%d: tag '%s'"):format(ruleset.name or "rules.lua", tag.line or 1, tag.name)
      return nil, ("%s: %s has no family '%s'%s: it has %s"):format(where, vendor.title, tag.family,
        nearest.hint(tag.family, vendor.families), table.concat(vendor.families, ", ")), "ERULES"
    end
  end
  return true
end

--- Which of several tags with one name is meant: the one of the family that the rules say, or of the
-- connection's own.
-- @tparam table settings
-- @tparam[opt] table ruleset
-- @treturn function|nil (name, id) -> boolean; nil where a platform has but one kind of tags
function M.meant(settings, ruleset)
  local vendor, identity = settings.vendor, settings.identity
  if not vendor.families then return nil end
  local families = {}
  for _, tag in ipairs(ruleset and ruleset.tags or {}) do
    families[tag.name] = tag.family
  end
  return function(name, id) return vendor.family_of(identity, id) == (families[name] or identity.family) end
end

--- What a platform lacks of that which rules may say.
-- @tparam table settings
-- @treturn table platform (its title), folders, families, untag: true where it has none
function M.lacks(settings)
  local vendor = settings.vendor
  return {
    platform = vendor.title,
    folders = vendor.create_folder == nil or nil,
    untag = vendor.untag_user == nil or nil,
    families = vendor.families == nil or nil,
  }
end

--- What the rules of a plan want and the platform has not, so that it is seen before anything is sent.
-- @tparam {table,...} targets the plan's tags
-- @tparam table lacks as `lacks` gives it
-- @treturn table folders, families: how many tags name one; untag: how many operations would take a tag off
function M.unmet(targets, lacks)
  local unmet = {}
  for _, target in ipairs(targets) do
    if target.folder and lacks.folders then unmet.folders = (unmet.folders or 0) + 1 end
    if target.family and lacks.families then unmet.families = (unmet.families or 0) + 1 end
    if target.off > 0 and lacks.untag then unmet.untag = (unmet.untag or 0) + target.off end
  end
  return unmet
end

return M
