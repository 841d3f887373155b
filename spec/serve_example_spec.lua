-- examples/automation as people run it: first planned, then served, with the same outcome.
local daemon = require("spec.support.daemon")
local support = require("spec.support")

describe("the example of an automation", function()
  local d

  before_each(function()
    d = daemon.new({
      rules = support.read("examples/automation/rules.lua"),
      connections = support.read("examples/automation/connections.lua"):gsub("127%.0%.0%.1", "HOST"),
    })
    local _, events = support.shell(support.lua .. " examples/automation/events.lua")
    d.place:write("events.jsonl", events)
  end)
  after_each(function() d:close() end)

  local SECRET = "LINE_CHANNEL_SECRET=the-channel-secret"

  it("has rules whose tests pass", function()
    local code, out = d.place:run("check rules.lua")
    assert.equal(0, code)
    assert.matches("2 tests passed", out, 1, true)
  end)

  it("makes the tags that a plan over the same events shows, and then there is nothing left to do", function()
    local code, out, err = d.place:run("plan rules.lua --users events.jsonl", SECRET)
    assert.equal(0, code, err)
    assert.matches("5 operations = 5 on + 0 off", out, 1, true)
    d:start(SECRET)
    local events = d.place:read("events.jsonl")
    assert.equal(200, (d:curl(d.said.listen .. "/events/local", { body = events,
      headers = { Authorization = "Bearer for-this-example-alone" } })))
    assert.is_true((d:await_tags({
      "U21ab30ccce78feb456048adeb80cf00a New friend", "U21ab30ccce78feb456048adeb80cf00a Asked the price",
      "U9f0c1d2e3b4a59687766554433221100 Gold", "U0a1b2c3d4e5f60718293a4b5c6d7e8f9 Silver",
      "U5c4b3a29180716253443526170899887 Dormant",
    })), table.concat(d:tags(), "\n"))
    assert.equal(0, d:stop())
    code, out, err = d.place:run("plan rules.lua --users events.jsonl --refresh", SECRET)
    assert.equal(0, code, err)
    assert.matches("nothing to do: the platform has what the rules want", out, 1, true)
  end)
end)
