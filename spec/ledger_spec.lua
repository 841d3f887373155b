local core = require("tagua.core")
local ledger = require("tagua.ledger")
local schema = require("tagua.ledger.schema")
local support = require("spec.support")
local with = require("spec.support.ledger")

describe("ledger", function()
  local book

  before_each(function()
    book = with.new()
  end)

  after_each(function()
    book.close()
  end)

  it("is one file for its owner alone, and says in its header what it is", function()
    local _, mode = support.shell("stat -c %a " .. book.path)
    assert.equal("600\n", mode)
    assert.equal(0x54616775, book.ask("pragma application_id"))
    assert.equal(schema.version(), book.ask("pragma user_version"))
    assert.is_true(book.ledger:check())
  end)

  it("puts every commit on the disk before it goes on", function()
    assert.equal(2, book.ask("pragma synchronous"))
    assert.equal("wal", book.ask("pragma journal_mode"))
  end)

  it("knows a connection again by what it is, whatever it is called", function()
    local function connection(name, page)
      local identity = { name = name, platform = "botbonnie", bot = "bot-1", page = page, channel = "line" }
      return assert(book.ledger:connection(identity))
    end
    local again, other = connection("store", "page-1"), connection("shop", "page-2")
    assert.equal(book.shop.number, again.number)
    assert.not_equal(book.shop.number, other.number)
    assert.equal("store", book.ask("select name from connection where number = ?", again.number))
  end)

  it("refuses a file that is no database, and leaves it as it is", function()
    local path = support.write(book.folder .. "/notes.txt", ("my notes\n"):rep(200))
    local opened, message, code = ledger.open(path)
    assert.is_nil(opened)
    assert.equal("ELEDGER", code)
    assert.matches("cannot use '" .. path .. "' as the ledger: ", message, 1, true)
    assert.equal(("my notes\n"):rep(200), support.read(path))
  end)

  it("refuses another program's database, and leaves it as it is", function()
    local path = book.folder .. "/other.db"
    support.shell(("sqlite3 %s 'create table t (a)' || true"):format(path))
    if not core.system.file_kind(path) then
      local db = core.sql.open(path)
      db:exec("create table t (a)")
      db:close()
    end
    local before = support.read(path)
    local opened, message, code = ledger.open(path)
    assert.is_nil(opened)
    assert.equal("ELEDGER", code)
    assert.matches("a database of another program; name another file with --ledger", message, 1, true)
    assert.equal(before, support.read(path))
  end)

  it("refuses a ledger of a newer version, and leaves it as it is", function()
    book.ledger.store:run("pragma user_version = 99")
    book.ledger:close()
    local before = support.read(book.path)
    local opened, message, code = ledger.open(book.path)
    assert.is_nil(opened)
    assert.equal("ELEDGER", code)
    assert.matches("it is of version 99, this program knows %d", message)
    assert.equal(before, support.read(book.path))
    core.sql.open(book.path):exec("pragma user_version = " .. schema.version())
    book.open()
  end)

  it("refuses a damaged ledger with a clear error", function()
    book.ledger:close()
    local text = support.read(book.path)
    support.write(book.path, text:sub(1, 100) .. ("\255"):rep(3000) .. text:sub(3101))
    local opened, message, code = ledger.open(book.path)
    assert.is_nil(opened)
    assert.equal("ELEDGER", code)
    assert.matches("damaged", message, 1, true)
    support.write(book.path, text)
    book.open()
  end)

  it("brings an older ledger up to date in a transaction, and keeps a copy", function()
    with.carry_out(with.plan(book.shop, { { "U1", "tag-1" } }))
    finally(function()
      schema.migrations = {}
    end)
    schema.migrations = { "alter table run add column cost real; nonsense;" }
    book.ledger:close()
    local opened, message, code = ledger.open(book.path)
    assert.is_nil(opened)
    assert.equal("ELEDGER", code)
    assert.matches("nonsense", message, 1, true)
    schema.migrations = { "alter table run add column cost real" }
    book.open()
    assert.equal(2, book.ask("pragma user_version"))
    assert.equal(1, book.ask("select count(*) from run where cost is null"))
    assert.equal("done", book.ask("select outcome from operations"))
    local copy = core.sql.open(book.path .. ".version-1", { readonly = true })
    assert.equal(1, (copy:prepare("pragma user_version"):row()))
    assert.equal(1, (copy:prepare("select count(*) from run"):row()))
    copy:close()
  end)

  it("says where it can't be made", function()
    local opened, message = ledger.open(book.folder .. "/no/such/tagua.db")
    assert.is_nil(opened)
    assert.matches("No such file or directory", message, 1, true)
  end)

  it("is shared by two that have it open, whose clocks differ by a day", function()
    local second = assert(ledger.open(book.path, {
      now = function()
        return book.clock.now + 86400
      end,
    }))
    local shop = assert(second:connection(with.SHOP))
    local run = with.plan(book.shop, { { "U1", "tag-1" } })
    with.carry_out(with.plan(shop, { { "U2", "tag-1" } }))
    with.carry_out(run)
    assert.same({ "t", "t" }, (shop:states({ "U1", "U2" }, { "tag-1" })))
    second:close()
  end)

  it("answers the questions that people ask in sqlite3", function()
    with.pull(book.shop, { with.user("U1", { "vip" }), with.user("U2", { "vip", "new" }) })
    local run = with.plan(book.shop, { { "U1", "new" }, { "U3", "new" }, { "U2", "vip", "untag" } })
    with.carry_out(run, function(one)
      return one.user == "U3" and "failed" or "done"
    end)
    -- before and after the journal is folded
    for _ = 1, 2 do
      assert.equal(2, book.ask("select count(*) from operations where run = ? and outcome = 'done'", run.number))
      assert.equal("U3", book.ask("select user from operations where outcome = 'failed' and tag = 'NEW'"))
      assert.same({ 3, 2, 1, 0, 0 }, { book.ask("select planned, done, failed, skipped, left from runs") })
      assert(book.ledger:fold())
    end
    assert.same({ 2, 1, 1 }, { book.ask("select users, by_tagua, by_console from tag_sizes where tag = 'NEW'") })
    assert.equal("tagua", book.ask("select owner from tagged where user = 'U1' and tag = 'NEW'"))
    assert.equal("found", book.ask("select owner from tagged where user = 'U1' and tag = 'VIP'"))
  end)

  it("lists runs and operations", function()
    local run = with.plan(book.shop, { { "U1", "new" }, { "U2", "new" } }, { kind = "tag", input = "users.csv" })
    with.carry_out(run, function(one)
      return one.user == "U1" and "failed" or "done"
    end)
    local entry = book.ledger:runs()[1]
    assert.same({ "tag", "done", 2, 1, 1 }, { entry.kind, entry.state, entry.planned, entry.done, entry.failed })
    assert.equal("shop", entry.connection)
    local failed = {}
    for one in book.ledger:operations(run.number, "failed") do
      failed[#failed + 1] = one.user
    end
    assert.same({ "U1" }, failed)
  end)
end)
