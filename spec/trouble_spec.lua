-- Trouble that a run survives: killed at any moment, on a platform that drops answers, refuses and fails.
-- Short here; `make check` sets TAGUA_MOMENTS and takes minutes.
local core = require("tagua.core")
local storm = require("spec.support.storm")

local LONG = tonumber(os.getenv("TAGUA_MOMENTS") or "")
local MOMENTS = LONG or 6
local SECONDS = LONG and 170 or 60 -- a machine that is too slow for all moments fails there
local LONGEST = 270 * 1000000000 -- all of them together, with what comes after the last kill below five minutes
local USERS = LONG and 2000 or 400
local SEED = tonumber(os.getenv("TAGUA_SEED") or "") or (LONG and os.time() or 7)

describe("a run in trouble (seed " .. SEED .. ")", function()
  local platform, began_ns

  setup(function()
    began_ns = core.system.monotonic_ns()
    math.randomseed(SEED)
  end)

  after_each(function()
    if platform then platform:close() end
    platform = nil
  end)

  local function finish(process)
    local code, out, err
    for _ = 1, 5 do -- 20 seconds each, which a busy machine may need
      code, out, err = process:wait()
      if code then break end
    end
    assert.equal(0, code, out .. err)
    return out
  end

  it("that is killed at any moment and run again does every operation once", function()
    platform = storm.start({ users = USERS, seed = SEED })
    local deadline = core.system.monotonic_ns() + SECONDS * 1000000000
    local rounds = 0
    while platform.kills < MOMENTS and core.system.monotonic_ns() < deadline do
      local rules = platform:next_round()
      while true do
        local process = platform:apply(rules)
        if platform.kills >= MOMENTS or not platform:kill_after(process, math.random() * 0.4) then
          finish(process)
          break
        end
      end
      rounds = rounds + 1
      assert.same({ USERS, USERS }, platform:effects(), "after " .. platform.kills .. " kills")
      assert.same({ USERS, 0, 0 }, platform:sums(rules))
    end
    if LONG then
      print(("\n%d kills in %d runs of %d operations"):format(platform.kills, rounds, USERS))
    end
    assert.equal(MOMENTS, platform.kills)
  end)

  it("whose sender is killed is taken over by the other, and every operation is done once", function()
    platform = storm.start({ users = 200, rate = 500, faults = [[{ "faults": [
      { "do": "drop_after_work", "path": "/v1/api/user/tag", "every": 7 },
      { "do": "error", "status": 500, "path": "/v1/api/user/tag", "every": 31, "work": true } ] }]] })
    local wanted, kills = LONG and 50 or 2, 0
    local deadline = LONG and began_ns + LONGEST or core.system.monotonic_ns() + 60 * 1000000000
    while kills < wanted and core.system.monotonic_ns() < deadline do
      local first_rules, first_tag = platform:next_round(" a"), platform.tag
      local second_rules, second_tag = platform:next_round(" b"), platform.tag
      local first = platform:apply(first_rules)
      first:line("changing", "err")
      local second = platform:apply(second_rules)
      second:line("changing", "err")
      if platform:kill_after(first, math.random() * 0.2) then
        kills = kills + 1
        finish(second)
        finish(platform:apply(first_rules))
      else
        finish(first)
        finish(second)
      end
      assert.same({ 200, 200 }, platform:effects(first_tag))
      assert.same({ 200, 200 }, platform:effects(second_tag))
      assert.same({ 200, 0, 0 }, platform:sums(first_rules))
      assert.same({ 200, 0, 0 }, platform:sums(second_rules))
    end
    if LONG then
      print(("\n%d senders killed"):format(kills))
    end
    assert.equal(wanted, kills)
  end)

  it("on a platform that drops each 7th answer and refuses for a third of the time does every operation once", function()
    platform = storm.start({ users = 300, faults = [[{ "faults": [
      { "do": "throttle", "retry_after": 0, "path": "/v1/api/user/*", "from": 0.6, "until": 0.9 },
      { "do": "throttle", "path": "/v1/api/user/*", "from": 1.8, "until": 2.1 },
      { "do": "drop_after_work", "path": "/v1/api/user/tag", "every": 7 } ] }]] })
    local rules = platform:next_round()
    local out = finish(platform:apply(rules))
    assert.matches("300 planned = 300 done + 0 failed + 0 skipped + 0 left", out, 1, true)
    assert.matches("lost the answer and were found done", out, 1, true)
    assert.same({ 300, 300 }, platform:effects())
  end)
end)
