local http = require("spec.support.http")
local json = require("tagua.json")
local ledgers = require("spec.support.ledger")
local page = require("spec.support.page")
local pages = require("tagua.serve.page")
local support = require("spec.support")

-- What a route answers, its body read.
local function ask(opened, path, query)
  local reply = opened.routes["GET /api/" .. path]({ query = query or {}, headers = {} })
  return json.decode(reply.body), reply.status or 200
end

local function open(book, more)
  local given = { ledger = book.path, served = { shop = { per_second = 5 } }, now = function() return page.NOW end }
  for name, value in pairs(more or {}) do given[name] = value end
  return assert(pages.open(given))
end

-- The tags of the answer by name.
local function tags_of(opened, query)
  local answer = ask(opened, "tags", query or { connection = "1" })
  local found = {}
  for _, tag in ipairs(answer.tags) do found[tag.name] = tag end
  return found, answer
end

describe("the page's data", function()
  local book, opened

  setup(function()
    book = ledgers.new()
    page.fill(book)
  end)
  teardown(function() book.close() end)
  before_each(function() opened = open(book) end)
  after_each(function() opened.close() end)

  it("has how tagua serve itself is, where it is told", function()
    assert.is_nil(ask(opened, "overview").state)
    local told = open(book, { state = function() return { configuration_changed = true } end })
    assert.same({ configuration_changed = true }, ask(told, "overview").state)
    told.close()
  end)

  it("has the sizes that the mirror has, the largest first", function()
    local tags, answer = tags_of(opened)
    assert.equal("VIP", answer.tags[1].name)
    assert.equal("Value", answer.tags[1].folder)
    for name, tag in pairs(tags) do
      local users, ours = book.ask("select users, by_tagua from tag_sizes where tag = ?", name)
      assert.same({ users, ours }, { tag.users, tag.ours }, name)
    end
    assert.is_false(answer.counting)
  end)

  it("has a line of 30 days in the zone's days that ends at the size of today", function()
    local tags, answer = tags_of(opened)
    assert.equal(30, #answer.days)
    assert.equal(page.NOW - 12 * 3600, answer.days[30]) -- midnight in Taipei
    for _, tag in pairs(tags) do
      assert.equal(30, #tag.line)
      assert.equal(tag.users, tag.line[30])
    end
    -- Four a day from the second day on; on the 23rd of the runs one of them fails.
    assert.same({ 0, 4, 8, 12 }, { table.unpack(tags.VIP.line, 1, 4) })
    assert.same({ 107, 111, 115 }, { table.unpack(tags.VIP.line, 28, 30) })
    assert.same({ 115, 0 }, { tags.VIP.on, tags.VIP.off })
    assert.same({ 0, 98 }, { tags["沉睡客 Dormant"].on, tags["沉睡客 Dormant"].off })
  end)

  it("dates what people put on in the console by the platform's timestamp, and not what Tagua found", function()
    local tags = tags_of(opened)
    assert.same({ 0, 1, 1, 1 }, { table.unpack(tags[page.EVIL_TAG].line, 27, 30) })
    assert.same({ 20, 20 }, { tags["老客戶"].line[1], tags["老客戶"].line[30] })
  end)

  it("counts what came since without counting anything twice", function()
    local clock = page.NOW
    opened = open(book, { now = function() return clock end })
    local before = tags_of(opened)
    page.run(book, page.NOW - 200, { kind = "event" }, { { user = page.user(150), tag = "tag-empty", action = "tag" } })
    clock = page.NOW + 1000
    local after = tags_of(opened)
    assert.same({ 0, 1, 1 }, { before.Nobody.users, after.Nobody.users, after.Nobody.on })
    assert.equal(0, after.Nobody.line[29])
    assert.equal(before.VIP.on, after.VIP.on)
    page.run(book, page.NOW - 100, { kind = "event" }, { { user = page.user(150), tag = "tag-empty", action = "untag" } })
  end)

  it("forgets the oldest day when a new one begins", function()
    local clock = page.NOW
    opened = open(book, { now = function() return clock end })
    local first = tags_of(opened).VIP
    clock = page.NOW + page.DAY
    local second = tags_of(opened).VIP
    assert.same({ table.unpack(first.line, 2) }, { table.unpack(second.line, 1, 29) })
    assert.equal(115, second.line[30])
  end)

  it("counts in slices, as long as one question may take, and comes to the same", function()
    local whole, at = select(2, tags_of(opened)), 0
    opened = open(book, { slice = 3, clock = function() at = at + 30000000 return at end })
    local answer, questions = ask(opened, "tags", { connection = "1" }), 1
    assert.same({ true, {} }, { answer.counting, answer.tags })
    while answer.counting do
      answer, questions = ask(opened, "tags", { connection = "1" }), questions + 1
    end
    assert.is_true(questions > 20)
    assert.same(whole, answer)
  end)

  it("tells of each connection: users, quota in use, live events of a day", function()
    local one = ask(opened, "overview").connections[1]
    assert.same({ "shop", 200, 4, true }, { one.name, one.users, one.blocked, one.served })
    assert.same({ per_second = 5, in_minute = 15, waiting = 0 }, one.quota)
    assert.same({ 30, 0, true }, { one.events.done >= 30 and 30, one.events.failed, one.events.whole })
  end)

  it("believes the senders, where they tell of the quota themselves", function()
    opened = open(book, { live = function() return { shop = { rate = 2.5, in_minute = 77, paused = 12, waiting = 3 } } end })
    assert.same({ per_second = 5, rate = 2.5, in_minute = 77, paused = 12, waiting = 3 },
      ask(opened, "overview").connections[1].quota)
  end)

  it("lists runs a page at a time, live events for themselves", function()
    local seen, before = {}, nil
    repeat
      local answer = ask(opened, "runs", { connection = "1", before = before and tostring(before) })
      assert.is_true(#answer.runs <= 10)
      for _, run in ipairs(answer.runs) do
        assert.equal("apply", run.kind)
        assert.equal(run.planned, run.done + run.failed + run.skipped + run.left)
        seen[#seen + 1] = run.run
      end
      before = answer.next
    until not before
    assert.equal(30, #seen)
    assert.equal("event", ask(opened, "runs", { connection = "1", events = "1" }).runs[1].kind)
  end)

  it("tells what failed, in which run and why", function()
    local failures = ask(opened, "failures", { connection = "1" }).failures
    assert.equal(2, #failures)
    assert.same({ "ENOTFOUND", 1, page.user(90) }, { failures[1].code, failures[1].operations, failures[1].user })
    assert.matches("does not know the user", failures[1].message, 1, true)
    assert.same(failures, ask(opened, "failures", { connection = "1" }).failures)
  end)

  it("tells which run stopped, and why", function()
    local other = ledgers.new()
    finally(other.close)
    local run = ledgers.plan(other.shop, { { "U1", "tag-1" }, { "U2", "tag-1" } })
    local first = assert(run:next(1))[1]
    assert(run:result(first.seq, "done"))
    assert(run:finish("stopped", "the platform refuses the token"))
    opened = open(other)
    local answer = ask(opened, "failures", { connection = "1" })
    assert.equal("the platform refuses the token", answer.stopped[1].message)
    assert.same({ "stopped", 1, 1 }, { ask(opened, "runs", { connection = "1" }).runs[1].state,
      ask(opened, "runs", { connection = "1" }).runs[1].done, ask(opened, "runs", { connection = "1" }).runs[1].left })
  end)

  for what, question in pairs({ ["the whole id"] = page.user(7), ["the member number"] = "M7",
    ["the e-mail"] = "user7@example.com", ["how the id begins"] = page.user(7):sub(1, -1), ["a part of the name"] = "SCRIPT>" }) do
    it("finds a user by " .. what, function()
      local answer = ask(opened, "users", { connection = "1", q = question })
      assert.equal(1, #answer.users)
      assert.same({ page.user(7), page.EVIL }, { answer.users[1].id, answer.users[1].name })
    end)
  end

  it("takes no sign of a question for a pattern, and finds nobody then", function()
    for _, question in ipairs({ "%", "_", "*", "'; drop table user; --", "\u{10FFFF}" }) do
      assert.same({}, ask(opened, "users", { connection = "1", q = question }).users, question)
    end
  end)

  it("gives no more than 20 users, and says that there are more", function()
    local answer = ask(opened, "users", { connection = "1", q = "U0" })
    assert.same({ 20, true }, { #answer.users, answer.more })
  end)

  it("finds users of whom the ledger knows nothing but what was done to them", function()
    page.run(book, page.NOW - 100, { kind = "event" }, { { user = "Unew", tag = "tag-sale", action = "tag", rule = "Sale", line = 30 } })
    assert.same({ { id = "Unew", blocked = false } }, ask(opened, "users", { connection = "1", q = "Unew" }).users)
    local answer = ask(opened, "user", { connection = "1", id = "Unew" })
    assert.same({ "11.11 購買", "tagua", "Sale" }, { answer.tags[1].name, answer.tags[1].owner, answer.tags[1].why.rule })
  end)

  it("tells of each tag of a user who put it there, and of Tagua's which rule, where and on what", function()
    local answer = ask(opened, "user", { connection = "1", id = page.user(7) })
    local tags = {}
    for _, tag in ipairs(answer.tags) do tags[tag.name] = tag end
    local why = tags.VIP.why
    assert.same({ "tagua", 3, "Tier", "rules.lua", 12, "users.csv", 7 },
      { tags.VIP.owner, why.run, why.rule, why.file, why.line, why.input, why.input_line })
    assert.same({ city = "台北", note = "<i>", orders = 7 }, why.fields)
    assert.equal(page.NOW - 27 * page.DAY, why.time)
    assert.same({ "console", page.NOW - 2 * page.DAY }, { tags[page.EVIL_TAG].owner, tags[page.EVIL_TAG].since })
    assert.is_nil(tags[page.EVIL_TAG].why)
    assert.equal("found", tags["老客戶"].owner)
    assert.equal(4, #answer.history)
    assert.same({ "untag", "done" }, { answer.history[2].action, answer.history[2].outcome })
  end)

  it("pages through what was done to a user", function()
    local other = ledgers.new()
    finally(other.close)
    for i = 1, 45 do
      other.clock.now = page.NOW - 86400 + i
      ledgers.carry_out(ledgers.plan(other.shop, { { "U1", "tag-1", i % 2 == 1 and "tag" or "untag" } }))
    end
    opened = open(other)
    local count, next_one = 0, nil
    repeat
      local answer = ask(opened, "user", { connection = "1", id = "U1", run = next_one and tostring(next_one.run),
        seq = next_one and tostring(next_one.seq) })
      assert.is_true(#answer.history <= 20)
      count, next_one = count + #answer.history, answer.next
    until not next_one
    assert.equal(45, count)
  end)

  it("says what to do about a question that makes no sense", function()
    for _, case in ipairs({
      { "tags", {}, 400, "give connection as a whole number: ?connection=1" },
      { "tags", { connection = "x" }, 400, "give connection as a whole number: ?connection=1" },
      { "tags", { connection = "99999999999999999999" }, 400, "give connection as a whole number: ?connection=1" },
      { "tags", { connection = "9" }, 404, "the ledger has no connection 9" },
      { "users", { connection = "1" }, 400, "give what to look for, 1 to 512 bytes of UTF-8: ?q=..." },
      { "users", { connection = "1", q = ("x"):rep(513) }, 400, "give what to look for, 1 to 512 bytes of UTF-8: ?q=..." },
      { "users", { connection = "1", q = "\xff" }, 400, "give what to look for, 1 to 512 bytes of UTF-8: ?q=..." },
      { "user", { connection = "1", id = "nobody" }, 404, "the ledger knows no user 'nobody' of this connection" },
    }) do
      local answer, status = ask(opened, case[1], case[2])
      assert.same({ case[3], case[4] }, { status, answer.message })
    end
  end)

  it("has nothing to show and no error where there is no ledger yet", function()
    opened = open({ path = book.folder .. "/none.db" })
    local answer, status = ask(opened, "overview")
    assert.same({ 200, {} }, { status, answer.connections })
    assert.is_nil(require("tagua.core").system.file_kind(book.folder .. "/none.db"))
  end)

  it("writes nothing into the ledger", function()
    local before = support.shell("sha256sum '" .. book.path .. "'")
    tags_of(opened)
    ask(opened, "user", { connection = "1", id = page.user(7) })
    assert.equal(before, support.shell("sha256sum '" .. book.path .. "'"))
  end)
end)

describe("the page", function()
  local book, address, stop

  setup(function()
    book = ledgers.new()
    address, stop = page.serve(book.folder)
  end)
  teardown(function()
    stop()
    book.close()
  end)

  local function get(path, headers, token)
    local client = http.start(address, http.text({ method = "GET", path = path, headers = headers, token = token }))
    http.finish(function() require("tagua.core").system.sleep(0.005) end, { client })
    return client.answer()
  end

  it("is one document whose own script and style alone may run", function()
    local answer = get("/")
    assert.equal(200, answer.status)
    local policy = answer.headers["content-security-policy"]
    assert.matches("default-src 'none'", policy, 1, true)
    assert.is_nil(policy:find("unsafe", 1, true))
    for _, part in ipairs({ { "script", "script%-src '(.-)'" }, { "style", "style%-src '(.-)'" } }) do
      local text = answer.body:match(("<%s>(.-)</%s>"):format(part[1], part[1]))
      support.write(book.folder .. "/part", text)
      local _, digest = support.shell("openssl dgst -sha256 -binary '" .. book.folder .. "/part' | openssl base64 -A")
      assert.equal("sha256-" .. digest, policy:match(part[2]))
    end
    assert.is_nil(answer.body:find("https?://", 1) and answer.body:find("src=", 1, true))
    assert.is_nil(answer.body:find(" on%w+="))
    assert.is_nil(answer.body:find("innerHTML", 1, true))
    assert.matches("nosniff", answer.headers["x-content-type-options"])
    assert.equal("no-store", answer.headers["cache-control"])
  end)

  it("comes in the language that the browser prefers", function()
    for accepted, language in pairs({ ["zh-TW,zh;q=0.9,en;q=0.8"] = "zh-TW", ["en-GB,en;q=0.9,zh;q=0.8"] = "en",
      ["zh-Hant"] = "zh-TW", ["de,fr;q=0.5"] = "en", ["en;q=0.1, zh-HK;q=0.2"] = "zh-TW", [";;q=,"] = "en" }) do
      assert.matches('<html lang="' .. language .. '">', get("/", { ["Accept-Language"] = accepted }).body, 1, true)
    end
  end)

  it("holds no data: whoever asks for that shows a token", function()
    assert.same({ ["GET /"] = true }, pages.open_routes)
    assert.equal(401, get("/api/overview").status)
    assert.equal(200, get("/api/overview", nil, page.TOKEN).status)
  end)

  it("has every word in both languages", function()
    local script = support.read("lua/tagua/serve/page.js")
    local english, chinese = script:match('"en": (%b{})'), script:match('"zh%-TW": (%b{})')
    local function keys(text)
      local found = {}
      for key in text:gsub('"[^"]*"', '""'):gmatch("(%w+):") do found[#found + 1] = key end
      table.sort(found)
      return found
    end
    local function without_one(list)
      local kept = {}
      for _, key in ipairs(list) do if key ~= "one" then kept[#kept + 1] = key end end
      return kept
    end
    assert.is_true(#keys(english) > 100)
    assert.same(without_one(keys(english)), without_one(keys(chinese)))
  end)

  it("is in the executable", function()
    local program = support.read(support.tagua)
    for _, line in ipairs({ "<!doctype html>", "--leaf: #2f6b5a;", "function gate(wrong) {" }) do
      assert.is_truthy(program:find(line, 1, true), line)
    end
  end)
end)
