--- One line that says how far a run is: rewritten in place on a terminal, now and then a plain line
-- elsewhere. Owns when to speak; what it says comes from the numbers it is given.
local terminal = require("tagua.terminal")

local M = {}
M.__index = M

local TERMINAL_NS = 100 * 1000000 -- at most ten times a second
local PLAIN_NS = 5 * 1000000000

--- @tparam table options
-- @tparam function options.write called with text
-- @tparam boolean options.terminal whether the line can be rewritten in place
-- @tparam function options.clock nanoseconds on the monotonic clock
-- @tparam ?function options.columns the terminal's width
function M.new(options)
  local now = options.clock()
  return setmetatable({
    write = options.write,
    terminal = options.terminal,
    clock = options.clock,
    columns = options.columns or function() end,
    began_ns = now,
    last_ns = options.terminal and now - TERMINAL_NS or now,
    shown = false,
  }, M)
end

--- The text of a moment: "3,120 of 6,021 done, 998 a second, 3 s left, 12 retries".
-- @tparam table state `done`, `total` (nil when not known), `noun`, `seconds` since the start, and
--   `retries`, `throttled`, `paused` (seconds still to wait after a 429) where there are any
-- @treturn string
function M.text(state)
  local parts = {}
  if state.total then
    parts[1] = ("%s of %s %s"):format(terminal.number(state.done), terminal.number(state.total), state.noun)
  else
    parts[1] = ("%s %s"):format(terminal.number(state.done), state.noun)
  end
  local speed = state.seconds > 0 and state.done / state.seconds or 0
  if speed > 0 then
    parts[#parts + 1] = terminal.number(speed, speed < 10 and 1 or 0) .. " a second"
    if state.total and state.total > state.done then
      parts[#parts + 1] = terminal.duration((state.total - state.done) / speed) .. " left"
    end
  end
  if (state.retries or 0) > 0 then
    parts[#parts + 1] = terminal.count(state.retries, "retry", "retries")
  end
  if (state.throttled or 0) > 0 then
    parts[#parts + 1] = terminal.number(state.throttled) .. " refused by the limit"
  end
  if (state.paused or 0) > 0 then
    parts[#parts + 1] = "paused for " .. terminal.duration(state.paused)
  end
  return table.concat(parts, ", ")
end

--- Tells where things stand; prints only when it is time to.
-- @tparam table state as `text` takes it, without `seconds`
function M:update(state)
  local now = self.clock()
  if now - self.last_ns < (self.terminal and TERMINAL_NS or PLAIN_NS) then
    return
  end
  self.last_ns = now
  state.seconds = (now - self.began_ns) / 1e9
  local text = M.text(state)
  if self.terminal then
    self.write("\r\27[K" .. terminal.clip(text, math.max(20, (self.columns() or 80) - 1)))
  else
    self.write(text .. "\n")
  end
  self.shown = true
end

--- Clears the line on a terminal, so that what follows starts at the left end.
function M:finish()
  if self.terminal and self.shown then
    self.write("\r\27[K")
  end
  self.shown = false
end

--- Seconds since the start.
-- @treturn number
function M:seconds()
  return (self.clock() - self.began_ns) / 1e9
end

return M
