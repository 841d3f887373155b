--- tagua init: writes a rule file, users and connections to begin with.
local core = require("tagua.core")
local starter = require("tagua.starter")
local terminal = require("tagua.terminal")

-- The paths to write, none of which may be there.
local function free_paths(context, folder)
  local paths, taken = {}, {}
  for i, file in ipairs(starter.files) do
    paths[i] = (folder == "." and "" or folder:gsub("/*$", "/")) .. file.name
    if core.system.file_kind(paths[i]) then
      taken[#taken + 1] = "'" .. paths[i] .. "'"
    end
  end
  if taken[1] then
    context:fail(("nothing was written: %s %s there already; name another folder"):format(
      table.concat(taken, " and "), #taken == 1 and "is" or "are"), "EUSAGE")
  end
  return paths
end

return {
  name = "init",
  summary = "write a rule file, users and connections to begin with",
  description = "Writes rules.lua, users.csv and connections.lua, each with comments, which work as they"
    .. " stand. Overwrites nothing.",
  examples = { "tagua init", "tagua init campaigns" },
  define = function(parser)
    parser:argument("folder", "Where (here); it is made where it is missing."):argname("FOLDER"):args("?")
  end,

  run = function(context, options)
    local folder = options.folder or "."
    local kind = core.system.file_kind(folder)
    if kind and kind ~= "folder" then
      context:fail(("'%s' is no folder"):format(folder), "EUSAGE")
    elseif not kind then
      context:check(core.system.make_folder(folder))
    end
    local paths = free_paths(context, folder)
    for i, file in ipairs(starter.files) do
      context:check(core.system.create_file(paths[i], file.text))
    end
    if options.json then
      return context:json({ files = require("tagua.json").array(paths) })
    end
    for _, path in ipairs(paths) do
      context:print("wrote " .. terminal.visible(path))
    end
    local rules, users = terminal.visible(paths[1]), terminal.visible(paths[2])
    context:print(("next: tagua check %s, then tagua plan %s --users %s"):format(rules, rules, users))
  end,
}
