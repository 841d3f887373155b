--- A database file of Tagua's own, as it is opened: made when there is none, refused when it is another
-- program's, damaged, or newer than this program. Writes nothing into a file that it refuses.
local core = require("tagua.core")
local store = require("tagua.ledger.store")

local M = {}

local BUSY = 30 -- seconds to wait for another process's transaction

-- The mark, the version and the number of tables of a file, without touching it.
local function look(path, busy)
  local db, message, code = store.open(path, { readonly = true, create = false, busy = busy })
  if not db then
    return nil, message, code
  end
  local mark, version, tables
  local ok
  ok, message, code = store.try(function()
    mark = db:row("pragma application_id")
    version = db:row("pragma user_version")
    tables = db:row("select count(*) from sqlite_schema")
    return true
  end)
  db:close()
  if not ok then
    return nil, message, code
  end
  return { mark = mark, version = version, empty = mark == 0 and tables == 0 }
end

local function refuse(path, kind, message)
  return nil, ("cannot use '%s' as %s: %s"):format(path, kind.what, message), "ELEDGER"
end

-- Whether a file that is there may be opened as one of this kind -> true, or nil, message, code.
local function admit(path, kind, busy, read_only)
  local found, message, code = look(path, busy)
  if not found then
    if code == "EDISK" or code == "ELOCKED" then
      return nil, message, code
    end
    return refuse(path, kind, message)
  end
  if not found.empty and found.mark ~= kind.mark then
    return refuse(path, kind, "it is a database of another program; " .. kind.instead)
  end
  if found.version > kind.version then
    local text = "it is of version %d, this program knows %d: it was written by a newer tagua, use that one"
    return refuse(path, kind, text:format(found.version, kind.version))
  end
  if read_only and found.version < kind.version then
    return refuse(path, kind, ("it is of version %d, and only read here: open it to write first"):format(found.version))
  end
  return true
end

--- Opens a file of one kind.
-- @tparam string path
-- @tparam table kind `mark` (of the file's header), `what` (as messages call it), `instead` (what to do about
--   another program's file), `version`, `cache` (MiB), `create(db, version)` which writes its tables, and
--   `migrate(db, path, version, stamp)` which brings an older file up to date and stamps it
-- @tparam[opt] table options `durability` and `busy` of `core.sql.open`; `read_only`: the file must be there
-- @treturn table|nil the store
-- @treturn string message
-- @treturn string code `ELEDGER`: none of this kind, damaged, or newer than this program; `EDISK`; `ELOCKED`
function M.open(path, kind, options)
  options = options or {}
  local busy, read_only = options.busy or BUSY, options.read_only or false
  if core.system.file_kind(path) then
    local ok, message, code = admit(path, kind, busy, read_only)
    if not ok then
      return nil, message, code
    end
  elseif read_only then
    return refuse(path, kind, "there is no such file")
  end
  local db, message, code = store.open(path, {
    durability = options.durability or "full",
    busy = busy,
    cache = kind.cache,
    readonly = read_only,
    create = not read_only,
  })
  if not db then
    return nil, message, code == "ESQL" and "ELEDGER" or code
  end
  if read_only then
    return db
  end
  local function stamp()
    db:run(("pragma application_id = %d"):format(kind.mark))
    db:run(("pragma user_version = %d"):format(kind.version))
  end
  local ok
  ok, message, code = store.try(function()
    store.must(db:transact(function()
      if db:row("pragma application_id") ~= kind.mark then -- else another process was first
        kind.create(db, kind.version)
        stamp()
      end
      return true
    end))
    if db:row("pragma user_version") < kind.version then
      kind.migrate(db, path, kind.version, stamp)
    end
    return true
  end)
  if not ok then
    db:close()
    return nil, ("cannot open %s: %s"):format(kind.what, message), code == "ESQL" and "ELEDGER" or code
  end
  return db
end

return M
