local core = require("tagua.core")
local file = require("tagua.events.file")
local follow = require("tagua.events.follow")
local input = require("tagua.input")
local json = require("tagua.json")
local reading = require("tagua.events.reading")
local support = require("spec.support")
local with = require("spec.support.events")

local SECOND, DAY = 1000, 86400000
local START = with.START

describe("following events", function()
  local at

  local function begin(fields)
    at = with.new(fields)
  end

  after_each(function()
    at.close()
  end)

  it("counts each event once, however often it folds and whenever it was killed", function()
    begin('n = count("p"), city = text')
    at.put({ { "U1", "p", nil, { city = "台北" } }, { "U1", "p" }, { "U2", "q" } })
    assert.equal(3, at.fold())
    assert.equal(0, at.fold())
    at.reopen()
    assert.equal(0, at.fold())
    assert.same({ U1 = { n = 2, city = "台北" }, U2 = { n = 0 } }, at.records({ "U1", "U2" }))
    local failing = at.follow
    at.put({ { "U1", "p" } })
    assert.is_nil(at.book.ledger.store:transact(function()
      assert(failing:fold(10, at.clock.now))
      return nil, "the power went", "EDISK"
    end))
    at.reopen()
    assert.equal(1, at.fold())
    assert.same({ n = 3, city = "台北" }, at.records({ "U1" }).U1)
  end)

  it("undoes what a failure inside of a fold began", function()
    begin('n = count("p", { within = "1d" })')
    at.put({ { "U1", "p" } })
    local broken = at.box.events
    at.box.events = function()
      return nil, "the disk failed", "EDISK"
    end
    local count, message, code = at.follow:fold(10, at.clock.now)
    assert.same({ nil, "the disk failed", "EDISK" }, { count, message, code })
    at.box.events = broken
    assert.equal(1, at.fold())
    assert.same({ n = 1 }, at.records({ "U1" }).U1)
  end)

  it("has events leave their window on time, without an event", function()
    begin('n = count("p", { within = "1d" }), s = sum("p", "v", { within = "2d" }), l = latest("*", { within = "1h" })')
    at.put({ { "U1", "p", START - DAY + 10 * SECOND, { v = 1.5 } }, { "U1", "p", START, { v = 2 } }, { "U2", "q" } })
    at.fold()
    assert.same({ n = 2, s = 3.5, l = START // 1000 }, at.records({ "U1", "U2" }).U1)
    at.follow:planned({ "U1", "U2" })
    assert.equal(START + 10 * SECOND, at.follow:next_due())
    at.clock.now = START + 10 * SECOND - 1
    at.fold()
    assert.same({}, at.changed())
    at.clock.now = START + 10 * SECOND
    at.fold()
    assert.same({ "U1 n" }, at.changed())
    assert.same({ n = 1, s = 3.5, l = START // 1000 }, at.records({ "U1" }).U1)
    at.follow:planned({ "U1" })
    at.clock.now = START + 3600 * SECOND
    at.fold()
    assert.same({ "U1 l", "U2 l" }, at.changed())
    assert.same({ n = 0, s = 0 }, at.records({ "U2" }).U2)
    at.clock.now = START + 3 * DAY
    at.fold()
    assert.is_nil(at.follow:next_due())
    assert.same({ n = 0, s = 0 }, at.records({ "U1" }).U1)
  end)

  it("says of a user only what moved, and of nobody else anything", function()
    begin('n = count("p"), seen = latest("*"), asked = any("m", { text = matches "錢" }), city = text')
    at.put({ { "U1", "p" }, { "U2", "p" } })
    at.fold()
    assert.same({ "U1 *", "U2 *" }, at.changed())
    at.follow:planned({ "U1", "U2" })
    assert.same({}, at.changed())
    at.put({ { "U1", "q", START - 5 } }) -- older than what was seen, of no interest
    at.fold()
    assert.same({}, at.changed())
    at.put({ { "U2", "m", nil, { text = "多少錢", city = "台北" } } })
    at.fold()
    assert.same({ "U2 asked,city" }, at.changed())
    at.clock.now = START + SECOND
    at.put({ { "U2", "m", nil, { text = "多少錢", city = "台北" } } })
    at.fold()
    assert.same({ "U2 asked,city,seen" }, at.changed())
    at.follow:planned({ "U2" })
    at.put({ { "U2", "m", nil, { text = "多少錢", city = "台北" } } })
    at.fold()
    assert.same({}, at.changed())
  end)

  it("gives those whose oldest event waits longest first", function()
    begin('n = count("p")')
    at.put({ { "U9", "p" }, { "U1", "p" }, { "U5", "p" } })
    at.fold()
    at.put({ { "U9", "p" }, { "U0", "p" } })
    at.fold()
    assert.same({ "U9 *", "U1 *", "U5 *", "U0 *" }, at.changed())
    assert.same({ "U9" }, (at.follow:changed(1)))
    local count, since = at.follow:queue()
    assert.same({ 4, START }, { count, since })
  end)

  it("decides nobody who is in a run, and afterwards who moved meanwhile", function()
    begin('n = count("p"), m = count("q")')
    at.put({ { "U1", "p" }, { "U2", "p" }, { "U3", "p" } })
    at.fold()
    assert.equal(3, #at.follow:changed(10))
    at.follow:planned({ "U1", "U2" }, 7)
    assert.same({ "U3 *" }, at.changed())
    at.put({ { "U1", "q" } })
    at.fold()
    assert.same({ "U3 *" }, at.changed())
    at.reopen()
    assert.same({ "U3 *" }, at.changed())
    assert.same({ shop = 0 }, follow.settled(at.book.path))
    at.follow:over(7, true)
    assert.same({ "U3 *", "U1 m" }, at.changed())
    at.follow:planned({ "U3" })
    assert.same({ shop = 3 }, follow.settled(at.book.path))
    at.follow:planned({ "U1" }, 8)
    at.follow:over(8, false)
    assert.same({ "U1 m" }, at.changed())
    at.follow:planned({ "U1" }, 9)
    at.put({ { "U1", "p" } })
    at.fold()
    at.follow:over(9, false)
    assert.same({ "U1 *" }, at.changed())
    at.follow:planned({ "U1" })
    assert.same({ shop = 5 }, follow.settled(at.book.path))
  end)

  it("loses nothing that moves between the records and the run", function()
    begin('n = count("p"), m = count("q")')
    at.put({ { "U1", "p" }, { "U2", "p" } })
    at.fold()
    at.changed()
    at.records({ "U1", "U2" })
    at.put({ { "U1", "q" }, { "U2", "q" } })
    at.fold()
    at.follow:planned({ "U1" }, 7)
    at.follow:planned({ "U2" })
    assert.same({ "U2 *" }, at.changed())
    at.follow:over(7, true)
    assert.same({ "U1 *", "U2 *" }, at.changed())
  end)

  it("loses nothing that leaves a window while users are being decided", function()
    begin('n = count("p", { within = "1m" }), m = count("q")')
    at.put({ { "U1", "p" } })
    at.fold()
    at.changed()
    at.follow:planned({ "U1" })
    at.put({ { "U1", "q" } })
    at.fold()
    assert.same({ "U1 m" }, at.changed()) -- the rules that read m are to be asked
    at.clock.now = START + 60 * SECOND
    assert.same({ n = 0, m = 1 }, at.records({ "U1" }).U1)
    at.follow:planned({ "U1" })
    assert.same({ "U1 m,n" }, at.changed())
  end)

  it("goes through all users in pieces", function()
    begin('n = count("p")')
    at.put({ { "U3", "p" }, { "U1", "x" }, { "U2", "p" } })
    at.fold()
    assert.same({ "U1", "U2" }, at.follow:sweep(nil, 2))
    assert.same({ "U3" }, at.follow:sweep("U2", 2))
    assert.same({}, at.follow:sweep("U3", 2))
  end)

  it("lets no clock that goes back count anything twice", function()
    begin('n = count("p", { within = "1m" })')
    at.put({ { "U1", "p" } })
    at.clock.now = START + 60 * SECOND
    at.fold()
    at.clock.now = START
    at.put({ { "U1", "p" } })
    at.fold()
    assert.same({ n = 0 }, at.records({ "U1" }).U1)
  end)

  it("keeps events as long as the longest window, and no longer", function()
    begin('n = count("p", { within = "1d" }), s = sum("q", "v", { within = "3d" }), f = first("p"), all = count("p")')
    at.put({ { "U1", "p" }, { "U1", "q", nil, { v = 2 } } })
    at.clock.now = START + DAY
    at.put({ { "U2", "p" } })
    at.fold()
    assert.equal(0, at.follow:forget(at.clock.now, 100))
    at.clock.now = START + 3 * DAY
    assert.equal(0, at.follow:forget(at.clock.now, 100)) -- the tallies have yet to move on
    at.fold()
    assert.equal(0, at.follow:forget(at.clock.now, 100))
    at.clock.now = START + 3 * DAY + 1
    assert.equal(1, at.follow:forget(at.clock.now, 1))
    assert.equal(1, at.follow:forget(at.clock.now, 100))
    assert.equal(0, at.follow:forget(at.clock.now, 100))
    assert.same({ n = 0, s = 0, f = START // 1000, all = 1 }, at.records({ "U1" }).U1)
    at.put({ { "U3", "p" } })
    at.clock.now = START + 30 * DAY
    assert.equal(1, at.follow:forget(at.clock.now, 100))
    assert.equal(1, #at.box:events("shop", 0, 10)) -- what was not folded yet
  end)

  it("keeps no event that no window names once it is folded", function()
    begin('n = count("p"), l = latest("*"), city = text')
    at.put({ { "U1", "p", nil, { city = "高雄" } } })
    assert.equal(0, at.follow:forget(at.clock.now, 100))
    at.fold()
    assert.equal(1, at.follow:forget(at.clock.now, 100))
    assert.same({ n = 1, l = START // 1000, city = "高雄" }, at.records({ "U1" }).U1)
  end)

  it("folds what new rules ask for from the events that are there, and keeps what old ones asked for", function()
    begin('n = count("p", { within = "3d" }), f = first("p")')
    for day = 0, 9 do
      at.clock.now = START + day * DAY
      at.put({ { "U1", "p", nil, { v = day } } })
      at.fold()
      at.follow:forget(at.clock.now, 100)
    end
    at.follow:planned({ "U1" })
    at.use('again = count("p", { within = "3d" }), f = first("p"), s = sum("p", "v", { within = "2d" }), '
      .. 'long = count("p", { within = "7d" }), v = number')
    assert.is_true(at.follow:building())
    assert.same({}, at.changed())
    at.fold()
    assert.is_false(at.follow:building())
    assert.same({ again = 3, f = START // 1000, s = 17, long = 4, v = 9 }, at.records({ "U1" }).U1)
    local since = START + 6 * DAY
    assert.same({
      { field = "long", since = since, whole = since + 7 * DAY },
      { field = "v", since = since },
    }, at.follow:incomplete(at.clock.now))
    at.clock.now = since + 7 * DAY
    assert.same({ { field = "v", since = since } }, at.follow:incomplete(at.clock.now))
    at.use('f = first("p")')
    assert.equal(2, at.book.ask("select count(*) from told")) -- v is kept for a while
    assert.equal(1, at.book.ask("select count(*) from tally"))
    assert.equal(1, at.book.ask("select count(*) from known"))
  end)

  it("loses nothing of all time by a change of the rules that is taken back within a week", function()
    begin('n = count("p"), s = sum("p", "v", { note = matches "x" }), city = text, w = count("p", { within = "1d" })')
    at.put({ { "U1", "p", nil, { v = 1, note = "x", city = "台北" } } })
    at.fold()
    at.changed()
    at.follow:planned({ "U1" })
    local before = at.fields
    at.use('other = count("q")')
    assert.same({ other = 0 }, at.records({ "U1" }).U1)
    at.put({ { "U1", "p", nil, { v = 2, note = "xx", city = "高雄" } } })
    at.fold()
    assert.same({}, at.changed()) -- nobody asks for what moved
    assert.equal(2, at.follow:forget(at.clock.now, 100))
    at.clock.now = START + 6 * DAY
    at.put({ { "U2", "q" } })
    at.fold()
    at.use(before)
    at.fold()
    assert.same({ n = 2, s = 3, city = "高雄", w = 0 }, at.records({ "U1" }).U1)
    at.use('other = count("q")')
    at.clock.now = START + 14 * DAY
    at.put({ { "U2", "q" } })
    at.fold()
    at.use(before)
    at.fold()
    assert.same({ n = 2, s = 3, city = "高雄", w = 0 }, at.records({ "U1" }).U1)
    at.use('other = count("q")')
    at.clock.now = START + 22 * DAY
    at.put({ { "U2", "q" } })
    at.fold()
    at.use('other = count("q")')
    at.use(before)
    at.fold()
    assert.same({ n = 0, s = 0, w = 0 }, at.records({ "U1" }).U1)
  end)

  it("begins anew with another inbox, and keeps what it knows", function()
    begin('n = count("p"), w = count("p", { within = "1d" })')
    at.put({ { "U1", "p" }, { "U1", "p", START - DAY + 1000 } })
    at.fold()
    at.box:close()
    for _, suffix in ipairs({ "", "-wal", "-shm" }) do
      os.remove(at.path .. suffix)
    end
    at.open()
    assert.is_true(at.follow.other_inbox)
    at.put({ { "U1", "p" } })
    assert.equal(1, at.fold())
    assert.same({ n = 3, w = 1 }, at.records({ "U1" }).U1) -- what the file does not hold can't leave a window
    assert.same({ { field = "w", since = START, whole = START + DAY } }, at.follow:incomplete(START))
    at.clock.now = START + DAY
    assert.same({ n = 3, w = 0 }, at.records({ "U1" }).U1)
  end)

  it("goes on where the connection got another name", function()
    begin('n = count("p"), city = text')
    at.put({ { "U1", "p", nil, { city = "台北" } }, { "U1", "p" } })
    at.fold()
    local same = { name = "store", platform = "botbonnie", bot = "bot-1", page = "page-1", channel = "line" }
    at.book.shop = assert(at.book.ledger:connection(same))
    at.use(at.fields)
    at.put({ { "U1", "p" } })
    assert.equal(1, at.fold())
    assert.same({ n = 3, city = "台北" }, at.records({ "U1" }).U1)
    assert.same({ store = 0 }, follow.settled(at.book.path))
  end)

  it("looks up what leaves a window, not all that a user did", function()
    begin('n = count("p", { within = "1d" }), s = count("*", { within = "1d" })')
    local many = {}
    for i = 1, 2000 do
      many[i] = { "U1", i % 2 == 0 and "p" or "q", START - 2000 + i }
    end
    at.put(many)
    at.fold()
    local looked = 0
    local span = at.box.span
    at.box.span = function(...)
      local rows = assert(span(...))
      looked = looked + #rows // 3
      return rows
    end
    at.clock.now = START - 2000 + 10 + DAY
    at.fold()
    assert.same({ n = 995, s = 1990 }, at.records({ "U1" }).U1)
    assert.is_true(looked <= 256, looked .. " events looked at")
  end)
end)

describe("following events and a plan over all of them", function()
  local FIELDS = [[
    n = count("a"), n1 = count("a", { within = "1m" }), n2 = count("*", { within = "2m", v = 3 }),
    s = sum("a", "v"), s1 = sum("*", "v", { within = "1m" }), s2 = sum("b", "v", { within = "3m", t = matches "x" }),
    f = first("*"), f1 = first("b", { within = "2m" }), f2 = first("*", { within = "1m", t = "xy" }),
    l = latest("a"), l1 = latest("*", { within = "1m" }), y = any("b", { t = matches "y" }),
    y1 = any("*", { within = "1m", v = 3 }), v = number, t = text, nested = text { from = "deep.er" }
  ]]
  local MORE = 'm = count("b", { within = "2m" }), k = sum("*", "w", { within = "1m" }), w = number, '

  local function check(seed)
    math.randomseed(seed)
    local at <close> = setmetatable(with.new(FIELDS, true), {
      __close = function(self)
        self.close()
      end,
    })
    local all, ids, kept, number = {}, {}, {}, 0
    local kinds, texts = { "a", "b", "c" }, { "x", "xy", "y", "zz" }
    local function event()
      number = number + 1
      local one = {
        user = "U" .. math.random(4),
        type = kinds[math.random(3)],
        at = at.clock.now - math.random(0, 5) * math.random(0, 40) * SECOND // 2,
        fields = {},
      }
      if math.random(3) > 1 then
        one.fields.v = math.random(8) == 1 and "none" or math.random(4) == 1 and 3 or math.random(1000) / 100
      end
      one.fields.t = math.random(2) == 1 and texts[math.random(4)] or nil
      one.fields.w = math.random(2) == 1 and math.random(9) or nil
      one.fields["deep.er"] = math.random(5) == 1 and "d" .. number or nil
      if math.random(2) == 1 then
        one.id = "id" .. number
        ids[#ids + 1] = one
      end
      return #ids > 0 and math.random(5) == 1 and ids[math.random(#ids)] or one
    end
    local extended = false
    for round = 1, 60 do
      local batch = {}
      for i = 1, math.random(0, 6) do
        batch[i] = event()
        all[#all + 1] = batch[i]
      end
      if #batch > 0 then
        at.put(batch)
      end
      local step = math.random(6)
      at.clock.now = at.clock.now + (step < 4 and math.random(0, 3000) or step == 4 and 0 or math.random(90000))
      if math.random(8) == 1 then
        at.reopen()
      end
      if math.random(3) == 1 then
        assert(at.follow:fold(math.random(5), at.clock.now))
      elseif math.random(3) == 1 then
        assert(at.follow:due(at.clock.now, 1))
      end
      if math.random(4) == 1 then
        if round > 30 and not extended then -- events were kept for the longest window of the rules, which stays
          extended = true
          at.use(MORE .. FIELDS)
        end
        at.fold()
        local now = at.follow.clock > at.clock.now and at.follow.clock or at.clock.now
        local expected = with.plain(at.ruleset, all, now)
        local users = assert(at.follow:sweep(nil, 100))
        local records = at.records(users)
        if extended then
          for _, set in ipairs({ expected, records }) do
            for _, record in pairs(set) do
              record.w = nil -- a plain field that was asked for late knows what the events tell that were kept
            end
          end
        end
        assert.same(expected, records, ("seed %d, round %d"):format(seed, round))
        -- who is not changed reads what was read when nothing was left to decide
        local waiting = {}
        for _, user in ipairs((at.follow:changed(100))) do
          waiting[user] = true
        end
        for user, record in pairs(records) do
          if kept[user] and not waiting[user] and not extended then
            assert.same(kept[user], record, ("seed %d, round %d: %s moved"):format(seed, round, user))
          end
        end
        kept = records
        assert(at.follow:planned(users))
        assert.same({}, (at.follow:changed(100)))
        assert(at.follow:forget(at.clock.now, math.random(20)))
      end
    end
  end

  it("come to the same through the file that plan reads", function()
    math.randomseed(7)
    local at <close> = setmetatable(with.new(FIELDS, true), {
      __close = function(self)
        self.close()
      end,
    })
    local lines = {}
    for i = 1, 400 do
      local one = {
        id = math.random(3) == 1 and "id" .. math.random(40) or nil,
        user = "U" .. math.random(9),
        type = ("abc"):sub(math.random(3)):sub(1, 1),
        at = at.clock.now + math.random(0, 200) * SECOND,
        v = math.random(3) > 1 and math.random(400) / 100 or nil,
        t = math.random(2) == 1 and ("xyz"):sub(1, math.random(3)) or nil,
        deep = math.random(4) == 1 and { er = "d" .. i } or nil,
      }
      local known = one.id and lines[one.id] -- whoever sends an event twice sends the same
      lines[#lines + 1] = known or assert(json.encode(one))
      lines[one.id or ""] = one.id and lines[#lines] or nil
    end
    support.write(at.book.folder .. "/events.jsonl", table.concat(lines, "\n"))
    local events = {}
    local zone <close> = core.zone.open("UTC")
    for i, line in ipairs(lines) do
      events[i] = assert(reading.event(line, zone))
    end
    at.clock.now = at.clock.now + 150 * SECOND -- the rest is yet to come
    for i = #events, 1, -1 do
      if events[i].at > at.clock.now then
        table.remove(events, i)
      end
    end
    at.put(events)
    at.fold()
    local opened = assert(input.open({ path = at.book.folder .. "/events.jsonl" }))
    assert.is_true(file.holds_events(opened, at.ruleset))
    local made = assert(file.open(opened, { ruleset = at.ruleset, at = at.clock.now // SECOND }))
    local planned = {}
    for chunk in function() return made:next() end do
      for line in chunk:gmatch("[^\n]+") do
        local record = assert(json.decode(line))
        planned[record.id], record.id = record, nil
      end
    end
    made:close()
    assert.same(at.records(assert(at.follow:sweep(nil, 100))), planned)
    assert.is_true(next(planned) ~= nil)
  end)

  for seed = 1, 15 do
    it("come to the same, whatever comes in whatever order: " .. seed, function()
      check(seed)
    end)
  end
end)
