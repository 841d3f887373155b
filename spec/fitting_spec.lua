local fitting = require("tagua.fitting")
local secrets = require("tagua.secrets")
local settings = require("tagua.settings")

local function mantago(more)
  local given = { platform = "mantago", name = "manta", bot = "b", channel = "line", token = secrets.env("T"),
    secret = secrets.env("S") }
  for name, value in pairs(more or {}) do
    given[name] = value
  end
  return assert(settings.verify("connect", given))
end

local function ruleset(family) return { name = "rules.lua", tags = { { name = "VIP", family = family, line = 7 } } } end

describe("whether rules fit a platform", function()
  it("takes the families that it has, and tags that say nothing", function()
    assert.is_true(fitting.check(ruleset("client"), mantago()))
    assert.is_true(fitting.check(ruleset(nil), mantago()))
    assert.is_true(fitting.check(ruleset(nil), assert(settings.verify("connect", { platform = "local" }))))
  end)

  it("names the line, the nearest family and all of them", function()
    local ok, message, code = fitting.check(ruleset("clients"), mantago())
    assert.is_nil(ok)
    assert.equal("ERULES", code)
    assert.matches("rules.lua:7: tag 'VIP': MantaGo has no family 'clients' (did you mean 'client'?)", message, 1, true)
    assert.matches("auto, client, personal", message, 1, true)
  end)

  it("counts what a platform lacks, for the plan to say it", function()
    local targets = { { folder = "Value", off = 2 }, { folder = "Value", family = "client", off = 0 } }
    assert.same({ folders = 2 }, fitting.unmet(targets, fitting.lacks(mantago())))
    local bb = assert(settings.verify("connect", { platform = "local" }))
    assert.is_true(fitting.check(ruleset("client"), bb))
    assert.same({ families = 1 }, fitting.unmet(targets, fitting.lacks(bb)))
    assert.same({ untag = 2 }, fitting.unmet(targets, { untag = true }))
  end)

  it("means the tag of the family that the rules say, else of the connection's own", function()
    local means = fitting.meant(mantago(), ruleset("client"))
    assert.is_true(means("VIP", "client:t1"))
    assert.is_false(means("VIP", "t1"))
    assert.is_true(means("Other", "t1"))
    assert.is_false(means("Other", "personal:t1"))
    assert.is_nil(fitting.meant(assert(settings.verify("connect", { platform = "local" }))))
  end)

  it("knows what a platform lacks", function()
    assert.same({ platform = "MantaGo", folders = true }, fitting.lacks(mantago()))
    assert.same({ platform = "BotBonnie", families = true }, fitting.lacks(assert(settings.verify("connect", { platform = "local" }))))
  end)
end)
