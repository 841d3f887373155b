local core = require("tagua.core")
local months = require("tagua.months")
local with = require("spec.support.ledger")

describe("the ledger's sums", function()
  local book, zone

  before_each(function()
    book, zone = with.new(), assert(core.zone.open("Asia/Taipei"))
    for _, id in ipairs({ "vip", "old" }) do
      assert(book.shop:remember_tag({ id = id, name = id:upper(), kind = "tag" }))
    end
  end)

  after_each(function() book.close() end)

  -- A run at a local time, its messages priced, its operations ending as told.
  local function run_at(when, operations, prices, outcome)
    book.clock.now = assert(zone:parse(when))
    local run = with.plan(book.shop, operations, { kind = "apply", rules = "rules.lua" })
    assert(run:keep_prices(prices))
    return with.carry_out(run, outcome)
  end

  local function sums(by, since)
    local found = {}
    local rows = assert(book.shop:spending({ by = by, since = since and assert(zone:parse(since)),
      months = months.between(zone, assert(book.shop:first_run()), book.clock.now) }))
    for i, row in ipairs(rows) do
      found[i] = ("%s: %d on %d off %d failed %.2f"):format(row.label, row.on, row.off, row.failed, row.money)
    end
    return found
  end

  it("add up by run, by tag and by month of the zone", function()
    run_at("2026-11-30 23:59:59", { { "U1", "vip" }, { "U2", "vip" }, { "U3", "old" } }, { VIP = 0.2, NOBODY = 9 })
    run_at("2026-12-01 00:00:00", { { "U4", "vip" }, { "U1", "vip", "untag" } }, { VIP = 0.5 })
    assert.same({ "2 apply rules.lua: 1 on 1 off 0 failed 0.50", "1 apply rules.lua: 3 on 0 off 0 failed 0.40" }, sums("run"))
    assert.same({ "OLD: 1 on 0 off 0 failed 0.00", "VIP: 3 on 1 off 0 failed 0.90" }, sums("tag"))
    assert.same({ "2026-12: 1 on 1 off 0 failed 0.50", "2026-11: 3 on 0 off 0 failed 0.40" }, sums("month"))
    assert.same({ "VIP: 1 on 1 off 0 failed 0.50" }, sums("tag", "2026-12-01"))
  end)

  it("charge what took effect, and nothing that failed, was skipped or is left", function()
    run_at("2026-11-21", { { "U1", "vip" }, { "U2", "vip" }, { "U3", "vip" }, { "U4", "vip" } }, { VIP = 1 }, function(one)
      return ({ U1 = "done", U2 = "unattributed", U3 = "failed", U4 = "skipped" })[one.user]
    end)
    assert.same({ "VIP: 2 on 0 off 1 failed 2.00" }, sums("tag"))
  end)

  it("know no month before the first run", function()
    assert.is_nil(book.shop:first_run())
  end)
end)
