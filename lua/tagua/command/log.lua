--- tagua log: what was done to a user, or with a tag, and why.
local core = require("tagua.core")
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

-- The reason of an operation: "rule 'VIP' (rules.lua:12) on orders = 12, line 2 of users.csv".
local function reason(operation)
  local parts = {}
  if operation.rule then
    parts[1] = ("rule '%s' (%s:%s)"):format(operation.rule, operation.file or "?", operation.line or "?")
  end
  local fields = operation.fields and require("tagua.json").decode(operation.fields)
  if fields then
    local names, read = {}, {}
    for name in pairs(fields) do
      names[#names + 1] = name
    end
    table.sort(names)
    for i, name in ipairs(names) do
      local value = fields[name]
      if type(value) == "table" then
        value = "{ " .. table.concat(value, ", ") .. " }"
      end
      read[i] = ("%s = %s"):format(name, tostring(value))
    end
    parts[#parts + 1] = table.concat(read, ", ")
  end
  if operation.input_line then
    parts[#parts + 1] = ("line %d of %s"):format(operation.input_line, operation.input or "the input")
      .. (operation.input_hash and (" (%s)"):format(operation.input_hash:sub(1, 12)) or "")
  end
  return table.concat(parts, "; ")
end

local function print_operation(context, operation, of_user)
  local deleted = operation.action == "delete"
  local subject = of_user and operation.tag
    or ("%s %s"):format(deleted and "everybody" or operation.user, operation.tag)
  if deleted and not operation.message and operation.outcome == "done" then
    operation.message = "the tag was deleted"
  end
  context:print(("%s  run %-4d %s %s  %s%s"):format(
    operation.time or ("%-19s"):format(""), operation.run, operation.action == "tag" and "+" or "-",
    terminal.visible(subject), operation.outcome,
    operation.message and (": " .. terminal.visible(operation.message)) or ""))
  local why = reason(operation)
  if why ~= "" then
    context:print("    " .. context.paint("dim", terminal.visible(why)))
  end
end

return {
  name = "log",
  summary = "tell what was done to a user, or with a tag, and why",
  description = "Lists every operation on a user, or with a tag, the newest first: when, in which run, by"
    .. " which rule, on what values, and what came of it.",
  examples = { "tagua log U21ab30ccce78feb456048adeb80cf00a", "tagua log --tag VIP --limit 100 --json" },
  define = function(parser)
    parser:argument("user", "The user's id at the platform."):argname("USER"):args("?")
    parser:option("--tag", "Operations with this tag, by its name or id."):argname("TAG")
    parser:option("--to", "Operations on this connection alone."):argname("CONNECTION")
      :convert(values.connection)
    parser:option("--limit", "At most so many operations (1000)."):argname("N")
      :convert(values.whole("--limit", 1, 1000000000)):default("1000"):show_default(false)
  end,

  run = function(context, options)
    if not options.user and not options.tag then
      context:fail("say of whom, or with which tag: tagua log USER, or tagua log --tag TAG", "EUSAGE")
    elseif not core.system.file_kind(context.ledger_path) then
      context:fail(("there is no ledger '%s' yet"):format(context.ledger_path), "ENOTFOUND")
    end
    local count, json = 0, require("tagua.json")
    for operation in context:ledger():history({
      user = options.user, tag = options.tag, connection = options.to, limit = options.limit,
    }) do
      count = count + 1
      if options.json then
        operation.fields = operation.fields and json.decode(operation.fields)
        context:json(operation)
      else
        print_operation(context, operation, options.user ~= nil)
      end
      if context.gone then
        return
      end
    end
    if count == 0 and not options.json then
      context:print("nothing was done")
    end
  end,
}
