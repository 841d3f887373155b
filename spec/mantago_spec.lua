-- Requests and answers as pure functions.
local json = require("tagua.json")
local mantago = require("tagua.platform.mantago")

local function identity_of(changes)
  local settings = { bot = "lNbWoobyg", family = "auto", channel = "line" }
  for name, value in pairs(changes or {}) do
    settings[name] = value
  end
  return assert(mantago.identity(settings))
end

local identity = identity_of()
local USER = "U1234567890abcdef"

local function body(request) return assert(json.decode(request.body)) end

describe("MantaGo's requests", function()
  it("are POSTs with the bot in the query, and no secret from Lua", function()
    for _, request in ipairs({
      mantago.tag_user(identity, USER, "t1"), mantago.untag_user(identity, USER, "t1"),
      mantago.get_tag(identity, "t1"), mantago.delete_tag(identity, "t1"), mantago.make_tag(identity, "VIP", "auto"),
      mantago.tags_page(identity, "auto", 1), mantago.client(identity, USER), mantago.clients_page(identity),
    }) do
      assert.equal("POST", request.method)
      assert.matches("^/api/openapi/.*%?botId=lNbWoobyg", request.path)
      assert.is_nil(body(request).secret)
      assert.equal("{", request.body:sub(1, 1))
    end
  end)

  it("assign and remove in three families, each with its path and its field", function()
    for family, wanted in pairs({
      auto = { "autoTagMapping", "autoTagId" },
      client = { "clientTagMapping", "tagId" },
      personal = { "personalTagMapping", "tagId" },
    }) do
      local own = identity_of({ family = family })
      local put, take = mantago.tag_user(own, USER, "t1"), mantago.untag_user(own, USER, "t1")
      assert.equal("/api/openapi/" .. wanted[1] .. "?botId=lNbWoobyg", put.path)
      assert.equal("/api/openapi/" .. wanted[1] .. "/delete?botId=lNbWoobyg", take.path)
      assert.same({ platform = "line", platformClientId = USER, [wanted[2]] = "t1" }, body(put))
      assert.same(body(put), body(take))
      assert.is_false(put.repeatable)
    end
  end)

  it("take a tag of another family by its prefix", function()
    local request = mantago.tag_user(identity, USER, "client:t1")
    assert.equal("/api/openapi/clientTagMapping?botId=lNbWoobyg", request.path)
    assert.equal("t1", body(request).tagId)
    assert.equal("odd:t1", body(mantago.tag_user(identity, USER, "odd:t1")).autoTagId)
  end)

  it("name a user by MantaGo's own id or by the platform's, never both and never neither", function()
    assert.same({ clientId = "VolejRejN", autoTagId = "t" },
      body(mantago.tag_user(identity, { client = "VolejRejN" }, "t")))
    assert.same({ platform = "facebook", platformClientId = "123", autoTagId = "t" },
      body(mantago.tag_user(identity, { id = "123", channel = "facebook" }, "t")))
    assert.equal("liveChat", body(mantago.tag_user(identity_of({ channel = "livechat" }), "x", "t")).platform)
    for _, user in ipairs({
      7, "", {}, { client = "a", id = "b" }, { client = "a", channel = "line" }, { channel = "line" }, { id = 7 },
      { id = "x", channel = "telegram" }, { uid = "x" }, { client = "" },
    }) do
      local request, complaint = mantago.tag_user(identity, user, "t")
      assert.is_nil(request)
      assert.matches("^user ", complaint)
    end
  end)

  it("keep one user's operations in one lane, however the platform's id is given", function()
    local lane = mantago.tag_user(identity, USER, "t").lane
    assert.equal(lane, mantago.untag_user(identity, { id = USER, channel = "line" }, "t").lane)
    assert.not_equal(lane, mantago.untag_user(identity, { id = USER, channel = "facebook" }, "t").lane)
    assert.not_equal(lane, mantago.untag_user(identity, { client = USER }, "t").lane)
  end)

  it("take a path that was completed by analogy from the options instead", function()
    local own = identity_of({ paths = { auto_create = "/openapi/autoTags" } })
    assert.equal("/api/openapi/autoTags?botId=lNbWoobyg", mantago.make_tag(own, "VIP", "auto").path)
    assert.equal("/api/openapi/clientTag?botId=lNbWoobyg", mantago.make_tag(own, "VIP", "client").path)
  end)

  it("escape what stands in a path or a query", function()
    assert.matches("/get/a%%2Fb%%3F%?botId=", mantago.get_tag(identity, "a/b?").path)
    assert.matches("&search=%%E9%%87%%91$", mantago.tags_page(identity, "auto", 2, "金").path)
    assert.matches("&platformClientId=a%%26b&platform=line$", mantago.client(identity, "a&b").path)
  end)
end)

