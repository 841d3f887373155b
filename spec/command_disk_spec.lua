-- The disk fills up under tagua: a small file system that holds the ledger and nothing else, with the platform in a
-- process of its own. Only who may mount can try this.
local command = require("spec.support.command")
local core = require("tagua.core")
local storm = require("spec.support.storm")
local support = require("spec.support")

local USERS = 400

describe("a disk that is full", function()
  local platform, mount

  before_each(function()
    platform = storm.start({ users = USERS, rate = 150 })
    mount = platform.place.folder .. "/small"
    core.system.make_folder(mount)
  end)

  after_each(function()
    support.shell("umount -l " .. mount)
    platform:close()
  end)

  local function mounted()
    if support.shell("mount -t tmpfs -o size=3m none " .. mount) ~= 0 then
      pending("a small file system can't be mounted here")
      return false
    end
    return true
  end

  local function fill(leave)
    support.shell(("dd if=/dev/zero of=%s/filler bs=4k; truncate -s -%dk %s/filler"):format(mount, leave or 0, mount))
  end

  local function arguments(rules)
    return ("--ledger small/tagua.db apply %s --users users.csv --to shop --yes"):format(rules)
  end

  local function finished(rules)
    os.remove(mount .. "/filler")
    local code, out, err = platform.place:run(arguments(rules))
    assert.equal(0, code, out .. err)
    assert.same({ USERS, USERS }, platform:effects())
    assert.same({ USERS, 0 }, platform:ask("small/tagua.db",
      "select sum(done), sum(planned <> done + failed + skipped + left) from runs where kind = 'apply'"))
  end

  it("stops an apply before the next byte leaves, and the next one goes on when there is room", function()
    if not mounted() then return end
    local rules = platform:next_round()
    local process = platform.place:start(arguments(rules))
    assert(command.await(function() return (platform:effects()[1] or 0) >= 40 end), process:file("err"))
    fill()
    local code, out, err = process:wait()
    assert.equal(75, code, out .. err)
    assert.matches("the disk is full; nothing of this step was kept, make room", err, 1, true)
    local before = platform:effects()[1]
    assert.is_true(before < USERS, "it had sent everything before the disk was full")
    local marked = platform:ask("small/tagua.db", "select count(*) from operations where outcome <> 'waiting'")[1]
    assert.is_true(before <= marked, ("%d were sent and %d marked"):format(before, marked))
    finished(rules)
  end)

  it("stops a plan before the first byte leaves", function()
    if not mounted() then return end
    local rules = platform:next_round()
    assert.equal(0, (platform.place:run("--ledger small/tagua.db pull shop")))
    fill(16)
    local code, out, err = platform.place:run(arguments(rules))
    assert.equal(75, code, out .. err)
    assert.matches("the disk is full", err, 1, true)
    assert.equal(0, platform:effects()[1])
    finished(rules)
  end)
end)
