-- Every primitive over real sockets against the twin.
local core = require("tagua.core")
local support = require("spec.support")
local tagua = require("tagua")

local USER = "U21ab30ccce78feb456048adeb80cf00a"

local folder, remove, shop

local function connect(changes)
  local given = { platform = "local", store = folder .. "/local.db", rate = { per_second = 10000, burst = 100 } }
  for name, value in pairs(changes or {}) do
    given[name] = value
  end
  return assert(tagua.connect(given))
end

describe("a connection", function()
  setup(function()
    folder, remove = support.folder()
    shop = connect()
  end)
  teardown(function()
    shop:close()
    remove()
  end)

  it("makes a tag and reads it back", function()
    local tag = assert(shop:create_tag("VIP"))
    assert.equal("VIP", tag.name)
    assert.equal("tag", tag.kind)
    local read = assert(shop:get_tag(tag.id))
    assert.equal(tag.id, read.id)
    assert.equal("VIP", read.name)
    assert.equal("tag", read.kind)
    assert.equal("integer", math.type(read.created))
  end)

  it("makes a folder, a tag in it by the id that it gave, and deletes both at once", function()
    local value = assert(shop:create_folder("Value"))
    assert.equal("folder", value.kind)
    local inner = assert(shop:create_folder("Inner", { folder = value.id }))
    local tag = assert(shop:create_tag("Gold", { folder = inner.id }))
    assert.equal(inner.id, tag.folder)
    assert.equal("folder", assert(shop:get_tag(value.id)).kind)
    local gone = assert(shop:delete_tag(value.id))
    table.sort(gone)
    local wanted = { value.id, inner.id, tag.id }
    table.sort(wanted)
    assert.same(wanted, gone)
    local found, message, code = shop:get_tag(tag.id)
    assert.is_nil(found)
    assert.matches("connection 'local': cannot read the tag '" .. tag.id .. "': ", message, 1, true)
    assert.is_string(code)
  end)

  it("puts a tag on a user, shows it, takes it off", function()
    local tag = assert(shop:create_tag("Buyer"))
    assert.is_true(shop:tag_user(USER, tag.id))
    local tags = assert(shop:user_tags(USER))
    assert.equal(1, #tags)
    assert.equal(tag.id, tags[1].id)
    assert.equal("Buyer", tags[1].name)
    assert.equal("integer", math.type(tags[1].timestamp))
    assert.is_true(shop:untag_user(USER, tag.id))
    assert.same({}, assert(shop:user_tags(USER)))
  end)

  it("knows a user by the encrypted id too", function()
    local tag = assert(shop:create_tag("Encrypted"))
    local user = { uid = "53f2ab00112233445566778899aabbcc" }
    assert.is_true(shop:tag_user(user, tag.id))
    assert.equal(tag.id, assert(shop:user_tags(user))[1].id)
  end)

  it("sets and deletes parameters, and lists users with tags, counts and parameters", function()
    local tag = assert(shop:create_tag("Counted"))
    assert(shop:tag_user("Ucounted", tag.id))
    assert(shop:tag_user("Ucounted", tag.id))
    assert.is_true(shop:set_params("Ucounted", { city = "高雄", gone = "soon" }))
    assert.is_true(shop:delete_params("Ucounted", { "gone" }))
    local found
    for user in shop:users() do
      if user.id == "Ucounted" then found = user end
    end
    assert.equal("line", found.platform_channel)
    assert.equal("local", found.page)
    assert.equal(2, found.tags[1].count)
    assert.equal("Counted", found.tags[1].name)
    assert.same({ city = "高雄" }, found.params)
  end)

  it("says what the platform lacks", function()
    assert.is_true(shop:can("untag_user"))
    assert.is_true(shop:can("users"))
    assert.is_false(shop:can("list_tags"))
    local list, message, code = shop:list_tags()
    assert.is_nil(list)
    assert.equal("connection 'local': BotBonnie has no list_tags", message)
    assert.equal("EUNSUPPORTED", code)
  end)

  it("keeps its store when it is closed, and can be closed twice", function()
    local first = connect({ store = folder .. "/kept.db" })
    local tag = assert(first:create_tag("Kept"))
    first:close()
    first:close()
    local second = connect({ store = folder .. "/kept.db" })
    assert.equal("Kept", assert(second:get_tag(tag.id)).name)
    second:close()
  end)

  it("is whatever bot the options say, and leaves no token in the store", function()
    local here = connect({ store = folder .. "/bot.db", bot = "bot-mine", page = "audi" })
    assert.equal("bot-mine", assert(here:get_tag(assert(here:create_tag("VIP")).id)).bot)
    assert.equal(1, #here.twin.twin:tokens())
    here:close()
    local store = assert(core.sql.open(folder .. "/bot.db"))
    assert.equal(0, (assert(store:prepare("SELECT count(*) FROM tokens")):row()))
    store:close()
  end)

  it("listens in a private folder that is gone when it is closed", function()
    local here = connect({ store = ":memory:" })
    local private = here.twin.folder
    local _, mode = support.shell("stat -c %a '" .. private .. "'")
    assert.equal("700\n", mode)
    here:close()
    assert.is_nil(core.system.file_kind(private))
  end)

  it("leaves nothing behind when it is collected or goes out of scope", function()
    local private
    do
      local here <close> = connect({ store = ":memory:" })
      private = here.twin.folder
    end
    assert.is_nil(core.system.file_kind(private))
    private = connect({ store = ":memory:" }).twin.folder
    collectgarbage()
    collectgarbage()
    assert.is_nil(core.system.file_kind(private))
  end)
end)

describe("misuse of a connection", function()
  setup(function()
    folder, remove = support.folder()
    shop = connect()
  end)
  teardown(function()
    shop:close()
    remove()
  end)

  -- Runs a function that is wrong in its first line; gives the message without its position.
  local function raised(f)
    local ok, message = pcall(f)
    assert.is_false(ok)
    local line = debug.getinfo(f, "S").linedefined
    local prefix = ("connection_spec.lua:%d: "):format(line)
    local at = message:find(prefix, 1, true)
    assert.is_truthy(at, message .. " -- expected line " .. line)
    return message:sub(at + #prefix)
  end

  it("raises at the caller's line", function()
    assert.equal("tag_user: tag must be a string, got 7", raised(function() shop:tag_user(USER, 7) end))
    assert.equal("tag_user: tag must not be empty", raised(function() shop:tag_user(USER, "") end))
    assert.matches("user must be a string", raised(function() shop:tag_user(7, "tag-1") end))
    assert.matches("unknown option 'foldr' %(did you mean 'folder'%?%)",
      raised(function() shop:create_tag("VIP", { foldr = "x" }) end))
    assert.matches("name must be a string, got nil", raised(function() shop:create_tag() end))
    assert.matches("params must be a table", raised(function() shop:set_params(USER, "x") end))
    assert.matches("names must be a list", raised(function() shop:delete_params(USER, {}) end))
    assert.matches("unknown option 'sinc'", raised(function() shop:users({ sinc = 1 }) end))
    assert.matches("unknown primitive 'untag_usr' (did you mean 'untag_user'?)",
      raised(function() shop:can("untag_usr") end), 1, true)
    assert.matches("colon", raised(function() shop.tag_user(USER, "tag-1") end))
    assert.matches("operation 2: an operation must begin with",
      raised(function() shop:perform({ { "tag", user = "U1", tag = "t" }, { "tga", user = "U1", tag = "t" } }) end))
    assert.matches("perform: operations must be a list", raised(function() shop:perform("tag") end))
    assert.matches("the connection has in_flight = 16", raised(function() shop:perform({}, { in_flight = 17 }) end))
    assert.matches("start: tag must be a string", raised(function() shop:start({ "tag", user = "U1" }) end))
  end)

  it("raises at the line that connects", function()
    assert.matches("connect: option 'platform' is missing", raised(function() tagua.connect({}) end))
    assert.matches("connect: unknown option 'storee' %(did you mean 'store'%?%)",
      raised(function() tagua.connect({ platform = "local", storee = "x" }) end))
  end)

  it("raises on a closed connection", function()
    local closed = connect({ store = ":memory:" })
    closed:close()
    assert.equal("connection 'local' is closed", raised(function() closed:tag_user(USER, "tag-1") end))
    assert.equal("connection 'local' is closed", raised(function() closed:perform({}) end))
    assert.equal("connection 'local' is closed", raised(function() closed:poll(0) end))
  end)
end)

describe("connecting", function()
  it("returns why a secret cannot be read, naming connection and variable", function()
    local connection, message, code = tagua.connect({
      platform = "botbonnie", bot = "b", page = "p", channel = "line", name = "shop",
      token = tagua.env("TAGUA_SPEC_NO_SUCH_VARIABLE"),
    })
    assert.is_nil(connection)
    assert.matches("connection 'shop': .*TAGUA_SPEC_NO_SUCH_VARIABLE", message)
    assert.equal("ECONFIG", code)
  end)

  it("takes the name of a connection, and names the nearest", function()
    local connection, message, code = tagua.connect("locl")
    assert.is_nil(connection)
    assert.matches("unknown connection 'locl' (did you mean 'local'?)", message, 1, true)
    assert.equal("ECONFIG", code)
  end)
end)
