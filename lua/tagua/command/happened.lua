--- Events as the input of a command: makes records of them, and says what the rules ask of them in vain.
local nearest = require("tagua.nearest")
local terminal = require("tagua.terminal")

local M = {}

-- What a name may have been meant for, among those that there are.
local function hint(name, names)
  return terminal.visible(nearest.hint(name, names))
end

-- Says once of each type that the rules ask for, and of each field of an event, that no event has it.
local function note_missing(context, ruleset, input, seen)
  if seen.room == 0 then return end -- there are too many to know them all
  local said = {}
  local function note(what, name, names)
    local text = ("no event of %s %s '%s'%s"):format(input.name, what, name, hint(name, names))
    if not names[name] and not said[text] then
      said[text] = true
      context:note(text)
    end
  end
  for _, field in ipairs(ruleset.fields) do
    local aggregate = field.aggregate
    if aggregate then
      if aggregate.event ~= "*" then note("is of the type", aggregate.event, seen.types) end
      if aggregate.amount then note("has the field", aggregate.amount, seen.fields) end
      for _, condition in ipairs(aggregate.conditions) do
        note("has the field", condition.name, seen.fields)
      end
    end
  end
end

--- Reads events, to their end.
-- @tparam context context
-- @tparam table options `id_column`
-- @param input see tagua.input
-- @tparam table ruleset
-- @tparam integer at seconds since the epoch
-- @tparam ?{integer,...} days as `tagua.events.file` takes them
-- @return an input of records
function M.open(context, options, input, ruleset, at, days)
  local made, seen = context:check(require("tagua.events.file").open(input, {
    ruleset = ruleset, at = at, days = days, id = options.id_column,
  }))
  note_missing(context, ruleset, input, seen)
  return context:keep(made)
end

-- Whether the rules ask what events tell.
local function asks(ruleset)
  for _, field in ipairs(ruleset.fields) do
    if field.aggregate then return true end
  end
  return false
end

--- The users of a connection as records: what its mirror holds, and where the rules ask for it, what `tagua serve`
-- keeps of their events.
-- @tparam context context
-- @tparam table options `id_column`
-- @tparam string name the connection
-- @tparam table ruleset
-- @tparam integer at seconds since the epoch
-- @treturn function an iterator over lines of JSON
function M.records(context, options, name, ruleset, at)
  local book = context:book(name)
  if not asks(ruleset) then return context:check(book:records()) end
  local path = require("tagua.serve.files").of(context.ledger_path).inbox
  local box = context:keep(context:check(require("tagua.events.inbox").open(path, { read_only = true })))
  return context:check(require("tagua.events.view").records(book, box, ruleset.fields, at * 1000, options.id_column))
end

return M
