--- What other programs on the host want done: wishes out of the inbox become operations, each taken up exactly
-- once, since the place in the inbox and the run are written in one transaction.
local runs = require("tagua.serve.keeper.runs")
local store = require("tagua.ledger.store")

local M = {}

local TOGETHER = 256 -- wishes of one run
local UNFINISHED_MOST = 4 -- runs of wishes that are not over
local TRIES_MOST = 8

local Wishes = {}
Wishes.__index = Wishes

--- @tparam table k the keeper
function M.new(k)
  return setmetatable({ k = k }, Wishes)
end

-- What the letters of the mirror mean for who wants the tag to be on: it is, or nobody knows.
local HAS = { t = true, f = true, c = true, k = true, K = true, l = true, L = true, d = true, r = true }

-- An operation on the same user and tag that has yet to be sent, or is on its way.
local WAITING = [[
  select o.action from operation o join run r on r.number = o.run
  where o.user = ?1 and o.tag = ?2 and r.connection = ?3 and r.state in ('queued', 'sending')
    and coalesce(o.outcome, 'sending') = 'sending' order by o.run desc, o.seq desc limit 1]]

-- Whether the user has the tag, or is about to have it.
function Wishes:has(user, tag)
  local book = self.k.book
  local number = book.registry:known_number(tag)
  local action = number and book.ledger.store:row(WAITING, user, number, book.number)
  if action then
    return action == "tag"
  end
  local states = store.must(book:states({ user }, { tag }))
  return HAS[states[1]] == true
end

-- The tag that has yet to be made, once.
local function create(creations, name)
  for _, creation in ipairs(creations) do
    if creation.name == name then
      return
    end
  end
  creations[#creations + 1] = { kind = "tag", name = name }
end

-- Whether a tag is about to be made, for an operation that waits.
function Wishes:is_wanted(name)
  local book = self.k.book
  local wanted = "select 1 from tag where connection = ? and name = ? and kind = 'tag' "
    .. "and state in ('wanted', 'creating')"
  return book.ledger.store:row(wanted, book.number, name) ~= nil
end

-- One wish as an operation; nil where there is nothing to do.
function Wishes:operation(wish, creations)
  local k = self.k
  local action = wish.action == "untag" and "untag" or "tag"
  local tag, message, code = k.book:tag(wish.tag)
  local operation = {
    user = wish.user,
    tag = tag and tag.id,
    name = wish.tag,
    action = action,
    lasts = action == "tag" and wish.lasts or nil,
    ends = action == "tag" and wish.ends or nil,
  }
  local function refuse(why, with)
    operation.skip, operation.fail = why, with
    return operation
  end
  if message then
    return refuse(message, code or "ENOTFOUND")
  elseif not k.connection:can(action .. "_user") then
    return refuse(("%s has no %s"):format(k.settings.vendor.title, action), "EUNSUPPORTED")
  elseif wish.ends and wish.ends <= k.now() // 1000 then
    return refuse("its time was over before it could be put on")
  elseif not tag and action == "untag" and not self:is_wanted(wish.tag) then
    return refuse(("%s has no tag '%s'"):format(k.name, wish.tag), "ENOTFOUND")
  elseif not tag then
    if action == "tag" then
      create(creations, wish.tag)
    end
  elseif wish.action == "ensure" and self:has(wish.user, tag.id) then
    return nil
  end
  return operation
end

-- Writes a run of operations into the queue.
function Wishes:enqueue(operations, creations, tries)
  local k = self.k
  k.runs:begun("wishes")
  local run = store.must(k.book:plan({ kind = "event", input = "wishes", at = k.now() // 1000 }))
  for _, operation in ipairs(operations) do
    run:add(operation)
  end
  store.must(run:ready())
  store.must(run:keep_prices(k.settings.message_cost))
  store.must(run:enqueue(creations))
  k.state:own(run.number, "wishes", tries)
end

-- Takes wishes up, as far as they go into one run: what changes a tag of a user twice goes into the next.
function Wishes:take_up(wishes)
  local operations, creations, seen, last = {}, {}, {}, nil
  local counts = self.k.counts.wishes
  for _, wish in ipairs(wishes) do
    local key = wish.user .. "\0" .. wish.tag
    if seen[key] and (wish.action ~= "ensure" or seen[key] ~= "tag") then
      break
    end
    last = wish.number
    local operation = not seen[key] and self:operation(wish, creations)
    if operation then
      seen[key] = not operation.skip and operation.action or seen[key]
      operations[#operations + 1] = operation
    end
    counts[wish.action] = (counts[wish.action] or 0) + 1
  end
  if #operations > 0 then
    self:enqueue(operations, creations)
  end
  self.k.state:set("wishes", last)
  return #operations > 0
end

--- Takes up what waits in the inbox.
-- @treturn boolean|nil whether there was anything
-- @treturn string message
-- @treturn string code
function Wishes:round()
  local k = self.k
  if k.runs:number_of("wishes") >= UNFINISHED_MOST then
    return false
  end
  local wishes, message, code = k.box:wishes(k.name, k.state:get("wishes"), TOGETHER)
  if not wishes then
    return nil, message, code
  elseif #wishes == 0 then
    return false
  end
  local ok, sends
  ok, message, code = k.book.ledger.store:transact(function()
    sends = self:take_up(wishes)
    return true
  end)
  if not ok then
    k.book.registry.numbers = {}
    return nil, message, code
  end
  if sends then
    k.server:hurry()
  end
  return true
end

-- What of a run is to be tried again: what was not sent, and what failed for a reason that may pass.
local LEFT = [[
  select o.user, t.id, t.name, o.action, o.lasts, o.ends, o.outcome is null
  from operation o join tag t on t.number = o.tag
  where o.run = ? and (o.outcome is null or o.outcome = 'failed') order by o.seq]]

-- The operations that are to be tried again, and the tags that they need.
function Wishes:left(one, failed)
  local operations, creations = {}, {}
  for user, id, name, action, lasts, ends, unsent in self.k.book.ledger.store:rows(LEFT, one.run) do
    if unsent == 1 or failed[user] then
      if not id then
        create(creations, name)
      end
      operations[#operations + 1] = { user = user, tag = id, name = name, action = action, lasts = lasts, ends = ends }
    end
  end
  return operations, creations
end

--- A run of wishes is over.
-- @tparam table one `run`, `tries`, `state`
-- @tparam boolean finished
-- @tparam table failed by user, whether the reason may pass
-- @treturn integer|nil when what did not work is to be tried again, in milliseconds
function Wishes:over(one, finished, failed)
  local k = self.k
  local count = #self:left(one, failed)
  if count == 0 then
    return nil
  elseif one.tries >= TRIES_MOST then
    k.counts.given_up = k.counts.given_up + count
    k.log:error("given_up", ("%d wishes were not carried out in %d tries: run %d has them"):format(count, TRIES_MOST,
      one.run))
    return nil
  end
  return k.now() + (finished and runs.wait(one.tries + 1) or 0)
end

--- It is time to try again what did not work. Inside of a transaction.
-- @tparam table one
-- @tparam table failed
function Wishes:again(one, failed)
  local operations, creations = self:left(one, failed)
  self:enqueue(operations, creations, one.tries + 1)
end

return M
