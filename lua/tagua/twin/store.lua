--- The twin's store: one database with its tokens, users, tags and who has which.
--
-- Knows nothing of HTTP and of no platform's words; every method raises a table
-- `{ message=, code= }` when the database refuses, and the twin answers that with its own 500.
-- A caller opens the transactions. People may read the file with `sqlite3`: an *account* is one page
-- of a bot on one channel, `user_tags.count` says how often a tag was put on a user.
-- @module tagua.twin.store
local core = require("tagua.core")

local M = {}

local Store = {}
Store.__index = Store

-- What turns an empty file into the first format, and each format into the next.
local FORMATS = { [[
CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tokens(
  hash TEXT PRIMARY KEY, bot TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER) WITHOUT ROWID;
CREATE TABLE accounts(
  key INTEGER PRIMARY KEY, bot TEXT NOT NULL, page TEXT NOT NULL, channel INTEGER NOT NULL,
  UNIQUE(bot, page, channel));
CREATE TABLE users(
  key INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts(key), id TEXT NOT NULL,
  name TEXT, status INTEGER NOT NULL DEFAULT 1, created INTEGER NOT NULL, last_active INTEGER NOT NULL,
  picture TEXT, email TEXT, gender TEXT, birthday TEXT, phone TEXT, ext_id TEXT, uid TEXT,
  UNIQUE(account, id));
CREATE UNIQUE INDEX users_by_uid ON users(account, uid) WHERE uid IS NOT NULL;
CREATE TABLE tags(
  key INTEGER PRIMARY KEY, bot TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
  parent INTEGER REFERENCES tags(key), created INTEGER NOT NULL,
  UNIQUE(bot, id));
CREATE TABLE user_tags(
  user INTEGER NOT NULL, tag INTEGER NOT NULL, count INTEGER NOT NULL, timestamp INTEGER NOT NULL,
  PRIMARY KEY(user, tag)) WITHOUT ROWID;
CREATE TABLE params(
  user INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, timestamp INTEGER NOT NULL,
  PRIMARY KEY(user, name)) WITHOUT ROWID;
]], [[
CREATE TABLE pairs(
  bot TEXT PRIMARY KEY, serial INTEGER NOT NULL, secret_hash TEXT NOT NULL, issued INTEGER NOT NULL,
  expires INTEGER NOT NULL) WITHOUT ROWID;
]] }

local STATEMENTS = {
  data_version = "PRAGMA data_version",
  setting = "SELECT value FROM settings WHERE name = ?",
  set_setting = "INSERT INTO settings(name, value) VALUES(?, ?)",
  add_token = "INSERT INTO tokens(hash, bot, created, expires) VALUES(?, ?, ?, ?)"
    .. " ON CONFLICT(hash) DO UPDATE SET bot = excluded.bot, expires = excluded.expires",
  token = "SELECT bot, expires FROM tokens WHERE hash = ?",
  tokens = "SELECT hash, bot, created, expires FROM tokens ORDER BY created, hash",
  token_count = "SELECT count(*) FROM tokens WHERE substr(hash, 1, length(?1)) = ?1",
  remove_token = "DELETE FROM tokens WHERE substr(hash, 1, length(?1)) = ?1",
  account = "SELECT key FROM accounts WHERE bot = ? AND page = ? AND channel = ?",
  add_account = "INSERT INTO accounts(bot, page, channel) VALUES(?, ?, ?) RETURNING key",
  user = "SELECT key FROM users WHERE account = ? AND id = ?",
  add_user = "INSERT INTO users(account, id, created, last_active) VALUES(?, ?, ?3, ?3) RETURNING key",
  user_by_uid = "SELECT key FROM users WHERE account = ? AND uid = ?",
  name_uid = "UPDATE users SET uid = ?2 WHERE key = ?1",
  describe_user = "UPDATE users SET name = ?2, status = ?3, created = coalesce(?4, created),"
    .. " last_active = coalesce(?5, last_active), picture = ?6, email = ?7, gender = ?8, birthday = ?9,"
    .. " phone = ?10, ext_id = ?11, uid = coalesce(?12, uid) WHERE key = ?1",
  tag = "SELECT key, id, name, kind, created FROM tags WHERE bot = ? AND id = ?",
  add_tag = "INSERT INTO tags(bot, id, name, kind, parent, created) VALUES(?, ?, ?, ?, ?, ?)",
  -- The tag itself comes first, then what is in it, level by level.
  below = "WITH RECURSIVE below(key, id, depth) AS (SELECT key, id, 0 FROM tags WHERE key = ?"
    .. " UNION SELECT tags.key, tags.id, depth + 1 FROM tags JOIN below ON tags.parent = below.key)"
    .. " SELECT key, id FROM below ORDER BY depth, key",
  empty_tag = "DELETE FROM user_tags WHERE tag = ?",
  remove_tag = "DELETE FROM tags WHERE key = ?",
  put_on = "INSERT INTO user_tags(user, tag, count, timestamp) VALUES(?, ?, 1, ?)"
    .. " ON CONFLICT(user, tag) DO UPDATE SET count = count + 1, timestamp = excluded.timestamp",
  take_off = "DELETE FROM user_tags WHERE user = ? AND tag = ?",
  set_param = "INSERT INTO params(user, name, value, timestamp) VALUES(?, ?, ?, ?)"
    .. " ON CONFLICT(user, name) DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp",
  remove_param = "DELETE FROM params WHERE user = ? AND name = ?",
  effects = "SELECT users.id, tags.id, tags.name, user_tags.count, user_tags.timestamp, accounts.bot,"
    .. " accounts.page, accounts.channel"
    .. " FROM user_tags JOIN users ON users.key = user_tags.user JOIN tags ON tags.key = user_tags.tag"
    .. " JOIN accounts ON accounts.key = users.account ORDER BY users.id, tags.id, accounts.key",
  total = "SELECT coalesce(sum(count), 0) FROM user_tags",
}

