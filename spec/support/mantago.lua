--- A MantaGo twin in this process, and programs that talk to it from processes of their own.
local core = require("tagua.core")
local support = require("spec.support")
local twin_process = require("spec.support.twin_process")
local twins = require("tagua.twin")

local M = {}

M.BOT = "lNbWoobyg"

-- What every child begins with: how to connect, with the pair in the folder's file.
local PRELUDE = [[
local core = require("tagua.core")
local tagua = require("tagua")
local folder = arg[1]
local function connect(more)
  local given = { platform = "mantago", name = "manta", bot = "lNbWoobyg", channel = "line",
    url = "unix:" .. folder .. "/twin.sock", pair = folder .. "/pair.json", rotate = true,
    rate = { per_second = 100000, burst = 1000 }, timeout = 20 }
  for name, value in pairs(more or {}) do given[name] = value end
  return tagua.connect(given)
end
]]

--- Makes one, with a pair of credentials in the file `pair.json`.
-- @tparam[opt] table options of the twin
-- @treturn table f: folder, twin, now (milliseconds, when the clock is its own), keep(), run(), close()
function M.fixture(options)
  local f = { rotations = 0 }
  local remove
  f.folder, remove = support.folder()
  options = options or {}
  options.store, options.address = f.folder .. "/twin.db", "unix:" .. f.folder .. "/twin.sock"
  f.twin = assert(twins.open(options))

  --- Puts a new pair of the bot into the file.
  function f.keep(seconds)
    local made = assert(f.twin:issue_pair(M.BOT, { seconds = seconds }))
    local halves = {}
    for name, value in pairs({ token = made.token, secret = made.secret }) do
      support.write(f.folder .. "/half", value)
      assert(os.execute("chmod 600 '" .. f.folder .. "/half'"))
      halves[name] = assert(core.secret.file(f.folder .. "/half"))
      os.remove(f.folder .. "/half")
    end
    assert(core.pair.store(f.folder .. "/pair.json", halves))
    return made
  end

  --- Starts a program; it is over when the file that this returns is there.
  function f.start(source, ...)
    f.started = (f.started or 0) + 1
    local stem = ("%s/child%d"):format(f.folder, f.started)
    support.write(stem .. ".lua", PRELUDE .. source)
    local words = {}
    for i, word in ipairs({ f.folder, ... }) do
      words[i] = "'" .. tostring(word) .. "'"
    end
    assert(os.execute(("( %s lua5.4 %s.lua %s >%s.out 2>&1 </dev/null; echo $? >%s.code; mv %s.code %s.done ) &"):format(
      twin_process.environment(), stem, table.concat(words, " "), stem, stem, stem, stem)))
    return stem
  end

  --- Answers until the programs are over.
  -- @tparam {string,...} stems as `start` gave them
  -- @tparam[opt] function between called each time round
  function f.finish(stems, between)
    for _ = 1, 60000 do
      f.twin:step()
      if between then between() end
      local over = 0
      for _, stem in ipairs(stems) do
        if core.system.file_kind(stem .. ".done") then over = over + 1 end
      end
      if over == #stems then return end
      core.system.sleep(0.001)
    end
    error("the programs do not end: " .. support.read(stems[1] .. ".out"))
  end

  --- Runs one program to its end -> what it printed, its exit code.
  function f.run(source, ...)
    local stem = f.start(source, ...)
    f.finish({ stem })
    return support.read(stem .. ".out"), tonumber(support.read(stem .. ".done"))
  end

  function f.close()
    f.twin:close()
    remove()
  end

  return f
end

return M
