--- Takes off what is past its time, once a minute. What could not be taken off is left alone for a while.
local core = require("tagua.core")
local expiring = require("tagua.expiring")
local runs = require("tagua.serve.keeper.runs")
local store = require("tagua.ledger.store")

local M = {}

local EVERY_NS = 60 * 1000000000
local SPARED_MOST = 10000 -- users and tags that are remembered to have failed

local Expire = {}
Expire.__index = Expire

--- @tparam table k the keeper
function M.new(k)
  return setmetatable({ k = k, next_ns = 0, spared = {}, spared_count = 0 }, Expire)
end

-- Whether a tag could not be taken off a moment ago.
function Expire:spares(user, tag)
  local entry = self.spared[user .. "\0" .. tag]
  return entry ~= nil and entry.due > self.k.now()
end

--- Puts a run into the queue that takes off what is due, where anything is and none is under way.
-- @treturn boolean|nil whether it did
-- @treturn string message
-- @treturn string code
function Expire:round()
  local k, clock = self.k, core.system.monotonic_ns()
  local at = k.now() // 1000
  if clock < self.next_ns and not (self.looked and at - self.looked >= 60) or k.runs:number_of("expire") > 0 then
    return false
  end
  self.next_ns, self.looked = clock + EVERY_NS, at
  local spared = next(self.spared) and function(user, tag)
    return self:spares(user, tag)
  end
  local ok, run, message, code
  ok, message, code = k.book.ledger.store:transact(function()
    local why, word
    run, why, word = expiring.plan(k.book, at, spared)
    if why then
      return nil, why, word
    elseif run then
      store.must(run:keep_prices(k.settings.message_cost))
      store.must(run:enqueue({}))
      k.state:own(run.number, "expire")
    end
    return true
  end)
  if not ok then
    return nil, message, code
  elseif not run then
    return false
  end
  k.runs:begun("expire")
  k.server:hurry()
  return true
end

local FAILED = [[
  select o.user, t.id from operation o join tag t on t.number = o.tag
  where o.run = ? and o.outcome in ('failed', 'ambiguous')]]

--- A run is over. What failed has its turn again later, each time after a longer while.
function Expire:over(one)
  local now = self.k.now()
  for user, tag in self.k.book.ledger.store:rows(FAILED, one.run) do
    local key = user .. "\0" .. tag
    local entry = self.spared[key]
    if not entry and self.spared_count >= SPARED_MOST then
      self.spared, self.spared_count = {}, 0
    end
    if not entry then
      entry = { tries = 0 }
      self.spared[key], self.spared_count = entry, self.spared_count + 1
    end
    entry.tries = entry.tries + 1
    entry.due = now + runs.wait(entry.tries)
  end
end

return M
