local core = require("tagua.core")
local support = require("spec.support")

--- The whole error text, with the place that it blames.
local function raised(f)
  return select(2, pcall(f))
end

describe("sql", function()
  local folder, remove

  before_each(function()
    folder, remove = support.folder()
  end)

  after_each(function()
    remove()
  end)

  local function open(options)
    return assert(core.sql.open(folder .. "/x.db", options))
  end

  it("keeps integers exact to the last of 64 bits, and floats floats", function()
    local db = open()
    assert(db:exec("create table t (v)"))
    local insert, read = db:prepare("insert into t values (?)"), db:prepare("select v from t where rowid = ?")
    for i, value in ipairs({ math.maxinteger, math.mininteger, 9007199254740993, 0, -1, 1.5, 3.0, 1e300 }) do
      assert.equal(1, insert:run(value))
      local got = read:row(i)
      assert.equal(value, got)
      assert.equal(math.type(value), math.type(got))
    end
    db:close()
  end)

  it("keeps texts with NUL bytes and any UTF-8", function()
    local db = open()
    assert(db:exec("create table t (v text)"))
    local echo = db:prepare("insert into t values (?) returning v")
    for _, value in ipairs({ "", "a\0b", "\0", "累計消費 🎉", ("x"):rep(100000) }) do
      assert.equal(value, (echo:row(value)))
    end
    db:close()
  end)

  it("stores nil as null and a boolean as 0 or 1", function()
    local db = open()
    local a, b, c = db:prepare("select 1, ?, ?"):row(nil, true)
    assert.same({ 1, nil, 1 }, { a, b, c })
    db:close()
  end)

  it("refuses NaN, tables and the wrong number of parameters at the caller's line", function()
    local db = open()
    local st = db:prepare("select ?")
    assert.error_matches(function() st:row(0 / 0) end, "NaN")
    assert.matches("sql_spec.lua:%d+: parameter 1 must be nil, a boolean", raised(function() st:row({}) end))
    assert.matches("sql_spec.lua:%d+: the statement has 1 parameters, got 0", raised(function() st:row() end))
    assert.error_matches(function() core.sql.open(":memory:", { read_only = true }) end, "unknown option 'read_only'")
    db:close()
  end)

  it("gives nothing where there is no row, and the rows one by one otherwise", function()
    local db = open()
    assert(db:exec("create table t (a, b); insert into t values (1, 'x'), (2, 'y'), (3, null)"))
    assert.equal(0, select("#", db:prepare("select a from t where a = 9"):row()))
    local seen = {}
    for a, b in db:prepare("select a, b from t where a >= ? order by a"):rows(2) do
      seen[#seen + 1] = a .. tostring(b)
    end
    assert.same({ "2y", "3nil" }, seen)
    db:close()
  end)

  it("raises on a first column that is null, since nil means no row", function()
    local db = open()
    assert.error_matches(function() db:prepare("select null, 1"):row() end, "first column of a row is null")
    db:close()
  end)

  it("lets go of the rows when a loop is left early", function()
    local db, other = open(), open({ busy = 0 })
    assert(db:exec("create table t (a); insert into t values (1), (2), (3)"))
    local st = db:prepare("delete from t returning a")
    for a in st:rows() do
      if a == 1 then
        break
      end
    end
    assert(other:exec("insert into t values (4)"))
    other:close()
    db:close()
  end)

  it("raises when a statement is run again inside its own loop", function()
    local db = open()
    assert(db:exec("create table t (a); insert into t values (1), (2)"))
    local st = db:prepare("select a from t")
    assert.error_matches(function()
      for _ in st:rows() do
        st:row()
      end
    end, "run again while its rows were read")
    db:close()
  end)

  it("looks up many keys at once, and tells whose row each is", function()
    local db = open()
    assert(db:exec("create table t (owner, k text, v, primary key (owner, k, v)) without rowid;"
      .. "insert into t values (1, 'b', 1), (1, 'b', 2), (1, 'a', 3), (2, 'a', 9), (1, '', 4)"))
    local rows = db:prepare("select v, nullif(v, 3) from t where owner = ? and k = ?")
      :many({ "b", "none", "a", "", "a\0" }, 1)
    assert.same({ 4, 4, 4, 3, 3, false, 1, 1, 1, 1, 2, 2 }, rows) -- in the order of the keys, not of the list
    local statement = db:prepare("select 1 from t where k = ?")
    assert.same({}, statement:many({}))
    assert.error_matches(function() statement:many({ "a", 1 }) end, "key 2 must be a string, got number")
    assert.error_matches(function() statement:many({ "a" }, 1) end, "has 1 parameters, got 2")
  end)

  it("makes one text of all rows of a key", function()
    local db = open()
    assert(db:exec("create table t (owner, k text, n, v, primary key (owner, k, n)) without rowid;"
      .. "insert into t values (1, 'b', 7, 0), (1, 'b', 9, 2), (1, 'a', 7, 1), (1, 'a', 5, 1), (2, 'a', 7, 2)"))
    local statement = db:prepare("select n, v from t where owner = ? and k = ?")
    local places = { [7] = { 1, 3 }, [9] = { 2 } } -- 5 stands for none
    assert.same({ "020", "...", "1.1" }, statement:letters({ "b", "none", "a" }, "...", places, "012", 1))
    assert.same({}, statement:letters({}, "...", places, "012", 1))
    assert.error_matches(function() statement:letters({ "b" }, "...", places, "01", 1) end, "there is no letter 2")
    assert.error_matches(function() statement:letters({ "b" }, ".", places, "012", 1) end, "no such place")
    assert.error_matches(function() statement:letters({ "b" }, "...", places, "012") end, "has 2 parameters, got 1")
    assert.error_matches(function() db:prepare("select n from t where k = ?"):letters({ "b" }, ".", {}, "") end,
      "wants a statement of two columns")
  end)

  it("counts rows by a key, and adds up what is beside it", function()
    local db = open()
    assert(db:exec("create table t (k integer, v integer);"
      .. "with recursive n(i) as (select 0 union all select i + 1 from n where i < 29999) insert into t select i % 3000 * 8, i % 2 from n"))
    local found = db:prepare("select k, v from t where k < ?"):tally(80)
    for k = 0, 9 do
      assert.same({ 10, k % 2 * 10 }, found[k * 8])
      found[k * 8] = nil
    end
    assert.same({}, found)
    local all = 0
    for _, tally in pairs(db:prepare("select k, v from t"):tally()) do all = all + tally[1] end
    assert.equal(30000, all)
    assert.same({}, db:prepare("select k, v from t where k < 0"):tally())
    assert.error_matches(function() db:prepare("select k from t"):tally() end, "two columns, this one has 1")
    assert.error_matches(function() db:prepare("select rowid, v from t"):tally() end, "more than 8192 keys")
  end)

  it("names the statement that is wrong", function()
    local db = open()
    local st, message, code = db:prepare("select nonsense from nowhere")
    assert.is_nil(st)
    assert.equal("ESQL", code)
    assert.matches("cannot prepare 'select nonsense from nowhere': no such table: nowhere", message, 1, true)
    assert.matches("more than one statement", select(2, db:prepare("select 1; select 2")), 1, true)
    assert.matches("no statement", select(2, db:prepare("  -- nothing")), 1, true)
    assert.is_truthy(db:prepare("select 1 ; \n"))
    db:close()
  end)

  it("commits what a transaction did, and undoes it when it raises or fails", function()
    local db = open()
    assert(db:exec("create table t (a)"))
    local insert, count = db:prepare("insert into t values (1)"), db:prepare("select count(*) from t")
    assert.equal("kept", db:transaction(function()
      insert:run()
      return "kept"
    end))
    assert.error_matches(function()
      db:transaction(function()
        insert:run()
        error("stop here")
      end)
    end, "stop here")
    assert.same({ nil, "no", "ECODE" }, { db:transaction(function()
      insert:run()
      return nil, "no", "ECODE"
    end) })
    assert.equal(1, (count:row()))
    db:begin()
    insert:run()
    db:rollback()
    assert.equal(1, (count:row()))
    assert.error_matches(function() db:commit() end, "no transaction to commit")
    db:begin()
    assert.error_matches(function() db:begin() end, "open already")
    db:close()
  end)

  it("waits for another writer, then says that the file is held", function()
    local db, other = open(), open({ busy = 0.05 })
    assert(db:exec("create table t (a)"))
    db:begin()
    local ok, message, code = other:begin()
    assert.is_nil(ok)
    assert.equal("ELOCKED", code)
    assert.matches("another process has been writing to it for more than 50 ms", message, 1, true)
    db:commit()
    assert.is_true(other:begin())
    other:close()
    db:close()
  end)

  it("raises on a closed database, statement, or a statement of a closed database", function()
    local db = open()
    local st, kept = db:prepare("select 1"), db:prepare("select 2")
    st:close()
    st:close()
    assert.matches("sql_spec.lua:%d+: the statement is closed", raised(function() st:row() end))
    local loop = kept:rows()
    db:close()
    db:close()
    assert.error_matches(function() kept:row() end, "database of this statement is closed")
    assert.matches("sql_spec.lua:%d+: the database is closed", raised(function() db:exec("select 1") end))
    assert.is_function(loop)
  end)

  it("frees the statements that nobody holds any more", function()
    local db = open()
    local weak = setmetatable({}, { __mode = "v" })
    for i = 1, 2000 do
      weak[i] = db:prepare("select " .. i)
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
    assert.equal(7, (db:prepare("select 7"):row()))
    db:close()
  end)

  it("keeps a database alive that only a statement knows of", function()
    local st = (function() return open():prepare("select 5") end)()
    collectgarbage()
    collectgarbage()
    assert.equal(5, (st:row()))
  end)

  it("makes the file for its owner alone", function()
    local db = open()
    assert(db:exec("create table t (a); insert into t values (1)"))
    local _, modes = support.shell("stat -c %a " .. folder .. "/x.db " .. folder .. "/x.db-wal")
    assert.equal("600\n600\n", modes)
    db:close()
  end)

  it("says of a missing file, a folder and an unreadable place what it is", function()
    local _, message = core.sql.open(folder .. "/none.db", { create = false })
    assert.matches("cannot open '" .. folder .. "/none.db': No such file or directory", message, 1, true)
    _, message = core.sql.open(folder .. "/no/such/x.db")
    assert.matches("No such file or directory", message, 1, true)
    assert.is_nil(core.sql.open(folder))
    assert.matches("path is empty", select(2, core.sql.open("")), 1, true)
  end)

  it("refuses what is no database, and leaves it as it is", function()
    local path = support.write(folder .. "/x.db", ("not a database\n"):rep(1000))
    local db, message, code = core.sql.open(path)
    assert.is_nil(db)
    assert.equal("ESQL", code)
    assert.matches("it is not a database", message, 1, true)
    assert.equal(("not a database\n"):rep(1000), support.read(path))
  end)

  it("finds damage in the middle of a file", function()
    local db = open()
    assert(db:exec("create table t (a); create index i on t (a)"))
    local insert = db:prepare("insert into t values (?)")
    db:transaction(function()
      for i = 1, 5000 do
        insert:run("row number " .. i)
      end
    end)
    assert.is_true(db:check())
    db:close()
    local text = support.read(folder .. "/x.db")
    support.write(folder .. "/x.db", text:sub(1, 8192) .. ("\255"):rep(16384) .. text:sub(24577))
    db = open()
    local ok, message, code = db:check()
    assert.is_nil(ok)
    assert.equal("ESQL", code)
    assert.matches("damaged", message, 1, true)
    db:close()
  end)

  it("reads only where it was told so", function()
    local db = open()
    assert(db:exec("create table t (a); insert into t values (1)"))
    local reader = open({ readonly = true })
    assert.equal(1, (reader:prepare("select a from t"):row()))
    local ok, message = reader:exec("insert into t values (2)")
    assert.is_nil(ok)
    assert.matches("it may only be read", message, 1, true)
    reader:close()
    db:close()
  end)

  it("stops with a clear error when the disk is full, keeps what was there, and goes on later", function()
    local mount = folder .. "/small"
    core.system.make_folder(mount)
    if support.shell("mount -t tmpfs -o size=1m none " .. mount) ~= 0 then
      pending("a small file system can't be mounted here")
      return
    end
    finally(function() support.shell("umount -l " .. mount) end)
    local db = assert(core.sql.open(mount .. "/x.db"))
    assert(db:exec("create table t (a)"))
    local insert, count = db:prepare("insert into t values (?)"), db:prepare("select count(*) from t")
    assert.equal(1, insert:run("first"))
    local filler = ("x"):rep(100000)
    local ok, message, code = db:transaction(function()
      for _ = 1, 30 do
        local changed, why, kind = insert:run(filler)
        if not changed then
          return nil, why, kind
        end
      end
    end)
    assert.is_nil(ok)
    assert.equal("EDISK", code)
    assert.matches("the disk is full", message, 1, true)
    assert.equal(1, (count:row()))
    support.shell("mount -o remount,size=8m " .. mount)
    assert.is_true(db:transaction(function() assert(insert:run(filler)) end))
    assert.equal(2, (count:row()))
    db:close()
  end)

  it("does not go on writing one by one after a transaction was undone beneath it", function()
    local db = open()
    assert(db:exec("create table t (a)"))
    db:begin()
    assert(db:exec("insert into t values (1)"))
    assert(db:exec("rollback"))
    local ok, message = db:prepare("insert into t values (2)"):run()
    assert.is_nil(ok)
    assert.matches("the transaction failed earlier and was rolled back", message, 1, true)
    assert.is_nil(db:commit())
    assert.equal(0, (db:prepare("select count(*) from t"):row()))
    db:close()
  end)
end)
