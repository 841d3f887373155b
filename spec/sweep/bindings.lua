-- What the sweep runs while allocations are refused: a little of each binding that the module has.
local core = require("tagua.core")
collect()

local secret = assert(core.secret.command("printf 'the-secret-of-the-sweep'"))
assert(core.secret.redact("the-secret-of-the-sweep"))
assert(#secret:sha256() == 64)

local engine = assert(core.engine.new({
  name = "sweep", base = "unix:/nowhere/at/all", bearer = secret, rate = { per_second = 100000, burst = 8 },
  attempts = 1, backoff = 0.001, unreachable_after = 1, envelope = { code = "errorCode", message = "errorMessage" },
  codes = { [1004] = "refresh" },
}))
for i = 1, 3 do
  engine:submit({ method = "POST", path = "/v1/" .. i, body = "{}", lane = "U1", token = { i } })
end
local results = 0
while results < 3 do
  local all = assert(engine:poll(1))
  for _, result in ipairs(all) do
    assert(not result.ok and result.message)
    results = results + 1
  end
end
assert(engine:descriptor())
assert(engine:stats().sent == 0)
engine:close()

local limiter = core.limiter.new({ per_second = 5 })
assert(limiter:reserve(1000000000, 1) == 0)

local json = '{"a":{"b":[1,"\\u6a19\\u7c64",true,null,1.5]},"n":123456789012345678}'
assert(core.json.decode(json))
local projection = assert(core.json.projection({ "a.b", "n" }))
assert(projection(json))

local zone = assert(core.zone.open("Asia/Taipei"))
assert(zone:parse("2026-11-21 09:30"))
assert(zone:format(0))

local splitter = assert(core.record.splitter({ format = "csv" }))
local chunks = assert(splitter:feed("id,name,orders\nU1,\"林, 雅婷\",3\nU2,黃,x\n"))
local rest = assert(splitter:finish())
for _, chunk in ipairs(rest) do
  chunks[#chunks + 1] = chunk
end
local reader = assert(core.record.reader({
  format = "csv", header = splitter:header(), id = "id", zone = zone,
  fields = { { name = "name", type = "text" }, { name = "orders", type = "integer" } },
}))
for _, chunk in ipairs(chunks) do
  assert(#reader:read(chunk[1], chunk[2]) == 2)
end

local seen = assert(core.record.seen())
assert(seen:add("U1", 1))
assert(seen:add("U1", 2))
seen:finish()

local server = assert(core.server.listen({ address = "127.0.0.1:0", proxies = { "10.0.0.0/8", "::1" } }))
local forward = assert(core.forward.open({ base = "http://" .. server:address(), path = "/hook", connect_timeout = 5 }))
assert(forward:send(1, "{}", { "Content-Type: application/json", "X-Line-Signature: c2lnbmVk" }))
local over
while not over do
  over = assert(forward:step())[1]
  local request = server:wait(over and 0 or 0.01)[1]
  if request then
    assert(not request:verify({ secret = secret, header = "x-line-signature", encoding = "base64" }))
    assert(#request.from <= 9 and (request.bodyless == nil or request.bodyless == "too large"))
    request:reply({ status = 204 })
  end
end
assert(over.number == 1)
forward:close()
server:close()

-- A process that gives back what it is sent, and is gone with its handle.
local process = assert(core.process.start("/bin/cat", {}))
assert(process:write("a line"))
local lines = {}
while #lines == 0 do
  process:wait(1)
  lines = process:lines()
end
assert(lines[1] == "a line")
process:finish()
process:close()
assert(core.notify.send("READY=1") == false)
