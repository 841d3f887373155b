--- Decisions that come from another connection: each of its tags is wanted on those who have it there,
-- and unwanted on its other users. It stands where rules do: `tagua.plan` takes it for a ruleset with
-- its workers. Holds a page of users at a time.
-- @module tagua.copying
local core = require("tagua.core")
local input = require("tagua.input")

local M = {}

local PAGE = 1000 -- users

-- What a letter of the mirror says of a tag on a user of the source.
local WANTS = { ["?"] = "." }
for letter in ("tfcklKLdr"):gmatch(".") do
  WANTS[letter] = "+"
end

-- The tags of the source that a name stands for, and their ids.
local function tags_of(book, name)
  local tags, ids = {}, {}
  for _, tag in ipairs(book:tags()) do
    if tag.kind == "tag" then
      local meant, message, code = book:tag(tag.name)
      if message then return nil, message, code end
      -- A tag of another family than the connection's own is not what its name stands for.
      if meant and meant.id == tag.id then
        tags[#tags + 1] = { name = tag.name, folder = tag.folder_name, rule = "copy from " .. name, always = true }
        ids[#ids + 1] = tag.id
      end
    end
  end
  if #tags == 0 then return nil, ("connection '%s' has no tags to copy"):format(name), "EINPUT" end
  return tags, ids
end

-- The decisions of one page of users.
local function block_of(book, ids, users, lines)
  local states, message, code = book:states(users, ids)
  if not states then return nil, message, code end
  local wants, known = {}, {}
  for i, state in ipairs(states) do
    known[state] = known[state] or state:gsub(".", function(letter) return WANTS[letter] or "-" end)
    wants[i] = known[state]
  end
  return { n = #users, ids = users, lines = lines, wants = wants, rejected_count = 0, rejected = {}, failures = {},
    unknown = {}, present = {} }
end

-- Stands where the workers do: reads the ids, and looks up what each user has.
local function decider(book, ids)
  local reader = core.record.reader({ format = "jsonl", id = "id", fields = {} })
  return {
    decide = function(_, next_chunk)
      local waiting, at = {}, 1
      return function()
        while at > #waiting do
          local chunk, first_line = next_chunk()
          if not chunk then return nil end
          waiting, at = reader:read(chunk, first_line), 1
        end
        local users, lines = {}, {}
        while at <= #waiting and #users < PAGE do
          users[#users + 1], lines[#lines + 1] = waiting[at].id, waiting[at].line
          at = at + 1
        end
        return block_of(book, ids, users, lines)
      end
    end,
  }
end

--- Where the decisions come from.
-- @param book the ledger's side of the source, pulled and folded
-- @tparam string name the source's
-- @treturn table|nil `ruleset`, `pool` and `input`, as `tagua.plan` takes them
-- @treturn string message
-- @treturn string code
function M.source(book, name)
  local tags, ids, code = tags_of(book, name)
  if not tags then return nil, ids, code end
  local lines, message
  lines, message, code = book:records()
  if not lines then return nil, message, code end
  local users
  users, message, code = input.open({ lines = lines, name = "the users of " .. name })
  if not users then return nil, message, code end
  return {
    ruleset = { tags = tags, fields = {}, groups = {}, rules = {}, reads_tags = false },
    pool = decider(book, ids),
    -- Without a header: there is no record to keep as the reason for an operation.
    input = {
      name = users.name,
      next = function() return users:next() end,
      failure = function() return users:failure() end,
      close = function() users:close() end,
    },
  }
end

return M
