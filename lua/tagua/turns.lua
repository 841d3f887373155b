--- Whose turn it is: the operations of one user go one after the other, and none goes any more once
-- the platform said that it does not know the user. Pure; grows with what is under way and with the
-- users who are unknown.
-- @module tagua.turns
local M = {}

local Turns = {}
Turns.__index = Turns

--- For one run.
function M.new() return setmetatable({ under_way = {}, strangers = {} }, Turns) end

--- An operation wants to go.
-- @tparam table entry has `user`
-- @treturn boolean whether it may; otherwise `leave` gives it later
function Turns:enter(entry)
  local waiting = self.under_way[entry.user]
  if waiting == nil then
    self.under_way[entry.user] = false -- nobody waits
    return true
  end
  waiting = waiting or { first = 1 }
  waiting[#waiting + 1] = entry
  self.under_way[entry.user] = waiting
  return false
end

--- An operation is over.
-- @tparam table entry
-- @tparam string|false|nil stranger why the platform does not know its user
-- @treturn table|nil the operation that waited behind it
function Turns:leave(entry, stranger)
  if stranger then self.strangers[entry.user] = stranger end
  local waiting = self.under_way[entry.user]
  local following = waiting and waiting[waiting.first]
  if following then
    waiting[waiting.first] = false
    waiting.first = waiting.first + 1
  else
    self.under_way[entry.user] = nil
  end
  return following or nil
end

--- Why a user is not called again in this run.
-- @tparam string user
-- @treturn string|nil nil for one whom the platform may know
function Turns:unknown(user) return self.strangers[user] end

return M
