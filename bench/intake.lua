-- The intake alone, for bench/intake.sh: serves FOLDER/events.db until it is ended, or (FOLDER sign COUNT) writes as
-- many signed webhooks of LINE to FOLDER/signed, a line each: signature, tab, body.
local core = require("tagua.core")

local folder, what, count = ...
local secret = assert(core.secret.file(folder .. "/secret"))

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(hex)
  local bytes = hex:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for place = 18, 0, -6 do
      local digit = (bits >> place & 63) + 1
      out[#out + 1] = DIGITS:sub(digit, digit)
    end
    if not c then out[#out] = "=" end
    if not b then out[#out - 1] = "=" end
  end
  return table.concat(out)
end

if what == "sign" then
  local file = assert(io.open(folder .. "/signed", "w"))
  for i = 1, tonumber(count) do
    local body = ('{"destination":"U0","events":[{"type":"message","message":{"type":"text","id":"%d","text":"多少"},'
      .. '"webhookEventId":"01FZ%020d","deliveryContext":{"isRedelivery":false},"timestamp":1795255200000,'
      .. '"source":{"type":"user","userId":"U%032x"},"replyToken":"757913772c4646b784d4b7ce46d1267","mode":"active"}]}')
      :format(i, i, i % 50000)
    file:write(base64(secret:hmac_sha256(body)), "\t", body, "\n")
  end
  file:close()
  return
end

local box = assert(require("tagua.events.inbox").open(folder .. "/events.db"))
local taker = assert(require("tagua.serve.intake").open({
  address = "127.0.0.1:0", inbox = box, hooks = { shop = { line = { secret = secret } } },
}))
local file = assert(io.open(folder .. "/address", "w"))
file:write(taker:address())
file:close()
core.system.catch_signals()
taker:run(function() return core.system.interrupted() > 0 end)
io.write(("%d events in %d commits\n"):format(taker:stats().events, taker:stats().commits))
taker:close()
box:close()
