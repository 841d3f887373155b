--- The platform's list of users as a source: all of it before anybody is decided, where it was never read, and then,
-- where the rules say `poll`, who changed since the last time. A page at a time, through the connection's own limiter;
-- live operations go first.
local store = require("tagua.ledger.store")

local M = {}

local PIECE = 500 -- users of one transaction
local CHANGED_MOST = 2000 -- users who changed since the last time; more of them are decided as a sweep, with its guards
local OVERLAP_MS = 60000 -- of two polls: the platform's clock is not ours, and its list may be late

local Polling = {}
Polling.__index = Polling

--- @tparam table k the keeper
function M.new(k)
  return setmetatable({ k = k }, Polling)
end

--- Whether the mirror holds what the platform showed at least once: nobody is decided before.
-- @treturn boolean
function Polling:ready()
  if not self.pulled then
    self.pulled = self.k.book:pulled() ~= nil
  end
  return self.pulled
end

-- What to read now: "all", or "changed"; nil where it is not time.
function Polling:due()
  local k = self.k
  if not self:ready() then
    return "all"
  end
  local poll = k.pool.ruleset.poll
  if not poll then
    return nil
  end
  local polled, now = k.state:get("polled"), k.now()
  if polled and now >= polled and now - polled < poll.every * 1000 then
    return nil
  end
  return "changed"
end

local ROW = [[
  select id, name, ext_id, phone, email, gender, birthday, blocked, params from user where connection = ? and id = ?]]

-- What the mirror holds of users, as texts that differ where it does.
local function images(k, users)
  local found = {}
  for _, user in ipairs(users) do
    local row = table.pack(k.book.ledger.store:row(ROW, k.book.number, user.id))
    for i = 1, row.n do
      row[i] = tostring(row[i])
    end
    found[user.id] = table.concat(row, "\0")
  end
  return found
end

-- The users who are new or another now, as far as they are to be decided one by one.
function Polling:show(changed, what)
  local k = self.k
  self.changed = self.changed + #changed
  local few = what == "changed" and self.changed <= CHANGED_MOST
  k.follow:show(changed, few and k.now() or nil)
  if not few and #changed > 0 then
    k.state:set("swept", nil)
  end
end

-- Puts users into the mirror; those who are new or another now are decided again.
function Polling:put(pull, users, what)
  local k = self.k
  for first = 1, #users, PIECE do
    local piece = table.move(users, first, math.min(first + PIECE - 1, #users), 1, {})
    store.must(k.book.ledger.store:transact(function()
      local before = images(k, piece)
      store.must(pull:put(piece))
      local after, changed = images(k, piece), {}
      for id, image in pairs(after) do
        if image ~= before[id] and image ~= "" then
          changed[#changed + 1] = id
        end
      end
      if k.pool.ruleset.poll then
        self:show(changed, what)
      end
      return true
    end))
    self:yield()
  end
end

-- Lets the keeper do something else in between.
function Polling:yield()
  if coroutine.running() == self.task then
    coroutine.yield()
  end
end

-- The next page; one that was dropped because others had to go first is asked for again.
function Polling:page(cursor, given)
  while true do
    local page, message, code = self.k.connection:users_page(cursor, given)
    if page or code ~= "ECANCELLED" or self.k.leaving then
      return store.must(page, message, code)
    end
    self:yield()
  end
end

-- Reads what there is to read, as a coroutine that leaves off again and again.
function Polling:read(what)
  local k = self.k
  local began, count, cursor = k.now(), 0, nil
  local polled = what == "changed" and k.state:get("polled")
  -- Where the platform can't tell who changed, everybody is compared.
  local given = polled and k.settings.vendor.users_since and { since = polled - OVERLAP_MS } or nil
  local pull = store.must(k.book:pull())
  self.changed = 0
  repeat
    local page = self:page(cursor, given)
    cursor = page.next
    count = count + #page.users
    self:put(pull, page.users, what)
  until not cursor
  if given then
    pull:abandon() -- who was not shown did not change
  else
    store.must(pull:finish({ empty = what == "all" }))
  end
  k.state:set("polled", began)
  k.counts.polls.done = (k.counts.polls.done or 0) + 1
  if what == "all" then
    k.log:info("pulled", ("read %d users of the platform"):format(count), { users = count })
  end
end

--- Goes on a little, where there is anything to do.
-- @treturn boolean|nil whether there was
-- @treturn string message
-- @treturn string code
function Polling:round()
  local k = self.k
  if not self.task then
    local what = self:due()
    if not what then
      return false
    end
    self.task = coroutine.create(function()
      return store.try(function()
        self:read(what)
        return true
      end)
    end)
  end
  local alive, ok, message, code = coroutine.resume(self.task)
  if not alive then
    error(debug.traceback(self.task, tostring(ok)), 0)
  elseif coroutine.status(self.task) ~= "dead" then
    return true
  end
  self.task = nil
  if not ok then
    k.counts.polls.failed = (k.counts.polls.failed or 0) + 1
    if k.connection:stopped() then
      k.sending:failed(message, code)
      return false
    end
    return nil, "reading the platform's users: " .. message, code
  end
  return true
end

return M
