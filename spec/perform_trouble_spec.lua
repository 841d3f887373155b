-- Many operations while the twin makes trouble: every one is accounted for, none takes effect twice.
local support = require("spec.support")
local tagua = require("tagua")

local OPERATIONS = 600

-- Performs distinct operations under faults -> how many came to what, the effects at the twin.
local function perform(folder, faults, changes)
  local given = {
    platform = "local", store = folder .. "/twin.db", timeout = 1,
    faults = { seed = 11, faults = faults },
    rate = { per_second = 20000, burst = 50 },
  }
  for name, value in pairs(changes or {}) do
    given[name] = value
  end
  local shop <close> = assert(tagua.connect(given))
  local tag = assert(shop:create_tag("VIP")).id
  local came, seen, at = { ok = 0 }, {}, 0
  for result in shop:perform(function()
    at = at + 1
    return at <= OPERATIONS and { "tag", user = "U" .. at, tag = tag } or nil
  end) do
    local user = result.operation.user
    assert.is_nil(seen[user], "two results for one operation")
    seen[user] = result.ok and "ok" or result.code
    came[seen[user]] = (came[seen[user]] or 0) + 1
    if not result.ok then assert.is_string(result.message) end
  end
  local effects = {}
  for _, effect in ipairs(shop.twin.twin:effects()) do
    effects[effect.user] = effect.count
  end
  return came, effects, seen
end

-- The sums of what came of them, and what the platform must show for each.
local function accounted_for(came, effects, seen)
  local total = 0
  for _, count in pairs(came) do
    total = total + count
  end
  assert.equal(OPERATIONS, total)
  for i = 1, OPERATIONS do
    local user = "U" .. i
    local count = effects[user] or 0
    assert.is_true(count <= 1, user .. " was tagged twice")
    if seen[user] == "ok" then assert.equal(1, count) end
    if seen[user] == "ECANCELLED" or seen[user] == "EPLATFORM" then assert.equal(0, count) end
  end
end

describe("perform in trouble", function()
  local folder, remove
  before_each(function() folder, remove = support.folder() end)
  after_each(function() remove() end)

  it("has no effect twice while answers are dropped before and after the work", function()
    local came, effects, seen = perform(folder, {
      { ["do"] = "drop_after_work", path = "/v1/api/user/tag", every = 7 },
      { ["do"] = "drop", path = "/v1/api/user/tag", every = 11 },
      { ["do"] = "drop", path = "/v1/api/user/tag", every = 13, reset = true },
    })
    accounted_for(came, effects, seen)
    assert.is_true(came.EAMBIGUOUS > 100)
    assert.equal(OPERATIONS, came.ok + came.EAMBIGUOUS)
  end)

  it("leaves open what was answered with broken JSON, half a body or far too much", function()
    local came, effects, seen = perform(folder, {
      { ["do"] = "broken_json", path = "/v1/api/user/tag", every = 20 },
      { ["do"] = "cut", path = "/v1/api/user/tag", every = 21 },
      { ["do"] = "large", path = "/v1/api/user/tag", every = 150 },
    })
    accounted_for(came, effects, seen)
    assert.equal(OPERATIONS, came.ok + came.EAMBIGUOUS)
  end)

  it("fails what the platform failed, in a 200 too, and goes on", function()
    local came, effects, seen = perform(folder, {
      { ["do"] = "error_in_200", path = "/v1/api/user/tag", code = 400, every = 10 },
      { ["do"] = "error", path = "/v1/api/user/tag", status = 404, every = 9 },
    })
    accounted_for(came, effects, seen)
    assert.is_true(came.EPLATFORM >= 50)
    assert.is_true(came.ENOTFOUND >= 50)
  end)

  it("takes a 429 for a pause, and loses nothing", function()
    local came, effects, seen = perform(folder, {
      { ["do"] = "throttle", path = "/v1/api/user/tag", retry_after = 0, every = 50, times = 3 },
    })
    accounted_for(came, effects, seen)
    assert.equal(OPERATIONS, came.ok)
  end)

  it("stops at a refused token, and sends nothing of the rest", function()
    local came, effects, seen = perform(folder, {
      { ["do"] = "expired", path = "/v1/api/user/tag", skip = 100 },
    })
    accounted_for(came, effects, seen)
    assert.is_true(came.EAUTH >= 1)
    assert.is_true(came.ok >= 100 and came.ok < 200)
  end)
end)
