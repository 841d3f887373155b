local core = require("tagua.core")
local with = require("spec.support.ledger")

describe("mirror", function()
  local book, shop, user

  before_each(function()
    book = with.new()
    shop = book.shop
    user = with.user
  end)

  after_each(function()
    book.close()
  end)

  local function states(users, tags)
    return (assert(shop:states(users, tags)))
  end

  it("is not pulled until a pull is complete", function()
    assert.is_nil(shop:pulled())
    local pull = shop:pull()
    pull:put({ user("U1") })
    assert.is_nil(shop:pulled())
    pull:finish()
    assert.equal(1700000000, shop:pulled())
  end)

  it("gives what the first pull found to nobody until it is adopted", function()
    with.pull(shop, { user("U1", { "vip" }), user("U2", { "new", "vip" }) })
    assert.same({ "f..", "ff.", "..." }, states({ "U1", "U2", "U3" }, { "vip", "new", "none" }))
  end)

  it("answers in the order of the question, doubles and unknown tags included", function()
    with.pull(shop, { user("U1", { "vip" }) })
    assert.same({ "..", "f.", "f.", ".." }, states({ "U9", "U1", "U1", "U0" }, { "vip", "" }))
    assert.same({ "ff" }, states({ "U1" }, { "vip", "vip" }))
    assert.same({}, states({}, { "vip" }))
    assert.same({ "" }, states({ "U1" }, {}))
  end)

  it("makes what a run has done Tagua's own, and leaves what failed alone", function()
    with.pull(shop, { user("U1"), user("U2"), user("U3", { "vip" }) })
    with.carry_out(with.plan(shop, { { "U1", "vip" }, { "U2", "vip" }, { "U3", "vip", "untag" } }), function(one)
      return one.user == "U2" and "failed" or "done"
    end)
    assert.same({ "t", ".", "." }, states({ "U1", "U2", "U3" }, { "vip" }))
  end)

  it("leaves ours ours when a pull shows it, and gives the console what is new", function()
    with.carry_out(with.plan(shop, { { "U1", "vip" } }))
    with.pull(shop, { user("U1", { "vip", "new" }), user("U2", { "vip" }) })
    assert.same({ "tf", "f." }, states({ "U1", "U2" }, { "vip", "new" }))
  end)

  it("lets vanish what a pull shows no more, users and tags", function()
    with.pull(shop, { user("U1", { "vip", "new" }), user("U2", { "vip" }) })
    with.carry_out(with.plan(shop, { { "U1", "third" } }))
    local sums = with.pull(shop, { user("U1", { "new" }) })
    -- what somebody took off is remembered of who is still there
    assert.same({ "qfo", "..." }, states({ "U1", "U2" }, { "vip", "new", "third" }))
    assert.same({ 1, 0, 1, 1, 1, 2 }, { sums.users, sums.new, sums.gone, sums.tags, sums.taken_off, sums.gone_tags })
    assert.equal(1, book.ask("select count(*) from user"))
  end)

  it("gives the console what it puts on again after we took it off", function()
    with.carry_out(with.plan(shop, { { "U1", "vip" } }))
    with.carry_out(with.plan(shop, { { "U1", "vip", "untag" } }))
    with.pull(shop, { user("U1", { "vip" }) })
    assert.same({ "c" }, states({ "U1" }, { "vip" }))
  end)

  it("loses nothing by a pull that breaks off", function()
    with.pull(shop, { user("U1", { "vip" }), user("U2", { "vip" }) })
    local pull = shop:pull()
    pull:put({ user("U1", { "new" }) })
    pull:abandon()
    assert.same({ "fc", "f." }, states({ "U1", "U2" }, { "vip", "new" }))
    assert.equal(2, book.ask("select count(*) from user"))
    with.pull(shop, { user("U1", { "new" }) })
    assert.same({ "qc", ".." }, states({ "U1", "U2" }, { "vip", "new" }))
  end)

  it("does not believe that nobody is left", function()
    with.pull(shop, { user("U1", { "vip" }) })
    local pull = shop:pull()
    local sums, message, code = pull:finish()
    assert.is_nil(sums)
    assert.equal("EPROTOCOL", code)
    assert.matches("the platform showed no user of connection 'shop', the ledger knows 1", message, 1, true)
    assert.same({ "f" }, states({ "U1" }, { "vip" }))
    assert.equal(1, pull:finish({ empty = true }).gone)
    assert.same({ "." }, states({ "U1" }, { "vip" }))
  end)

  describe("while a run is under way during the pull", function()
    it("keeps what was put on after the page was read", function()
      with.pull(shop, { user("U1"), user("U2") })
      local pull = shop:pull()
      with.carry_out(with.plan(shop, { { "U1", "vip" }, { "U2", "vip" } }))
      book.ledger:fold() -- another process may fold in between
      pull:put({ user("U1"), user("U2", { "vip" }) }) -- the page of U1 is from before
      pull:finish()
      assert.same({ "t", "t" }, states({ "U1", "U2" }, { "vip" }))
    end)

    it("keeps what was put on again after the page was read", function()
      with.carry_out(with.plan(shop, { { "U1", "vip" } }))
      with.carry_out(with.plan(shop, { { "U1", "vip", "untag" } }))
      book.ledger:fold()
      local pull = shop:pull()
      with.carry_out(with.plan(shop, { { "U1", "vip" } }))
      book.ledger:fold()
      pull:put({ user("U1") })
      pull:finish()
      assert.same({ "t" }, states({ "U1" }, { "vip" }))
    end)

    it("keeps off what was taken off after the page was read", function()
      with.carry_out(with.plan(shop, { { "U1", "vip" }, { "U2", "vip" } }))
      local pull = shop:pull()
      with.carry_out(with.plan(shop, { { "U1", "vip", "untag" }, { "U2", "vip", "untag" } }))
      book.ledger:fold()
      pull:put({ user("U1", { "vip" }), user("U2") })
      pull:finish()
      assert.same({ ".", "." }, states({ "U1", "U2" }, { "vip" }))
    end)

    it("keeps what is folded only after the pull", function()
      with.carry_out(with.plan(shop, { { "U2", "vip" } }))
      local pull = shop:pull()
      local run = with.plan(shop, { { "U1", "vip" }, { "U2", "vip", "untag" } })
      run:next(2)
      pull:put({ user("U1"), user("U2", { "vip" }) })
      run:result(1, "done")
      run:result(2, "done")
      run:flush()
      pull:finish()
      assert.same({ "t", "." }, states({ "U1", "U2" }, { "vip" }))
    end)

    it("lets the pull decide about what was done before it began", function()
      with.carry_out(with.plan(shop, { { "U1", "vip" } }))
      with.pull(shop, { user("U1") })
      assert.same({ "o" }, states({ "U1" }, { "vip" }))
    end)
  end)

  describe("of what is in doubt", function()
    local function lost(outcome)
      with.pull(shop, { user("U1"), user("U2", { "vip" }) })
      local run = with.plan(shop, { { "U1", "vip" }, { "U2", "vip", "untag" } })
      run:next(2)
      if outcome then
        run:result(1, outcome)
        run:result(2, outcome)
      end
      run:flush()
      return run
    end

    it("says so while operations are being sent, and knows again when they came to nothing", function()
      local run = lost()
      assert.same({ "?", "?" }, states({ "U1", "U2" }, { "vip" }))
      run:result(1, "returned")
      run:result(2, "failed")
      run:flush()
      assert.same({ ".", "f" }, states({ "U1", "U2" }, { "vip" }))
    end)

    it("keeps the doubt about what is being sent through a pull", function()
      lost()
      with.pull(shop, { user("U1"), user("U2", { "vip" }) })
      assert.same({ "?", "?" }, states({ "U1", "U2" }, { "vip" }))
    end)

    it("says so of ambiguous operations until a pull shows what is there: nothing happened", function()
      lost("ambiguous")
      assert.same({ "?", "?" }, states({ "U1", "U2" }, { "vip" }))
      with.pull(shop, { user("U1"), user("U2", { "vip" }) })
      assert.same({ ".", "f" }, states({ "U1", "U2" }, { "vip" }))
    end)

    it("says so of ambiguous operations until a pull shows what is there: it was done", function()
      lost("ambiguous")
      with.pull(shop, { user("U1", { "vip" }), user("U2") })
      assert.same({ "t", "." }, states({ "U1", "U2" }, { "vip" }))
    end)

    it("takes a tag that somebody put on again for the console's", function()
      lost("stands")
      assert.same({ "c" }, states({ "U2" }, { "vip" }))
    end)
  end)

  it("takes no notice of users on another page or channel of the bot", function()
    local sums = with.pull(shop, {
      user("U1", { "vip" }),
      user("U2", { "vip" }, { page = "page-2" }),
      user("U3", { "vip" }, { platform_channel = "facebook" }),
    })
    assert.same({ 1, 2 }, { sums.users, sums.elsewhere })
    assert.same({ "f", ".", "." }, states({ "U1", "U2", "U3" }, { "vip" }))
  end)

  it("keeps the connections apart", function()
    local other = book.ledger:connection({ name = "b", platform = "botbonnie", bot = "bot-2", page = "page-1", channel = "line" })
    with.pull(shop, { user("U1", { "vip" }) })
    with.pull(other, { user("U1") })
    assert.same({ "f" }, states({ "U1" }, { "vip" }))
    assert.same({ "." }, (other:states({ "U1" }, { "vip" })))
  end)

  it("says the same of every kind of row, whether or not a rule gives its tag a time", function()
    with.pull(shop, { user("U0", { "vip", "new" }) })
    local db, rows, users = book.ledger.store, 0, {}
    local number, tag = book.ask("select connection, tag from holding where user = 'U0' limit 1")
    local bits = { 0, 1 }
    for _, present in ipairs(bits) do
      for _, ours in ipairs(bits) do
        for doubt = 0, 2 do
          for _, found in ipairs(bits) do
            for decision = -1, 4 do
              for _, expired in ipairs(bits) do
                for times = 0, 4 do
                  rows = rows + 1
                  users[rows] = ("U%05d"):format(rows)
                  db:run("insert into holding (connection, user, tag, present, ours, doubt, found, decision, expired,"
                    .. " lasts, ends, since, generation) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)", number,
                    users[rows], tag, present, ours, doubt, found, decision >= 0 and decision or nil, expired,
                    times == 1 and 60 or times == 2 and 6000 or nil, times == 3 and 1000 or times == 4 and 9000 or nil,
                    1000)
                end
              end
            end
          end
        end
      end
    end
    local tags, seen = { "vip", "new" }, {}
    for _, at in ipairs({ false, 2000 }) do
      local clock = at and { at = at, {}, {}, {} } or nil
      local timed = at and { at = at, {}, {}, { lasts = 1 } } or { {}, {}, { lasts = 1 } } -- of a tag that nobody has
      local quick = assert(shop:states(users, { tags[1], tags[2], "none" }, clock))
      local slow = assert(shop:states(users, { tags[1], tags[2], "none" }, timed))
      if at then assert.same(slow, quick) end
      for _, state in ipairs(quick) do
        seen[state] = true
      end
    end
    local kinds = 0
    for _ in pairs(seen) do
      kinds = kinds + 1
    end
    assert.is_true(rows == 1440 and kinds >= 13, kinds)
  end)

  it("knows who blocked the bot", function()
    with.pull(shop, { user("U1"), user("U2", {}, { blocked = true }) })
    local _, blocked = shop:states({ "U2", "U1", "U3" }, { "vip" })
    assert.same({ true, false, false }, blocked)
    assert.same({ true, false, false }, shop:blocked({ "U2", "U1", "U3" }))
    with.pull(shop, { user("U1"), user("U2") })
    assert.same({ false }, shop:blocked({ "U2" }))
  end)

  it("lists users' tags by name", function()
    with.pull(shop, { user("U1", { "vip", "new" }), user("U2") })
    with.carry_out(with.plan(shop, { { "U1", "new", "untag" } }))
    assert.same({ {}, { "VIP" } }, shop:tagsets({ "U2", "U1" }))
  end)

  it("counts who has a tag, and on how many of them it is ours", function()
    with.pull(shop, { user("U1", { "vip" }), user("U2", { "vip" }) })
    with.carry_out(with.plan(shop, { { "U3", "vip" } }))
    assert.same({ vip = { users = 3, ours = 1 } }, shop:tag_sizes())
  end)

  describe("matching", function()
    before_each(function()
      with.pull(shop, {
        user("U1", {}, { ext_id = "1001", phone = " 0912-345-678 ", email = "A@b.tw", params = { card = "C-1", no = 7 } }),
        user("U2", {}, { ext_id = "1002", phone = "0900", params = { card = " C-2 " }, blocked = true }),
        user("U3", {}, { ext_id = "1003", phone = "0900", email = "a@b.tw", params = { card = "C-2" } }),
        user("U4", {}, { ext_id = "", params = {} }),
      })
    end)

    it("finds one, none or several", function()
      local found, blocked = assert(shop:matcher("ext_id")):find({ "1003", "9", "1001", "1002", "" })
      assert.same({ "U3", false, "U1", "U2", false }, found)
      assert.same({ false, false, false, true, false }, blocked)
      assert.same({ "ambiguous", "U1" }, (shop:matcher("phone"):find({ "0900", "0912-345-678" })))
    end)

    it("compares texts exactly, but for spaces at both ends", function()
      assert.same({ "U1", "U3", false }, (shop:matcher("email"):find({ " A@b.tw\t", "a@b.tw", "a@B.tw" })))
      assert.same({ false }, (shop:matcher("phone"):find({ "0912345678" })))
    end)

    it("finds by a param, text or number, several matchers at a time", function()
      local card, number = assert(shop:matcher("param:card")), assert(shop:matcher("param:no"))
      assert.same({ "U1", "ambiguous", false }, (card:find({ "C-1", "C-2", "C-3" })))
      assert.same({ "U1" }, (number:find({ "7" })))
      assert.same({ false }, (assert(shop:matcher("param:none")):find({ "7" })))
    end)

    it("says what it can match by", function()
      local matcher, message, code = shop:matcher("telephone")
      assert.is_nil(matcher)
      assert.equal("EUSAGE", code)
      assert.equal("cannot match by 'telephone': it may be ext_id, phone, email or param:NAME", message)
    end)
  end)

  describe("as records", function()
    local function records()
      local found = {}
      for line in shop:records() do
        assert.equal("\n", line:sub(-1))
        found[#found + 1] = core.json.decode(line)
      end
      return found
    end

    it("gives everybody once, with params as keys beside the user's own", function()
      local users = {}
      for i = 1, 2500 do
        users[i] = user(("U%05d"):format(i), {}, { params = { city = "台北", n = i } })
      end
      with.pull(shop, users)
      local found = records()
      assert.equal(2500, #found)
      assert.same({ id = "U02500", name = "User U02500", city = "台北", n = 2500 }, found[2500])
    end)

    it("keeps the digits of numbers and the text of names", function()
      local name = 'quo"te\n台'
      with.pull(shop, { user("U1", {}, { name = name, created = 1583983892294, params = { big = 9007199254740993 } }) })
      assert.same({ id = "U1", name = name, created = 1583983892294, big = 9007199254740993 }, records()[1])
    end)

    it("gives a param that is named like one of the user's own keys as param.NAME", function()
      with.pull(shop, { user("U1", {}, { email = "a@b.tw", params = { email = "other", id = "9", city = "x" } }) })
      local one = records()[1]
      assert.same({ "U1", "a@b.tw", "other", "9", "x" }, { one.id, one.email, one["param.email"], one["param.id"], one.city })
      assert.same({ "U1" }, (shop:matcher("param:email"):find({ "other" })))
    end)

    it("leaves out params that are too large, and says how many", function()
      local sums = with.pull(shop, { user("U1", {}, { params = { x = ("x"):rep(300000) } }) })
      assert.equal(1, sums.oversized)
      assert.same({ id = "U1", name = "User U1" }, records()[1])
    end)
  end)

  it("answers for a thousand users and ten tags in a few milliseconds", function()
    local users, ids, tags = {}, {}, {}
    for i = 1, 1000 do
      ids[i] = ("U%032x"):format(i * 7919 % 1000003)
      users[i] = user(ids[i], { "vip", "new" })
    end
    for i = 1, 10 do
      tags[i] = i % 2 == 0 and "vip" or "t" .. i
    end
    with.pull(shop, users)
    local before = os.clock()
    for _ = 1, 10 do
      states(ids, tags)
    end
    assert.is_true(os.clock() - before < 1)
  end)
end)
