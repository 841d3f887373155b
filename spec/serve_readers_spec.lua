local botbonnie = require("tagua.serve.hook.botbonnie")
local events = require("tagua.serve.hook.events")
local json = require("tagua.json")
local line = require("tagua.serve.hook.line")
local meta = require("tagua.serve.hook.meta")
local support = require("spec.support")

local NOW = 1795255200000
local U = "U21ab30ccce78feb456048adeb80cf00a"

local function read(reader, body, name)
  return reader.read(type(body) == "table" and assert(json.encode(body)) or body, "shop", NOW, name)
end

-- The only event of a body.
local function one(reader, body, name)
  local result = assert(read(reader, body, name))
  assert.equal(1, #result.events)
  return result.events[1], result
end

describe("reading LINE's webhooks", function()
  local function webhook(given)
    local event = { type = "message", timestamp = 1462629479859, mode = "active", webhookEventId = "01FZ74A0TDDPYRVKNK77XKC3ZR",
      deliveryContext = { isRedelivery = false }, source = { type = "user", userId = U }, replyToken = "nHuyWiB7yP5Zw52FIkcQobQuGDXCTA" }
    for name, value in pairs(given) do
      event[name] = value
    end
    return { destination = "Ub0000000000000000000000000000000", events = { event } }
  end

  it("keeps a message with its text", function()
    local event = one(line, webhook({ message = { type = "text", id = "325708", text = "多少錢?", quoteToken = "q3Plxr" } }))
    event.text = nil
    assert.same({ connection = "shop", source = "line", user = U, type = "message", at = 1462629479859,
      id = "01FZ74A0TDDPYRVKNK77XKC3ZR", fields = { text = "多少錢?", ["message.type"] = "text", ["message.id"] = "325708",
        ["source.type"] = "user" } }, event)
  end)

  it("keeps every documented type", function()
    local all = {
      { type = "unsend", unsend = { messageId = "325708" } },
      { type = "follow", follow = { isUnblocked = true } },
      { type = "unfollow" },
      { type = "postback", postback = { data = "storeId=12345", params = { datetime = "2017-12-25T01:00" } } },
      { type = "videoPlayComplete", videoPlayComplete = { trackingId = "track-id" } },
      { type = "beacon", beacon = { hwid = "d41d8cd98f", type = "enter", dm = "abcdef" } },
      { type = "accountLink", link = { result = "ok", nonce = "xxx" } },
      { type = "membership", membership = { type = "joined", membershipId = 3189 } },
      { type = "module", module = { type = "attached" } },
      { type = "activated", chatControl = { expireAt = 1462629479859 } },
      { type = "deactivated" }, { type = "botSuspended" }, { type = "botResumed" },
      { type = "join" }, { type = "leave" }, { type = "somethingNew", somethingNew = { deep = { er = 1 } } },
      { type = "message", message = { type = "sticker", id = "1", stickerId = "2", keywords = { "cony", "sally" } } },
    }
    local fields = {}
    for i, given in ipairs(all) do
      local event = one(line, webhook(given))
      assert.equal(given.type, event.type)
      assert.equal(U, event.user)
      fields[i] = event.fields
    end
    assert.equal(true, fields[2]["follow.isUnblocked"])
    assert.same({ "storeId=12345", "2017-12-25T01:00" }, { fields[4].data, fields[4]["postback.params.datetime"] })
    assert.equal("enter", fields[6]["beacon.type"])
    assert.equal(3189, fields[8]["membership.membershipId"])
    assert.equal(1, fields[16]["somethingNew.deep.er"])
    assert.is_nil(fields[17]["message.keywords"])
  end)

  it("knows the user in a group or a room, and the group", function()
    local event = one(line, webhook({ source = { type = "group", groupId = "C1", userId = U } }))
    assert.same({ U, "C1", "group" }, { event.user, event.fields["source.groupId"], event.fields["source.type"] })
    assert.equal("R1", one(line, webhook({ source = { type = "room", roomId = "R1", userId = U } })).fields["source.roomId"])
  end)

  it("makes an event of each member who joined or left, each with an id of its own", function()
    local result = assert(read(line, webhook({ type = "memberJoined", source = { type = "group", groupId = "C1" },
      joined = { members = { { type = "user", userId = "U1" }, { type = "user", userId = "U2" }, { type = "user" } } } })))
    assert.equal(2, #result.events)
    assert.same({ "U2", "01FZ74A0TDDPYRVKNK77XKC3ZR:U2" }, { result.events[2].user, result.events[2].id })
    assert.same({ nobody = 1 }, result.left)
    assert.equal("U3", one(line, webhook({ type = "memberLeft", left = { members = { { userId = "U3" } } } })).user)
  end)

  it("counts what is nobody's, another bot's, or no event, and keeps the rest", function()
    local body = webhook({ source = { type = "group", groupId = "C1" } })
    body.events[2] = webhook({ mode = "standby" }).events[1]
    body.events[3] = "follow"
    body.events[4] = { timestamp = 1 }
    body.events[5] = webhook({}).events[1]
    body.events[6] = webhook({ source = { type = "user", userId = "U\n" } }).events[1]
    body.events[7] = { type = "delivery", delivery = { data = "15034552939884E2" } }
    local _, result = one(line, body)
    assert.same({ nobody = 2, standby = 1, unfit = 3 }, result.left)
  end)

  it("takes an empty list, and one with nothing in it for none", function()
    assert.same({}, read(line, '{"destination":"U1","events":[]}').events)
    assert.same({}, read(line, "{}").events)
    assert.same({}, read(line, '{"events":null}').events)
  end)

  it("takes now for a moment that is none", function()
    for _, timestamp in ipairs({ "soon", -1, 1.5, 9007199254740993000 }) do
      assert.equal(NOW, one(line, webhook({ timestamp = timestamp })).at)
    end
  end)

  it("refuses what is no webhook", function()
    for _, body in ipairs({ "", "x", "[]x", "[1]", '"text"', "null", "12", '{"events":{"a":1}}', '{"events":"x"}', '{"events":[}',
      '{"events":[]}{', '{"events":[{"type":"\xff"}]}', ("["):rep(600), '{"a":' .. ("["):rep(600) .. ("]"):rep(600) .. "}",
      '{"events":[' .. ("1,"):rep(10000) .. "1]}" }) do
      local none, message = read(line, body)
      assert.is_nil(none, body:sub(1, 40))
      assert.is_string(message)
    end
  end)
end)

describe("reading Meta's webhooks", function()
  local function webhook(...) return { object = "page", entry = { { id = "1", time = 1, messaging = { ... } } } } end

  local function entry(given)
    local made = { sender = { id = "254459154682919" }, recipient = { id = "PAGE" }, timestamp = 1458692752478 }
    for name, value in pairs(given) do
      made[name] = value
    end
    return made
  end

  it("keeps a message and a postback", function()
    local event = one(meta, webhook(entry({ message = { mid = "mid.1", text = "hello", quick_reply = { payload = "RED" } } })))
    event.text = nil
    assert.same({ connection = "shop", source = "meta", user = "254459154682919", type = "message", at = 1458692752478,
      id = "mid.1", fields = { text = "hello", data = "RED", ["message.mid"] = "mid.1" } }, event)
    event = one(meta, webhook(entry({ postback = { title = "Start", payload = "GO", mid = "mid.2" } })))
    assert.same({ "postback", "mid.2", "GO", "Start" }, { event.type, event.id, event.fields.data, event.fields["postback.title"] })
  end)

  it("knows others by their type, user and moment", function()
    for _, kind in ipairs({ "optin", "referral", "account_linking", "read", "reaction", "somethingNew" }) do
      local event = one(meta, webhook(entry({ [kind] = { ref = "x", mid = "mid.9" } })))
      assert.same({ kind, kind .. ":254459154682919:1458692752478", "x" }, { event.type, event.id, event.fields[kind .. ".ref"] })
    end
    assert.is_nil(one(meta, webhook({ sender = { id = "1" }, optin = { ref = "x" } })).id)
  end)

  it("keeps an id that is written as a number, digit by digit", function()
    assert.equal("12345678901234567890123",
      one(meta, '{"entry":[{"messaging":[{"sender":{"id":12345678901234567890123},"message":{"mid":"m"}}]}]}').user)
  end)

  it("iterates over all entries, and leaves out echoes, receipts, standbys and changes", function()
    local body = webhook(entry({ message = { mid = "m1", text = "a" } }), entry({ message = { mid = "m2", is_echo = true } }),
      entry({ delivery = { mids = { "m" }, watermark = 1 } }), entry({}), 7)
    body.entry[2] = { messaging = { entry({ message = { mid = "m3" }, sender = { id = "OTHER" } }) } }
    body.entry[3] = { changes = { { field = "feed" } }, standby = { entry({ message = { mid = "m4" } }) } }
    body.entry[4] = "nothing"
    body.entry[5] = { messaging = { entry({ message = { mid = "m5" }, sender = "nobody" }) } }
    local result = assert(read(meta, body))
    assert.same({ "254459154682919", "OTHER" }, { result.events[1].user, result.events[2].user })
    assert.equal(2, #result.events)
    assert.same({ echo = 1, receipt = 1, unfit = 2, nobody = 2, standby = 1 }, result.left)
  end)

  it("refuses what is no webhook", function()
    for _, body in ipairs({ "", "[1]", '{"entry":"x"}', '{"entry":[{"messaging":{"a":1}}]}',
      '{"entry":[' .. ('{"messaging":[' .. ("1,"):rep(5000) .. "1]},"):rep(3) .. "1]}" }) do
      assert.is_nil(read(meta, body), body:sub(1, 40))
    end
  end)
end)

describe("reading BotBonnie's steps", function()
  it("takes the event's name from the path, and now for its moment", function()
    local event = one(botbonnie, { bot_id = "bot-1", bot_uid = "old", bot_raw_uid = U, bot_pid = "page", bot_channel = 1,
      bot_isLinked = true, user = { id = "enc", rawId = U, name = "王小明", gender = "male" }, userParams = { city = "台北" } },
      "asked for the price")
    event.text = nil
    assert.same({ connection = "shop", source = "botbonnie", user = U, type = "asked for the price", at = NOW, fields = {
      bot_id = "bot-1", bot_pid = "page", bot_channel = 1, ["user.id"] = "enc", ["user.rawId"] = U, ["user.name"] = "王小明",
      ["user.gender"] = "male", ["userParams.city"] = "台北" } }, event)
  end)

  it("knows the user by what the body has of them", function()
    assert.equal("U7", one(botbonnie, { user = { rawId = "U7" } }, "x").user)
    assert.same({ nobody = 1 }, read(botbonnie, { user = { id = "enc" } }, "x").left)
  end)
end)

describe("reading one's own events", function()
  it("takes an object, an array, and one to a line", function()
    local object = '{"id":"o-1","user":"U1","type":"purchase","at":"2026-11-21T18:00:00+08:00","amount":1280,"shop":{"name":"信義"}}'
    for text, count in pairs({ [object] = 1, ["[" .. object .. "," .. object .. "]"] = 2, [object .. "\n" .. object .. "\n\n"] = 2,
      ["\r\n" .. object .. "\r\n" .. object] = 2, ["[]"] = 0 }) do
      local result = assert(read(events, text))
      assert.equal(count, #result.events)
      for _, event in ipairs(result.events) do
        event.text = nil
        assert.same({ connection = "shop", source = "events", user = "U1", type = "purchase", at = 1795255200000, id = "o-1",
          fields = { amount = 1280, ["shop.name"] = "信義" } }, event)
      end
    end
  end)

  it("keeps the digits of an id that is a number", function()
    local event = one(events, '{"user":123456789012345678,"id":99999999999999999999,"type":"t"}')
    assert.same({ "123456789012345678", "99999999999999999999" }, { event.user, event.id })
  end)

  it("reads moments as ISO 8601 with a zone, as seconds and as milliseconds", function()
    for value, expected in pairs({
      ["2026-11-21T10:00:00Z"] = 1795255200000, ["2026-11-21 18:00+0800"] = 1795255200000,
      ["2026-11-21T10:00:00.123456Z"] = 1795255200123, ["2026-11-21T04:30:00-05:30"] = 1795255200000,
      ["1970-01-01T00:00:00z"] = 0, ["2024-02-29T00:00:00Z"] = 1709164800000, ["2000-03-01T00:00:00Z"] = 951868800000,
      [1795255200] = 1795255200000, [1795255200000] = 1795255200000, [1795255200.5] = 1795255200500, [0] = 0,
    }) do
      assert.equal(expected, one(events, { user = "U", type = "t", at = value }).at, tostring(value))
    end
    assert.equal(NOW, one(events, { user = "U", type = "t" }).at)
    -- As the system counts them.
    for _, day in ipairs({ "1999-12-31", "2000-02-29", "2026-01-01", "2027-03-01", "2028-12-31", "2100-03-01", "2399-07-15" }) do
      local _, seconds = support.shell("date -u -d '" .. day .. " 12:34:56' +%s")
      assert.equal(tonumber(seconds) * 1000, events.moment(day .. "T12:34:56Z", 0), day)
    end
  end)

  it("refuses a body as a whole and says which event is wrong", function()
    local function refused(body, message)
      local none, said = read(events, body)
      assert.is_nil(none)
      assert.matches(message, said, 1, true)
    end
    refused('[{"user":"U1","type":"t"},{"user":"U1"}]', "event 2: type is missing")
    refused({ type = "t" }, "event 1: user is missing")
    refused({ user = 1.5, type = "t" }, "user is neither a text nor a whole number")
    refused({ user = "U", type = "t", id = true }, "id is neither")
    refused({ user = "U", type = "t", at = "2026-11-21 10:00" }, "event 1: at is no moment: write 2026-11-21T09:30:00Z")
    for _, at in ipairs({ "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z", "1969-12-31T23:59:59Z", -1, true,
      "2026-11-21T10:00:00+99:00" }) do
      refused({ user = "U", type = "t", at = at }, "at is no moment")
    end
    refused('{"user":"U1","type":"t"}\n{"user":"U1"', "line 2: not JSON")
    refused("x" .. ("\n"):rep(1024 * 1024 - 1), "not JSON") -- which must not take hours
    refused("x" .. ("\n "):rep(512 * 1024 - 1), "not JSON")
    refused("12", "neither an object")
    refused("[1]", "event 1: an event is a JSON object")
    refused("[[1]]", "event 1: an event is a JSON object")
    refused('{"user":"U1"', "not JSON")
    refused("", "not JSON")
    refused({ user = ("U"):rep(300), type = "t" }, "user is 300 bytes long")
    refused("[" .. ('{"user":"U","type":"t"},'):rep(10000) .. '{"user":"U","type":"t"}]', "more than 10000 events")
    refused(('{"user":"U","type":"t"}\n'):rep(10001), "more than 10000 events")
  end)
end)

-- Random bodies, and right ones that were damaged: a reader gives events or a message, and raises nothing.
describe("the readers of webhooks", function()
  local SEEDS = {
    '{"destination":"U1","events":[{"type":"message","timestamp":1462629479859,"mode":"active","webhookEventId":"01F",'
      .. '"source":{"type":"user","userId":"U1"},"message":{"type":"text","text":"\\u53f0"}},{"type":"memberJoined",'
      .. '"joined":{"members":[{"userId":"U2"}]}}]}',
    '{"object":"page","entry":[{"messaging":[{"sender":{"id":"2"},"timestamp":1,"message":{"mid":"m","text":"x"}},'
      .. '{"sender":{"id":3},"postback":{"payload":"GO"}}],"standby":[{}],"changes":[1]}]}',
    '{"bot_raw_uid":"U1","user":{"rawId":"U1","name":"x"},"userParams":{"a":[1,2]}}',
    '[{"id":1,"user":"U1","type":"t","at":"2026-11-21T10:00:00Z","a":{"b":1e3}},{"user":"U2","type":"t"}]',
    '{"user":"U1","type":"t"}\n{"user":"U2","type":"t","at":1795255200}\n',
  }
  local PIECES = { "{", "}", "[", "]", ":", ",", '"', "null", "true", "-1", "1e999", "9" .. ("9"):rep(30), "\\u0000", "\\ud800",
    "\0", "\n", "\xff", '"events":', '"members":', '"userId":{}', "[[[[", '{"id":', '"message":[1]', '"type":7', '"mid":{}',
    '"timestamp":-0.0', "\xe2\x80\xae" }

  it("never raise, and keep nothing that is not whole", function()
    math.randomseed(20261121)
    local kept, refused = 0, 0
    for _ = 1, support.sanitized and 2000 or 20000 do
      local text = SEEDS[math.random(#SEEDS)]
      for _ = 1, math.random(4) do
        local at = math.random(#text + 1)
        local what = math.random(3)
        local piece = what == 1 and PIECES[math.random(#PIECES)] or what == 2 and string.char(math.random(0, 255)) or ""
        text = text:sub(1, at - 1) .. piece .. text:sub(at + (math.random(2) == 1 and math.random(0, 5) or 0))
      end
      for _, reader in ipairs({ line, meta, botbonnie, events }) do
        local ok, result, message = pcall(reader.read, text, "shop", NOW, "step")
        assert(ok, ("%q: %s"):format(text, result))
        if result then
          for _, event in ipairs(result.events) do
            kept = kept + 1
            assert.equal("string", type(json.decode(event.text) and event.text))
            assert(utf8.len(event.user) and event.type ~= "" and math.type(event.at) == "integer" and event.at >= 0, text)
          end
        else
          refused = refused + 1
          assert.is_string(message)
        end
      end
    end
    assert(kept > 100 and refused > 100)
  end)
end)
