-- What times make of decisions: decisions are scripted, the ledger and its mirror are real, the time
-- is told.
local plan = require("tagua.plan")
local with = require("spec.support.ledger")

local DAY = 86400

-- One block of decisions by user: { U1 = "+" }.
local function scripted(wants)
  return {
    decide = function()
      local given = false
      return function()
        if given then return nil end
        given = true
        local block = {
          n = 0, ids = {}, lines = {}, wants = {}, rejected = {}, rejected_count = 0, failures = {}, unknown = {}, present = {},
        }
        for id, want in pairs(wants) do
          block.n = block.n + 1
          block.ids[block.n], block.wants[block.n], block.lines[block.n] = id, want, block.n
        end
        return block
      end
    end,
  }
end

describe("a plan with times", function()
  local book

  before_each(function()
    book = with.new()
    with.pull(book.shop, {})
    assert(book.shop:remember_tag({ id = "vip", name = "VIP", kind = "tag" }))
  end)

  after_each(function() book.close() end)

  -- Plans for a rule of the tag VIP and carries the run out -> its operations ("tag U1"), the plan's tag.
  local function apply(rule, wants)
    local tag = { name = "VIP", id = "vip", rule = "VIP", line = 1 }
    for key, value in pairs(rule) do tag[key] = value end
    local run = assert(book.shop:plan({ kind = "apply", at = book.clock.now }))
    local made = assert(plan.make({
      ruleset = { tags = { tag }, fields = {} }, pool = scripted(wants), book = book.shop, id_column = "id", run = run,
      at = book.clock.now, input = { name = "users.csv", failure = function() end },
    }))
    assert(run:ready())
    assert(run:keep_times())
    local operations = {}
    with.carry_out(run, function(one)
      operations[#operations + 1] = one.action .. " " .. one.user
      return "done"
    end)
    table.sort(operations)
    return operations, made.tags[1]
  end

  -- Takes off what is due, as tagua expire does -> the users.
  local function expire()
    local run, users = assert(book.shop:plan({ kind = "expire" })), {}
    assert(run:add_due(book.clock.now))
    assert(run:ready())
    with.carry_out(run, function(one)
      users[#users + 1] = one.user
      return "done"
    end)
    return users
  end

  local function pass(seconds)
    book.clock.now = book.clock.now + seconds
  end

  it("leaves a tag alone before it starts, and wants it of nobody once it has ended", function()
    local now = book.clock.now
    assert.same({}, (apply({ starts = now + 1 }, { U1 = "+" })))
    assert.same({ "tag U1" }, (apply({ starts = now, ends = now + DAY }, { U1 = "+" })))
    assert.same({}, (apply({ starts = now + DAY }, { U1 = "-" })))
    pass(DAY - 1)
    assert.same({}, (apply({ ends = now + DAY }, { U1 = "+" })))
    pass(1)
    assert.same({ "U1" }, expire())
    assert.same({}, (apply({ ends = now + DAY }, { U1 = "+", U2 = "+", U3 = "?" })))
  end)

  it("takes off in bulk what a rule has ended earlier than it said", function()
    apply({ ends = book.clock.now + 9 * DAY }, { U1 = "+" })
    pass(DAY)
    assert.same({ "untag U1" }, (apply({ ends = book.clock.now }, { U1 = "+" })))
  end)

  it("moves an end that the rule moves, without a call", function()
    local ends = book.clock.now + DAY
    apply({ ends = ends }, { U1 = "+" })
    assert.same({}, (apply({ ends = ends + DAY }, { U1 = "+" })))
    pass(DAY)
    assert.same({}, expire())
    pass(DAY)
    assert.same({ "U1" }, expire())
  end)

  it("changes nothing while a match goes on, and lets the time run out", function()
    apply({ lasts = 30 * DAY }, { U1 = "+" })
    pass(29 * DAY)
    local operations, tag = apply({ lasts = 30 * DAY }, { U1 = "+" })
    assert.same({}, operations)
    assert.equal(1, tag.stay)
    pass(DAY)
    assert.same({ "U1" }, expire())
  end)

  it("restarts the time in the ledger alone with renew", function()
    local rule = { lasts = 30 * DAY, renew = true }
    apply(rule, { U1 = "+", U2 = "+" })
    pass(29 * DAY)
    assert.same({}, (apply(rule, { U1 = "+", U2 = "?" })))
    pass(DAY)
    assert.same({ "U2" }, expire())
    pass(29 * DAY)
    assert.same({ "U1" }, expire())
  end)

  it("puts an expired tag on again only after its rule has been off in between", function()
    local rule = { lasts = DAY }
    apply(rule, { U1 = "+", U2 = "+", U3 = "+" })
    pass(DAY)
    assert.same({ "U1", "U2", "U3" }, expire())
    local operations, tag = apply(rule, { U1 = "+", U2 = "-", U3 = "?" })
    assert.same({}, operations)
    assert.equal(1, tag.expired)
    assert.same({ "tag U2" }, (apply(rule, { U1 = "+", U2 = "+", U3 = "+" })))
  end)

  it("counts what is due apart, and does not take it for the rule's", function()
    apply({ lasts = DAY }, { U1 = "+", U2 = "+" })
    pass(DAY)
    local operations, tag = apply({ lasts = DAY }, { U1 = "+", U2 = "-" })
    assert.same({}, operations)
    assert.equal(2, tag.due)
    assert.equal(0, tag.stay)
  end)

  it("gives an end to a tag of Tagua's that had none", function()
    apply({}, { U1 = "+" })
    assert.same({}, (apply({ lasts = DAY }, { U1 = "+" })))
    pass(DAY)
    assert.same({ "U1" }, expire())
  end)

  it("takes the end away from a tag whose rule gives it none any more", function()
    apply({ lasts = DAY }, { U1 = "+", U2 = "+" })
    assert.same({}, (apply({}, { U1 = "+", U2 = "." })))
    pass(DAY)
    assert.same({ "U2" }, expire())
  end)

  it("keeps no time of a tag that is the console's", function()
    with.pull(book.shop, { with.user("U1", { "vip" }) })
    assert.same({}, (apply({ lasts = DAY, renew = true }, { U1 = "+" })))
    pass(9 * DAY)
    assert.same({}, expire())
  end)

  it("changes no time for a rule in the shadow", function()
    apply({}, { U1 = "+" })
    apply({ lasts = DAY, shadow = true }, { U1 = "+" })
    pass(DAY)
    assert.same({}, expire())
  end)
end)
