local core = require("tagua.core")
local ledger = require("tagua.ledger")
local support = require("spec.support")
local with = require("spec.support.ledger")

local OPERATIONS = 4000

-- A process that carries out a run as a sender does. The platform is a file: a line is an effect.
-- It settles first what an earlier process left, by reading that file, and prints how many that were.
local SENDER = [[
  local ledger = require("tagua.ledger")
  local path, effects_path, number = arg[1], arg[2], tonumber(arg[3])
  local l = assert(ledger.open(path))
  local shop = assert(l:connection({ name = "shop", platform = "p", bot = "b", page = "1", channel = "line" }))
  local run = assert(shop:resume(number))
  local effects = io.open(effects_path, "a")
  local unsettled = assert(run:unsettled())
  print(#unsettled)
  io.stdout:flush()
  if #unsettled > 0 then
    local seen = {}
    for line in io.lines(effects_path) do
      seen[line] = true
    end
    for _, one in ipairs(unsettled) do
      assert(run:result(one.seq, seen[one.user] and "unattributed" or "returned"))
    end
  end
  while true do
    local operations = assert(run:next(7))
    if #operations == 0 then
      break
    end
    for _, one in ipairs(operations) do
      effects:write(one.user, "\n")
      effects:flush()
      assert(run:result(one.seq, "done"))
    end
    if operations[1].seq % 3 == 0 then
      assert(run:flush())
    end
  end
  assert(run:finish("done"))
  l:close()
]]

describe("ledger", function()
  local folder, remove

  before_each(function()
    folder, remove = support.folder()
  end)

  after_each(function()
    remove()
  end)

  local function pid_of(line)
    os.execute(line .. " & echo $! >" .. folder .. "/pid")
    return (support.read(folder .. "/pid"):match("%d+"))
  end

  -- One that nobody has waited for yet is as dead as it gets.
  local function alive(pid)
    local file = io.open("/proc/" .. pid .. "/stat")
    local state = file and file:read("a"):match("%) (%a)")
    if file then
      file:close()
    end
    return state ~= nil and state ~= "Z"
  end

  it("does every operation once although the sender is killed again and again", function()
    local path, effects = folder .. "/tagua.db", folder .. "/effects"
    local script = support.write(folder .. "/sender.lua", SENDER)
    local l = assert(ledger.open(path))
    local shop = l:connection({ name = "shop", platform = "p", bot = "b", page = "1", channel = "line" })
    local operations = {}
    for i = 1, OPERATIONS do
      operations[i] = { "U" .. i, "vip" }
    end
    local number = with.plan(shop, operations).number
    l:close()
    local line = ("lua5.4 -e 'package.path = \"lua/?.lua;lua/?/init.lua;\" .. package.path' %s %s %s %d >>%s/out 2>&1"):format(
      script,
      path,
      effects,
      number,
      folder
    )
    local kills = 0
    math.randomseed(42)
    while kills < 15 do
      local pid = pid_of("exec " .. line)
      core.system.sleep(0.02 + math.random() * 0.04)
      if not alive(pid) then
        break
      end
      support.shell("kill -KILL " .. pid)
      while alive(pid) do
        core.system.sleep(0.005)
      end
      kills = kills + 1
    end
    assert.equal(0, (support.shell(line)))
    local out = support.read(folder .. "/out")
    assert.is_nil(out:find("lua5.4:", 1, true), out)
    assert.is_true(kills > 0)
    assert.matches("\n[1-9]%d*\n", "\n" .. out) -- at least once something was under way
    local counts, total = {}, 0
    for user in io.lines(effects) do
      counts[user] = (counts[user] or 0) + 1
      total = total + 1
    end
    assert.equal(OPERATIONS, total)
    for i = 1, OPERATIONS do
      assert.equal(1, counts["U" .. i])
    end
    l = assert(ledger.open(path))
    local run = l:runs()[1]
    assert.same({ OPERATIONS, OPERATIONS, 0, 0, "done" }, { run.planned, run.done, run.failed, run.left, run.state })
    assert.is_true(l:check())
    l:close()
  end)

  it("is made and used by several processes at once", function()
    local path = folder .. "/tagua.db"
    local script = support.write(folder .. "/worker.lua", [[
      local ledger = require("tagua.ledger")
      local l = assert(ledger.open(arg[1]))
      local shop = assert(l:connection({ name = "shop", platform = "p", bot = "b", page = arg[2], channel = "line" }))
      local run = assert(shop:plan({ kind = "apply" }))
      for i = 1, 60 do
        assert(run:add({ user = "U" .. i, tag = "vip", action = "tag" }))
      end
      assert(run:ready())
      while true do
        local operations = assert(run:next(7))
        if #operations == 0 then
          break
        end
        for _, one in ipairs(operations) do
          assert(run:result(one.seq, "done"))
        end
        assert(run:flush())
        assert(l:fold())
      end
      assert(run:finish("done"))
      l:close()
    ]])
    local line = "lua5.4 -e 'package.path = \"lua/?.lua;lua/?/init.lua;\" .. package.path' %s %s page-%d &\n"
    local lines = {}
    for i = 1, 4 do
      lines[i] = line:format(script, path, i)
    end
    local _, out, err = support.shell(table.concat(lines) .. "wait")
    assert.equal("", out .. err)
    local l = assert(ledger.open(path))
    local planned, done = 0, 0
    for _, run in ipairs(l:runs()) do
      planned, done = planned + run.planned, done + run.done
      assert.equal("done", run.state)
    end
    assert.same({ 240, 240 }, { planned, done })
    assert.is_true(l:check())
    l:close()
  end)

  it("gives nothing to send once the disk is full, and goes on when there is room", function()
    local mount = folder .. "/small"
    core.system.make_folder(mount)
    if support.shell("mount -t tmpfs -o size=3m none " .. mount) ~= 0 then
      pending("a small file system can't be mounted here")
      return
    end
    finally(function()
      support.shell("umount -l " .. mount)
    end)
    local l = assert(ledger.open(mount .. "/tagua.db"))
    local shop = assert(l:connection(with.SHOP))
    local operations = {}
    for i = 1, 8000 do
      operations[i] = { "U" .. i, "vip" }
    end
    local run = with.plan(shop, operations)
    support.shell("dd if=/dev/zero of=" .. mount .. "/filler bs=4k")
    local sent, message, code = 0
    while true do
      local taken
      taken, message, code = run:next(1)
      if not taken or #taken == 0 then
        break
      end
      sent = sent + 1
      run:result(taken[1].seq, "failed", "EPLATFORM", ("why "):rep(100))
    end
    assert.equal("EDISK", code)
    assert.matches("the disk is full; nothing of this step was kept, make room", message, 1, true)
    assert.is_true(sent < #operations)
    os.remove(mount .. "/filler")
    support.shell("mount -o remount,size=30m " .. mount)
    while true do
      local taken = assert(run:next(100))
      if #taken == 0 then
        break
      end
      for _, one in ipairs(taken) do
        sent = sent + 1
        run:result(one.seq, "done")
      end
    end
    assert.equal("done", run:finish("done"))
    assert.equal(#operations, sent)
    assert.equal(#operations, run:sums().done + run:sums().failed)
    assert.is_true(l:fold())
    assert.is_true(l:check())
    l:close()
  end)
end)
