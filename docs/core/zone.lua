--- Time zones and dates: `require("tagua.core").zone`. What C does, described for LDoc; nothing here is run.
-- Moments are seconds since the epoch.
-- @module tagua.core.zone
local M, Zone = {}, {}

--- Opens a zone of the system's time zone data.
-- @tparam string name `"Asia/Taipei"`, `"UTC"`
-- @treturn Zone|nil
-- @treturn string message
-- @treturn string `"ECONFIG"`: there is no such zone, or its file is broken
function M.open(name) end

--- Its name.
-- @treturn string
function Zone:name() end

--- How far its clock is ahead of UTC.
-- @tparam integer t a moment
-- @treturn integer seconds, negative west of Greenwich
function Zone:offset(t) end

--- The first moment of a calendar day, which is not midnight where the clock changes at midnight.
-- @tparam integer t any moment of the day
-- @treturn integer
function Zone:day_start(t) end

--- Calendar days between two moments.
-- @tparam integer from
-- @tparam integer to
-- @treturn integer negative where `to` is earlier
function Zone:days_between(from, to) end

--- Reads a date or a moment. One that names no zone is in this one.
-- @tparam string text `"2026-11-21"`, `"2026-11-21 09:30"`, `"2026-11-21T09:30:00+08:00"`, or as `format` says
-- @tparam[opt] string format as of strftime: `"%d/%m/%Y"`
-- @tparam[opt] boolean roc years of the Republic: 115 is 2026
-- @treturn integer|nil
-- @treturn string message, quoting the text
-- @treturn string `"EINPUT"`; `"ECONFIG"`: the format is wrong
function Zone:parse(text, format, roc) end

--- Writes a moment.
-- @tparam integer t
-- @tparam[opt] string format `"2026-11-21 09:30:00"` unless given
-- @tparam[opt] boolean roc
-- @treturn string
function Zone:format(t, format, roc) end

--- Frees it; collecting does so, too.
function Zone:close() end

return M
