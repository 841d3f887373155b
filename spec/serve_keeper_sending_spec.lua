-- The keeper as the sender for everybody: other processes' runs, wishes of other programs, trouble with the platform,
-- hours, the end of the process. What counts is what the twin has in the end, and in which order it came.
local fixture = require("spec.support.twin")
local with = require("spec.support.keeper")

local RULES = [[
fields { bought = count("purchase") }
tag "Buyer" { when = function(user) return user.bought > 0 end }
]]

describe("the keeper as the sender", function()
  local f

  after_each(function()
    if f then f.close() end
    f = nil
  end)

  local function begin(source, more)
    f = with.new(source or RULES, more)
    f.open()
    f.work()
  end

  -- A run of another process that lives: an apply.
  local function foreign(count, name)
    local run = assert(f.book:plan({ kind = "apply" }))
    for i = 1, count do
      assert(run:add({ user = ("L%04d"):format(i), name = name or "Long", action = "tag" }))
    end
    assert(run:ready())
    assert(run:enqueue({ { kind = "tag", name = name or "Long" } }))
    f.ledger.store:run("update run set process = ? where number = ?", f.other or f.ask("select process from run"), run.number)
    return run
  end

  local function long_ones()
    local count = 0
    for user in pairs(f.tags()) do
      if user:find("^L") then count = count + 1 end
    end
    return count
  end

  it("works off an apply of another process, and lets live events past it", function()
    begin(nil, { rate = { per_second = 300 }, in_flight = 4 })
    local run = foreign(400)
    f.work(function() return long_ones() >= 60 end)
    local before = long_ones()
    f.events({ { "E1", "purchase" }, { "E2", "purchase" } })
    f.work(function() return f.tags().E1 ~= nil and f.tags().E2 ~= nil end)
    local between = long_ones() - before
    assert.is_true(between < 200, ("%d operations went before the live ones"):format(between))
    f.work()
    assert.equal(400, long_ones())
    assert.equal("done", f.ask("select state from run where number = ?", run.number))
    assert.same({ "Long 1", "Buyer 1" }, { f.tags().L0001, f.tags().E1 })
  end)

  it("has its runs sent by whoever holds the lock, and takes over when that one is gone", function()
    f = with.new(RULES)
    local lock
    local real = f.lock
    f.lock = function() return nil, "process 7 with the ledger x", "ELOCKED" end
    f.open()
    f.work()
    f.events({ { "U1", "purchase" } })
    f.work(function() return f.ask("select count(*) from run where state = 'queued'") == 1 end)
    f.keeper:round(0.3)
    assert.same({}, f.tags())
    assert.equal(0, f.count("tagua_sender"))
    -- The other one sends it.
    local run = assert(f.book:resume(f.ask("select number from run")))
    local apply = require("tagua.apply")
    local outcome = apply.begin({ connection = f.connection, book = f.book, quarantine = 0 }, run,
      { { kind = "tag", name = "Buyer" } }):turn()
    assert.equal("done", outcome.state)
    f.work()
    assert.equal(1, f.count("tagua_operations_total", "outcome", "done"))
    f.events({ { "U2", "purchase" } })
    f.work(function() return f.ask("select count(*) from run where state = 'queued'") == 1 end)
    lock = f.keeper.sending.server.job
    lock.lock = real
    f.work()
    assert.same({ U1 = "Buyer 1", U2 = "Buyer 1" }, f.tags())
  end)

  local function wish(action, user, tag, more)
    local one = { connection = "shop", action = action, user = user, tag = tag }
    for name, value in pairs(more or {}) do one[name] = value end
    assert(f.box:take({ wishes = { one } }))
  end

  it("does what other programs wish, in order, and makes one call of twenty that ensure", function()
    begin()
    for _ = 1, 20 do wish("ensure", "U1", "Member") end
    wish("tag", "U2", "Member")
    wish("tag", "U2", "Guest")
    wish("untag", "U2", "Guest")
    f.work()
    assert.same({ U1 = "Member 1", U2 = "Member 1" }, f.tags())
    wish("ensure", "U1", "Member")
    wish("ensure", "U1", "Guest")
    f.work()
    assert.same({ U1 = "Guest 1, Member 1", U2 = "Member 1" }, f.tags())
    assert.equal(22, f.count("tagua_wishes_taken_total", "action", "ensure"))
    wish("untag", "U1", "Nothing")
    f.work()
    assert.equal(1, f.count("tagua_operations_total", "outcome", "failed"))
    assert.equal("shop has no tag 'Nothing'|ENOTFOUND",
      f.ask("select message || '|' || code from operation where outcome = 'failed'"))
    assert.matches("shop has no tag 'Nothing'", f.told("operation_failed")[1], 1, true)
    f.clock.now = f.clock.now + 10000
    f.keeper.forget_ns = 0
    f.keeper:round(0.1)
    assert.same({}, f.box:wishes("shop", 0, 10))
  end)

  it("reads a user again of whom nobody knows what became of an operation, and decides anew", function()
    begin([[
      fields { bought = count("purchase") }
      tag "Odd" { when = function(user) return user.bought % 2 == 1 end }
    ]], { attempts = 1, faults = { faults = { { ["do"] = "drop", method = "DELETE", times = 1 } } } })
    f.events({ { "U1", "purchase" } })
    f.work()
    assert.same({ U1 = "Odd 1" }, f.tags())
    f.events({ { "U1", "purchase" } })
    f.work()
    assert.same({ U1 = "Odd 1" }, f.tags())
    assert.equal(1, f.count("tagua_operations_total", "outcome", "ambiguous"))
    f.clock.now = f.clock.now + 60
    f.work(function() return next(f.tags()) == nil end)
    f.work()
    assert.equal(0, f.ask("select count(*) from keeper_again"))
  end)

  it("takes off what is past its time, which a wish may say", function()
    begin()
    wish("tag", "U1", "Trial", { lasts = 3600 })
    f.work()
    assert.same({ U1 = "Trial 1" }, f.tags())
    -- The time counts from the platform's own timestamp, where it is known: here it is not.
    f.clock.now = f.clock.now + 3500000
    f.keeper:round(0.1)
    assert.same({ U1 = "Trial 1" }, f.tags())
    f.clock.now = f.clock.now + 200000
    f.work(function() return next(f.tags()) == nil end)
    f.work()
    assert.equal("expire done", f.ask("select kind || ' ' || state from run order by number desc"))
  end)

  it("folds events outside of the connection's hours, and sends within them", function()
    f = with.new(RULES, { hours = "09:00-21:00", zone = "Asia/Taipei" }) -- it is 06:13 there
    f.open()
    f.events({ { "U1", "purchase" } })
    f.work(function() return f.count("tagua_folded_total") == 1 end)
    f.keeper:round(0.2)
    assert.same({}, f.tags())
    assert.equal(0, f.ask("select count(*) from run"))
    f.clock.now = f.clock.now + 3 * 3600000
    f.work()
    assert.same({ U1 = "Buyer 1" }, f.tags())
  end)

  it("goes on taking events while the platform is out of reach, and works everything off afterwards", function()
    local platform = fixture.fixture()
    finally(platform.close)
    local socket = "unix:" .. platform.folder .. "/twin.sock"
    f = with.new(RULES, { platform = "botbonnie", bot = fixture.BOT, page = fixture.PAGE, channel = "line",
      token = platform.token, url = socket, store = false, give_up_after = 0.1, attempts = 100 })
    f.open()
    local twin
    local function up()
      twin = platform.open({ address = socket, store = platform.folder .. "/twin.db" })
      f.connection.twin = { twin = twin, step = function() return twin:step() end, fd = function() return twin:fd() end,
        close = function() end }
    end
    up()
    f.work()
    twin:close()
    f.connection.twin = nil
    local list = {}
    for i = 1, 50 do list[i] = { "U" .. i, "purchase" } end
    f.events(list)
    local stops = 0
    repeat
      f.work(function() return f.count("tagua_paused_seconds") > 0 end)
      stops = stops + 1
      local folded = f.count("tagua_folded_total")
      f.events({ { "V" .. stops, "purchase" } })
      f.keeper:round(0.02)
      assert.equal(folded + 1, f.count("tagua_folded_total"))
      f.clock.now = f.clock.now + 1800000 -- half an hour goes by
    until stops == 3
    assert.equal(stops, f.count("tagua_stops_total"))
    assert.equal(stops, #f.told("stopped"))
    assert.matches("^nothing is sent: .*; events are kept, and it is tried again in 1 s", f.told("stopped")[1])
    assert.matches("again in 4 s", f.told("stopped")[3])
    assert.is_true(f.ask("select count(*) from run where state in ('queued', 'sending')") <= 4)
    up()
    f.work()
    local tagged = 0
    for _, tags in pairs(f.tags()) do
      tagged = tagged + 1
      assert.equal("Buyer 1", tags)
    end
    assert.equal(50 + stops, tagged)
  end)

  it("tries again what failed for a reason that may pass, later and later", function()
    begin(nil, { faults = { faults = {
      { ["do"] = "error", status = 400, path = "/v1/api/user/tag", times = 2 } } } })
    f.events({ { "U1", "purchase" } })
    f.work()
    assert.same({}, f.tags())
    assert.equal(1, f.count("tagua_users_again"))
    f.clock.now = f.clock.now + 29000
    f.work()
    assert.equal(1, f.count("tagua_operations_total", "outcome", "failed"))
    f.clock.now = f.clock.now + 2000
    f.work()
    assert.equal(2, f.count("tagua_operations_total", "outcome", "failed"))
    f.clock.now = f.clock.now + 31000
    f.work()
    assert.same({}, f.tags())
    f.clock.now = f.clock.now + 31000
    f.work()
    assert.same({ U1 = "Buyer 1" }, f.tags())
    assert.equal(0, f.count("tagua_users_again"))
  end)

  it("finishes what is under way when it ends, and leaves the rest in the queue", function()
    begin(nil, { rate = { per_second = 100 }, in_flight = 4 })
    local run = foreign(400)
    f.work(function() return long_ones() >= 10 end)
    f.events({ { "U1", "purchase" } })
    f.keeper:drain(10)
    assert.is_true(long_ones() < 300)
    assert.equal("sending", f.ask("select state from run where number = ?", run.number))
    assert(f.book:fold())
    assert.equal(0, f.ask("select count(*) from operation where outcome = 'sending'"))
    local lock = assert(f.lock()) -- others may send
    lock:release()
    f.kill()
    f.open()
    f.work()
    assert.equal(400, long_ones())
    for _, tags in pairs(f.tags()) do assert.matches("^%a+ 1$", tags) end
  end)

  it("does not let a tag that can't be made hold up the others", function()
    f = with.new(RULES .. 'tag "Odd" { when = function(user) return user.bought % 2 == 1 end }', { faults = { faults = {
      { ["do"] = "drop_after_work", path = "/v1/api/tag/autogen", times = 1 } } } })
    f.open()
    f.work()
    f.events({ { "U1", "purchase" } })
    f.work()
    assert.same({ U1 = "Odd 1" }, f.tags())
    assert.equal(1, f.count("tagua_errors_total", "code", "EAMBIGUOUS"))
    assert.matches("the tag 'Buyer' could not be put on a user", f.told("operation_failed")[1], 1, true)
    f.clock.now = f.clock.now + 3600000
    f.events({ { "U2", "purchase" } })
    f.work()
    assert.same({ U1 = "Odd 1", U2 = "Odd 1" }, f.tags())
  end)
end)
