-- The one sender as something that lasts: it works off what waits in the ledger, whoever planned it, live
-- runs before long ones. What counts is the order in which the twin saw it, and how often.
local core = require("tagua.core")
local queue = require("tagua.queue")
local sender = require("tagua.sender")
local tagua = require("tagua")
local with = require("spec.support.ledger")

describe("a sender that lasts", function()
  local book, connection, server

  before_each(function()
    book = with.new()
    with.pull(book.shop, {})
  end)

  after_each(function()
    if server then server:release() end
    if connection then connection:close() end
    server, connection = nil, nil
    book.close()
  end)

  local function lock()
    return sender.try({ is_local = true, store = book.folder .. "/twin.db" }, book.path)
  end

  local function open(options, more)
    local given = { platform = "local", store = book.folder .. "/twin.db", rate = { per_second = 400 }, in_flight = 4,
      attempts = 3, timeout = 2 }
    for name, value in pairs(options or {}) do given[name] = value end
    connection = assert(tagua.connect(given))
    local job = { connection = connection, book = book.shop, quarantine = 0.05, lock = lock,
      tick = function() return 0.05 end }
    job.recover = function() return queue.recover(job) end
    for name, value in pairs(more or {}) do job[name] = value end
    server = queue.server(job)
    return job
  end

  local function queued(kind, prefix, count, name)
    local run = assert(book.shop:plan({ kind = kind }))
    for i = 1, count do
      assert(run:add({ user = ("%s%04d"):format(prefix, i), name = name or "VIP", action = "tag" }))
    end
    assert(run:ready())
    assert(run:enqueue({ { kind = "tag", name = name or "VIP" } }))
    return run.number
  end

  -- How many users of each kind have the tag at the twin, and the highest count.
  local function effects()
    local by_kind, most = {}, 0
    for _, effect in ipairs(connection.twin.twin:effects()) do
      local kind = effect.user:sub(1, 1)
      by_kind[kind] = (by_kind[kind] or 0) + 1
      most = math.max(most, effect.count)
    end
    return by_kind, most
  end

  -- Sends until these runs are over -> the numbers of runs in the order in which they ended.
  local function work_off(count)
    local over = {}
    while #over < count do
      local busy, outcome = server:step()
      assert.is_true(busy)
      if outcome then
        assert.equal("done", outcome.state, outcome.message)
        over[#over + 1] = outcome.number
      end
    end
    assert.is_false((server:step()))
    return over
  end

  it("sends live runs before long ones, though they come in the middle of them", function()
    local live, before, after
    open(nil, { meanwhile = function()
      local seen = effects()
      if not live and (seen.L or 0) > 100 then
        live, before = queued("event", "E", 3), seen.L
        server:hurry()
      elseif live and not after and seen.E == 3 then
        after = seen.L
      end
    end })
    local long = queued("apply", "L", 600)
    assert.is_true(server:hold())
    local over = work_off(2)
    assert.same({ live, long }, over)
    assert.is_truthy(after)
    -- What was on its way when the live run came went before it, and nothing else.
    assert.is_true(after - before <= 2 * connection.settings.in_flight, ("%d in between"):format(after - before))
    local seen, most = effects()
    assert.same({ L = 600, E = 3 }, seen)
    assert.equal(1, most)
  end)

  it("keeps the order of one user's operations when it leaves off in the middle of them", function()
    local looked = 0
    open({ rate = { per_second = 100 } }, { meanwhile = function()
      looked = looked + 1
      if looked == 3 then
        queued("event", "E", 1)
        server:hurry()
      end
    end })
    local run, creations = assert(book.shop:plan({ kind = "apply" })), {}
    for i = 1, 60 do
      creations[i] = { kind = "tag", name = ("T%02d"):format(i) }
      assert(run:add({ user = "L1", name = creations[i].name, action = "tag" }))
    end
    assert(run:ready())
    assert(run:enqueue(creations))
    assert.is_true(server:hold())
    work_off(2)
    local names = {}
    for _, effect in ipairs(connection.twin.twin:effects()) do
      assert.equal(1, effect.count)
      if effect.user == "L1" then names[#names + 1] = ("%d %s"):format(effect.timestamp, effect.name) end
    end
    table.sort(names)
    for i, name in ipairs(names) do assert.matches(creations[i].name .. "$", name) end
    assert.equal(60, #names)
    assert.equal("60|0", book.ask("select done || '|' || failed from run where kind = 'apply'"))
  end)

  it("tells who sends where it is not itself, and takes over what that one had begun", function()
    open()
    local other = assert(lock())
    local held, holder = server:hold()
    assert.is_false(held)
    assert.matches("^process %d+ with the ledger ", holder)
    -- The other one had marked two operations as sending when it died; one had taken effect.
    local number = queued("apply", "L", 5)
    local tag = assert(connection:create_tag("VIP"))
    book.shop:remember_tag({ id = tag.id, name = "VIP", kind = "tag" })
    assert(assert(book.shop:resume(number)):next(2))
    assert(connection:tag_user("L0001", tag.id))
    other:release()
    assert.is_true(server:hold())
    assert.same({ number }, work_off(1))
    local seen, most = effects()
    assert.same({ L = 5 }, seen)
    assert.equal(1, most)
  end)

  it("settles runs whose process has died while it sends, without being begun anew", function()
    open()
    assert.is_true(server:hold())
    assert.is_false((server:step()))
    local number = queued("apply", "L", 5)
    book.ledger.store:run("update run set process = '1 1' where number = ?", number)
    while book.ask("select state from run where number = ?", number) ~= "abandoned" do
      assert.is_false((server:step()))
    end
    assert.same({}, (effects()))
  end)

  it("lets live runs go while another one waits for a quarantine to be over", function()
    local live
    open({ rate = { per_second = 5000 }, faults = { faults = {
      { ["do"] = "drop", path = "/v1/api/user/tag", skip = 2, times = 1 } } } },
    { quarantine = 1, meanwhile = function()
      if not live and book.ask("select count(*) from journal where outcome = 'done'") > 0 then
        live = queued("event", "E", 2)
      end
    end })
    local first = queued("event", "L", 5)
    assert.is_true(server:hold())
    local over = work_off(2)
    assert.same({ live, first }, over)
    local seen, most = effects()
    assert.same({ L = 5, E = 2 }, seen)
    assert.equal(1, most)
  end)

  it("leaves off at the time that it is given, and goes on where it left off", function()
    open({ rate = { per_second = 200 } })
    local number = queued("apply", "L", 100)
    assert.is_true(server:hold())
    local turns, outcome = 0
    repeat
      outcome = select(2, server:step(core.system.monotonic_ns() + 50 * 1000000))
      turns = turns + 1
    until outcome
    assert.equal(number, outcome.number)
    assert.is_true(turns > 1)
    local seen, most = effects()
    assert.same({ L = 100 }, seen)
    assert.equal(1, most)
  end)

  it("does not repeat what live runs have done of a long run, whenever they were planned", function()
    open()
    assert.is_true(server:hold())
    local early = assert(book.shop:plan({ kind = "event" })) -- planned before the long run, sent in the middle of it
    assert(early:add({ user = "L0400", name = "VIP", action = "tag" }))
    assert(early:ready())
    local sent = 0
    server.job.meanwhile = function()
      local done = effects().L or 0
      if sent == 0 and done > 20 then
        sent = 1
        local run = assert(book.shop:plan({ kind = "event" }))
        for _, user in ipairs({ "L0399", "L0500" }) do assert(run:add({ user = user, name = "VIP", action = "tag" })) end
        assert(run:ready())
        assert(run:enqueue({}))
        server:hurry()
      elseif sent == 1 and done > 100 then
        sent = 2
        assert(early:enqueue({}))
        server:hurry()
      end
    end
    local long = queued("apply", "L", 500)
    local over = work_off(3)
    assert.equal(long, over[3])
    local seen, most = effects()
    assert.same({ L = 500 }, seen)
    assert.equal(1, most)
    assert.equal("497|3", book.ask("select done || '|' || skipped from run where number = ?", long))
  end)
end)