describe("MantaGo's answers", function()
  local read = mantago.read

  it("give the id of a member's record as the platform's, which goes back as platformClientId", function()
    local user = assert(read.client(identity, '{"success":true,"client":{"clientId":"' .. USER .. '"}}'))
    assert.equal(USER, user.id)
    local sent = body(mantago.tag_user(identity, user.id, "t"))
    assert.equal(USER, sent.platformClientId)
    assert.is_nil(sent.clientId)
  end)

  it("give a tag under each family's own field", function()
    assert.same(
      { id = "t1", name = "VIP", kind = "tag", family = "auto", active = true },
      read.get_tag(identity, '{"success":true,"autoTag":{"id":"t1","name":"VIP","isActive":true}}', "t1")
    )
    assert.equal("client:t1",
      read.get_tag(identity, '{"success":true,"clientTag":{"id":"t1","name":"VIP","botId":"b"}}', "client:t1").id)
    assert.equal(3,
      read.get_tag(identity, '{"success":true,"personalTag":{"id":"t1","name":"V","count":3}}', "personal:t1").count)
  end)

  it("give a page of tags under each family's own list", function()
    for family, field in pairs({ auto = "autoTagList", client = "clientTagList", personal = "listPersonalTags" }) do
      local page = assert(read.tags_page(identity,
        '{"success":true,"' .. field .. '":[{"id":"t1","name":"VIP"}],"pagination":{"hasNext":true}}', family))
      assert.is_true(page.more)
      assert.equal(family == "auto" and "t1" or family .. ":t1", page.tags[1].id)
      assert.is_nil(read.tags_page(identity, '{"success":true,"tags":[]}', family))
    end
  end)

  it("give members with exact moments, the tags still by name", function()
    local page = assert(read.clients_page(identity, [[{"success":true,"clientList":{"list":[
      {"clientId":"U1","clientName":"王","userName":"王小明","platform":"liveChat","isBlock":true,"customerId":"m-1",
       "userPhone":"0912","createdAt":"2024-02-29T23:59:59.678Z","lastInteractAt":"1970-01-01T00:00:00Z","remark":[],
       "autoTags":[{"name":"VIP","createdAt":"2024-01-01T00:00:00.000Z"}],"tags":[{"name":"手動"}]}],
      "next":"p2"}}]]))
    assert.equal("p2", page.next)
    local user = page.users[1]
    assert.equal("王小明", user.name)
    assert.equal("livechat", user.platform_channel)
    assert.is_true(user.blocked)
    assert.equal("m-1", user.ext_id)
    assert.equal(1709251199678, user.created)
    assert.equal(0, user.last_active)
    assert.same({ { family = "auto", name = "VIP", timestamp = 1704067200000 }, { family = "client", name = "手動" } },
      user.named)
  end)
end)

