-- Requests and answers as pure functions; over sockets they are in connection_spec.
local botbonnie = require("tagua.platform.botbonnie")
local json = require("tagua.json")

local identity = assert(botbonnie.identity({
  bot = "bot-WDCLEHlTw", page = "test_audi", channel = "line", delete_params_as = "list",
}))
local USER = "U21ab30ccce78feb456048adeb80cf00a"
local TAG = "tag--PTfLM4wQ"

local function body(request) return assert(json.decode(request.body)) end

describe("BotBonnie's requests", function()
  it("put a tag on a user by the raw id", function()
    local request = botbonnie.tag_user(identity, USER, TAG)
    assert.equal("POST", request.method)
    assert.equal("/v1/api/user/tag", request.path)
    assert.same({ bot_tag_id = TAG, bot_raw_uid = USER, bot_pid = "test_audi", bot_channel = 1 }, body(request))
  end)

  it("take a tag off with DELETE and a JSON body", function()
    local request = botbonnie.untag_user(identity, USER, TAG)
    assert.equal("DELETE", request.method)
    assert.equal("/v1/api/user/tag", request.path)
    assert.equal(TAG, body(request).bot_tag_id)
  end)

  it("never repeat a tagging, which is counted, and keep a user's operations in one lane", function()
    local request = botbonnie.tag_user(identity, USER, TAG)
    assert.is_false(request.repeatable)
    assert.equal(request.lane, botbonnie.untag_user(identity, USER, "tag-2").lane)
    assert.not_equal(request.lane, botbonnie.tag_user(identity, "U2", TAG).lane)
  end)

  it("name a user by the encrypted id where that is given", function()
    local sent = body(botbonnie.user_tags(identity, { uid = "53f2ab" }))
    assert.equal("53f2ab", sent.bot_uid)
    assert.is_nil(sent.bot_raw_uid)
  end)

  it("refuse a user that is a number, nobody, or two", function()
    local nobody = { 7, "", true, { id = "x" }, {}, { uid = "x", raw = "y" }, { uid = 7 }, { uid = "" }, "\xff" }
    for _, user in ipairs(nobody) do
      local request, complaint = botbonnie.tag_user(identity, user, TAG)
      assert.is_nil(request)
      assert.matches("^user must", complaint)
    end
  end)

  it("send Facebook as 0, LINE as 1 and any other number as it is", function()
    local function channel(value)
      local found = assert(botbonnie.identity({ bot = "b", page = "p", channel = value }))
      return body(botbonnie.user_tags(found, "U1")).bot_channel
    end
    assert.equal(0, channel("facebook"))
    assert.equal(1, channel("line"))
    assert.equal(7, channel(7))
    local found, complaint = botbonnie.identity({ bot = "b", page = "p", channel = "instagram" })
    assert.is_nil(found)
    assert.matches("instagram", complaint, 1, true)
  end)

  it("escape what ids may hold", function()
    local sent = body(botbonnie.tag_user(identity, 'a"b\\c', "標籤\n"))
    assert.equal('a"b\\c', sent.bot_raw_uid)
    assert.equal("標籤\n", sent.bot_tag_id)
    assert.equal("/v1/api/tag/tag%2F..%3Fx%20%25", botbonnie.get_tag(identity, "tag/..?x %").path)
  end)

  it("make a tag with type 0, a folder with type 1, the parent's id as it came", function()
    local request = botbonnie.create_tag(identity, "VIP", { folder = "tf-Uw-m6ZXQd" })
    assert.equal("/v1/api/tag/autogen", request.path)
    assert.same({ botId = "bot-WDCLEHlTw", name = "VIP", type = 0, parentId = "tf-Uw-m6ZXQd" }, body(request))
    assert.same({ botId = "bot-WDCLEHlTw", name = "Value", type = 1 }, body(botbonnie.create_folder(identity, "Value")))
    assert.is_false(request.repeatable)
  end)

  it("set parameters with the bot under its other name, by the raw id alone", function()
    local request = botbonnie.set_params(identity, USER, { gender = "male", age = 30 })
    assert.equal("POST", request.method)
    assert.equal("/v1/api/user/params", request.path)
    assert.same({
      bot_id = "bot-WDCLEHlTw", bot_raw_uid = USER, bot_pid = "test_audi", bot_channel = 1,
      params = { gender = "male", age = 30 },
    }, body(request))
    local _, complaint = botbonnie.set_params(identity, { uid = "53f2" }, {})
    assert.matches("raw id", complaint, 1, true)
  end)

  it("delete parameters in the shape that the connection says", function()
    assert.same({ "gender" }, body(botbonnie.delete_params(identity, USER, { "gender" })).params)
    local other = assert(botbonnie.identity({ bot = "b", page = "p", channel = 1, delete_params_as = "object" }))
    assert.same({ gender = "" }, body(botbonnie.delete_params(other, USER, { "gender" })).params)
  end)

  it("ask for 3,086 users a page, after a cursor, after a moment of 13 digits", function()
    assert.equal("/v1/api/bot/customers?botId=bot-WDCLEHlTw&limit=3086", botbonnie.users_page(identity).path)
    assert.equal(
      "/v1/api/bot/customers?botId=bot-WDCLEHlTw&limit=3086&from=1583983892294&next=a%2Bb%3D%3D",
      botbonnie.users_page(identity, "a+b==", { since = 1583983892294 }).path
    )
  end)
end)

