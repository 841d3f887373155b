--- The registry of a connection's tags and folders: names to ids, and intents to create, which are
-- on disk before the request. A creation whose answer was lost is never repeated blindly.
local store = require("tagua.ledger.store")

local M = {}

local MAX_NAME, MAX_ID = 1000, 512

local Tags = {}
Tags.__index = Tags

local Intent = {}
Intent.__index = Intent

--- The registry of one connection.
-- @tparam table db the store
-- @tparam integer connection its number
-- @tparam function now seconds since the epoch
function M.new(db, connection, now)
  return setmetatable({ db = db, connection = connection, now = now, numbers = {} }, Tags)
end

--- Says which tags a name means, where a platform has several kinds of tags: of two with one name,
-- the one that fits is the one that is meant.
-- @tparam ?function fits (name, id) -> boolean; nil: all do
function Tags:only(fits)
  self.fits, self.numbers = fits, {}
end

-- Those that a name can mean: folders, those without an id yet, and those that fit.
function Tags:fitting(found)
  if not self.fits then
    return found
  end
  local kept = {}
  for _, entry in ipairs(found) do
    if entry.kind == "folder" or not entry.id or self.fits(entry.name, entry.id) then
      kept[#kept + 1] = entry
    end
  end
  return kept
end

local SELECT = [[
  select t.number, t.id, t.name, t.kind, f.id, f.name, t.state, t.at, t.message
  from tag t left join tag f on f.number = t.folder where t.connection = ? ]]

local function record(number, id, name, kind, folder, folder_name, state, at, message)
  return number
    and {
      number = number,
      id = id,
      name = name,
      kind = kind,
      folder = folder,
      folder_name = folder_name,
      state = state,
      at = at,
      message = message,
    }
end

-- The tags and folders of this connection that fulfil a condition in SQL, its values after it.
function Tags:find(condition, ...)
  local found = {}
  for a, b, c, d, e, f, g, h, i in self.db:rows(SELECT .. condition, self.connection, ...) do
    found[#found + 1] = record(a, b, c, d, e, f, g, h, i)
  end
  return found
end

local function check(kind, name, id)
  if kind ~= "tag" and kind ~= "folder" then
    error(("kind must be 'tag' or 'folder', got '%s'"):format(tostring(kind)), 3)
  end
  if type(name) ~= "string" or name == "" then
    error("the name must be a string that is not empty", 3)
  end
  if id ~= nil and (type(id) ~= "string" or id == "") then
    error("the id must be a string that is not empty", 3)
  end
  if #name > MAX_NAME or #(id or "") > MAX_ID then
    store.fail("ETOOBIG", "the %s '%s' has a name or an id that is too long", kind, store.cap(name, 60))
  end
end

--- Every tag and folder that the platform is known to have, by name.
function Tags:all()
  return self:find("and t.state = 'known' order by t.name, t.number")
end

--- Creations that were asked for and never answered.
function Tags:lost()
  return self:find("and t.state = 'creating' order by t.number")
end

--- The tag of that name, or nil when none is known; `EAMBIGUOUS` when there are several.
function Tags:named(name, kind)
  kind = kind or "tag"
  check(kind, name)
  local found =
    self:fitting(self:find("and t.name = ? and t.kind = ? and t.state = 'known' order by t.number", name, kind))
  if #found > 1 then
    store.fail(
      "EAMBIGUOUS",
      "the platform has more than one %s '%s' (%s, %s): say which one by its id, id = \"%s\"",
      kind,
      name,
      found[1].id,
      found[2].id,
      found[1].id
    )
  end
  return found[1]
end

-- The number of a folder that is known by its id, a bare row when it was not known.
function Tags:folder_number(id)
  if not id then
    return nil
  end
  local number = self.db:row("select number from tag where connection = ? and id = ?", self.connection, id)
  return number or self:remember({ id = id, name = id, kind = "folder" })
end

--- Notes a tag that the platform has. One that was wanted, or whose creation was lost, gets its id.
-- @treturn integer its number
function Tags:remember(tag)
  local kind, name, id = tag.kind or "tag", tag.name or tag.id, tag.id
  check(kind, name, id)
  local folder = self:folder_number(tag.folder)
  local number, old_name, state, old_folder =
    self.db:row("select number, name, state, folder from tag where connection = ? and id = ?", self.connection, id)
  if number then
    if state ~= "known" or (tag.name and old_name ~= name) or (folder and folder ~= old_folder) then
      self.db:run(
        "update tag set name = ?, state = 'known', folder = coalesce(?, folder), message = null, at = ? "
          .. "where number = ?",
        tag.name or old_name,
        folder,
        self.now(),
        number
      )
    end
    self.numbers[id] = number
    return number
  end
  local open = self:find(
    "and t.name = ? and t.kind = ? and t.id is null and t.state in ('wanted', 'creating') limit 2",
    name,
    kind
  )
  if #open == 1 then
    number = open[1].number
    self.db:run(
      "update tag set id = ?, state = 'known', folder = coalesce(?, folder), message = null, at = ? "
        .. "where number = ?",
      id,
      folder,
      self.now(),
      number
    )
  else
    number = self.db:row(
      "insert into tag (connection, id, name, kind, folder, state, at) values (?, ?, ?, ?, ?, 'known', ?) "
        .. "returning number",
      self.connection,
      id,
      name,
      kind,
      folder,
      self.now()
    )
  end
  self.numbers[id] = number
  return number
end

--- The number of a tag by its id, or by the name of one that is yet to be created.
function Tags:number_of(id, name)
  local key = id or "\0" .. name
  local number = self.numbers[key]
  if number then
    return number
  end
  if id then
    number = self.db:row("select number from tag where connection = ? and id = ?", self.connection, id)
      or self:remember({ id = id, name = name or id })
  else
    check("tag", name)
    local wanted = self:fitting(
      self:find("and t.name = ? and t.kind = 'tag' and t.state <> 'deleted' order by t.number", name))[1]
    number = wanted and wanted.number
      or self.db:row(
        "insert into tag (connection, name, kind, state, at) values (?, ?, 'tag', 'wanted', ?) returning number",
        self.connection,
        name,
        self.now()
      )
  end
  self.numbers[key] = number
  return number
end

--- The number of a known id, or nil.
function Tags:known_number(id)
  return self.numbers[id]
    or self.db:row("select number from tag where connection = ? and id = ?", self.connection, id)
end

--- Forgets tags that the platform deleted, and takes them off everybody in the mirror.
function Tags:forget(ids)
  for _, id in ipairs(ids) do
    local number = self:known_number(id)
    if number then
      self.db:run("update tag set state = 'deleted', at = ? where number = ?", self.now(), number)
      self.db:run("delete from holding where connection = ? and tag = ?", self.connection, number)
    end
  end
end

local function date(seconds)
  return seconds and os.date("!%Y-%m-%d %H:%M UTC", seconds) or "an unknown time"
end

local function refuse_second(kind, entry)
  store.fail(
    "EAMBIGUOUS",
    "the %s '%s' was asked for at %s and the answer was lost, so it may exist: look for it in the platform's "
      .. 'console. If it is there, name its id (in the rule file: id = "..."); if it is not, '
      .. "tagua tags CONNECTION --forget '%s' lets it be created again",
    kind,
    entry.name,
    date(entry.at),
    entry.name
  )
end

--- Puts the intent to create a tag or a folder on disk: the request may leave when this returns.
-- @tparam table wish `kind`, `name`, `folder` (an id)
-- @treturn table the intent: `done(id)`, `void()`, `ambiguous(message)`
function Tags:intend(wish)
  local kind, name = wish.kind or "tag", wish.name
  check(kind, name)
  local folder = self:folder_number(wish.folder)
  local number
  local same =
    self:fitting(self:find("and t.name = ? and t.kind = ? and t.state <> 'deleted' order by t.number", name, kind))
  for _, entry in ipairs(same) do
    if entry.state == "creating" then
      refuse_second(kind, entry)
    elseif entry.state == "known" then
      if entry.folder == wish.folder then
        store.fail("EUSAGE", "the %s '%s' exists already (%s): plan again", kind, name, entry.id)
      end
    else
      number = entry.number
    end
  end
  if number then
    self.db:run(
      "update tag set state = 'creating', folder = ?, at = ?, message = null where number = ?",
      folder,
      self.now(),
      number
    )
  else
    number = self.db:row(
      "insert into tag (connection, name, kind, folder, state, at) values (?, ?, ?, ?, 'creating', ?) "
        .. "returning number",
      self.connection,
      name,
      kind,
      folder,
      self.now()
    )
  end
  return setmetatable({ tags = self, number = number, kind = kind, name = name }, Intent)
end

--- The platform created it under this id.
-- @treturn true|nil
function Intent:done(id)
  check(self.kind, self.name, id)
  local db = self.tags.db
  return db:transact(function()
    -- A pull that ran meanwhile may have met the new tag and noted it in a row of its own.
    local other = db:row(
      "select number from tag where connection = ? and id = ? and number <> ?",
      self.tags.connection,
      id,
      self.number
    )
    if other then
      db:run("update operation set tag = ? where tag = ? and outcome is null", other, self.number)
      db:run("update tag set state = 'deleted', at = ? where number = ?", self.tags.now(), self.number)
      self.tags.numbers["\0" .. self.name] = other
      return true
    end
    db:run(
      "update tag set id = ?, state = 'known', at = ?, message = null where number = ?",
      id,
      self.tags.now(),
      self.number
    )
    self.tags.numbers[id] = self.number
    return true
  end)
end

--- It was certainly not created: the intent is as if it had never been.
function Intent:void()
  local db = self.tags.db
  return db:transact(function()
    db:run(
      "update tag set state = 'wanted', at = ? where number = ? and state = 'creating'",
      self.tags.now(),
      self.number
    )
    return true
  end)
end

--- The answer was lost. The intent stays, and stands in the way of a second request.
function Intent:ambiguous(message)
  local db = self.tags.db
  return db:transact(function()
    db:run("update tag set message = ? where number = ? and state = 'creating'", store.text(message), self.number)
    return true
  end)
end

--- A person has looked and the platform does not have it: creations of that name are free again.
-- @treturn integer how many lost requests were forgotten
function Tags:forget_lost(name, kind)
  return self.db:run(
    "update tag set state = 'wanted', message = null, at = ? "
      .. "where connection = ? and name = ? and kind = ? and state = 'creating'",
    self.now(),
    self.connection,
    name,
    kind or "tag"
  )
end

return M
