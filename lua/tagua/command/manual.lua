--- tagua manual: the manual page, made out of the commands themselves.
local errors = require("tagua.errors")

-- A text as roff takes it for itself: no command, no escape, hyphens that can be copied.
local function plain(text)
  text = text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("\n%s*", "\n")
  return (("\n" .. text):gsub("\n([.'])", "\n\\&%1"):sub(2))
end

-- One of an option's or an argument's own: its names and what it wants, and what it is for.
local function entry(lines, element)
  if element._hidden or (element._name == "--help" and element._parent._parent) then return end
  local wanted = table.concat(element:_get_argument_list(), " ")
  local names = element._public_aliases and table.concat(element._public_aliases, ", ") or wanted
  local wants = element._public_aliases and wanted ~= "" and wanted
  lines[#lines + 1] = ".TP"
  lines[#lines + 1] = ("\\fB%s\\fR%s"):format(plain(names), wants and " \\fI" .. plain(wants) .. "\\fR" or "")
  lines[#lines + 1] = plain(element._description)
end

local function entries(lines, parser)
  for _, list in ipairs({ parser._arguments, parser._options }) do
    for _, element in ipairs(list) do
      entry(lines, element)
    end
  end
end

local function examples(lines, definition)
  lines[#lines + 1] = ".PP\n.EX"
  for _, example in ipairs(definition.examples) do
    lines[#lines + 1] = plain(example)
  end
  lines[#lines + 1] = ".EE"
end

local function commands(lines, parser, definition, path)
  for i, child in ipairs(parser._commands) do
    local of_child = definition.commands[i]
    local whole = path .. " " .. of_child.name
    if of_child.commands then
      commands(lines, child, of_child, whole)
    else
      lines[#lines + 1] = (".SS %s"):format(plain(whole))
      local usage = child:get_usage():gsub("^Usage: ", ""):gsub("%s+", " ")
      lines[#lines + 1] = plain(usage) .. "\n.PP"
      lines[#lines + 1] = plain(child._description)
      if of_child.notes then lines[#lines + 1] = ".PP\n" .. plain(of_child.notes) end
      entries(lines, child)
      examples(lines, of_child)
    end
  end
end

-- The codes that end a command with each exit code.
local function exit_codes(lines)
  local codes, meanings = { { 0 }, { 1 }, { 2 }, { 3 }, { 4 }, { 5 }, { 75 }, { 130 } }, {
    [0] = "All done.", [1] = "Some operations failed; the ledger has them.", [2] = "Usage, configuration or input.",
    [3] = "The rules were rejected, or one of their tests failed.", [4] = "Authentication.",
    [5] = "A guard refused, or you did.", [75] = "Safe to run again.", [130] = "Interrupted.",
  }
  for _, row in ipairs(codes) do
    for _, known in ipairs(errors.list) do
      if known.exit == row[1] then row[#row + 1] = known.code end
    end
    lines[#lines + 1] = (".TP\n\\fB%d\\fR\n%s"):format(row[1], meanings[row[1]])
    if row[2] then lines[#lines + 1] = ("(%s)"):format(table.concat(row, ", ", 2)) end
  end
end

local FILES = {
  { "connections.lua", "The connections; in the current folder or in $XDG_CONFIG_HOME/tagua." },
  { "tagua.db", "The ledger, a SQLite file; in the current folder." },
  { "tagua-events.db", "The events that tagua serve takes, beside the ledger." },
  { "tagua-local.db", "What the connection `local` keeps, beside the ledger." },
}

return {
  name = "manual",
  summary = "print the manual page",
  description = "Prints the manual page as roff. make install puts it where man finds it.",
  examples = { "tagua manual | man -l -" },

  run = function(context)
    local root = require("tagua.command").root
    local parser = require("tagua.command.parser").tree(root)
    local lines = {
      (".TH TAGUA 1 \"\" \"tagua %s\" \"Tagua\""):format(require("tagua.version")),
      ".nh\n.ad l\n.SH NAME\ntagua \\- " .. plain(root.summary),
      ".SH SYNOPSIS\n\\fBtagua\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]...",
      ".SH DESCRIPTION\n" .. plain((root.notes:gsub("\nExit codes:.*", ""))),
    }
    examples(lines, root)
    lines[#lines + 1] = ".SH OPTIONS"
    entries(lines, parser)
    lines[#lines + 1] = ".SH COMMANDS"
    commands(lines, parser, root, root.name)
    lines[#lines + 1] = ".SH EXIT STATUS"
    exit_codes(lines)
    lines[#lines + 1] = ".SH FILES"
    for _, file in ipairs(FILES) do
      lines[#lines + 1] = (".TP\n\\fI%s\\fR\n%s"):format(plain(file[1]), plain(file[2]))
    end
    context:write(table.concat(lines, "\n") .. "\n")
  end,
}