describe("MantaGo's steps", function()
  local steps = mantago.composed

  -- Answers each step out of a table of functions, and keeps a list of what was asked.
  local function asker(answers)
    local asked = {}
    return function(step, ...)
      asked[#asked + 1] = step
      return answers[step](...)
    end, asked
  end

  local function tag(id, name) return { id = id, name = name, kind = "tag", family = "auto" } end

  it("make a tag and find its id by name over all pages", function()
    local made = false
    local ask = asker({
      make_tag = function(name, family)
        assert.equal("VIP", name)
        assert.equal("auto", family)
        made = true
        return true
      end,
      tags_page = function(_, page, search)
        assert.equal("VIP", search)
        if page == 1 then return { tags = { tag("a", "VIP2") }, more = true } end
        return { tags = made and { tag("b", "VIP") } or {}, more = false }
      end,
    })
    assert.equal("b", assert(steps.create_tag(ask, identity, {}, "VIP")).id)
  end)

  it("take the tag of that name that is there", function()
    local ask, asked = asker({ tags_page = function() return { tags = { tag("a", "VIP") } } end })
    local found = assert(steps.create_tag(ask, identity, {}, "VIP"))
    assert.is_true(found.existed)
    assert.same({ "tags_page" }, asked)
  end)

  it("show both ids when two tags have one name", function()
    local ask = asker({ tags_page = function() return { tags = { tag("a", "VIP"), tag("b", "VIP") } } end })
    local found, message, code = steps.create_tag(ask, identity, {}, "VIP")
    assert.is_nil(found)
    assert.matches("2 auto tags are named 'VIP' (a, b)", message, 1, true)
    assert.equal("EAMBIGUOUS", code)
  end)

  it("look whether a tag was made when the answer was lost, and never make it twice", function()
    local there = false
    local ask, asked = asker({
      make_tag = function()
        there = true
        return nil, "no answer", "EAMBIGUOUS"
      end,
      tags_page = function() return { tags = there and { tag("a", "VIP") } or {} } end,
    })
    assert.equal("a", assert(steps.create_tag(ask, identity, {}, "VIP")).id)
    assert.same({ "tags_page", "make_tag", "tags_page" }, asked)
    ask = asker({
      make_tag = function() return nil, "no answer", "EAMBIGUOUS" end,
      tags_page = function() return { tags = {} } end,
    })
    local found, message, code = steps.create_tag(ask, identity, {}, "VIP")
    assert.is_nil(found)
    assert.equal("no answer", message)
    assert.equal("EAMBIGUOUS", code)
  end)

  it("map the names in members' records to ids, looking again for one that is new", function()
    local lists = 0
    local ask = asker({
      clients_page = function(cursor)
        local named = cursor and { family = "auto", name = "New" } or { family = "auto", name = "VIP", timestamp = 5 }
        return { users = { { id = "U1", named = { named } } }, next = not cursor and "2" or nil }
      end,
      tags_page = function(family)
        lists = lists + 1
        if family == "client" then return { tags = { tag("client:c", "VIP") } } end
        return { tags = lists > 2 and { tag("a", "VIP"), tag("n", "New") } or { tag("a", "VIP") } }
      end,
    })
    local memory = {}
    local page = assert(steps.users_page(ask, identity, memory))
    assert.same({ { id = "a", name = "VIP", timestamp = 5 } }, page.users[1].tags)
    assert.is_nil(page.users[1].named)
    assert.equal("n", assert(steps.users_page(ask, identity, memory, "2")).users[1].tags[1].id)
    assert.equal(4, lists)
  end)

  it("refuse to guess which of two tags a member's record means", function()
    local ask = asker({
      client = function() return { id = "U1", named = { { family = "auto", name = "VIP" } } } end,
      tags_page = function() return { tags = { tag("a", "VIP"), tag("b", "VIP") } } end,
    })
    local tags, message, code = steps.user_tags(ask, identity, {}, "U1")
    assert.is_nil(tags)
    assert.matches("(a, b)", message, 1, true)
    assert.equal("EAMBIGUOUS", code)
  end)

  it("leave out a tag that no list shows any more", function()
    local ask = asker({
      client = function() return { id = "U1", named = { { family = "auto", name = "Gone" } } } end,
      tags_page = function() return { tags = {} } end,
    })
    assert.same({}, assert(steps.user_tags(ask, identity, {}, "U1")))
  end)

  it("are not offered for personal tags of a user, which nothing shows", function()
    assert.is_true(mantago.can(identity, "user_tags"))
    assert.is_false(mantago.can(identity_of({ family = "personal" }), "user_tags"))
    assert.is_true(mantago.can(identity, "list_tags"))
    assert.is_false(mantago.can(identity, "create_folder"))
  end)
end)
