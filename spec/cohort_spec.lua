local cohort = require("tagua.cohort")
local rules = require("spec.support.rules")

local function share(purpose, rule, limit, users)
  local inside = {}
  for i = 1, users do
    local user = ("U%032x"):format(i * 2654435761)
    if cohort.place(purpose, rule, user) < limit then inside[user] = true end
  end
  local count = 0
  for _ in pairs(inside) do count = count + 1 end
  return count / users, inside
end

describe("a cohort", function()
  it("has the share of the users that was asked for", function()
    for _, limit in ipairs({ 100, 500, 2500, 5000, 9000 }) do
      local wanted, n = limit / 10000, 20000
      local got = share("rollout", "VIP", limit, n)
      local deviation = math.sqrt(wanted * (1 - wanted) / n)
      assert.is_true(math.abs(got - wanted) < 4 * deviation, ("%g%% gave %g%%"):format(limit / 100, got * 100))
    end
  end)

  it("spreads users evenly over all places", function()
    local buckets, n = {}, 40000
    for i = 1, n do
      local bucket = cohort.place("rollout", "VIP", "U" .. i) // 500
      buckets[bucket] = (buckets[bucket] or 0) + 1
    end
    local chi = 0
    for bucket = 0, 19 do
      chi = chi + (buckets[bucket] - n / 20) ^ 2 / (n / 20)
    end
    assert.is_true(chi < 43.8, "chi squared " .. chi) -- 19 degrees of freedom, one in a thousand
  end)

  it("keeps everybody when it is raised", function()
    local before = select(2, share("rollout", "VIP", 500, 5000))
    local after = select(2, share("rollout", "VIP", 1000, 5000))
    for user in pairs(before) do
      assert.is_true(after[user])
    end
  end)

  it("is the same on every machine and in every version", function()
    assert.equal(9060, cohort.place("rollout", "VIP", "U21ab30ccce78feb456048adeb80cf00a"))
    assert.equal(6002, cohort.place("holdout", "VIP", "U21ab30ccce78feb456048adeb80cf00a"))
  end)

  it("has nothing to do with another rule's, nor a rollout with a holdout", function()
    local a = select(2, share("rollout", "VIP", 5000, 10000))
    for _, other in ipairs({ { "rollout", "Gold" }, { "holdout", "VIP" } }) do
      local both = 0
      for user in pairs(select(2, share(other[1], other[2], 5000, 10000))) do
        both = both + (a[user] and 1 or 0)
      end
      assert.is_true(math.abs(both - 2500) < 200, both)
    end
  end)

  local function tag(name, options)
    local made = { name = name, cohort = name }
    for key, value in pairs(options) do made[key] = value end
    return made
  end

  it("leaves decisions alone outside of the rollout, and takes the tag from nobody there", function()
    local none = cohort.new({ tag("A", { rollout = 0 }), { name = "B" } })
    assert.equal("p+", none:apply("U1", "++"))
    assert.equal("m-", none:apply("U1", "--"))
    assert.equal("?.", none:apply("U1", "?."))
    assert.equal("++", cohort.new({ tag("A", { rollout = 10000 }), { name = "B" } }):apply("U1", "++"))
  end)

  it("never gives the tag to those held out", function()
    local all = cohort.new({ tag("A", { holdout = 10000 }) })
    assert.equal("h", all:apply("U1", "+"))
    assert.equal("-", all:apply("U1", "-"))
    assert.equal(".", all:apply("U1", "."))
  end)

  it("is one for all tags that a rule decides together", function()
    local group = { rollout = 5000, cohort = "Tier" }
    local tiers = cohort.new({ tag("Gold", group), tag("Silver", group) })
    for i = 1, 200 do
      local wants = tiers:apply("U" .. i, "+-")
      assert.is_true(wants == "+-" or wants == "pm", wants)
    end
  end)

  it("is not there where no rule asks for one", function()
    assert.is_nil(cohort.new({ { name = "A" } }))
  end)
end)

describe("the options of a trial", function()
  local function tag(options)
    return 'tag "T" { when = function() return true end, ' .. options .. " }"
  end

  it("are shadow, rollout and holdout of a rule", function()
    local entry = assert(rules.load(tag('shadow = true, rollout = "5%", holdout = "12.25%"'))).tags[1]
    assert.is_true(entry.shadow)
    assert.equal(500, entry.rollout)
    assert.equal(1225, entry.holdout)
    assert.equal("T", entry.cohort)
  end)

  it("hold for all members of a one_of", function()
    local set = assert(rules.load('one_of "G" { { "A", function() return true end }, { "B", otherwise }, rollout = "5%" }'))
    assert.equal("G", set.tags[1].cohort)
    assert.equal(500, set.tags[2].rollout)
  end)

  it("do not stand in one member alone", function()
    assert.matches("rules.lua:1: one_of 'G': option 'rollout' belongs to the whole rule", rules.rejection(
      'one_of "G" { { "A", function() return true end, rollout = "5%" }, { "B", otherwise } }'), 1, true)
  end)

  it("are shares from 0% to 100%", function()
    for _, wrong in ipairs({ '"5"', '"101%"', '"-5%"', "0.05", '"5.125%"', '"%"', "true" }) do
      assert.matches("option 'rollout' must be a share of the users from \"0%\" to \"100%\"", rules.rejection(
        tag("rollout = " .. wrong)), 1, true)
    end
    assert.equal(10000, assert(rules.load(tag('rollout = "100%"'))).tags[1].rollout)
    assert.equal(25, assert(rules.load(tag('rollout = "0.25%"'))).tags[1].rollout)
  end)
end)
