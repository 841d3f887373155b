-- What the platform's pages leave open, in each of the forms that it can take, against the twin.
local support = require("spec.support")
local tagua = require("tagua")

local folder, remove, shop

local function connect(quirks, changes)
  local given = {
    platform = "local", store = folder .. "/twin.db", faults = { quirks = quirks }, attempts = 2,
    rate = { per_second = 10000, burst = 100 },
  }
  for name, value in pairs(changes or {}) do
    given[name] = value
  end
  shop = assert(tagua.connect(given))
  return shop
end

describe("what the pages leave open", function()
  before_each(function() folder, remove = support.folder() end)
  after_each(function()
    shop:close()
    remove()
  end)

  it("may be a new tag's id in a string that holds JSON", function()
    connect({ created_as_text = true })
    local folder_ = assert(shop:create_folder("Value"))
    local tag = assert(shop:create_tag("VIP", { folder = folder_.id }))
    assert.equal("VIP", assert(shop:get_tag(tag.id)).name)
  end)

  it("may be errors that come with HTTP 200", function()
    connect({ error_status = 200 })
    local done, message, code = shop:tag_user("U1", "tag-none")
    assert.is_nil(done)
    assert.matches("cannot put the tag 'tag%-none' on user 'U1': .*no tag 'tag%-none'", message)
    assert.equal("EPLATFORM", code)
    local tag = assert(shop:create_tag("VIP"))
    assert.is_true(shop:tag_user("U1", tag.id))
  end)

  it("may be errors without a code", function()
    connect({ no_error_code = true })
    local tag, message, code = shop:get_tag("tag-none")
    assert.is_nil(tag)
    assert.matches("tag-none", message, 1, true)
    assert.equal("ENOTFOUND", code)
  end)

  it("may be what the last page of users has for a cursor", function()
    for _, last in ipairs({ "empty", "absent", "null", "cursor" }) do
      connect({ last_next = last })
      local tag = assert(shop:create_tag("VIP " .. last))
      for i = 1, 3 do
        assert(shop:tag_user("U" .. i, tag.id))
      end
      local count = 0
      for _ in shop:users() do
        count = count + 1
      end
      assert.equal(3, count, last)
      shop:close()
    end
  end)

  it("may be an error for the tags of a user that nobody knows", function()
    connect({ unknown_user = "error" })
    local tags, message, code = shop:user_tags("U-nobody")
    assert.is_nil(tags)
    assert.matches("U-nobody", message, 1, true)
    assert.equal("EPLATFORM", code)
  end)

  it("may be a list of users longer than a page", function()
    connect({})
    local users = {}
    for i = 1, 3200 do
      users[i] = { id = ("U%05d"):format(i), name = "王小明" }
    end
    assert(shop.twin.twin:add_users(users))
    local seen, count = {}, 0
    for user in shop:users() do
      assert.is_nil(seen[user.id])
      seen[user.id] = true
      count = count + 1
    end
    assert.equal(3200, count)
    assert.equal(2, shop:stats().answered)
  end)
end)
