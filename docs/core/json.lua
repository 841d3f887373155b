--- Reading JSON, strictly and exactly: `require("tagua.core").json`. What C does, described for LDoc; nothing here
-- is run. Writing is `tagua.json`.
-- @module tagua.core.json
local M, Projection = {}, {}

--- What a null is where it is not left out.
M.null = nil

--- Reads JSON text. Objects and arrays become tables; a member that is null is not there, a null elsewhere is `null`.
-- An integer keeps its digits: up to 64 bits it is an integer, a longer one a string of what was written.
-- @tparam string text
-- @return the value, or nil
-- @treturn string what is wrong with the text, and at which byte
-- @treturn string `"EPROTOCOL"`
function M.decode(text) end

--- Prepares taking a few values out of many texts, without building tables of the rest.
-- @tparam {string,...} paths `{ "res.records", "res.next" }`
-- @treturn Projection|nil
-- @treturn string message
-- @treturn string code
function M.projection(paths) end

--- Takes the values: `projection(text)` gives one for each path, nil where there is none; an array or an object is the
-- text that it is written with. nil, message and `"EPROTOCOL"` where the text is no JSON.
-- @function Projection
-- @tparam string text

--- Frees it; collecting does so, too.
function Projection:close() end

return M
