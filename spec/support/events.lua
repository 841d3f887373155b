--- What the specs of events share: a ledger and an inbox in one folder, rules that read events, and a clock.
local follow = require("tagua.events.follow")
local inbox = require("tagua.events.inbox")
local json = require("tagua.json")
local rules = require("tagua.rules")
local snapshot = require("tagua.events.snapshot")
local with = require("spec.support.ledger")

local M = {}

M.START = 1700000000000

--- A ruleset with these fields.
function M.rules(fields)
  return assert(rules.load({ source = ("fields { %s }\ntag \"T\" { when = function() return true end }"):format(fields),
    name = "rules.lua" }))
end

--- A ledger, an inbox and what follows it; `clock.now` is what all of them take for now, in milliseconds.
-- @tparam string fields
-- @tparam[opt] boolean fast commits need not outlive the machine
function M.new(fields, fast)
  local self = { book = with.new(), clock = { now = M.START }, fast = fast }
  self.path = self.book.folder .. "/tagua-events.db"

  function self.open()
    self.box = assert(inbox.open(self.path, {
      now = function()
        return self.clock.now
      end,
    }))
    if self.fast then -- nobody pulls the plug here
      self.box.store:run("pragma synchronous = off")
      self.book.ledger.store:run("pragma synchronous = off")
    end
    self.use(self.fields)
  end

  --- Other rules.
  function self.use(given)
    self.fields = given
    self.ruleset = M.rules(given)
    self.follow = assert(follow.open(self.book.shop, self.box, self.ruleset))
  end

  function self.reopen()
    self.box:close()
    self.book.reopen()
    self.open()
  end

  function self.close()
    self.box:close()
    self.book.close()
  end

  --- Puts events into the inbox: { user, type, at, fields, id }.
  function self.put(events)
    local list = {}
    for i, one in ipairs(events) do
      list[i] = {
        connection = self.book.shop.name,
        source = "events",
        user = one.user or one[1],
        type = one.type or one[2],
        at = one.at or one[3] or self.clock.now,
        fields = one.fields or one[4] or {},
        id = one.id,
      }
    end
    return assert(self.box:take({ events = list }))
  end

  --- Folds everything, and what is due.
  function self.fold()
    local count = 0
    repeat
      local folded = assert(self.follow:fold(100, self.clock.now))
      count = count + folded
    until folded == 0
    repeat
      local moved = assert(self.follow:due(self.clock.now, 100))
    until moved == 0
    return count
  end

  --- The users who wait, in order, each with the names of what moved ("*" for all).
  function self.changed()
    local users, about = assert(self.follow:changed(1000))
    local found = {}
    for i, user in ipairs(users) do
      local moved = about[user].moved
      found[i] = user .. " " .. (moved and table.concat(moved, ",") or "*")
    end
    return found
  end

  --- What the rules may read of users.
  function self.records(users)
    local found = {}
    for line in assert(self.follow:records(users, self.clock.now)) do
      local record = assert(json.decode(line))
      found[record.id], record.id = record, nil
    end
    return found
  end

  self.fields = fields
  self.open()
  return self
end

--- What a plan over all of the events would read at a moment, by user.
function M.plain(ruleset, events, now)
  local by_user, seen = {}, {}
  for _, event in ipairs(events) do
    if not (event.id and seen[event.id]) and event.at <= now then
      by_user[event.user] = by_user[event.user] or snapshot.new(ruleset.fields, now)
      by_user[event.user]:add(event)
    end
    if event.id then
      seen[event.id] = true
    end
  end
  local write = require("tagua.events.lines").writer(ruleset.fields)
  for user, taken in pairs(by_user) do
    local record = assert(json.decode(write(user, taken:read())))
    record.id = nil
    by_user[user] = record
  end
  return by_user
end

return M
