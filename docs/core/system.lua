--- What a program wants of the system and Lua lacks: `require("tagua.core").system`. What C does, described for LDoc;
-- nothing here is run.
-- @module tagua.core.system
local M = {}

--- From now on SIGINT, SIGTERM and SIGHUP (unless nohup has it ignored) are counted and do not end the process, and a
-- closed pipe is an error of the write. Called once, and by the program alone: a library leaves signals be.
function M.catch_signals() end

--- How many of those signals came.
-- @treturn integer
-- @treturn string|nil `"int"`, `"term"` or `"hup"` for the last
function M.interrupted() end

--- How many of them were SIGHUP.
-- @treturn integer
function M.hangups() end

--- A clock that only goes forward.
-- @treturn integer nanoseconds
function M.monotonic_ns() end

--- The time of day.
-- @treturn integer nanoseconds since the epoch
function M.wall_ns() end

--- Waits; a signal ends the wait.
-- @tparam number seconds
function M.sleep(seconds) end

--- Whether a descriptor is a terminal.
-- @tparam integer descriptor
-- @treturn boolean
function M.is_terminal(descriptor) end

--- A terminal's width.
-- @tparam integer descriptor
-- @treturn integer|nil
function M.columns(descriptor) end

--- How many processors are online.
-- @treturn integer
function M.cores() end

--- Raises how many descriptors this process may have open, as far as the system lets it.
-- @tparam integer wanted
-- @treturn integer how many it may have now
function M.descriptors(wanted) end

--- This process' id.
-- @treturn integer
function M.pid() end

--- The running program's path.
-- @treturn string
function M.executable() end

--- Random digits, from the kernel.
-- @tparam integer bytes
-- @treturn string twice as many hexadecimal digits
function M.random_hex(bytes) end

--- Writes a new file; one that is there stays as it is.
-- @tparam string path
-- @tparam string text
-- @treturn boolean|nil true
-- @treturn string message
-- @treturn string `"EIO"`
function M.create_file(path, text) end

--- Makes a folder with its parents, of mode 0700.
-- @tparam string path
-- @treturn boolean|nil true
-- @treturn string message
-- @treturn string code
function M.make_folder(path) end

--- Removes an empty folder.
-- @tparam string path
-- @treturn boolean|nil true
-- @treturn string message
-- @treturn string code
function M.remove_folder(path) end

--- What is at a path.
-- @tparam string path
-- @treturn string|nil `"file"`, `"folder"` or `"other"`; nil where there is nothing
function M.file_kind(path) end

--- What a folder holds, in no order.
-- @tparam string path
-- @treturn {string,...}|nil names
-- @treturn string message
-- @treturn string code
function M.list(path) end

--- A path without links, `.` and `..`.
-- @tparam string path
-- @treturn string|nil
-- @treturn string message
-- @treturn string code
function M.real_path(path) end

return M
