local with = require("spec.support.ledger")

describe("a glance at one user", function()
  local book, shop

  before_each(function()
    book = with.new()
    shop = book.shop
  end)

  after_each(function() book.close() end)

  local function state(user, tag) return assert(shop:states({ user }, { tag }))[1] end

  -- What the platform shows of the user: tags by id, each with its timestamp.
  local function glance(user, shown)
    local moment, tags = assert(shop:before_glance()), {}
    for id, timestamp in pairs(shown) do
      tags[#tags + 1] = { id = id, name = id, timestamp = timestamp }
    end
    assert(shop:glance(user, tags, moment))
  end

  local function leave_in_doubt(action)
    with.carry_out(with.plan(shop, { { "U1", "vip", action } }), function() return "ambiguous" end)
  end

  it("ends a doubt: the tag is there, and Tagua's", function()
    with.pull(shop, { with.user("U1") })
    leave_in_doubt()
    assert.not_equal("t", state("U1", "vip"))
    glance("U1", { vip = 77 })
    assert.equal("t", state("U1", "vip"))
    assert.equal(77, shop:image("U1", "vip"))
  end)

  it("ends a doubt: the tag is not there, so that it can be put on again", function()
    with.pull(shop, { with.user("U1") })
    leave_in_doubt()
    glance("U1", {})
    assert.equal(".", state("U1", "vip"))
    assert.equal(0, shop:image("U1", "vip"))
  end)

  it("sees what the console put on and took off, of that user alone", function()
    with.pull(shop, { with.user("U1"), with.user("U2") })
    with.carry_out(with.plan(shop, { { "U1", "vip" }, { "U2", "vip" } }), function() return "done" end)
    glance("U1", { new = 5 })
    local taken_off, put_on = state("U1", "vip"), state("U1", "new")
    with.pull(shop, { with.user("U1", { "new" }), with.user("U2", { "vip" }) })
    assert.same({ taken_off, put_on }, { state("U1", "vip"), state("U1", "new") })
    assert.equal("t", state("U2", "vip"))
  end)

  it("leaves what was done while it was read", function()
    with.pull(shop, { with.user("U1") })
    local moment = assert(shop:before_glance())
    with.carry_out(with.plan(shop, { { "U1", "vip" } }), function() return "done" end)
    assert(shop:glance("U1", {}, moment))
    assert.equal("t", state("U1", "vip"))
  end)
end)
