--- The command line: finds the command that was asked for, runs it, turns what went wrong into
-- one line and an exit code. Only this file knows all commands; heavy modules load inside them.
local errors = require("tagua.errors")
local terminal = require("tagua.terminal")

local M = {}

local BUG = 70 -- EX_SOFTWARE in sysexits.h

--- The whole command line as parser.lua takes it.
M.root = {
  name = "tagua",
  summary = "decide with rules written in Lua which users get which tags, and put the tags on",
  examples = {
    "tagua check rules.lua",
    "tagua plan rules.lua --users users.csv",
    "tagua apply rules.lua --users users.csv --to shop",
  },
  notes = [[
Connections are kept in connections.lua, here or in $XDG_CONFIG_HOME/tagua; `local` needs none.
Exit codes: 0 all done, 1 some operations failed, 2 usage, configuration or input, 3 rules
rejected, 4 authentication, 5 refused, 75 safe to run again, 130 interrupted.]],
  define = function(parser)
    parser:option("--config", "Where connections are kept (connections.lua)."):argname("FILE")
    parser:option("--ledger", "The ledger (tagua.db)."):argname("FILE")
    parser:flag("--json", "Print JSON for programs instead of text for people.")
    parser:flag("--version", "As tagua version."):hidden(true)
  end,
}

local NAMES = {
  "starting", "check", "test", "plan", "why", "forecast", "apply", "serve", "pull", "drift",
  "tags", "users", "tag", "untag", "release", "adopt", "delete",
  "expire", "runs", "run", "report", "retry", "undo", "log", "copy", "token", "twin", "completion", "manual", "version",
}

local known = {}
for _, name in ipairs(NAMES) do known[name] = true end

-- All commands are loaded only where somebody asks for them all: to help, or to find the nearest name.
setmetatable(M.root, {
  __index = function(root, key)
    if key ~= "commands" then return nil end
    local commands = {}
    for i, name in ipairs(NAMES) do
      commands[i] = require("tagua.command." .. name)
    end
    root.commands = commands
    return commands
  end,
})

-- The command line as far as it is needed: where the first argument is a command, that one alone.
local function root_for(first)
  local command = known[first] and require("tagua.command." .. first)
  if not command or command.name ~= first then return M.root end
  return setmetatable({ commands = { command } }, { __index = M.root })
end

-- Says what went wrong: to people on standard error and, with --json, to programs on standard output, in place of an
-- answer. What has begun to answer tells it itself. A program that does not read any more is not told.
local function complain(context, message, code, exit)
  if context.options.json and not context.wrote then
    pcall(function()
      local text = context.redact(message)
      text = utf8.len(text) and text or terminal.visible(text)
      context:json({ error = { message = text, code = code, exit = exit } })
      context:flush()
    end)
  end
  local lines = {}
  for line in message:gsub("%s+$", ""):gmatch("[^\n]+") do
    lines[#lines + 1] = terminal.visible(line)
  end
  context:note("tagua: " .. table.concat(lines, "\n"))
end

-- Runs a command, closes what it opened, and gives the exit code.
local function run(context, definition, options)
  local system = require("tagua.core").system
  if definition.catches_signals then
    system.catch_signals()
  end
  local ok, result = xpcall(function()
    local code = definition.run(context, options)
    context:flush()
    return code
  end, context.keep_trace)
  local problem = context:close()
  if ok and problem then
    ok, result = false, problem
  end
  if ok then
    return result or errors.EXIT_DONE
  elseif require("tagua.command.context").is_failure(result) then
    local exit = context:interrupted() and errors.EXIT_INTERRUPTED or errors.exit(result.code)
    complain(context, result.message, result.code, exit)
    return exit
  end
  complain(context, "this is a bug in tagua, please report it:\n" .. result, nil, BUG)
  return BUG
end

-- Whether JSON was asked for, where the arguments were not understood.
local function wants_json(arguments)
  for _, argument in ipairs(arguments) do
    if argument == "--" then return false end
    if argument == "--json" then return true end
  end
  return false
end

--- Runs the command that the arguments name.
-- @tparam {string,...} arguments
-- @treturn integer the exit code
function M.main(arguments)
  local context = require("tagua.command.context")
  if arguments[1] == "--version" then
    arguments = { "version", table.unpack(arguments, 2) }
  end
  local parser = require("tagua.command.parser")
  if #arguments == 0 then
    io.stderr:write(parser.parse(M.root, { "--help" }).help)
    return errors.EXIT_USAGE
  end
  local found, message, code = parser.parse(root_for(arguments[1]), arguments)
  if not found then
    complain(context.new({ json = wants_json(arguments) }), message, code, errors.exit(code))
    return errors.exit(code)
  elseif found.help then
    local help = context.new({})
    return run(help, { run = function() help:write(found.help) end }, {})
  end
  return run(context.new(found.options), found.definition, found.options)
end

return M
