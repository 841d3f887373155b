--- What the specs of the rules share: a pool over the built executable, and what it decides.
local support = require("spec.support")

local M = {}

M.NOON = 1795233600 -- 2026-11-21 12:00 in Taipei

--- A pool over the built executable.
function M.pool(options)
  local given = { executable = support.tagua, jobs = 1 }
  for name, value in pairs(options or {}) do
    given[name] = value
  end
  return require("tagua.rules.pool").start(given)
end

--- Loads rules in a worker.
-- @treturn table|nil ruleset
-- @treturn string message
function M.load(source)
  local pool = M.pool()
  local ruleset, message, code = pool:load({ source = source, name = "rules.lua" })
  pool:close()
  return ruleset, message, code
end

--- The message with which rules are rejected.
function M.rejection(source)
  local ruleset, message, code = M.load(source)
  assert(ruleset == nil, "the rules were not rejected")
  assert(code == "ERULES", code)
  return message
end

--- Decides JSON lines.
-- @treturn {table,...} one for each record: `id`, and `wants` by tag
-- @treturn {table,...} the blocks
function M.decide(source, lines, options)
  options = options or {}
  local pool = options.pool or M.pool(options.start)
  local ruleset = assert(pool:load({ source = source, name = "rules.lua" }))
  assert(pool:input({ format = "jsonl", at = options.at or M.NOON }))
  local given = false
  local records, blocks = {}, {}
  local next_block = pool:decide(function()
    if given then return nil end
    given = true
    return table.concat(lines, "\n") .. "\n", 1, options.tagsets
  end)
  while true do
    local block, message = next_block()
    assert(message == nil, message)
    if not block then break end
    blocks[#blocks + 1] = block
    for i = 1, block.n do
      local wants = {}
      for t, tag in ipairs(ruleset.tags) do
        wants[tag.name] = block.wants[i]:sub(t, t)
      end
      records[#records + 1] = { id = block.ids[i], line = block.lines[i], wants = wants, bytes = block.wants[i] }
    end
  end
  pool:close()
  return records, blocks
end

local WORDS = { ["+"] = true, ["-"] = false, ["."] = "leave", ["?"] = "unknown", ["!"] = "failed" }

--- What the rules want of one user: `true`, `false`, "leave", "unknown" or "failed" by tag.
-- @tparam string source
-- @tparam string fields of the user as JSON, without its id: '"orders": 3'
-- @treturn table
-- @treturn table the block
function M.want(source, fields, options)
  local line = fields == "" and '{"id": "U1"}' or '{"id": "U1", ' .. fields .. "}"
  local records, blocks = M.decide(source, { line }, options)
  local wants = {}
  for name, byte in pairs(records[1].wants) do
    wants[name] = WORDS[byte]
  end
  return wants, blocks[1]
end

--- The message with which the one user's rules failed.
function M.failure(source, fields, options)
  local _, block = M.want(source, fields, options)
  assert(block.failures[1], "no rule failed")
  return block.failures[1].message
end

--- The results of a file's tests.
function M.test(source, at)
  local pool = M.pool()
  assert(pool:load({ source = source, name = "rules.lua" }))
  local results = assert(pool:test({ at = at or M.NOON }))
  pool:close()
  return results
end

return M
