--- Secrets that Lua may name, pass on and compare, and never read: `require("tagua.core").secret`. What C does,
-- described for LDoc; nothing here is run. A secret prints as `[secret]`, its memory is wiped when it is closed, and
-- its value is taken out of every message of Tagua's.
-- @module tagua.core.secret
local M, Secret = {}, {}

--- The value of an environment variable.
-- @tparam string name
-- @treturn Secret|nil
-- @treturn string message
-- @treturn string `"ECONFIG"`
function M.env(name) end

--- The first line of a file that nobody else may read (mode 0600 or stricter).
-- @tparam string path
-- @treturn Secret|nil
-- @treturn string message
-- @treturn string `"ECONFIG"`
function M.file(path) end

--- What a command prints.
-- @tparam string line run by the shell
-- @treturn Secret|nil
-- @treturn string message
-- @treturn string `"ECONFIG"`
function M.command(line) end

--- A new one of 256 bits.
-- @treturn Secret|nil
-- @treturn string message
-- @treturn string code
function M.random() end

--- A text without the value of any secret that is open.
-- @tparam string text
-- @treturn string
function M.redact(text) end

--- Compares two texts in constant time.
-- @tparam string a
-- @tparam string b
-- @treturn boolean
function M.equal(a, b) end

--- The SHA-256 of a text that is no secret.
-- @tparam string text
-- @treturn string 64 hexadecimal digits
function M.sha256(text) end

--- Where it came from, for messages.
-- @treturn string
function Secret:source() end

--- Its SHA-256: what to keep in order to know it again.
-- @treturn string 64 hexadecimal digits
function Secret:sha256() end

--- A signature of a text with it.
-- @tparam string text
-- @treturn string 64 hexadecimal digits
function Secret:hmac_sha256(text) end

--- Prints the value and a newline to standard output, for whoever just made it.
-- @tparam[opt] string before
-- @tparam[opt] string after
-- @treturn boolean|nil true
-- @treturn string message
-- @treturn string code
function Secret:print(before, after) end

--- Writes the value to a new file that nobody but its owner may read; one that is there stays as it is.
-- @tparam string path
-- @treturn boolean|nil true
-- @treturn string message
-- @treturn string `"EIO"`
function Secret:keep(path) end

--- Wipes it; collecting does so, too.
function Secret:close() end

return M
