--- A pull: the platform's list of users, page by page, into the mirror. Each page is a transaction,
-- so that a sender need not wait; rows that are not shown vanish at the end alone, so that a pull
-- which breaks off removes nothing.
--
-- What Tagua did since the pull began is newer than the pages may be: a user tag that the journal
-- changed after the beginning is left as the journal has it.
local journal = require("tagua.ledger.journal")
local json = require("tagua.json")
local store = require("tagua.ledger.store")

local M = {}

local MAX_USER, MAX_TEXT, MAX_PARAMS = 512, 1000, 256 * 1024

--- Keys of a user's record; a param of the same name becomes `param.NAME` there.
M.own_fields = {
  id = true,
  name = true,
  ext_id = true,
  phone = true,
  email = true,
  gender = true,
  birthday = true,
  created = true,
  last_active = true,
}

local Pull = {}
Pull.__index = Pull

--- Begins a pull.
-- @tparam table ledger
-- @tparam table connection
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.begin(ledger, connection)
  local db = ledger.store
  local ok, message, code = journal.fold(db)
  if not ok then
    return nil, message, code
  end
  local self = setmetatable({
    db = db,
    connection = connection,
    began = ledger.now(),
    sums = { users = 0, tags = 0, elsewhere = 0, oversized = 0 },
  }, Pull)
  ok, message, code = db:transact(function()
    while journal.fold_chunk(db) do -- what came since; the beginning is after all that is folded
    end
    self.entry = journal.last_id(db)
    self.generation = db:row(
      "update connection set generation = generation + 1 where number = ? returning generation",
      connection.number
    )
    self.known = db:row("select count(*) from user where connection = ?", connection.number)
    self.first = connection:pulled() == nil
    return true
  end)
  if not ok then
    return nil, message, code
  end
  return self
end

--- A text as the mirror keeps it for matching: without spaces at both ends, nil when empty.
function M.trim(text)
  if text == nil then
    return nil
  end
  text = tostring(text):match("^%s*(.-)%s*$")
  return text ~= "" and store.cap(text, MAX_TEXT) or nil
end

-- The params as JSON, and once more with clashing names changed when any clash.
local function written(params)
  local clash
  for name in pairs(params or {}) do
    clash = clash or M.own_fields[name]
  end
  local text = json.encode(params or {})
  if not text or #text > MAX_PARAMS then
    return "{}", nil, true
  end
  if not clash then
    return text
  end
  local flat = {}
  for name, value in pairs(params) do
    flat[M.own_fields[name] and "param." .. name or name] = value
  end
  return text, json.encode(flat)
end

local PUT_USER = [[
  insert into user (connection, id, name, ext_id, phone, email, gender, birthday, created, last_active,
      blocked, params, flat, generation)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (connection, id) do update set name = excluded.name, ext_id = excluded.ext_id,
    phone = excluded.phone, email = excluded.email, gender = excluded.gender, birthday = excluded.birthday,
    created = excluded.created, last_active = excluded.last_active, blocked = excluded.blocked,
    params = excluded.params, flat = excluded.flat, generation = max(generation, excluded.generation)]]

-- A tag that was off, or that the mirror did not have, was put on by somebody in the console (or, at
-- the first pull, was there before Tagua); one that was in doubt, by us. A doubt about what is being
-- sent stays. A timestamp that moved tells that somebody put on again what was on.
local PUT_TAG = [[
  insert into holding (connection, user, tag, present, ours, found, timestamp, count, generation)
    values (?1, ?2, ?3, 1, 0, ?4, ?5, ?6, ?7)
  on conflict (connection, user, tag) do update set
    ours = case when present = 0 and doubt = 0 then 0 else ours end,
    found = case when present = 0 and doubt = 0 then 0 else found end,
    decision = case when present = 0 and doubt = 0 then null else decision end,
    run = case when present = 0 and doubt = 0 or timestamp <> excluded.timestamp then null else run end,
    lasts = case when present = 0 and doubt = 0 then null else lasts end,
    ends = case when present = 0 and doubt = 0 then null else ends end,
    present = 1, doubt = case doubt when 2 then 2 else 0 end,
    timestamp = excluded.timestamp, count = excluded.count, generation = max(generation, excluded.generation)
  where entry <= ?8]]

--- Writes one tag that a user has.
-- @tparam table db
-- @tparam table connection
-- @tparam string user
-- @tparam integer number the tag's
-- @tparam table tag `timestamp`, `count`
-- @tparam table seen `entry`: what the journal changed after it is newer; `generation`; `first`: at the first pull
function M.put_tag(db, connection, user, number, tag, seen)
  local found = seen.first and 1 or 0
  db:run(PUT_TAG, connection.number, user, number, found, tag.timestamp, tag.count, seen.generation, seen.entry)
end

-- Whether the user is on another page or channel of the bot than the connection.
local function elsewhere(connection, user)
  if user.page ~= nil and connection.page ~= "" and tostring(user.page) ~= connection.page then
    return true
  end
  local channel = user.platform_channel
  return channel ~= nil
    and connection.channel:find("%a") ~= nil
    and tostring(channel):find("%a") ~= nil
    and tostring(channel) ~= connection.channel
