local core = require("tagua.core")
local support = require("spec.support")

describe("lock", function()
  local folder, remove, path

  before_each(function()
    folder, remove = support.folder()
    path = folder .. "/shop.lock"
  end)

  after_each(function()
    remove()
  end)

  --- Starts a process that holds the lock until it is killed.
  local function holder(text)
    local script = support.write(folder .. "/holder.lua", ([[
      local core = require("tagua.core")
      local lock = assert(core.lock.try(%q, %q))
      local file = io.open(%q, "w")
      file:write(core.system.pid())
      file:close()
      core.system.sleep(60)
      lock:release()
    ]]):format(path, text, folder .. "/pid.part"))
    os.execute("lua5.4 " .. script .. " >" .. folder .. "/holder.log 2>&1 &")
    for _ = 1, 500 do
      local file = io.open(folder .. "/pid.part")
      local pid = file and file:read("n")
      if file then
        file:close()
      end
      if pid then
        return pid
      end
      core.system.sleep(0.01)
    end
    error("the holder did not start: " .. support.read(folder .. "/holder.log"))
  end

  it("is taken by one and tells the other who has it, in one process too", function()
    local lock = assert(core.lock.try(path, "tagua apply, process 12, ledger /a/tagua.db"))
    assert.is_true(lock:held())
    local other, text, code = core.lock.try(path, "me")
    assert.is_nil(other)
    assert.equal("tagua apply, process 12, ledger /a/tagua.db", text)
    assert.equal("ELOCKED", code)
    lock:release()
    lock:release()
    assert.is_false(lock:held())
    other = assert(core.lock.try(path, "me"))
    other:release()
    assert.equal("", support.read(path))
  end)

  it("does not lose the lock when somebody else looked at the file and closed it", function()
    local lock = assert(core.lock.try(path, "first"))
    assert.equal("first", support.read(path))
    assert.is_nil(core.lock.try(path, "second"))
    assert.is_nil(core.lock.try(path, "third"))
    lock:release()
  end)

  it("is freed by the kernel when its holder is killed, and the stale file is fine", function()
    local pid = holder("tagua apply, killed later")
    local lock, text = core.lock.try(path, "me")
    assert.is_nil(lock)
    assert.equal("tagua apply, killed later", text)
    support.shell("kill -KILL " .. pid)
    for _ = 1, 200 do
      lock = core.lock.try(path, "me")
      if lock then
        break
      end
      core.system.sleep(0.01)
    end
    assert.is_truthy(lock)
    assert.equal("me", support.read(path))
    lock:release()
  end)

  it("is let go when it is collected, or when its scope ends", function()
    assert.is_truthy(core.lock.try(path, "forgotten"))
    collectgarbage()
    collectgarbage()
    do
      local lock <close> = assert(core.lock.try(path, "scoped"))
      assert.is_true(lock:held())
    end
    local lock = assert(core.lock.try(path, "last"))
    lock:release()
  end)

  it("is not handed on to a program that is started meanwhile", function()
    local lock = assert(core.lock.try(path, "parent"))
    os.execute("sleep 30 & echo $! >" .. folder .. "/child")
    lock:release()
    local again = core.lock.try(path, "again")
    support.shell("kill " .. support.read(folder .. "/child"))
    assert.is_truthy(again)
    again:release()
  end)

  it("names the file that can't be locked", function()
    local lock, message, code = core.lock.try(folder .. "/none/x.lock", "me")
    assert.is_nil(lock)
    assert.equal("EIO", code)
    assert.matches("cannot open the lock file '" .. folder .. "/none/x.lock': No such file", message, 1, true)
    lock, message = core.lock.try(path, ("x"):rep(5000))
    assert.is_nil(lock)
    assert.matches("at most 4096", message, 1, true)
  end)
end)
