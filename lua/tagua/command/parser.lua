--- From arguments to a command and its options: argparse with our messages and our help.
-- Ends no process and prints nothing: it returns what was asked for.
local argparse = require("argparse")
local nearest = require("tagua.nearest")

local M = {}

local WIDTH = 92

--- The end of every message about wrong usage.
M.SEE = "; see '%s --help'"

-- Names of a parser's own options and those of the parsers around it.
local function option_names(parser, parents, names)
  local all = {}
  local at = parser
  while at do
    for _, name in ipairs(names[at] or {}) do
      all[#all + 1] = name
    end
    at = parents[at]
  end
  return all
end

-- An action that stops the parsing with what was found.
local function stop(found)
  return function()
    error(found, 0)
  end
end

-- Remembers every option that is defined through the parser, for the nearest name.
local function watch(parser, names)
  names[parser] = { "--help", "-h" }
  local own_option, own_flag = parser.option, parser.flag
  local function note(aliases)
    for name in tostring(aliases):gmatch("%S+") do
      table.insert(names[parser], name)
    end
  end
  parser.option = function(self, ...)
    if ... then note((...)) end
    return own_option(self, ...)
  end
  parser.flag = function(self, ...)
    if ... then note((...)) end
    return own_flag(self, ...)
  end
end

local function epilog(definition, shared)
  local text = "Example:\n   " .. table.concat(definition.examples, "\n   ")
  if definition.notes then
    text = definition.notes .. "\n\n" .. text
  end
  return shared and text .. "\n\n" .. shared or text
end

local function dress(parser, definition, shared, names)
  watch(parser, names)
  parser:help_max_width(WIDTH):usage_max_width(WIDTH):help_description_margin(28)
  local about = definition.description or definition.summary:gsub("^%l", string.upper) .. "."
  parser:description(about):epilog(epilog(definition, shared))
  parser:flag("-h --help", "Show this help."):target("help"):action(stop({ help = parser }))
end

local build

local function fill(parser, definition, world, path)
  world.paths[parser] = path
  if definition.define then
    definition.define(parser)
  end
  for _, child in ipairs(definition.commands or {}) do
    build(parser, child, world, path)
  end
  if not definition.commands then
    -- What is too much is taken here, so that the message can quote it.
    parser:argument("_extra"):args("*"):hidden(true)
    parser:action(function()
      world.chosen, world.path = definition, path
    end)
  end
end

build = function(parent, definition, world, path)
  local parser = parent:command(definition.name, definition.summary):add_help(false)
  world.parents[parser] = parent
  world.commands[parent] = world.commands[parent] or {}
  table.insert(world.commands[parent], definition.name)
  parser:summary(definition.summary)
  local shared = "Everywhere: --config FILE, --ledger FILE, --json; see tagua --help."
  dress(parser, definition, not definition.commands and shared or nil, world.names)
  fill(parser, definition, world, path .. " " .. definition.name)
end

-- argparse's sentence in ours: one line, the value quoted, the nearest name, where to read more.
local function explain(world, parser, message)
  local path = world.paths[parser]
  message = message:match("^[^\n]*")
  local option = message:match("^unknown option '(.-)'$")
  local command = message:match("^unknown command '(.-)'$")
  if option then
    local known = option_names(parser, world.parents, world.names)
    message = ("unknown option '%s'"):format(option) .. nearest.hint(option, known)
  elseif command then
    message = ("unknown command '%s'"):format(command)
      .. nearest.hint(command, world.commands[parser])
  elseif message == "a command is required" then
    message = ("a command is missing, one of %s"):format(table.concat(world.commands[parser], ", "))
  end
  message = message:gsub("^missing argument '(.-)'$", function(name)
    return "missing argument " .. name:upper()
  end)
  return message .. M.SEE:format(path)
end

-- The parser of a whole command line, and what there is to know of it.
local function grow(root)
  local world = { names = {}, parents = {}, paths = {}, commands = {} }
  local parser = argparse(root.name):add_help(false)
  dress(parser, root, nil, world.names)
  fill(parser, root, world, root.name)
  return parser, world
end

--- The parser of a whole command line, for what is made out of all its commands and options.
-- @tparam table root as in `parse`
-- @treturn parser argparse's
function M.tree(root)
  return (grow(root))
end

--- Finds the command and its options in the arguments.
-- @tparam table root the definition of the whole command line: name, summary, examples, define,
-- commands; a command without commands of its own has run
-- @tparam {string,...} arguments
-- @treturn table { definition =, options = } or { help = text }
-- @treturn[2] nil when the arguments are not understood
-- @treturn[2] string what is wrong
-- @treturn[2] string EUSAGE
function M.parse(root, arguments)
  local parser, world = grow(root)
  function parser.error(at, message)
    error({ parser = at, message = message }, 0)
  end
  local function keep_trace(problem)
    return type(problem) == "table" and problem or debug.traceback(tostring(problem), 2)
  end
  local ok, result = xpcall(parser.parse, keep_trace, parser, arguments)
  if ok then
    local extra = result._extra and result._extra[1]
    if extra then
      return nil, ("unexpected argument '%s'"):format(extra) .. M.SEE:format(world.path), "EUSAGE"
    end
    return { definition = world.chosen, options = result }
  elseif type(result) == "table" and result.help then
    return { help = result.help:get_help() .. "\n" }
  elseif type(result) == "table" and result.parser then
    return nil, explain(world, result.parser, result.message), "EUSAGE"
  end
  error(result, 0)
end

return M