-- What a statement gave, or an error to be answered with 500.
local function checked(value, message, ...)
  if value == nil and message ~= nil then error({ message = message, code = (...) }, 0) end
  return value, message, ...
end

-- A database has one connection in the twin, so a statement is prepared once, when it is needed.
local function prepared(self, name)
  local statement = self.statements[name]
  if not statement then
    statement = checked(self.db:prepare(STATEMENTS[name] or self.texts[name]))
    self.statements[name] = statement
  end
  return statement
end

--- Adds statements of a platform's own, by name, for `row`, `rows` and `run`.
-- @tparam table texts name = SQL
function Store:define(texts)
  for name, text in pairs(texts) do
    self.texts[name] = text
  end
end

--- The first row of a statement.
function Store:row(name, ...) return checked(prepared(self, name):row(...)) end

--- Loops over the rows of a statement.
function Store:rows(name, ...) return prepared(self, name):rows(...) end

--- Runs a statement.
-- @treturn integer how many rows it changed
function Store:run(name, ...) return checked(prepared(self, name):run(...)) end

-- What the store made up for itself when it was new: `pad` goes over encrypted ids, `jwt_key` signs.
local function made_up(self)
  local function get(name) return self:row("setting", name) end
  if not get("pad") then
    for _, name in ipairs({ "pad", "jwt_key" }) do
      local digits = {}
      for i = 1, 4 do
        digits[i] = core.system.random_hex(64)
      end
      self:run("set_setting", name, table.concat(digits))
    end
  end
  self.pad = get("pad"):gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  self.jwt_key = get("jwt_key")
end

