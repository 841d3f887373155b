-- A connection in the loop of another program: what it says to wait for is enough, and no more.
local core = require("tagua.core")
local scripted = require("spec.support.scripted")
local support = require("spec.support")
local tagua = require("tagua")

local OK = '{"status":200,"res":"ok"}'

describe("what pollfds gives", function()
  local folder, remove, server, shop, other

  before_each(function()
    folder, remove = support.folder()
    support.write(folder .. "/token", "token-of-the-spec\n")
    assert(os.execute("chmod 600 " .. folder .. "/token"))
    -- An engine with nothing to do waits for descriptors as any loop does.
    other = assert(core.engine.new({ base = "unix:/nowhere" }))
  end)
  after_each(function()
    if shop then shop:close() end
    if server then server:close() end
    other:close()
    remove()
    shop, server = nil, nil
  end)

  local function connect(answer, options)
    server = scripted.start(answer)
    local given = { platform = "botbonnie", bot = "b", page = "p", channel = "line", url = server:url(),
      token = tagua.file(folder .. "/token"), rate = { per_second = 10000 } }
    for name, value in pairs(options or {}) do given[name] = value end
    shop = assert(tagua.connect(given))
  end

  -- Waits as told and for nothing else, until all is done -> the results, how often it woke up.
  local function loop(fd)
    local results, turns = {}, 0
    while shop:pending() > 0 do
      local fds, seconds = shop:pollfds()
      if fd then fds[#fds + 1] = fd end
      other:poll(seconds or 10, fds)
      if server then server:step() end
      for _, result in ipairs(shop:poll(0)) do results[#results + 1] = result end
      turns = turns + 1
      assert(turns < 10000, "it spins")
    end
    return results, turns
  end

  it("wakes a loop for every result, and seldom for nothing", function()
    connect(function() return { body = OK, after = 0.05 } end)
    for i = 1, 40 do shop:start({ "tag", user = "U" .. i, tag = "tag-1" }) end
    local results, turns = loop(server:fd())
    assert.equal(40, #results)
    assert.is_true(turns < 600, turns)
  end)

  it("sleeps while the platform thinks", function()
    connect(function() return { body = OK, after = 0.4 } end)
    shop:start({ "tag", user = "U1", tag = "tag-1" })
    local before = core.system.monotonic_ns()
    local _, turns = loop(server:fd())
    assert.is_true(core.system.monotonic_ns() - before > 350000000)
    assert.is_true(turns < 25, turns)
  end)

  it("sleeps for as long as the limit wants", function()
    connect(function() return OK end, { rate = { per_second = 10 } })
    for i = 1, 4 do shop:start({ "tag", user = "U" .. i, tag = "tag-1" }) end
    local _, turns = loop(server:fd())
    assert.is_true(turns < 80, turns)
  end)

  it("has no end of the wait when there is nothing to do", function()
    connect(function() return OK end)
    shop:start({ "tag", user = "U1", tag = "tag-1" })
    loop(server:fd())
    shop:poll(0)
    local fds, seconds = shop:pollfds()
    assert.equal(1, #fds)
    assert.is_nil(seconds)
  end)

  it("stays the same set of descriptors, and has the twin's in it where there is one", function()
    shop = assert(tagua.connect({ platform = "local", store = ":memory:" }))
    local tag = assert(shop:create_tag("VIP"))
    local first = shop:pollfds()
    assert.equal(2, #first)
    for i = 1, 20 do shop:start({ "tag", user = "U" .. i, tag = tag.id }) end
    assert.equal(20, #loop())
    assert.same(first, (shop:pollfds()))
  end)

  it("times out what is never answered", function()
    local kept = {}
    connect(function() return OK end, { timeout = 0.2, attempts = 1 })
    server.step = function(self) -- reads, and does not answer
      for _, request in ipairs(self.server:step()) do kept[#kept + 1] = request end
    end
    shop:start({ "tag", user = "U1", tag = "tag-1" })
    local results = loop(server:fd())
    assert.equal("EAMBIGUOUS", results[1].code)
  end)
end)
