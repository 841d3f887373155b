-- MantaGo over real sockets, against a server that answers as its pages say.
local core = require("tagua.core")
local json = require("tagua.json")
local scripted = require("spec.support.scripted")
local support = require("spec.support")
local tagua = require("tagua")

local DONE = '{"success":true,"message":"Operation completed successfully"}'
local SECRET = "s3cr3t-" .. core.system.random_hex(12)

local folder, remove, server, shop

local function connect(answer, changes)
  server = scripted.start(answer)
  local given = {
    platform = "mantago", name = "manta", bot = "lNbWoobyg", channel = "line",
    token = tagua.file(folder .. "/token"), secret = tagua.file(folder .. "/secret"), url = server:url(),
    rate = { per_second = 10000, burst = 100 }, timeout = 5, attempts = 2,
  }
  for name, value in pairs(changes or {}) do
    given[name] = value
  end
  shop = server:attach(assert(tagua.connect(given)))
end

local function failure(status, code, message)
  return {
    status = status,
    body = ('{"success":false,"errResponse":{"message":"%s","code":%d}}'):format(message, code),
  }
end

describe("a connection to MantaGo", function()
  setup(function()
    folder, remove = support.folder()
    support.write(folder .. "/token", "jwt-of-the-spec\n")
    support.write(folder .. "/secret", SECRET .. "\n")
    assert(os.execute("chmod 600 " .. folder .. "/token " .. folder .. "/secret"))
  end)
  teardown(function() remove() end)
  after_each(function()
    if shop then shop:close() end
    shop = nil
  end)

  it("sends the secret in the body, the bot in the query, the token in the header", function()
    connect(function() return DONE end)
    assert.is_true(shop:tag_user("U1234567890abcdef", "t1"))
    local request = server.requests[1]
    assert.equal("POST", request.method)
    assert.equal("/api/openapi/autoTagMapping", request.path)
    assert.equal("lNbWoobyg", request.query.botId)
    assert.is_string(request.bearer)
    assert.same({ secret = SECRET, autoTagId = "t1", platform = "line", platformClientId = "U1234567890abcdef" },
      json.decode(request.body))
  end)

  it("raises, and sends nothing, for a user who is given twice or not at all", function()
    connect(function() return DONE end)
    for _, user in ipairs({ {}, { client = "a", id = "b" } }) do
      assert.has_error(function() shop:tag_user(user, "t1") end)
      assert.has_error(function() shop:user_tags(user) end)
    end
    assert.equal(0, #server.requests)
  end)

  it("makes a tag, and finds its id by name over all pages", function()
    local made = 0
    connect(function(request)
      if request.path == "/api/openapi/autoTag" then
        made = made + 1
        return DONE
      end
      local page = tonumber(request.query.page)
      local list = page == 2 and made > 0 and '{"id":"t9","name":"VIP"}' or '{"id":"t' .. page .. '","name":"VIP ' .. page .. '"}'
      return ('{"success":true,"autoTagList":[%s],"pagination":{"hasNext":%s}}'):format(list, tostring(page < 3))
    end)
    assert.equal("t9", assert(shop:create_tag("VIP")).id)
    assert.equal(1, made)
  end)

  it("reads users page by page, their tags by id, and sends their ids back as the platform's", function()
    connect(function(request)
      if request.path == "/api/openapi/clients" then
        local second = request.query.next == "p2"
        return ([[{"success":true,"clientList":{"list":[{"clientId":"U%d","platform":"line",
          "autoTags":[{"name":"VIP","createdAt":"2024-01-01T00:00:00.000Z"}],"tags":[{"name":"VIP"}]}],"next":"%s"}}]]):format(
          second and 2 or 1, second and "" or "p2")
      elseif request.path:find("autoTags") then
        return '{"success":true,"autoTagList":[{"id":"a1","name":"VIP"}],"pagination":{"hasNext":false}}'
      elseif request.path:find("clientTags") then
        return '{"success":true,"clientTagList":[{"id":"c1","name":"VIP"}],"pagination":{"hasNext":false}}'
      end
      return DONE
    end)
    local ids = {}
    for user in shop:users() do
      ids[#ids + 1] = user.id
      assert.same({ { id = "a1", name = "VIP", timestamp = 1704067200000 }, { id = "client:c1", name = "VIP" } }, user.tags)
      assert.is_true(shop:untag_user(user.id, user.tags[2].id))
      assert.equal("/api/openapi/clientTagMapping/delete", server.requests[#server.requests].path)
      assert.equal(user.id, json.decode(server.requests[#server.requests].body).platformClientId)
    end
    assert.same({ "U1", "U2" }, ids)
  end)

  it("tells errors apart by the platform's code before the status", function()
    local cases = {
      { 404, 37011, "ENOUSER", false }, { 404, 5001, "ECONFIG", true }, { 404, 120000, "EAUTH", true },
      { 404, 110000, "EPLATFORM", false }, { 401, 1004, "EAUTH", true }, { 403, 1002, "EPERMISSION", true },
      { 403, 4711, "EPERMISSION", false },
      { 200, 37011, "ENOUSER", false }, { 404, 4711, "ENOTFOUND", false }, { 200, 4711, "EPLATFORM", false },
    }
    for _, case in ipairs(cases) do
      connect(function() return failure(case[1], case[2], "what the platform says") end)
      local done, message, code = shop:tag_user("U1", "t1")
      assert.is_nil(done)
      assert.equal(case[3], code, case[2])
      assert.equal(case[4], shop:stopped() ~= nil, case[2])
      assert.matches(tostring(case[2]), message, 1, true)
      assert.matches("what the platform says", message, 1, true)
      assert.matches("connection 'manta': cannot put the tag 't1' on user 'U1': ", message, 1, true)
      if code == "EAUTH" then assert.matches("API Integration Settings", message, 1, true) end
      shop:close()
    end
  end)

  it("never shows the secret of the body", function()
    connect(function(request) return { status = 404, body = request.body } end)
    local _, message = shop:tag_user("U1", "t1")
    assert.not_matches(SECRET, message, 1, true)
  end)

  it("tells for each tag whether a user's record would show it", function()
    connect(function() return DONE end)
    assert.is_true(shop:can("user_tags"))
    assert.is_true(shop:can("user_tags", "client:t1"))
    assert.is_false(shop:can("user_tags", "personal:t1"))
    shop:close()
    connect(function() return DONE end, { family = "personal" })
    assert.is_false(shop:can("user_tags"))
    assert.is_true(shop:can("user_tags", "auto:t1"))
  end)

  it("has no folders, and says so", function()
    connect(function() return DONE end)
    assert.is_false(shop:can("create_folder"))
    local folder_, message, code = shop:create_folder("Value")
    assert.is_nil(folder_)
    assert.equal("connection 'manta': MantaGo has no create_folder", message)
    assert.equal("EUNSUPPORTED", code)
    assert.has_error(function() shop:create_tag("VIP", { folder = "x" }) end)
  end)
end)
