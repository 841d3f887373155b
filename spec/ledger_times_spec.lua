local with = require("spec.support.ledger")

local DAY = 86400

describe("the ledger's times", function()
  local book

  before_each(function()
    book = with.new()
    with.pull(book.shop, { with.user("U1"), with.user("U2"), with.user("U3", {}, { blocked = true }) })
    assert(book.shop:remember_tag({ id = "vip", name = "VIP", kind = "tag" }))
  end)

  after_each(function() book.close() end)

  -- One operation, carried out.
  local function operate(operation, kind)
    local run = assert(book.shop:plan({ kind = kind or "apply", at = book.clock.now }))
    operation.tag = operation.tag or "vip"
    assert(run:add(operation))
    assert(run:ready())
    return with.carry_out(run)
  end

  local function due_users()
    local users = {}
    for i, one in ipairs(assert(book.shop:due())) do users[i] = one.user end
    return users
  end

  local function state(user, times)
    return assert(book.shop:states({ user }, { "vip" }, { at = book.clock.now, times }))[1]
  end

  -- A change of times by a run without operations.
  local function change(entry)
    local run = assert(book.shop:plan({ kind = "apply", at = book.clock.now }))
    entry.tag = "vip"
    assert(run:time(entry))
    assert(run:ready())
    local changed = assert(run:keep_times())
    assert(run:discard())
    return changed
  end

  it("keep the end of a tag for each user, and know when it is due to the second", function()
    operate({ user = "U1", action = "tag", lasts = 30 * DAY })
    operate({ user = "U2", action = "tag" })
    assert.same({}, due_users())
    book.clock.now = book.clock.now + 30 * DAY - 1
    assert.same({}, due_users())
    assert.equal("t", state("U1", { lasts = 30 * DAY }))
    book.clock.now = book.clock.now + 1
    assert.same({ "U1" }, due_users())
    assert.equal("d", state("U1", { lasts = 30 * DAY }))
    assert.equal("t", state("U2"))
  end)

  it("take the earlier of a length and an end", function()
    local start = book.clock.now
    operate({ user = "U1", action = "tag", lasts = 30 * DAY, ends = start + DAY })
    operate({ user = "U2", action = "tag", lasts = DAY, ends = start + 30 * DAY })
    book.clock.now = start + DAY
    assert.same({ "U1", "U2" }, due_users())
  end)

  it("count from the platform's own timestamp once a pull has shown it", function()
    local start = book.clock.now
    operate({ user = "U1", action = "tag", lasts = DAY })
    local shown = with.user("U1", { "vip" })
    shown.tags[1].timestamp = (start - 3600) * 1000
    with.pull(book.shop, { shown, with.user("U2") })
    book.clock.now = start + DAY - 3600
    assert.same({ "U1" }, due_users())
  end)

  it("leave a tag that somebody in the console put on again without an end", function()
    operate({ user = "U1", action = "tag", lasts = DAY })
    operate({ user = "U1", action = "untag" })
    with.pull(book.shop, { with.user("U1", { "vip" }), with.user("U2") })
    book.clock.now = book.clock.now + 2 * DAY
    assert.same({}, due_users())
    assert.equal("c", state("U1"))
    assert.is_nil((select(2, book.ask("select user, ends from tagged where user = 'U1'"))))
  end)

  it("leave out users who blocked the bot, and tags whose state is in doubt", function()
    operate({ user = "U3", action = "tag", lasts = DAY })
    operate({ user = "U1", action = "tag", lasts = DAY })
    local run = with.plan(book.shop, { { "U1", "vip", "untag" } })
    assert(run:next(1))
    assert(run:result(1, "ambiguous", "EAMBIGUOUS", "lost"))
    assert(run:finish("done"))
    book.clock.now = book.clock.now + 2 * DAY
    assert.same({}, due_users())
  end)

  it("know an expired tag from one that a rule took off, until its rule was off", function()
    operate({ user = "U1", action = "tag", lasts = DAY })
    operate({ user = "U1", action = "untag" }, "expire")
    operate({ user = "U2", action = "tag" })
    operate({ user = "U2", action = "untag" })
    assert.equal("x", state("U1"))
    assert.equal(".", state("U2"))
    assert.equal(1, change({ user = "U1", what = "off" }))
    assert.equal(".", state("U1"))
  end)

  it("renew a time in the ledger alone, and change one that the rule gives otherwise now", function()
    operate({ user = "U1", action = "tag", lasts = DAY })
    book.clock.now = book.clock.now + DAY - 10
    assert.equal("r", state("U1", { lasts = 2 * DAY }))
    change({ user = "U1", what = "renew", lasts = DAY })
    book.clock.now = book.clock.now + 20
    assert.same({}, due_users())
    change({ user = "U1", what = "time", lasts = 2 * DAY, ends = book.clock.now })
    assert.same({ "U1" }, due_users())
    assert.equal(0, book.ask("select count(*) from timing"))
  end)

  it("drop the changes of a plan that was only looked at", function()
    operate({ user = "U1", action = "tag", lasts = DAY })
    local run = assert(book.shop:plan({ kind = "apply", at = book.clock.now }))
    assert(run:time({ user = "U1", tag = "vip", what = "time", lasts = 5 }))
    assert(run:ready())
    assert(run:discard())
    assert.equal(0, book.ask("select count(*) from timing"))
    assert.equal("t", state("U1", { lasts = DAY }))
  end)

  it("show the end beside who has the tag", function()
    operate({ user = "U1", action = "tag", lasts = DAY })
    assert.equal("2023-11-15 22:13:20", book.ask("select ends from tagged where user = 'U1'"))
  end)

  it("remember how many records a rule file has read on a connection", function()
    assert.is_nil(book.shop:reading("rules.lua"))
    assert(book.shop:note_reading("rules.lua", 5000))
    assert(book.shop:note_reading("rules.lua", 4000))
    assert.equal(4000, book.shop:reading("rules.lua"))
    assert.is_nil(book.shop:reading("other.lua"))
  end)
end)
