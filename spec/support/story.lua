--- Pages of documentation as stories that are run: their files are written, their commands typed, in one
-- clean folder, from top to bottom. In a block ```sh, a line that begins with "$ " is a command, what follows
-- is what it prints; in a block without "$ " every line is a command, and a block of text right after it is
-- what the last one prints. A "..." in what is printed stands for anything; times and speeds are not compared,
-- nor are numbers in what make prints, which depend on the day and the tree. A block with a file's name behind
-- its language (```lua rules.lua) is that file. Blocks of other languages are only read. The page of an example
-- has the example's files in its folder.
local core = require("tagua.core")
local support = require("spec.support")

local M = {}

local function blocks(text)
  local list, line_number, current = {}, 0, nil
  for line in (text .. "\n"):gmatch("(.-)\n") do
    line_number = line_number + 1
    local fence, file = line:match("^```(%w*) *(%S*)$")
    if fence and not current then
      current = { kind = fence, file = file ~= "" and file or nil, line = line_number, lines = {} }
    elseif fence then
      list[#list + 1], current = current, nil
    elseif current then
      current.lines[#current.lines + 1] = line
    end
  end
  return list
end

-- The commands of a sh block: { line =, text =, prints = {...} | nil }
local function commands(block)
  local list, prompted = {}, false
  for _, line in ipairs(block.lines) do prompted = prompted or line:find("^%$ ") ~= nil end
  for i, line in ipairs(block.lines) do
    local typed = prompted and line:match("^%$ (.*)$") or (not prompted and line:match("^[^#].*$"))
    local last = list[#list]
    if last and last.text:find("\\$") then
      last.text = last.text .. "\n" .. line
    elseif typed then
      list[#list + 1] = { line = block.line + i, text = typed, prints = prompted and {} or nil }
    elseif prompted and last then
      table.insert(last.prints, line)
    end
  end
  return list
end

-- Without what differs from run to run: times and speeds.
local function steady(text)
  text = text:gsub("%d[%d,%.]* m?s%f[^%w]", "TIME"):gsub("%d[%d,%.]* min%f[^%w]", "TIME")
  return (text:gsub("[%d,%.]+ a second", "SPEED"):gsub("[ \t]+\n", "\n"))
end

local function numberless(text)
  return (text:gsub("%d[%d,%.]*", "N"):gsub(" +", " "))
end

local function matches(expected, printed, without_numbers)
  expected, printed = steady(expected), steady(printed)
  if without_numbers then expected, printed = numberless(expected), numberless(printed) end
  local pattern = expected:gsub("%p", "%%%0"):gsub("%%%.%%%.%%%.\n", ".-\n?"):gsub("%%%.%%%.%%%.", ".-")
  return printed:find("^" .. pattern .. "%s*$") ~= nil
end

-- Where a page has something listen, without the rest of this machine in the way: every page has an address of
-- its own in 127.0.0.0/8, all of which is this machine.
local function privately(line, folder)
  local number = tonumber(core.secret.sha256(folder):sub(1, 6), 16)
  local host = ("127.%d.%d.%d"):format(number >> 16 | 1, number >> 8 & 255, number & 127 | 1)
  return (line:gsub("/tmp/twin%.sock", folder .. "/twin.sock"):gsub("127%.0%.0%.1:", host .. ":"))
end

-- What each make of the tree itself printed: pages that tell the same do not take the time twice.
local made = {}

--- Runs a page.
-- @tparam string path
-- @tparam function check check(condition, message) as busted's assert.is_true
-- @treturn integer how many commands ran
function M.run(path, check)
  local folder, remove = support.folder()
  local root = select(2, support.shell("pwd")):gsub("\n", "")
  local example = path:match("^(examples/[^/]+)/")
  if example then support.shell(("cp '%s'/* '%s'"):format(example, folder)) end
  local before = ("cd '%s' && export PATH='%s':$PATH XDG_STATE_HOME='%s/state' HOME='%s' "
    .. "LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;'\n"):format(folder, support.build, folder, folder, root, root)
  local function run(command)
    local line = privately(command.text:gsub("%s+# .*$", ""), folder)
    if line:find("^make ") then
      -- in the tree itself; the specs are running, so of those one is enough
      line = ("cd '%s' && unset TAGUA_COUNTS && %s"):format(root, line:gsub("^make test$", "make test SPEC=spec/system_spec.lua"))
      line = line .. (" BUILD='%s'"):format(support.build)
    elseif line:find("&$") then -- a server: it goes on until the end
      line = line .. "\necho $! >>pids"
      if line:find("twin serve", 1, true) then
        line = line .. "; for i in 1 2 3 4 5 6 7 8 9; do [ -S twin.sock ] || sleep 0.2; done"
      end
    end
    local result = made[line] or table.pack(support.shell(before .. line))
    if command.text:find("^make ") then made[line] = result end
    local code, out, err = table.unpack(result, 1, 3)
    command.where = ("%s:%d: %s\n%s%s"):format(path, command.line, command.text, out, err)
    command.out = out:gsub(support.build:gsub("%p", "%%%0"), "build")
    check(code == 0, command.where)
  end

  local function compare(command, prints)
    local expected = #prints == 0 and "" or privately(table.concat(prints, "\n") .. "\n", folder)
    check(matches(expected, command.out, command.text:find("^make ") ~= nil),
      command.where .. "\nexpected:\n" .. expected)
  end

  local ran, last = 0, nil
  local ok, problem = pcall(function()
    for _, block in ipairs(blocks(support.read(path))) do
      if block.file then
        support.write(folder .. "/" .. block.file, privately(table.concat(block.lines, "\n"), folder) .. "\n")
      elseif block.kind == "text" then
        compare(last, block.lines)
      elseif block.kind == "sh" then
        for _, command in ipairs(commands(block)) do
          run(command)
          if command.prints and not command.text:find("&$") then compare(command, command.prints) end
          ran, last = ran + 1, command
        end
      end
    end
  end)
  support.shell(("cd '%s' && [ ! -e pids ] || kill $(cat pids)"):format(folder))
  remove()
  if not ok then error(problem, 0) end
  return ran
end

--- The paths of the tree that a page links to, from the tree's root.
-- @tparam string path
-- @treturn {string,...}
function M.links(path)
  local folder, found = path:match("^(.*/)") or "", {}
  for target in support.read(path):gmatch("%]%(([%w_/%.%-]+)%)") do
    found[#found + 1] = folder .. target
  end
  return found
end

return M
