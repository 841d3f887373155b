-- A run from its plan to the twin's store: real HTTP on a socket, a real ledger, and trouble made by
-- the twin. What counts is what took effect there, and how often.
local apply = require("tagua.apply")
local core = require("tagua.core")
local tagua = require("tagua")
local with = require("spec.support.ledger")

describe("apply", function()
  local book, connection

  before_each(function()
    book = with.new()
    with.pull(book.shop, {}) -- nobody has a tag: what was there before each operation is known
  end)

  after_each(function()
    if connection then
      connection:close()
      connection = nil
    end
    book.close()
  end)

  local function connect(faults, options)
    local given = {
      platform = "local", store = book.folder .. "/twin.db", rate = { per_second = 5000 }, in_flight = 16,
      attempts = 3, timeout = 2, faults = faults and { faults = faults },
    }
    for name, value in pairs(options or {}) do
      given[name] = value
    end
    connection = assert(tagua.connect(given))
    return connection
  end

  -- A run that puts the tag VIP, which has yet to be created, on so many users.
  local function planned(count)
    local run = assert(book.shop:plan({ kind = "apply" }))
    for i = 1, count do
      assert(run:add({ user = ("U%03d"):format(i), name = "VIP", action = "tag", rule = "VIP", line = 1 }))
    end
    assert(run:ready())
    return run, { creations = { { kind = "folder", name = "Value" }, { kind = "tag", name = "VIP", folder = "Value" } } }
  end

  local function job(more)
    local given = { connection = connection, book = book.shop, quarantine = 0.05 }
    for name, value in pairs(more or {}) do
      given[name] = value
    end
    return given
  end

  -- How often each tag was put on each user: how many pairs there are, and the highest count.
  local function effects()
    local pairs_, most = 0, 0
    for _, effect in ipairs(connection.twin.twin:effects()) do
      pairs_ = pairs_ + 1
      most = math.max(most, effect.count)
    end
    return pairs_, most
  end

  local function assert_done_once(count, faults, options)
    connect(faults, options)
    local run, plan = planned(count)
    local outcome = apply.run(job(), run, plan)
    assert.is_nil(outcome.message)
    assert.equal("done", outcome.state)
    assert.same({ count, count, 0, 0 }, {
      outcome.sums.planned, outcome.sums.done, outcome.sums.failed, outcome.sums.left,
    })
    local found, most = effects()
    assert.equal(count, found)
    assert.equal(1, most)
    return outcome
  end

  it("creates the folder and the tag once, then tags each user once", function()
    local outcome = assert_done_once(300)
    assert.equal(2, outcome.created)
    local vip = assert(book.shop:tag("VIP"))
    assert.equal("VIP", assert(connection:get_tag(vip.id)).name)
    assert.equal(assert(book.shop:tag("Value", "folder")).id, vip.folder)
  end)

  it("does each operation once while answers are dropped after the work is done", function()
    local outcome = assert_done_once(100, { { ["do"] = "drop_after_work", path = "/v1/api/user/tag", every = 7 } })
    assert.equal(14, outcome.sums.unattributed)
  end)

  it("does each operation once while connections are dropped before any work is done", function()
    assert_done_once(100, { { ["do"] = "drop", path = "/v1/api/user/tag", every = 7, times = 20 } })
  end)

  it("does each operation once through a reset, a 500, an error in a 200, broken JSON and too large a body", function()
    local path = "/v1/api/user/tag"
    assert_done_once(100, {
      { ["do"] = "drop", reset = true, path = path, skip = 5, times = 2 },
      { ["do"] = "error", status = 500, path = path, skip = 10, times = 2 },
      { ["do"] = "error", status = 503, work = true, path = path, skip = 15, times = 2 },
      { ["do"] = "error_in_200", work = true, path = path, skip = 20, times = 2 },
      { ["do"] = "broken_json", path = path, skip = 30, times = 2 },
      { ["do"] = "large", path = path, skip = 40, times = 2 },
      { ["do"] = "cut", path = path, skip = 45, times = 2 },
    })
  end)

  for _, day in ipairs({ 86400, -86400 }) do
    it(("does each operation once while the machine's clock jumps by a day %s"):format(day > 0 and "ahead" or "back"), function()
      connect({ { ["do"] = "drop_after_work", path = "/v1/api/user/tag", every = 7 },
        { ["do"] = "drop", path = "/v1/api/user/tag", every = 11 } })
      local run, plan = planned(100)
      local jumps = 0
      local outcome = apply.run(job({ progress = function()
        jumps = jumps + 1
        book.clock.now = book.clock.now + (jumps % 2 == 1 and day or -day)
      end }), run, plan)
      assert.equal("done", outcome.state)
      assert.is_true(jumps > 1)
      assert.same({ 100, 0, 0 }, { outcome.sums.done, outcome.sums.failed, outcome.sums.left })
      local found, most = effects()
      assert.same({ 100, 1 }, { found, most })
      assert.same({ 100, 0 }, { book.ask("select done, left from runs where run = ?", run.number) })
    end)
  end

  it("waits out a 429 and spends no attempt on it", function()
    local outcome = assert_done_once(60, {
      { ["do"] = "throttle", retry_after = 1, path = "/v1/api/user/tag", skip = 10, times = 2 },
    }, { attempts = 2 })
    assert.equal(0, outcome.sums.failed)
    assert.is_true(connection:stats().throttled >= 2)
  end)

  it("waits for an answer that is too late, reads back, and does not send twice", function()
    local outcome = assert_done_once(20, {
      { ["do"] = "slow", seconds = 1.5, path = "/v1/api/user/tag", skip = 3, times = 2 },
    }, { timeout = 0.5 })
    assert.equal(2, outcome.sums.unattributed)
  end)

  it("lists an operation that the platform refuses, and goes on with the others", function()
    connect({ { ["do"] = "error", status = 404, path = "/v1/api/user/tag", skip = 4, times = 1 } })
    local run, plan = planned(10)
    local outcome = apply.run(job(), run, plan)
    assert.equal("done", outcome.state)
    assert.equal(9, outcome.sums.done)
    assert.equal(1, outcome.sums.failed)
    local failed = book.ledger:operations(run.number, "failed")
    assert.equal("ENOTFOUND", failed().code)
    assert.is_nil(failed())
  end)

  it("stops at refused credentials: one call, nothing failed, all left", function()
    connect({ { ["do"] = "expired", path = "/v1/api/user/tag" } })
    local run, plan = planned(50)
    local before = connection:stats().sent
    local outcome = apply.run(job(), run, plan)
    assert.equal("stopped", outcome.state)
    assert.equal("EAUTH", outcome.code)
    assert.equal(50, outcome.sums.left)
    assert.equal(0, outcome.sums.failed)
    assert.is_true(connection:stats().sent - before <= 3 + 16)
    assert.equal(0, (effects()))
  end)

  it("stops when the connection's hours are over, and says so", function()
    connect(nil, { rate = { per_second = 100 } })
    local run, plan = planned(60)
    local outcome = apply.run(job({
      closed = function()
        if run:sums().done > 0 then
          return "'shop' sends from 10:00 to 21:00", "EHOURS"
        end
      end,
    }), run, plan)
    assert.equal("stopped", outcome.state)
    assert.equal("EHOURS", outcome.code)
    assert.equal(60, outcome.sums.done + outcome.sums.left)
    assert.is_true(outcome.sums.left > 0)
    assert.equal(outcome.sums.done, (effects()))
  end)

  it("sends nothing more when it is interrupted, and accounts for every operation", function()
    connect(nil, { rate = { per_second = 200 } })
    local run, plan = planned(400)
    local rounds = 0
    local outcome = apply.run(job({
      interrupted = function()
        return rounds > 20
      end,
      progress = function()
        rounds = rounds + 1
      end,
    }), run, plan)
    assert.equal("interrupted", outcome.state)
    assert.equal(400, outcome.sums.done + outcome.sums.left)
    assert.is_true(outcome.sums.left > 0)
    assert.equal(outcome.sums.done, (effects()))
  end)

  it("settles what a run left behind when its process died, then the rest is done, each once", function()
    connect()
    local run, plan = planned(40)
    assert.is_true(apply.new(job(), run):create(plan.creations))
    local vip = book.shop:tag("VIP").id
    local marked = run:next(20) -- marked as sending; then the process dies
    for i = 1, 5 do -- some of them had left and were carried out
      assert(connection:tag_user(marked[i].user, vip))
    end
    book.reopen()
    run = assert(book.shop:open_run())
    local sums = assert(apply.recover(job(), run))
    assert.same({ 5, 5, 35, 0 }, { sums.done, sums.unattributed, sums.left, sums.sending })
    local outcome = apply.run(job(), run, { creations = {} })
    assert.equal(40, outcome.sums.done)
    local found, most = effects()
    assert.equal(40, found)
    assert.equal(1, most)
  end)

  for _, days in ipairs({ 1, -1 }) do
    it(("does each operation once while the clock jumps by %d day, and settles across such a jump"):format(days), function()
      connect({ { ["do"] = "drop_after_work", path = "/v1/api/user/tag", every = 7 } })
      local run, plan = planned(60)
      local jumps = 0
      local outcome = apply.run(job({ progress = function()
        jumps = jumps + 1
        book.clock.now = book.clock.now + days * 86400 * (jumps % 3 == 0 and -1 or 1)
      end }), run, plan)
      assert.is_true(jumps > 1)
      assert.same({ 60, 60, 0 }, { outcome.sums.planned, outcome.sums.done, outcome.sums.left })
      local second = assert(book.shop:plan({ kind = "apply" }))
      for i = 1, 20 do assert(second:add({ user = "V" .. i, name = "VIP", action = "tag" })) end
      assert(second:ready())
      for _, one in ipairs(assert(second:next(10))) do -- marked, four of them sent, and then the process dies
        if one.seq <= 4 then connection:tag_user(one.user, one.tag) end
      end
      book.clock.now = book.clock.now - 5 * days * 86400
      book.reopen()
      second = assert(book.shop:open_run())
      assert(apply.recover(job(), second))
      local sums = apply.run(job(), second, { creations = {} }).sums
      assert.same({ 20, 0 }, { sums.done, sums.left })
      assert.same({ 80, 1 }, { effects() })
    end)
  end

  it("never asks a second time for a tag whose creation got no answer", function()
    connect({ { ["do"] = "drop_after_work", path = "/v1/api/tag/autogen", skip = 1, times = 1 } })
    local run, plan = planned(3)
    local outcome = apply.run(job(), run, plan)
    assert.equal("stopped", outcome.state)
    assert.equal("EAMBIGUOUS", outcome.code)
    assert.equal(3, outcome.sums.left)
    local second = book.shop:open_run() or planned(3)
    plan.creations = { { kind = "tag", name = "VIP", folder = "Value" } }
    outcome = apply.run(job(), second, plan)
    assert.equal("stopped", outcome.state)
    assert.equal(0, (effects()))
  end)

  it("ends by itself when nothing can be reached, and says what is left", function()
    connect()
    local run, plan = planned(5)
    assert(apply.run(job(), run, plan))
    connection:close()
    connection = assert(tagua.connect({
      platform = "botbonnie", bot = "b", page = "p", channel = "line", url = "unix:" .. book.folder .. "/nobody",
      token = core.secret.random(), rate = { per_second = 1000 }, connect_timeout = 1,
    }))
    local outcome = apply.run(job(), planned(5), { creations = {} })
    assert.equal("stopped", outcome.state)
    assert.equal("ENETWORK", outcome.code)
    assert.equal(5, outcome.sums.left)
  end)
end)
