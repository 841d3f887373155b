local support = require("spec.support")

-- The README as a story that is run: its files are written, its commands typed, in one clean folder,
-- from top to bottom. In a block ```sh, a line that begins with "$ " is a command, what follows is what
-- it prints; in a block without "$ " every line is a command and nothing is compared. A "..." in what
-- it prints stands for anything; times and speeds are not compared. A block with a file's name behind its
-- language (```lua rules.lua) is that file.

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

local function matches(expected, printed)
  local pattern = steady(expected):gsub("%p", "%%%0"):gsub("%%%.%%%.%%%.\n", ".-\n?"):gsub("%%%.%%%.%%%.", ".-")
  return steady(printed):find("^" .. pattern .. "%s*$") ~= nil
end

describe("README.md", function()
  local text = support.read("README.md")

  it("tells what happens: every command in it runs, and prints what it says", function()
    local folder, remove = support.folder()
    local root = support.shell("pwd") and select(2, support.shell("pwd")):gsub("\n", "")
    finally(function()
      support.shell(("cd '%s' && [ ! -e pids ] || kill $(cat pids)"):format(folder))
      remove()
    end)
    local before = ("cd '%s' && export PATH='%s':$PATH XDG_STATE_HOME='%s/state' HOME='%s' "
      .. "LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;'\n"):format(folder, support.build, folder, folder, root, root)
    local ran = 0
    for _, block in ipairs(blocks(text)) do
      if block.file then
        support.write(folder .. "/" .. block.file, table.concat(block.lines, "\n") .. "\n")
      elseif block.kind == "sh" then
        for _, command in ipairs(commands(block)) do
          local line = command.text:gsub("%s+# .*$", "")
          if line:find("^make ") then
            -- in the tree itself; the specs are running, so of those one is enough
            line = ("cd '%s' && %s"):format(root, line:gsub("^make test$", "make test SPEC=spec/system_spec.lua"))
            line = line .. (" BUILD='%s'"):format(support.build)
          elseif line:find("&$") then -- a server: it goes on until the end
            line = line .. "\necho $! >>pids; for i in 1 2 3 4 5 6 7 8 9; do [ -S twin.sock ] || sleep 0.2; done"
          end
          local code, out, err = support.shell(before .. line)
          local where = ("README.md:%d: %s\n%s%s"):format(command.line, command.text, out, err)
          assert.equal(0, code, where)
          if command.prints and not command.text:find("^make ") then
            local expected = table.concat(command.prints, "\n") .. "\n"
            assert.is_true(matches(expected, out), where .. "\nexpected:\n" .. expected)
          end
          ran = ran + 1
        end
      end
    end
    assert.is_true(ran >= 15)
  end)

  it("names no file of the tree that is not there", function()
    for path in text:gmatch("%]%(([%w_/%.%-]+)%)") do
      assert.equal(0, (support.shell("test -e " .. path)), path)
    end
  end)
end)
