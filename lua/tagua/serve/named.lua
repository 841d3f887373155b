--- The rule file's own hooks, as the intake takes them: each with its connection and its secret. Pure.
-- @module tagua.serve.named
local nearest = require("tagua.nearest")

local M = {}

--- Finds for each hook whose it is and what it is signed with.
-- @tparam table|nil hooks as the rules describe them: by name `to` (the connection) and `verify` (`secret`, its name in
--   `serve { secrets }`, and `bearer`, or `header`, `algorithm`, `encoding`, `prefix`)
-- @tparam {string,...} served the connections
-- @tparam table secrets by name
-- @treturn table|nil by name, as `tagua.serve.intake` takes them
-- @treturn string what is missing, and where it belongs
-- @treturn string ECONFIG
function M.resolve(hooks, served, secrets)
  local found = {}
  for name, hook in pairs(hooks or {}) do
    local verify, known = hook.verify, false
    local secret, to = secrets[verify.secret], hook.to or #served == 1 and served[1]
    for _, one in ipairs(served) do
      known = known or one == to
    end
    if not secret then
      return nil, ("the hook '%s' goes by the secret '%s'%s, which connections.lua does not have: add it to serve "
        .. "{ secrets = { %s = env \"NAME\" } }"):format(name, verify.secret, nearest.hint(verify.secret, secrets),
        verify.secret), "ECONFIG"
    elseif not to then
      return nil, ("the hook '%s' does not say which connection it is for, and %d are served: add to = \"%s\"")
        :format(name, #served, served[1]), "ECONFIG"
    elseif not known then
      return nil, ("the hook '%s' is for the connection '%s'%s, which is not served: name it with --to"):format(name,
        hook.to, nearest.hint(hook.to, served)), "ECONFIG"
    end
    found[name] = {
      connection = to, secret = secret, bearer = verify.bearer, header = verify.header,
      algorithm = verify.algorithm, encoding = verify.encoding, prefix = verify.prefix,
    }
  end
  return found
end

return M
