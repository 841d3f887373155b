--- Records out of CSV and JSONL, in pieces: `require("tagua.core").record`. What C does, described for LDoc; nothing
-- here is run. A splitter cuts bytes, as they come, into chunks of whole records; a reader takes the wanted fields out
-- of a chunk, and nothing else; a search notices keys that come twice. None of them holds more than one chunk, but for
-- the search, which takes 16 bytes a key.
-- @module tagua.core.record
local M, Splitter, Reader, Seen = {}, {}, {}, {}

--- Makes a splitter.
-- @tparam table given `format` (`"csv"` or `"jsonl"`), `delimiter` (`","`), `encoding` (`"big5"` or any name that iconv
--   knows; UTF-8 unless given), `max_record` (bytes of one record: 1 MiB), `chunk` (bytes: 256 KiB)
-- @treturn Splitter|nil
-- @treturn string message
-- @treturn string `"EUSAGE"`
function M.splitter(given) end

--- Makes a reader.
-- @tparam table given `format`, `delimiter`, `header` (csv: the columns' names), `id` (the column or key of the id:
--   `"id"`), `fields` (each `name`, `source` (its column), `type` (`"text"`, `"integer"`, `"number"`, `"boolean"`, `"date"`),
--   `format` and `roc` of dates), `zone` (UTC unless given)
-- @treturn Reader|nil
-- @treturn string message, naming a column that is missing and the nearest that is there
-- @treturn string `"EINPUT"`; `"ECONFIG"`: a date's format
function M.reader(given) end

--- Begins a search for repeated keys.
-- @treturn Seen|nil
-- @treturn string message
-- @treturn string `"EIO"`
function M.seen() end

--- Takes bytes.
-- @tparam string bytes
-- @treturn {table,...}|nil the chunks that are whole now: `{ chunk, first_line }`
-- @treturn string message, with the line
-- @treturn string code
function Splitter:feed(bytes) end

--- Takes bytes out of an open file, without a string of them.
-- @param file of the io library
-- @tparam integer size bytes at most
-- @param[opt] digest sees the bytes, too
-- @treturn {table,...}|nil as `feed`; nil at the end
-- @return bytes read; or a message, and the number or the code of the error
function Splitter:read(file, size, digest) end

--- There is no more: the last chunks.
-- @treturn {table,...}|nil as `feed`
-- @treturn string message: the file is cut off inside a quoted cell, for instance
-- @treturn string code
function Splitter:finish() end

--- The columns' names, once they are known.
-- @treturn {string,...}|nil
function Splitter:header() end

--- Frees it; collecting does so, too.
function Splitter:close() end

--- Reads the records of a chunk.
-- @tparam string chunk
-- @tparam[opt=1] integer first_line
-- @treturn {table,...} for each `line`, `id`, `values` (by field), `empty`, `absent` (sets of fields), `bad` (by field the
--   text that does not fit its type); or `line`, `column` and `message` of one that is no record
function Reader:read(chunk, first_line) end

--- Frees it; collecting does so, too.
function Reader:close() end

--- Adds one key, or many.
-- @tparam string|{string,...} key
-- @tparam integer|{integer,...} line where it stands
-- @treturn boolean|nil true
-- @treturn string message
-- @treturn string `"EIO"`: there is no room for its temporary file
function Seen:add(key, line) end

--- Ends the search.
-- @tparam[opt=1000] integer at_most
-- @treturn {table,...}|nil pairs of lines with the same key, `{ first, second }`
-- @treturn integer|string how many there are in all; or a message
-- @treturn string `"EIO"`
function Seen:finish(at_most) end

--- Frees it; collecting does so, too.
function Seen:close() end

return M
