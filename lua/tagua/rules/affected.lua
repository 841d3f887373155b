--- Which rules have to be asked again when fields of a user moved: those whose code names one of them, and those
-- that read what the platform has on the user. Pure.
-- @module tagua.rules.affected
local M = {}

--- Prepares the question for one ruleset.
-- @tparam {table,...} fields of the ruleset
-- @tparam {{string,...},...} reads as `pool:reads` tells them: for each rule the fields that it may read
-- @treturn function given the names of the fields that moved (nil: any), the positions of the rules that need not
--   be asked; nil where all have to be
-- @treturn ?boolean true: none has to be
function M.new(fields, reads)
  local by_field, always = {}, {}
  for _, field in ipairs(fields) do
    by_field[field.name] = {}
  end
  for rule, names in ipairs(reads) do
    for _, name in ipairs(names) do
      by_field[name][rule] = true
    end
  end
  for _, field in ipairs(fields) do
    if field.type == "tagset" then
      for rule in pairs(by_field[field.name]) do
        always[rule] = true
      end
    end
  end
  return function(moved)
    if not moved then return nil end
    local asleep = {}
    for rule = 1, #reads do
      local awake = always[rule]
      for _, name in ipairs(moved) do
        awake = awake or (by_field[name] and by_field[name][rule])
      end
      if not awake then asleep[#asleep + 1] = rule end
    end
    if #asleep == 0 then return nil end
    return asleep, #asleep == #reads
  end
end

return M