describe("BotBonnie's answers", function()
  local read = botbonnie.read

  it("give a new tag's id, whether res is an object or a string that holds JSON", function()
    for _, answer in ipairs({
      '{"res":{"id":"tag-1"},"status":200}',
      '{"res":"{ \\"id\\": \\"tag-1\\" }","status":200}',
      '{"res":"{\\n  \\"id\\": \\"tag-1\\"\\n}","status":200}',
    }) do
      assert.same(
        { id = "tag-1", name = "VIP", kind = "tag", folder = "tf-1" },
        read.create_tag(identity, answer, "VIP", { folder = "tf-1" })
      )
    end
    assert.equal("folder", read.create_folder(identity, '{"res":{"id":"tf-1"},"status":200}', "Value").kind)
  end)

  it("leave it open whether a tag was made when its id cannot be read", function()
    local unreadable = { '{"res":"ok","status":200}', '{"status":200}', "nonsense", '{"res":{"id":""},"status":200}' }
    for _, answer in ipairs(unreadable) do
      local tag, message, code = read.create_tag(identity, answer, "VIP")
      assert.is_nil(tag)
      assert.matches("'VIP' may have been created", message, 1, true)
      assert.equal("EAMBIGUOUS", code)
    end
  end)

  it("keep the digits of an id that came as a number", function()
    assert.equal("4006", read.create_tag(identity, '{"res":{"id":4006},"status":200}', "VIP").id)
    assert.is_nil(read.create_tag(identity, '{"res":{"id":1.5},"status":200}', "VIP"))
    for _, digits in ipairs({ "123456789012345678", "123456789012345678901" }) do
      assert.equal(digits, read.create_tag(identity, '{"res":{"id":' .. digits .. '},"status":200}', "VIP").id)
    end
  end)

  it("give a user's tags with exact timestamps", function()
    local tags = read.user_tags(identity, [[{"res":[{"bot_uid":"53f2","bot_raw_uid":"U1","bot_pid":"test_audi",
      "bot_channel":1,"tags":[{"id":"tag-1","name":"VIP","timestamp":1583983892294}]}],"status":200}]])
    assert.same({ { id = "tag-1", name = "VIP", timestamp = 1583983892294 } }, tags)
    assert.equal("integer", math.type(tags[1].timestamp))
  end)

  it("give no tags for an empty array, and pass over another page's", function()
    assert.same({}, read.user_tags(identity, '{"res":[],"status":200}'))
    assert.same({}, read.user_tags(identity, '{"res":[{"bot_pid":"other","tags":[{"id":"t"}]}],"status":200}'))
    assert.same({}, read.user_tags(identity, '{"res":[{"bot_pid":"test_audi"}],"status":200}'))
  end)

  it("say that they were not understood", function()
    for _, answer in ipairs({ "[]", '{"status":200}', '{"res":"ok"}', '{"res":[1]}', '{"res":[{"tags":[{}]}]}' }) do
      local tags, message, code = read.user_tags(identity, answer)
      assert.is_nil(tags, answer)
      assert.is_string(message)
      assert.equal("EPROTOCOL", code)
    end
  end)

  it("give a tag, and tell a folder", function()
    assert.same(
      { id = "tag-1", name = "VIP", kind = "tag", bot = "bot-1", created = 1583983892294 },
      read.get_tag(
        identity,
        '{"res":{"created":1583983892294,"id":"tag-1","name":"VIP","botId":"bot-1","type":0},"status":200}'
      )
    )
    assert.equal("folder", read.get_tag(identity, '{"res":{"id":"tf-1","type":1},"status":200}').kind)
  end)

  it("give every id that went", function()
    assert.same({ "tf-1", "tag-1" }, read.delete_tag(identity, '{"res":["tf-1","tag-1"],"status":200}'))
    assert.same({ "tag-1" }, read.delete_tag(identity, '{"res":"[\\"tag-1\\"]","status":200}'))
    assert.is_nil(read.delete_tag(identity, '{"res":[{}],"status":200}'))
  end)

  it("give users with their tags and parameters, ids as text to the last digit", function()
    local page = assert(read.users_page(identity, [[{"res":{"records":[
      {"id":"U1","name":"王小明","platform":"LINE","pageId":"test_audi","status":1,"created":1583983892294,
       "lastActive":1583983892295,"pic":"https://x","tags":[{"id":"tag-1","name":"VIP","timestamp":1583983892294,
       "count":3}],
       "params":[{"name":"city","value":"台北","timestamp":1},{"name":"age","value":30}],"email":"a@b.c","gender":"男",
       "birthday":"1990-01-01","phone":"0912","extId":"m-1"},
      {"id":1234567890123456789,"platform":"FB","status":4,"extId":""},
      {"id":"U3","platform":"IG","status":5}],"next":"cursor-2"},"status":200}]]))
    assert.same({
      id = "U1", name = "王小明", platform_channel = "line", page = "test_audi", blocked = false,
      created = 1583983892294, last_active = 1583983892295, email = "a@b.c", gender = "男",
      birthday = "1990-01-01", phone = "0912", ext_id = "m-1",
      tags = { { id = "tag-1", name = "VIP", timestamp = 1583983892294, count = 3 } },
      params = { city = "台北", age = 30 },
    }, page.users[1])
    assert.equal("1234567890123456789", page.users[2].id)
    assert.equal("facebook", page.users[2].platform_channel)
    assert.is_true(page.users[2].blocked)
    assert.is_nil(page.users[2].ext_id)
    assert.equal("ig", page.users[3].platform_channel)
    assert.is_true(page.users[3].blocked)
    assert.equal("cursor-2", page.next)
  end)

  it("end the list of users at no cursor, an empty one, the same one, or an empty page", function()
    local function following(text, cursor)
      return assert(read.users_page(identity, '{"res":{' .. text .. '},"status":200}', cursor)).next
    end
    assert.is_nil(following('"records":[{"id":"U1"}]'))
    assert.is_nil(following('"records":[{"id":"U1"}],"next":null'))
    assert.is_nil(following('"records":[{"id":"U1"}],"next":""'))
    assert.is_nil(following('"records":[{"id":"U1"}],"next":"c1"', "c1"))
    assert.is_nil(following('"records":[],"next":"c2"', "c1"))
    assert.equal("c2", following('"records":[{"id":"U1"}],"next":"c2"', "c1"))
  end)

  it("refuse a page with a user that has no id", function()
    local page, message, code = read.users_page(identity, '{"res":{"records":[{"id":"U1"},{"name":"x"}]},"status":200}')
    assert.is_nil(page)
    assert.matches("user 2 of the page", message, 1, true)
    assert.equal("EPROTOCOL", code)
  end)
end)
