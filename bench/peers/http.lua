-- POST after POST with lua-http, so many connections at a time. Debian's lua-http runs under Lua 5.1.
--   lua5.1 http.lua PORT PATH FLYING SECONDS -> requests a second
local cqueues = require("cqueues")
local client = require("http.client")
local headers = require("http.headers")
local cjson = require("cjson")

local port, path, flying, seconds = tonumber(arg[1]), arg[2], tonumber(arg[3]), tonumber(arg[4])
local body = '{"bot_raw_uid":"U21ab30ccce78feb456048adeb80cf00a","bot_pid":"test_audi","bot_channel":1,'
  .. '"bot_tag_id":"tag-1"}'
local wanted = headers.new()
for _, header in ipairs({
  { ":method", "POST" }, { ":scheme", "http" }, { ":authority", "127.0.0.1:" .. port }, { ":path", path },
  { "content-type", "application/json" }, { "content-length", tostring(#body) },
  { "authorization", "Bearer 0123456789abcdef0123456789abcdef" },
}) do
  wanted:append(header[1], header[2])
end

local done = 0
local began = cqueues.monotime()
local loop = cqueues.new()
for _ = 1, flying do
  loop:wrap(function()
    local connection = assert(client.connect({ host = "127.0.0.1", port = port, tls = false, version = 1.1 }, 5))
    while cqueues.monotime() - began < seconds do
      local stream = assert(connection:new_stream())
      assert(stream:write_headers(wanted, false))
      assert(stream:write_chunk(body, true))
      local answer = assert(stream:get_headers())
      local text = assert(stream:get_body_as_string())
      assert(answer:get(":status") == "200" and cjson.decode(text).status == 200)
      done = done + 1
    end
    connection:close()
  end)
end
assert(loop:loop())
print(("%.0f"):format(done / (cqueues.monotime() - began)))
