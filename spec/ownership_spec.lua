-- Three ways: what was done last, what the rules want, what the platform has; over a real mirror.
local ownership = require("tagua.ownership")
local with = require("spec.support.ledger")

describe("whose tag it is", function()
  local book, shop

  before_each(function()
    book = with.new()
    shop = book.shop
    with.pull(shop, { with.user("U1") })
  end)

  after_each(function()
    book.close()
  end)

  local function pull(has)
    with.pull(shop, { with.user("U1", has and { "vip" } or {}) })
  end

  -- An apply with this decision for U1 and VIP -> what it came to, and what the mirror says afterwards.
  local function apply(wanted, tag)
    local letter = shop:states({ "U1" }, { "vip" })[1]
    local what, note = ownership.judge(wanted, letter, tag or {})
    local run = assert(shop:plan({ kind = "apply" }))
    if note then
      run:note("U1", "vip", note)
    end
    if what == "on" or what == "off" then
      run:add({ user = "U1", tag = "vip", action = what == "on" and "tag" or "untag" })
    end
    run:ready()
    if what == "on" or what == "off" then
      with.carry_out(run)
    else
      assert(run:accept())
      run:discard()
    end
    return what or "nothing", shop:states({ "U1" }, { "vip" })[1]
  end

  it("leaves on what a person put on, until the rules have changed their mind twice", function()
    pull(true)
    assert.same({ "console", "k" }, { apply(false) })
    assert.same({ "console", "k" }, { apply(false) })
    assert.same({ "stay", "K" }, { apply(true) })
    assert.same({ "off", "." }, { apply(false) })
    assert.same({ "on", "t" }, { apply(true) })
  end)

  it("takes over what a person put on once the rules wanted it, did not, and want it again", function()
    pull(true)
    assert.same({ "stay", "l" }, { apply(true) })
    assert.same({ "console", "L" }, { apply(false) })
    assert.same({ "stay", "t" }, { apply(true) })
    assert.same({ "off", "." }, { apply(false) })
  end)

  it("leaves off what a person took off, until the rules have changed their mind twice", function()
    assert.same({ "on", "t" }, { apply(true) })
    pull(false)
    assert.same({ "denied", "q" }, { apply(true) })
    pull(false)
    assert.same({ "denied", "q" }, { apply(true) })
    assert.same({ "nothing", "Q" }, { apply(false) })
    assert.same({ "on", "t" }, { apply(true) })
  end)

  it("counts a change of mind that came with the person's own", function()
    apply(true)
    pull(false)
    assert.same({ "nothing", "Q" }, { apply(false) })
    assert.same({ "on", "t" }, { apply(true) })
  end)

  it("leaves off what a person put on and took off again", function()
    pull(true)
    pull(false)
    assert.same({ "denied", "q" }, { apply(true) })
  end)

  it("puts both right where the rules win", function()
    pull(true)
    assert.same({ "off", "." }, { apply(false, { conflicts = "rules_win" }) })
    apply(true)
    pull(false)
    assert.same({ "on", "t" }, { apply(true, { conflicts = "rules_win" }) })
  end)

  it("never takes off what is never removed, whoever wins", function()
    pull(true)
    assert.same({ "kept", "c" }, { apply(false, { conflicts = "rules_win", never_remove = true }) })
  end)

  it("forgets nothing of it when a plan is only looked at", function()
    pull(true)
    local run = assert(shop:plan({ kind = "apply" }))
    run:note("U1", "vip", 0)
    run:ready()
    run:discard()
    assert.same({ "c" }, (shop:states({ "U1" }, { "vip" })))
    assert.equal(0, book.ask("select count(*) from note"))
  end)

  it("does not touch what was there before the first pull, until it is adopted", function()
    book.close()
    book = with.new()
    shop = book.shop
    pull(true)
    assert.same({ "found", "f" }, { apply(false) })
    assert.same({ "stay", "f" }, { apply(true) })
    assert.same({ "found", "f" }, { apply(false, { conflicts = "rules_win" }) })
    assert.same({ "off", "." }, { apply(false, { adopt = true }) })
  end)

  it("gives one user's tag back to the rules", function()
    pull(true)
    apply(false)
    assert.equal(1, shop:release("U1", "vip"))
    assert.same({ "off", "." }, { apply(false) })
    apply(true)
    pull(false)
    apply(true)
    assert.equal(1, shop:release("U1", "vip"))
    assert.same({ "on", "t" }, { apply(true) })
    assert.equal(0, shop:release("U1", "vip"))
  end)

  it("adopts a tag wherever it is", function()
    book.close()
    book = with.new()
    shop = book.shop
    with.pull(shop, { with.user("U1", { "vip" }), with.user("U2") })
    with.pull(shop, { with.user("U1", { "vip" }), with.user("U2", { "vip" }) })
    assert.equal(2, shop:adopt("vip"))
    assert.same({ "t", "t" }, (shop:states({ "U1", "U2" }, { "vip" })))
  end)

  it("knows what differs from what was last applied", function()
    apply(true)
    assert.same({}, shop:drift().changes)
    pull(false)
    local drift = shop:drift()
    assert.same({ 0, 1 }, { drift.put_on, drift.taken_off })
    assert.same({ user = "U1", tag = "vip", tag_id = "vip", done = "taken off" }, drift.changes[1])
    apply(true) -- looked at, and left
    assert.same({}, shop:drift().changes)
    pull(true)
    assert.same({ 1, 0 }, { shop:drift().put_on, shop:drift().taken_off })
  end)
end)
