--- A rate limit that never waits by itself: `require("tagua.core").limiter`. What C does, described for LDoc; nothing
-- here is run. The caller brings the time, in nanoseconds of a clock that only goes forward, and is told how long to
-- wait: GCRA, so that burst + rate x window is never exceeded. A refusal by the other side pauses it, halves the rate,
-- and the rate climbs back.
-- @module tagua.core.limiter
local M, Limiter = {}, {}

--- Makes one.
-- @tparam table given `per_second`; `burst` (1); `adaptive` (looks for the limit, up to `at_most`); `at_most`; `seed` of
--   the jitter
-- @treturn Limiter raises on misuse
function M.new(given) end

--- What a Retry-After header asks for.
-- @tparam string value seconds, or a date of HTTP
-- @tparam integer wall_ns nanoseconds since the epoch
-- @treturn integer|nil nanoseconds to wait; nil where it is neither
function M.retry_after(value, wall_ns) end

--- A growing wait with jitter.
-- @tparam integer failure which one in a row, from 1
-- @tparam integer base_ns the longest wait after the first
-- @tparam integer max_ns the longest of all
-- @tparam integer random any
-- @treturn integer nanoseconds, from 0 to the longest for that failure
-- @treturn integer the longest
function M.backoff(failure, base_ns, max_ns, random) end

--- Takes one, or says how long to wait for it.
-- @tparam integer now_ns
-- @tparam[opt=1] integer cost
-- @treturn integer 0: it is taken; else the wait in nanoseconds, and nothing is taken
function Limiter:reserve(now_ns, cost) end

--- Gives back what was reserved and not used.
-- @tparam[opt=1] integer cost
function Limiter:refund(cost) end

--- The other side said that it was too much.
-- @tparam integer now_ns
-- @tparam ?integer retry_after_ns how long it asked to wait
function Limiter:throttled(now_ns, retry_after_ns) end

--- The other side did what was asked.
-- @tparam integer now_ns
function Limiter:succeeded(now_ns) end

--- The rate that is kept to now.
-- @treturn number a second
function Limiter:rate() end

--- Until when it is paused.
-- @treturn integer nanoseconds on the caller's clock; 0 when it never was
function Limiter:paused_until() end

--- Frees it; collecting does so, too.
function Limiter:close() end

return M
