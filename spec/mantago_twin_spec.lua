-- MantaGo's client against the twin, over real sockets: every primitive in each family.
local support = require("spec.support")
local tagua = require("tagua")
local twins = require("tagua.twin")

local BOT, USER = "lNbWoobyg", "U1234567890abcdef"

local folder, remove, twin, shop

local function keep(name, value)
  support.write(folder .. "/" .. name, value .. "\n")
  assert(os.execute("chmod 600 '" .. folder .. "/" .. name .. "'"))
end

-- A connection whose waits the twin uses to answer.
local function connect(changes)
  local given = {
    platform = "mantago", name = "manta", bot = BOT, channel = "line", url = "unix:" .. folder .. "/twin.sock",
    token = tagua.file(folder .. "/token"), secret = tagua.file(folder .. "/secret"),
    rate = { per_second = 10000, burst = 100 }, timeout = 5, attempts = 2,
  }
  for name, value in pairs(changes or {}) do
    given[name] = value
  end
  local connection = assert(tagua.connect(given))
  connection.twin = { fd = function() return twin:fd() end, step = function() return twin:step() end, close = function() end }
  return connection
end

describe("MantaGo's client and its twin", function()
  before_each(function()
    folder, remove = support.folder()
    twin = assert(twins.open({ store = folder .. "/twin.db", address = "unix:" .. folder .. "/twin.sock" }))
    local pair = assert(twin:issue_pair(BOT))
    keep("token", pair.token)
    keep("secret", pair.secret)
    shop = connect()
  end)
  after_each(function()
    shop:close()
    twin:close()
    remove()
  end)

  for _, family in ipairs({ "auto", "client", "personal" }) do
    it("make, read, list and delete " .. family .. " tags, and put them on users and take them off", function()
      local options = { family = family }
      local tag = assert(shop:create_tag("VIP", options))
      assert.equal(family == "auto", not tag.id:find(":", 1, true))
      assert.is_nil(tag.existed)
      assert.is_true(assert(shop:create_tag("VIP", options)).existed)
      assert.equal("VIP", assert(shop:get_tag(tag.id)).name)
      assert.equal(tag.id, assert(shop:list_tags(options))[1].id)
      assert.is_true(shop:tag_user(USER, tag.id))
      assert.equal(1, #twin:effects())
      if shop:can("user_tags", tag.id) then
        local tags = assert(shop:user_tags(USER))
        assert.equal(tag.id, tags[1].id)
        assert.equal("integer", math.type(tags[1].timestamp))
      end
      assert.is_true(shop:untag_user(USER, tag.id))
      assert.equal(0, #twin:effects())
      assert.same({ tag.id }, assert(shop:delete_tag(tag.id)))
      assert.same({}, assert(shop:list_tags(options)))
    end)
  end

  it("know a family of the connection's own without its prefix", function()
    local personal <close> = connect({ family = "personal" })
    local tag = assert(personal:create_tag("VIP"))
    assert.is_nil(tag.id:find(":", 1, true))
    assert.equal("personal:" .. tag.id, assert(shop:list_tags({ family = "personal" }))[1].id)
  end)

  it("find a tag by its name among many pages", function()
    for i = 1, 230 do
      assert(shop:create_tag(("VIP %d"):format(i)))
    end
    assert.equal(230, #assert(shop:list_tags()))
    assert.is_nil(assert(shop:create_tag("VIP")).existed)
    assert.is_true(assert(shop:create_tag("VIP 1")).existed)
  end)

  it("list all members with their tags by id, whose ids go back as the platform's", function()
    local auto = assert(shop:create_tag("VIP"))
    local client = assert(shop:create_tag("VIP", { family = "client" }))
    local operations = {}
    for i = 1, 120 do
      operations[#operations + 1] = { "tag", user = ("U%03d"):format(i), tag = auto.id }
      operations[#operations + 1] = { "tag", user = ("U%03d"):format(i), tag = client.id }
    end
    for result in shop:perform(operations) do
      assert.is_true(result.ok, result.message)
    end
    local count = 0
    for user in shop:users() do
      count = count + 1
      assert.equal("line", user.platform_channel)
      local ids = { user.tags[1].id, user.tags[2].id }
      table.sort(ids)
      local wanted = { auto.id, client.id }
      table.sort(wanted)
      assert.same(wanted, ids)
      assert.is_true(shop:untag_user(user.id, client.id))
    end
    assert.equal(120, count)
    assert.equal(120, #twin:effects())
  end)

  it("tell a user that nobody knows from a tag that nobody knows", function()
    local tag = assert(shop:create_tag("VIP"))
    local done, message, code = shop:tag_user({ client = "nobody" }, tag.id)
    assert.is_nil(done)
    assert.equal("ENOUSER", code)
    assert.matches("37011", message, 1, true)
    for _, id in ipairs({ "none", "client:none", "personal:none" }) do
      assert.is_nil((shop:tag_user(USER, id)))
      assert.is_nil((shop:stopped()))
    end
  end)

  it("stop at a pair that was replaced, and say where a new one is", function()
    local tag = assert(shop:create_tag("VIP"))
    local pair = assert(twin:issue_pair(BOT))
    local done, message, code = shop:tag_user(USER, tag.id)
    assert.is_nil(done)
    assert.equal("EAUTH", code)
    assert.matches("120000", message, 1, true)
    assert.matches("API Integration Settings", message, 1, true)
    assert.not_matches(pair.secret, message, 1, true)
  end)

  it("stop at a wrong secret and at a bot that there is not", function()
    keep("wrong", "not-the-secret")
    local other <close> = connect({ secret = tagua.file(folder .. "/wrong") })
    local _, _, code = other:tag_user(USER, "t")
    assert.equal("EPERMISSION", code)
    local nowhere <close> = connect({ bot = "nowhere" })
    _, _, code = nowhere:tag_user(USER, "t")
    assert.equal("ECONFIG", code)
  end)
end)
