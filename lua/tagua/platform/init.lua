--- The list of platforms. A platform is a pure module: it makes requests and reads answers.
--
-- A platform module has
--
--    name, title       its name in a configuration, and as its vendor writes it
--    base              scheme and authority of the vendor's API
--    options           declaration of the options that a connection to it has of its own
--    local_account     defaults of those options for a connection to the twin in the process
--    identity(settings) -> identity | nil, complaint
--    bearer, body_secret   which option holds the secret of the Authorization header, of the body
--    envelope, codes   what the engine looks for in an answer
--    token_help        where in the vendor's console a new token is found
--    PRIMITIVE(identity, ...) -> request | nil, complaint
--    read.PRIMITIVE(identity, body, ...) -> value | nil, message, code
--
-- for every primitive that it has in one request;
--
--    composed.PRIMITIVE(ask, identity, memory, ...), probe
--    can(identity, primitive)
--
-- for those that take several, and where a connection may lack what the platform has. The arguments
-- are those of the connection's method.
-- @module tagua.platform
local M = {}

--- The names, in the order in which help shows them.
M.names = { "botbonnie", "mantago" }

--- Those that the twin in the process can stand for.
M.local_names = { "botbonnie", "mantago" }

--- Every primitive that some platform has.
M.primitives = {
  "create_tag",
  "create_folder",
  "get_tag",
  "list_tags",
  "delete_tag",
  "tag_user",
  "untag_user",
  "user_tags",
  "users_page",
  "set_params",
  "delete_params",
}

--- The module of a platform.
-- @tparam string name one of `names`
-- @treturn table
function M.get(name) return require("tagua.platform." .. name) end

return M
