-- Makes the events of a few people, as a shop's own systems would send them: lua5.4 events.lua > events.jsonl
local DAY = 86400

local EVENTS = { -- days ago, who, what, and what else there is to say of it
  { 200, "U9f0c1d2e3b4a59687766554433221100", "follow" },
  { 120, "U5c4b3a29180716253443526170899887", "purchase", '"amount":900' },
  { 60, "U9f0c1d2e3b4a59687766554433221100", "purchase", '"amount":12000' },
  { 11, "U0a1b2c3d4e5f60718293a4b5c6d7e8f9", "message", '"text":"請問這個多少錢？"' },
  { 10, "U0a1b2c3d4e5f60718293a4b5c6d7e8f9", "purchase", '"amount":3500' },
  { 5, "U21ab30ccce78feb456048adeb80cf00a", "follow" },
  { 2, "U21ab30ccce78feb456048adeb80cf00a", "message", '"text":"藍色的多少錢？"' },
}

local now = os.time()
for number, event in ipairs(EVENTS) do
  local days, user, kind, more = table.unpack(event)
  io.write(('{"id":"event-%d","user":"%s","type":"%s","at":"%s"%s}\n'):format(number, user, kind,
    os.date("!%Y-%m-%dT%H:%M:%SZ", now - days * DAY), more and "," .. more or ""))
end