local function prepare_file(db)
  local version = checked(checked(db:prepare("PRAGMA user_version")):row())
  if version > #FORMATS then
    error({ code = "ESQL", message = ("the store has format %d, and this twin knows none after %d: it was"
      .. " made by a newer tagua"):format(version, #FORMATS) }, 0)
  end
  for next_version = version + 1, #FORMATS do
    checked(db:exec(FORMATS[next_version]))
    checked(db:exec("PRAGMA user_version = " .. next_version))
  end
end

--- Opens a store, and makes it where there is none.
-- @tparam string path a file, or `:memory:`
-- @tparam[opt] function now gives milliseconds since the epoch
-- @tparam[opt="full"] string durability `normal`: what was answered survives a crash of the process,
--   the last of it perhaps not a loss of power
-- @treturn table|nil the store
-- @treturn string message
-- @treturn string code
function M.open(path, now, durability)
  local db, message, code = core.sql.open(path, { durability = durability or "full", cache = 64 })
  if not db then
    return nil, ("cannot open the twin's store '%s': %s"):format(path, message), code == "ESQL" and "EIO" or code
  end
  local self = setmetatable({
    db = db,
    statements = {},
    texts = {},
    now = now or function() return core.system.wall_ns() // 1000000 end,
  }, Store)
  self:forget()
  local ok, failure = pcall(function()
    checked(db:begin())
    prepare_file(db)
    made_up(self)
    checked(db:commit())
  end)
  if not ok then
    db:close()
    if type(failure) ~= "table" then error(failure, 0) end
    return nil, ("cannot use the twin's store '%s': %s"):format(path, failure.message), failure.code
  end
  return self
end

--- Closes the store. Twice is fine.
function Store:close()
  self.statements = {}
  self.db:close()
end

--- Begins a transaction; what other processes changed meanwhile is noticed here.
function Store:begin()
  checked(self.db:begin())
  local version = self:row("data_version")
  if version ~= self.version then
    self:forget()
    self.version = version
  end
end

--- Makes the transaction durable.
function Store:commit() checked(self.db:commit()) end

--- Undoes the transaction, and what was remembered of it.
function Store:rollback()
  self.db:rollback()
  self:forget()
end

--- Drops what was remembered to spare look-ups.
function Store:forget()
  self.known_tags, self.known_accounts, self.known_tokens = {}, {}, {}
end

--- Runs a function in a transaction of its own.
-- @treturn any|nil what it returns, or nil, message, code
function Store:change(f)
  local ok, result = pcall(function()
    self:begin()
    local value = f()
    self:commit()
    return value
  end)
  if ok then return result == nil and true or result end
  self:rollback()
  if type(result) ~= "table" then error(result, 0) end
  return nil, result.message, result.code
end

-- ---- tokens ---------------------------------------------------------------------------------

--- Lets a token in. Only its hash is kept.
-- @tparam string hash hexadecimal SHA-256
-- @tparam table options bot; expires = milliseconds since the epoch
function Store:add_token(hash, options)
  return self:change(function()
    self.known_tokens = {}
    self:run("add_token", hash, options.bot, self.now(), options.expires)
  end)
end

--- The tokens: an array of `{ id=, hash=, bot=, created=, expires= }`, ordered by age.
-- The id is the beginning of the hash.
function Store:tokens()
  local list = {}
  for hash, bot, created, expires in self:rows("tokens") do
    list[#list + 1] = { id = hash:sub(1, 12), hash = hash, bot = bot, created = created, expires = expires }
  end
  return list
end

--- Shuts a token out.
-- @tparam string id its id as `tokens` shows it
-- @treturn boolean|nil
-- @treturn string message
-- @treturn string code
function Store:remove_token(id)
  if not id:match("^%x%x%x%x%x%x%x+$") then
    return nil, ("cannot remove the token '%s': an id has at least 7 hexadecimal digits"):format(id), "EUSAGE"
  end
  local count = 0
  local ok, message, code = self:change(function()
    self.known_tokens = {}
    count = self:row("token_count", id)
    if count == 1 then self:run("remove_token", id) end
  end)
  if not ok then return nil, message, code end
  if count ~= 1 then
    return nil, ("cannot remove the token '%s': %s"):format(id, count == 0
      and "the store has none whose id begins so" or "several ids begin so, give more digits"), "ENOTFOUND"
  end
  return true
end

--- The token with this hash, for as long as nothing in the store's tokens changes.
-- @treturn table|nil `{ bot=, expires= }`; the caller may keep things of its own in it
function Store:token(hash)
  local token = self.known_tokens[hash]
  if token == nil then
    local bot, expires = self:row("token", hash)
    token = bot and { bot = bot, expires = expires } or false
    if token then self.known_tokens[hash] = token end
  end
  return token or nil
end

-- ---- users ----------------------------------------------------------------------------------

local function account_key(self, bot, page, channel, make)
  local name = bot .. "\0" .. page .. "\0" .. channel
  local key = self.known_accounts[name]
  if not key then
    key = self:row("account", bot, page, channel)
    if not key and make then key = self:row("add_account", bot, page, channel) end
    self.known_accounts[name] = key
  end
  return key
end

--- The key of a user.
-- @tparam table who bot, page, channel (a number), id
-- @tparam boolean make whether one that is not known is made
-- @treturn integer|nil
function Store:user(who, make)
  local account = account_key(self, who.bot, who.page, who.channel, make)
  local key = account and self:row("user", account, who.id)
  if not key and make then key = self:row("add_user", account, who.id, self.now()) end
  return key
end

--- Makes a user, or gives one that exists these particulars.
-- @tparam table particulars bot, page, channel, id; name, status, created, last_active, picture, email,
-- gender, birthday, phone, ext_id, uid (an encrypted id of its own), params = { name = JSON text }
-- @treturn integer its key
function Store:describe_user(particulars)
  local p = particulars
  local key = self:user(p, true)
  self:run("describe_user", key, p.name, p.status or 1, p.created, p.last_active, p.picture, p.email,
    p.gender, p.birthday, p.phone, p.ext_id, p.uid)
  for name, value in pairs(p.params or {}) do
    self:set_param(key, name, value)
  end
  return key
end

--- Sets a parameter of a user.
-- @tparam integer user key
-- @tparam string name
-- @tparam string value as JSON text
function Store:set_param(user, name, value) self:run("set_param", user, name, value, self.now()) end

--- Takes a parameter away.
function Store:remove_param(user, name) self:run("remove_param", user, name) end

local HEX = {}
for byte = 0, 255 do
  HEX[byte] = ("%02x"):format(byte)
end

-- The bytes of a text with a pad over them.
local function flip(text, pad)
  local bytes, over, length = { text:byte(1, -1) }, { pad:byte(1, -1) }, #pad
  for i = 1, #bytes do
    bytes[i] = bytes[i] ~ over[(i - 1) % length + 1]
  end
  return bytes
end

--- The id that the platform calls encrypted. As there, it has two digits for each byte of the raw one.
-- It hides nothing: the store's own pad goes over the id, so that both can be told apart and turned
-- into each other without a table.
-- @tparam string id raw
-- @treturn string
function Store:encrypted(id)
  local bytes = flip(id, self.pad)
  for i = 1, #bytes do
    bytes[i] = HEX[bytes[i]]
  end
  return table.concat(bytes)
end

-- The raw id behind an encrypted one; nil where this store can't have made it.
local function decrypted(self, uid)
  if #uid == 0 or #uid % 2 == 1 or uid:find("%X") then return nil end
  local bytes = uid:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  local id = string.char(table.unpack(flip(bytes, self.pad)))
  return id:find("^[%w%-_.:@]+$") and id or nil
end

--- The key of a user by its encrypted id. One that this store did not make stands for a user whose
-- raw id nobody has seen: it gets one.
-- @tparam table who bot, page, channel, uid
-- @tparam boolean make
-- @treturn integer|nil
function Store:user_by_uid(who, make)
  local id = decrypted(self, who.uid)
  if id then return self:user({ bot = who.bot, page = who.page, channel = who.channel, id = id }, make) end
  local account = account_key(self, who.bot, who.page, who.channel, make)
  local key = account and self:row("user_by_uid", account, who.uid)
  if not key and make then
    key = self:row("add_user", account, "U" .. core.system.random_hex(16), self.now())
    self:run("name_uid", key, who.uid)
  end
  return key
end

-- ---- tags -----------------------------------------------------------------------------------

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

local function random_id(prefix)
  local letters = core.system.random_hex(9):gsub("%x%x", function(pair)
    local at = tonumber(pair, 16) % 64 + 1
    return ALPHABET:sub(at, at)
  end)
  return prefix .. letters
end

--- A tag or folder of a bot: `{ key=, id=, name=, kind=, created= }`, or nil.
function Store:tag(bot, id)
  local name = bot .. "\0" .. id
  local tag = self.known_tags[name]
  if not tag then
    local key, _, label, kind, created = self:row("tag", bot, id)
    if not key then return nil end
    tag = { key = key, id = id, name = label, kind = kind, created = created }
    self.known_tags[name] = tag
  end
  return tag
end

--- Makes a tag.
-- @tparam table tag bot, name, kind, prefix (of its id), parent = key of a folder, id (random unless given)
-- @treturn string its id
function Store:add_tag(tag)
  local id = tag.id or random_id(tag.prefix)
  self:run("add_tag", tag.bot, id, tag.name, tag.kind, tag.parent, self.now())
  return id
end

--- Deletes a tag, everything in it, and takes all of that off all users.
-- @tparam table tag as `tag` gives it
-- @treturn {string,...} the ids that went, itself first
function Store:remove_tag(tag)
  local keys, ids = {}, {}
  for key, id in self:rows("below", tag.key) do
    keys[#keys + 1], ids[#ids + 1] = key, id
  end
  for i = #keys, 1, -1 do
    self:run("empty_tag", keys[i])
    self:run("remove_tag", keys[i])
  end
  self.known_tags = {}
  return ids
end

--- Puts a tag on a user: counted, and dated.
function Store:put_on(user, tag) self:run("put_on", user, tag, self.now()) end

--- Takes a tag off a user.
-- @treturn boolean whether it was on
function Store:take_off(user, tag) return self:run("take_off", user, tag) > 0 end

--- Who has which tag, and how often it was put on: an array of `{ user=, tag=, name=, count=,
-- timestamp=, bot=, page=, channel= }`, ordered by user and tag.
function Store:effects()
  local list = {}
  for user, tag, name, count, timestamp, bot, page, channel in self:rows("effects") do
    list[#list + 1] = { user = user, tag = tag, name = name, count = count, timestamp = timestamp, bot = bot,
      page = page, channel = channel }
  end
  return list
end

return M
