--- Opens what a connection's settings name: its secrets, the pair, the twin of a local one, the engine. What is
-- open belongs to the connection, which closes it, also where this fails half way.
-- @module tagua.opening
local core = require("tagua.core")
local pair = require("tagua.pair")
local secrets = require("tagua.secrets")

local M = {}

local function engine_options(self)
  local settings, vendor = self.settings, self.vendor
  local body_secret
  if vendor.body_secret then
    body_secret = { field = vendor.body_secret.field, value = self.secrets[vendor.body_secret.option] }
  end
  return {
    name = self.name,
    base = self.base,
    bearer = self.secrets[vendor.bearer],
    body_secret = body_secret,
    rate = settings.rate,
    in_flight = settings.in_flight,
    connect_timeout = settings.connect_timeout,
    timeout = settings.timeout,
    attempts = settings.attempts,
    give_up_after = settings.give_up_after,
    ca_file = settings.ca_file,
    envelope = vendor.envelope,
    codes = vendor.codes,
    renewable = self.pair ~= nil,
    user_agent = "tagua/" .. require("tagua.version"),
  }
end

--- Opens what the settings of a connection name, in the order in which it can go wrong.
-- @tparam connection self its `settings`, `vendor` and `name` known
-- @treturn true|nil
-- @treturn string what cannot be opened
-- @treturn string code
function M.open(self)
  local settings, vendor = self.settings, self.vendor
  if settings.ledger and not core.sql then
    return nil, "the rock does not hold the ledger: install Tagua with `make install`", "EUNSUPPORTED"
  end
  if settings.is_local then
    if not core.server then
      return nil, "the rock does not hold the twin: install Tagua with `make install`", "EUNSUPPORTED"
    end
    local twin, message, code = require("tagua.local").open(settings)
    if not twin then return nil, message, code end
    self.twin, self.base = twin, twin.address
    self.secrets = twin.secrets
  else
    self.base = settings.url or vendor.base
    for name, rule in pairs(vendor.options) do
      if rule.secret and settings[name] then
        local secret, message, code = secrets.open(settings[name])
        if not secret then return nil, message, code end
        self.secrets[name] = secret
        if secret ~= settings[name] then self.opened[#self.opened + 1] = secret end
      end
    end
    if settings.pair then
      local opened, message, code = pair.attach(self)
      if not opened then return nil, message, code end
    end
  end
  local message, code
  self.engine, message, code = core.engine.new(engine_options(self))
  if not self.engine then return nil, message, code end
  return true
end

return M
