local core = require("tagua.core")
local inbox = require("tagua.events.inbox")
local support = require("spec.support")

local NOW = 1700000000000

describe("the inbox of events", function()
  local folder, remove, path, box, clock

  local function open(options)
    options = options or {}
    options.now = function()
      return clock
    end
    return inbox.open(path, options)
  end

  before_each(function()
    folder, remove = support.folder()
    path, clock = folder .. "/tagua-events.db", NOW
    box = assert(open())
  end)

  after_each(function()
    box:close()
    remove()
  end)

  local function event(user, kind, at, more)
    local one = { connection = "shop", source = "events", user = user, type = kind, at = at, fields = {} }
    for key, value in pairs(more or {}) do
      one[key] = value
    end
    return one
  end

  local function summary(events)
    local lines = {}
    for i, one in ipairs(events) do
      lines[i] = ("%d %s %s %d"):format(one.number, one.user, one.type, one.at)
    end
    return lines
  end

  it("is a file for its owner alone, on the disk with every commit", function()
    local _, mode = support.shell("stat -c %a " .. path)
    assert.equal("600\n", mode)
    assert.equal(2, box.store:row("pragma synchronous"))
    assert.equal("wal", box.store:row("pragma journal_mode"))
    assert.is_true(box:check())
  end)

  it("gives events back as they were, in order of arrival, each connection's for itself", function()
    local fields = { text = "多少錢\n/", amount = 300, rate = 0.1, whole = 9007199254740993, gift = false }
    assert.same(
      { events = 3, raws = 0, duplicates = 0, wishes = {} },
      box:take({
        events = {
          event("U1", "message", NOW - 10, { id = "a", fields = fields, source = "line" }),
          event("U2", "follow", NOW - 20, { fields = false }),
          event("U1", "follow", NOW - 5, { connection = "other" }),
        },
      })
    )
    local events = assert(box:events("shop", 0, 10))
    assert.same({ "1 U1 message 1699999999990", "2 U2 follow 1699999999980" }, summary(events))
    assert.same(fields, events[1].fields)
    assert.equal("integer", math.type(events[1].fields.whole))
    assert.equal("line", events[1].source)
    assert.equal("a", events[1].id)
    assert.equal(NOW, events[1].received)
    assert.same({}, events[2].fields)
    assert.same({ "2 U2 follow 1699999999980" }, summary(box:events("shop", 1, 10)))
    assert.same({ "1 U1 message 1699999999990" }, summary(box:events("shop", 0, 1)))
    assert.same({ "1 U1 follow 1699999999995" }, summary(box:events("other", 0, 10)))
    assert.same({}, box:events("nobody", 0, 10))
    assert.same({
      shop = { events = 2, raws = 0, unparsed = 0, wishes = 0, asked = 0 },
      other = { events = 1, raws = 0, unparsed = 0, wishes = 0, asked = 0 },
    }, box:last())
  end)

  it("takes an event once, by its connection, its source and its id", function()
    local one = event("U1", "purchase", NOW, { id = "o-1" })
    local result = box:take({
      events = {
        one,
        one,
        event("U1", "purchase", NOW, { id = "o-1", source = "line" }),
        event("U1", "purchase", NOW, { id = "o-1", connection = "other" }),
        event("U1", "purchase", NOW),
        event("U1", "purchase", NOW),
      },
    })
    assert.equal(5, result.events)
    assert.equal(1, result.duplicates)
    box:close()
    box = assert(open())
    result = assert(box:take({ events = { one } }))
    assert.equal(0, result.events)
    assert.equal(1, result.duplicates)
    assert.equal(4, box:last().shop.events)
  end)

  it("takes an event of the future as one of now", function()
    box:take({ events = { event("U1", "follow", NOW + 5000) } })
    assert.equal(NOW, box:events("shop", 0, 1)[1].at)
  end)

  it("takes a batch whole or not at all", function()
    local bad = {
      ["user is missing"] = event("", "follow", NOW),
      ["user is 257 bytes long, at most 256 are taken"] = event(("u"):rep(257), "follow", NOW),
      ["type is not printable UTF-8"] = event("U1", "fol\nlow", NOW),
      ["at is not a moment in milliseconds since 1970"] = event("U1", "follow", 1.5),
      ["id is 257 bytes long, at most 256 are taken"] = event("U1", "follow", NOW, { id = ("i"):rep(257) }),
      ["the field 'cart' is a table: a field is a text, a number or true or false"] = event("U1", "follow", NOW, {
        fields = { cart = {} },
      }),
      ["its fields are 70009 bytes long, at most 65536 are taken"] = event("U1", "follow", NOW, {
        fields = { t = ("x"):rep(70001) },
      }),
    }
    for problem, one in pairs(bad) do
      local result, message, code = box:take({ events = { event("U1", "follow", NOW, { id = "x" }), one } })
      assert.is_nil(result)
      assert.equal("EINPUT", code)
      assert.equal("an event cannot be taken: " .. problem, message)
    end
    local many = {}
    for i = 1, 501 do
      many["f" .. i] = i
    end
    local _, message = box:take({ events = { event("U1", "follow", NOW, { fields = many }) } })
    assert.equal("an event cannot be taken: it has 501 fields, at most 500 are taken", message)
    local _, _, code = box:take({ wishes = { { connection = "shop", user = "U1", tag = "VIP", action = "drop" } } })
    assert.equal("EINPUT", code)
    _, _, code = box:take({ raws = { { connection = "shop", hook = "crm", body = ("x"):rep(1024 * 1024 + 1) } } })
    assert.equal("EINPUT", code)
    assert.same({}, box:last())
    assert.equal(1, box:take({ events = { event("U1", "follow", NOW, { id = "x" }) } }).events)
  end)

  it("keeps bodies of named hooks until they became events", function()
    local body = '{"a":\0"\xff"}'
    local raw = { connection = "shop", hook = "crm", id = "h-1", body = body, at = NOW - 1 }
    local result = box:take({ raws = { raw, raw, { connection = "shop", hook = "crm", body = "2" } } })
    assert.equal(2, result.raws)
    assert.equal(1, result.duplicates)
    local raws = box:raws("shop", 0, 10)
    assert.same({ connection = "shop", number = 1, hook = "crm", id = "h-1", body = body, at = NOW - 1 }, raws[1])
    assert.equal("2", raws[2].body)
    assert(box:take({ events = { event("U1", "deal", NOW) }, parsed = { shop = { 1 } } }))
    assert.equal(1, #box:raws("shop", 0, 10))
    assert.equal(1, #box:events("shop", 0, 10))
    assert.is_nil(box:take({ events = { event("", "deal", NOW) }, parsed = { shop = { 2 } } }))
    assert.equal(1, #box:raws("shop", 0, 10))
    assert.equal(1, box:take({ raws = { raw } }).duplicates)
  end)

  it("takes a wish that comes again with its id once, whatever else it says", function()
    local wish = { connection = "shop", action = "tag", user = "U1", tag = "VIP", id = "order-7" }
    assert.same({ 1, false }, box:take({ wishes = { wish, wish } }).wishes)
    assert.same({ false }, box:take({ wishes = { wish } }).wishes)
    wish.connection = "other"
    assert.same({ 1 }, box:take({ wishes = { wish } }).wishes)
    assert.equal(1, #box:wishes("shop", 0, 10))
  end)

  it("tells how many wishes wait to be taken up", function()
    local wish = { connection = "shop", action = "tag", user = "U1", tag = "VIP" }
    box:take({ wishes = { wish, wish, wish } })
    assert.equal(3, box:last().shop.asked)
    box:forget_wishes("shop", 2)
    assert.equal(1, box:last().shop.asked)
    box:forget_wishes("shop", 3)
    assert.same({ 0, 3 }, { box:last().shop.asked, box:last().shop.wishes })
  end)

  it("numbers wishes in order, and never gives a number again", function()
    local wish = { connection = "shop", action = "tag", user = "U1", tag = "VIP", lasts = 60, client = "crm" }
    assert.same({ 1, 2 }, box:take({ wishes = { wish, wish } }).wishes)
    local kept = box:wishes("shop", 1, 10)
    assert.equal(1, #kept)
    assert.same({
      connection = "shop",
      number = 2,
      action = "tag",
      user = "U1",
      tag = "VIP",
      lasts = 60,
      client = "crm",
      at = NOW,
    }, kept[1])
    assert.equal(1, box:forget_wishes("shop", 1))
    assert.equal(1, box:forget_wishes("shop", 2))
    assert.same({ 3 }, box:take({ wishes = { wish } }).wishes)
  end)

  it("forgets events before a moment, the oldest first, and remembers their ids for longer", function()
    local day = 86400000
    for i = 1, 6 do
      clock = NOW + i * day
      box:take({ events = { event("U" .. i, "follow", clock, { id = "e" .. i }) } })
    end
    assert.equal(2, box:forget("shop", NOW + 5 * day, 2))
    assert.same({ "3 U3", "4 U4", "5 U5", "6 U6" }, (function()
      local found = {}
      for i, one in ipairs(box:events("shop", 0, 10)) do
        found[i] = one.number .. " " .. one.user
      end
      return found
    end)())
    assert.equal(1, box:forget("shop", NOW + 5 * day, 10, 3)) -- what has yet to be folded stays
    assert.equal(NOW + 5 * day, box:last().shop.forgotten)
    assert.equal(1, box:take({ events = { event("U1", "follow", NOW, { id = "e1" }) } }).duplicates)
    assert.equal(1, box:forget("shop", NOW + 5 * day, 10))
    clock = NOW + 40 * day
    assert.equal(0, box:forget("shop", NOW + 5 * day, 10))
    assert.equal(1, box:take({ events = { event("U1", "follow", NOW, { id = "e1" }) } }).events)
    assert.equal(1, box:take({ events = { event("U6", "follow", NOW, { id = "e6" }) } }).duplicates)
    assert.equal(7, box:last().shop.events)
  end)

  it("looks up the ids that it forgets, not all that there are", function()
    local steps = {}
    for _, _, _, step in box.store:rows("explain query plan " .. inbox.FORGET_IDS, 1, 2, 3) do
      steps[#steps + 1] = step
    end
    assert.equal("SEARCH seen USING PRIMARY KEY (connection=? AND source=? AND id=?)", steps[1])
    assert.matches("seen_by_received %(connection=%? AND received<%?%)", table.concat(steps, "; "))
  end)

  it("forgets bodies that came to nothing, those that were looked at and are old enough", function()
    for i = 1, 5 do
      box:take({ raws = { { connection = "shop", hook = "crm", body = tostring(i), at = NOW - 100 + i } } })
    end
    assert.equal(0, box:forget_raws("other", 5, NOW))
    assert.equal(1, box:forget_raws("shop", 5, NOW - 96, 1))
    assert.equal(2, box:forget_raws("shop", 3, NOW))
    assert.equal(0, box:forget_raws("shop", 5, NOW - 96))
    assert.same({ 4, 5 }, { box:raws("shop", 0, 10)[1].number, box:raws("shop", 0, 10)[2].number })
  end)

  it("finds one user's events by when they happened", function()
    box:take({
      events = { event("U1", "b", NOW - 1), event("U2", "x", NOW - 2), event("U1", "a", NOW - 3) },
    })
    assert.same({ "3 U1 a 1699999999997", "1 U1 b 1699999999999" }, summary(box:history("shop", "U1")))
    assert.same({ "1 U1 b 1699999999999" }, summary(box:history("shop", "U1", NOW - 3)))
    assert.same({}, box:history("shop", "U9"))
  end)

  it("is read by one process while another one writes", function()
    box:take({ events = { event("U1", "follow", NOW) } })
    local reader = assert(open({ read_only = true }))
    assert.equal(box.id, reader.id)
    box:take({ events = { event("U2", "follow", NOW) } })
    assert.equal(2, #reader:events("shop", 0, 10))
    local result, _, code = reader:take({ events = { event("U3", "follow", NOW) } })
    assert.is_nil(result)
    assert.equal("ESQL", code)
    reader:close()
  end)

  it("refuses a file that is none, and leaves it as it is", function()
    local function refused(other, problem, options)
      local opened, message, code = inbox.open(other, options)
      assert.is_nil(opened)
      assert.equal("ELEDGER", code)
      assert.matches(("cannot use '%s' as the inbox of events: "):format(other), message, 1, true)
      assert.matches(problem, message, 1, true)
    end
    local notes = support.write(folder .. "/notes.txt", ("my notes\n"):rep(200))
    refused(notes, "")
    assert.equal(("my notes\n"):rep(200), support.read(notes))
    assert(require("tagua.ledger").open(folder .. "/tagua.db")):close()
    refused(folder .. "/tagua.db", "it is a database of another program; move it out of the way")
    refused(folder .. "/none.db", "there is no such file", { read_only = true })
    assert.is_nil(core.system.file_kind(folder .. "/none.db"))
    box.store:run("pragma user_version = 9")
    refused(path, "it is of version 9, this program knows 1: it was written by a newer tagua")
    box.store:run("pragma user_version = 1")
  end)

  it("refuses a damaged file with a clear error", function()
    for i = 1, 500 do
      box:take({ events = { event("U" .. i, "follow", NOW, { fields = { text = ("x"):rep(200) } }) } })
    end
    box:close()
    local bytes = support.read(path)
    support.write(path, bytes:sub(1, 4096) .. ("\xAA"):rep(#bytes - 4096))
    local opened, message, code = open()
    if opened then
      opened, message, code = opened:events("shop", 0, 10)
    end
    assert.is_nil(opened)
    assert.is_true(code == "ELEDGER" or code == "ESQL")
    assert.matches("damaged", message, 1, true)
    support.write(path, bytes)
    box = assert(open())
  end)
end)