end

-- Writes one user and what the user holds; raises where the user cannot be kept.
function Pull:put_user(user)
  local db, connection, sums = self.db, self.connection, self.sums
  if type(user.id) ~= "string" or user.id == "" or #user.id > MAX_USER then
    local shown = store.cap(tostring(user.id), 60)
    store.fail("EPROTOCOL", "cannot keep the user '%s': an id has 1 to %d bytes", shown, MAX_USER)
  end
  if elsewhere(connection, user) then
    sums.elsewhere = sums.elsewhere + 1
    return
  end
  local params, flat, oversized = written(user.params)
  sums.users = sums.users + 1
  sums.oversized = sums.oversized + (oversized and 1 or 0)
  db:run(
    PUT_USER,
    connection.number,
    user.id,
    M.trim(user.name),
    M.trim(user.ext_id),
    M.trim(user.phone),
    M.trim(user.email),
    M.trim(user.gender),
    M.trim(user.birthday),
    user.created,
    user.last_active,
    user.blocked and 1 or 0,
    params,
    flat,
    self.generation
  )
  for _, tag in ipairs(user.tags or {}) do
    sums.tags = sums.tags + 1
    local number = self.seen[tag.id]
    if not number then
      number = connection.registry:remember({ id = tag.id, name = tag.name })
      self.seen[tag.id] = number
    end
    M.put_tag(db, connection, user.id, number, tag, self)
  end
end

--- Puts one page of users into the mirror.
-- @tparam {table,...} users as the platform module's `users` yields them
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Pull:put(users)
  if self.over then
    error("the pull is over", 2)
  end
  self.seen = {} -- tags of this page
  local before = {}
  for name, count in pairs(self.sums) do
    before[name] = count
  end
  local ok, message, code = self.db:transact(function()
    for _, user in ipairs(users) do
      self:put_user(user)
    end
    return true
  end)
  if not ok then
    self.sums = before
    self.connection.registry.numbers = {}
  end
  return ok, message, code
end

--- What becomes of user tags that the platform shows no more.
-- @tparam string where which rows they are
-- @treturn table statements, to be run in this order: `resolved` (those in doubt), `taken_off` (ours),
--   `gone` (somebody else's)
function M.vanishing(where)
  return {
    resolved = "update holding set present = 0, ours = 1, run = null, doubt = 0" .. where .. "and doubt = 1",
    taken_off = "update holding set present = 0, ours = 0, found = 0, decision = null, run = null"
      .. where
      .. "and present = 1 and (ours = 1 or doubt = 2)",
    -- Somebody took off what somebody had put on. It stays off though the rules want it: remembered as
    -- if they had wanted it then.
    gone = "update holding set present = 0, found = 0, decision = 1, run = null" .. where .. "and present = 1",
  }
end

-- Rows that no page has shown, and that nothing changed since the pull began.
local NOT_SHOWN = " where connection = ? and generation < ? "
local VANISHING = M.vanishing(NOT_SHOWN)
-- Nothing is remembered of users who are gone themselves.
local FORGOTTEN = "delete from holding"
  .. NOT_SHOWN
  .. "and present = 1 and not exists ("
  .. "select 1 from user u where u.connection = holding.connection and u.id = holding.user)"

--- Ends the pull: what the platform shows no more vanishes from the mirror.
-- A list without anybody, where the mirror knows users, is not believed: every tag would be put on again.
-- @tparam[opt] table options `empty = true` believes it
-- @treturn table|nil sums: `users`, `new`, `gone`, `tags`, `taken_off` (ours, taken off in the console),
--   `gone_tags` (the console's), `elsewhere` (on other pages of the bot), `oversized` (params left out)
-- @treturn string message
-- @treturn string code
function Pull:finish(options)
  if self.over then
    error("the pull is over", 2)
  end
  local db, connection, sums = self.db, self.connection, self.sums
  if sums.users == 0 and self.known > 0 and not (options and options.empty) then
    return nil,
      ("the platform showed no user of connection '%s', the ledger knows %d: the mirror is left as it was; "):format(
        connection.name,
        self.known
      ) .. "check the page and the channel of the connection, and pull again",
      "EPROTOCOL"
  end
  local ok, message, code = db:transact(function()
    local number, generation = connection.number, self.generation
    db:run(VANISHING.resolved, number, generation)
    sums.taken_off = db:run(VANISHING.taken_off, number, generation)
    sums.gone = db:run("delete from user where connection = ? and generation < ?", number, generation)
    sums.gone_tags = db:run(FORGOTTEN, number, generation) + db:run(VANISHING.gone, number, generation)
    sums.new = db:row("select count(*) from user where connection = ?", number) - self.known + sums.gone
    db:run("update connection set pulled = ? where number = ?", self.began, number)
    return true
  end)
  if not ok then
    return nil, message, code
  end
  self.over = true
  return sums
end

--- Leaves the pull: pages that were put stay, nothing vanishes, and the connection counts as pulled
-- when it last was.
function Pull:abandon()
  self.over = true
end

return M
