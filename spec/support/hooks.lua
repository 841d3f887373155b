--- An intake with a real inbox, and requests to it that are signed as the platforms sign: for specs of hooks.
local core = require("tagua.core")
local http = require("spec.support.http")
local inbox = require("tagua.events.inbox")
local intake = require("tagua.serve.intake")
local json = require("tagua.json")
local log = require("tagua.serve.log")
local support = require("spec.support")

local M = {}

M.LINE_SECRET, M.META_SECRET, M.BOT_SECRET = "line-channel-secret", "meta-app-secret-value", "botbonnie-api-secret"
M.CRM_SECRET, M.TOKEN, M.VERIFY = "crm-webhook-secret", "events-token-value", "meta-verify-token"

local Place = {}
Place.__index = Place

local function secret(self, name, value)
  local path = self.folder .. "/" .. name
  support.write(path, value)
  os.execute("chmod 600 " .. path)
  local opened = assert(core.secret.file(path))
  self.secrets[#self.secrets + 1] = opened
  return opened
end

--- Makes the place; `close` removes it.
-- @treturn table place: folder, box, taker (the intake), lines (of the log)
function M.place()
  local folder, remove = support.folder()
  local self = setmetatable({ folder = folder, remove = remove, secrets = {}, lines = {} }, Place)
  self.line = secret(self, "line", M.LINE_SECRET)
  self.meta = secret(self, "meta", M.META_SECRET)
  self.bot = secret(self, "bot", M.BOT_SECRET)
  self.crm = secret(self, "crm", M.CRM_SECRET)
  self.verify = secret(self, "verify", M.VERIFY)
  self.log = log.open({ write = function(line) self.lines[#self.lines + 1] = json.decode(line) end })
  return self
end

--- Opens the intake of a connection "shop" that takes everything.
-- @tparam[opt] table given more options of the intake; `forward` of the LINE hook
function Place:open(given)
  local o = { address = "127.0.0.1:0", log = self.log }
  for name, value in pairs(given or {}) do
    o[name] = value
  end
  self.box = self.box or assert(inbox.open(self.folder .. "/events.db"))
  o.inbox = o.inbox or self.box
  o.hooks = o.hooks or { shop = {
    line = { secret = self.line, forward = o.forward },
    meta = { secret = self.meta, verify_token = self.verify },
    botbonnie = { secret = self.bot },
    events = { sha256 = { ("0"):rep(64), core.secret.sha256(M.TOKEN) } },
  } }
  o.named = o.named or {
    orders = { connection = "shop", secret = self.crm, header = "X-Shop-Signature", algorithm = "sha256",
      encoding = "base64" },
    crm = { connection = "shop", secret = self.crm, bearer = true },
  }
  o.forward = nil
  self.taker = assert(intake.open(o))
  return self.taker
end

function Place:close()
  if self.taker then self.taker:close() end
  if self.box then self.box:close() end
  for _, opened in ipairs(self.secrets) do
    opened:close()
  end
  self.remove()
end

--- The HMAC of a text under a key, made by another program.
-- @tparam string key
-- @tparam string body
-- @tparam[opt] string how "base64", "sha1"
-- @treturn string
function Place:sign(key, body, how)
  support.write(self.folder .. "/signed", body)
  local _, out = support.shell(("openssl dgst -%s -hmac '%s' -binary %s/signed | %s"):format(how == "sha1" and "sha1" or "sha256",
    key, self.folder, how == "base64" and "base64 -w0" or "od -An -tx1 | tr -d ' \\n'"))
  return out
end

--- A request with LINE's signature.
function Place:from_line(body, connection)
  return { path = "/hooks/line/" .. (connection or "shop"), body = body,
    headers = { ["x-line-signature"] = self:sign(M.LINE_SECRET, body, "base64") } }
end

--- Sends requests at once and gives their answers.
function Place:ask_all(requests, how)
  local clients, answers = {}, {}
  for i, request in ipairs(requests) do
    clients[i] = http.start(self.taker:address(), type(request) == "string" and request or http.text(request), how)
  end
  http.finish(function() self.taker:wait(0.01) end, clients)
  for i, client in ipairs(clients) do
    answers[i] = client.answer()
  end
  return answers
end

--- One request and its answer.
function Place:ask(request, how) return self:ask_all({ request }, how)[1] end

--- What the inbox holds of the connection "shop".
function Place:kept() return assert(self.box:events("shop", 0, 1000)) end

return M
