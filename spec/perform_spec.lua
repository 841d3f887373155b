local json = require("tagua.json")
local scripted = require("spec.support.scripted")
local support = require("spec.support")
local tagua = require("tagua")

local OK = '{"res":"ok","status":200}'

local folder, remove, server, shop

local function connect(answer, changes)
  server = scripted.start(answer)
  local given = {
    platform = "botbonnie", name = "shop", bot = "bot-1", page = "audi", channel = "line",
    token = tagua.file(folder .. "/token"), url = server:url(),
    rate = { per_second = 100000, burst = 1000 }, timeout = 5,
  }
  for name, value in pairs(changes or {}) do
    given[name] = value
  end
  shop = server:attach(assert(tagua.connect(given)))
  return shop
end

-- An iterator of n operations on so many users; counts how many were taken.
local function operations(n, users)
  local at = 0
  return function()
    if at == n then return nil end
    at = at + 1
    return { "tag", user = "U" .. (at % users), tag = "tag-" .. at }
  end, function() return at end
end

describe("perform", function()
  setup(function()
    folder, remove = support.folder()
    support.write(folder .. "/token", "token-of-the-spec\n")
    assert(os.execute("chmod 600 " .. folder .. "/token"))
  end)
  teardown(function() remove() end)
  after_each(function()
    shop:close()
    shop = nil
  end)

  it("gives exactly one result for each operation, with the operation itself", function()
    connect(function() return OK end)
    local list = {}
    for i = 1, 500 do
      list[i] = { i % 2 == 0 and "tag" or "untag", user = "U" .. i, tag = "tag-1" }
    end
    local seen = {}
    for result in shop:perform(list) do
      assert.is_true(result.ok)
      assert.is_nil(seen[result.operation])
      seen[result.operation] = true
    end
    for _, operation in ipairs(list) do
      assert.is_true(seen[operation])
    end
    assert.equal(500, #server.requests)
  end)

  it("has nothing to do for an empty list", function()
    connect(function() return OK end)
    for _ in shop:perform({}) do
      error("there is no result")
    end
    assert.equal(0, #server.requests)
  end)

  it("sends the operations of one user one at a time, in their order", function()
    connect(function() return { body = OK, after = 0.001 } end)
    local order = {}
    for result in shop:perform((operations(60, 3))) do
      order[#order + 1] = result.operation
    end
    local last = {}
    for _, request in ipairs(server.requests) do
      local sent = json.decode(request.body)
      local number = tonumber(sent.bot_tag_id:match("%d+"))
      assert.is_true(number > (last[sent.bot_raw_uid] or 0))
      last[sent.bot_raw_uid] = number
    end
    assert.equal(60, #order)
  end)

  it("takes no more from an iterator than a bounded number, whatever it could give", function()
    connect(function() return OK end)
    local source, taken = operations(1e9, 1e9)
    local count = 0
    for _ in shop:perform(source, { in_flight = 4 }) do
      count = count + 1
      assert.is_true(taken() - count <= 4)
      if count == 200 then break end
    end
    assert.equal(200, count)
    assert.is_true(taken() <= 204)
  end)

  it("never has more under way than it was told", function()
    local waiting, most = 0, 0
    connect(function()
      waiting = waiting + 1
      most = math.max(most, waiting)
      return { body = OK, after = 0.002 }
    end)
    for _ in shop:perform((operations(50, 50)), { in_flight = 3 }) do
      waiting = waiting - 1
    end
    assert.is_true(most <= 3, most)
    assert.equal(50, #server.requests)
  end)

  it("sends nothing more when the loop is left, and waits for what is under way", function()
    connect(function() return { body = OK, after = 0.02 } end)
    local results = 0
    for _ in shop:perform((operations(1000, 1000))) do
      results = results + 1
      if results == 2 then break end
    end
    local sent = #server.requests
    assert.is_true(sent < 100)
    assert.is_true(shop:tag_user("U1", "tag-1"))
    assert.equal(sent + 1, #server.requests)
  end)

  it("lets other calls through in the middle of the loop, and another loop inside", function()
    connect(function(request)
      return request.path:find("taglist") and '{"res":[],"status":200}' or OK
    end)
    local outer, inner = 0, 0
    for result in shop:perform((operations(40, 40))) do
      assert.is_true(result.ok)
      outer = outer + 1
      assert.same({}, assert(shop:user_tags(result.operation.user)))
      if outer == 5 then
        for _ in shop:perform((operations(30, 30))) do
          inner = inner + 1
          if inner == 3 then break end
        end
      end
    end
    assert.equal(40, outer)
  end)

  it("goes on to its end after a stop, whatever else is called inside the loop", function()
    connect(function() return { status = 401, body = '{"errorMessage":"no","errorCode":401}' } end)
    local codes = {}
    for result in shop:perform((operations(50, 50))) do
      codes[result.code] = (codes[result.code] or 0) + 1
      local tags, _, code = shop:user_tags("U1")
      assert.is_nil(tags)
      assert.is_true(code == "ECANCELLED" or code == "EAUTH")
    end
    assert.equal(50, codes.EAUTH + codes.ECANCELLED)
  end)

  it("gives a wrong operation of an iterator its own result, and goes on", function()
    connect(function() return OK end)
    local list = { { "tag", user = "U1", tag = "t" }, { "tga", user = "U1", tag = "t" }, { "tag", user = 7, tag = "t" },
      { "untag", user = "U2", tag = "t" } }
    local at = 0
    local codes = {}
    for result in shop:perform(function() at = at + 1 return list[at] end) do
      codes[#codes + 1] = result.ok and "ok" or result.code
      if result.operation == list[2] then assert.matches("did you mean 'tag'", result.message, 1, true) end
    end
    table.sort(codes)
    assert.same({ "EUSAGE", "EUSAGE", "ok", "ok" }, codes)
    assert.equal(2, #server.requests)
  end)

  it("raises what the iterator raises, after the results of what was sent", function()
    connect(function() return OK end)
    local at, results = 0, 0
    local ok, message = pcall(function()
      for _ in shop:perform(function()
        at = at + 1
        if at == 4 then error("the file is gone", 0) end
        return { "tag", user = "U" .. at, tag = "t" }
      end) do
        results = results + 1
      end
    end)
    assert.is_false(ok)
    assert.equal("the file is gone", message)
    assert.equal(3, results)
  end)

  it("reads users' tags and sets parameters as well", function()
    connect(function(request)
      return request.path:find("taglist") and '{"res":[{"tags":[{"id":"tag-9"}]}],"status":200}' or OK
    end)
    local value
    for result in shop:perform({
      { "user_tags", user = "U1" },
      { "set_params", user = "U2", params = { city = "台北" } },
      { "delete_params", user = "U3", names = { "city" } },
    }) do
      assert.is_true(result.ok)
      if result.operation[1] == "user_tags" then value = result.value end
    end
    assert.equal("tag-9", value[1].id)
    assert.equal(3, #server.requests)
  end)

  it("says of a failure which user and tag, and whether the platform may have seen it", function()
    connect(function(_, number)
      return number % 2 == 0 and { status = 404, body = '{"errorMessage":"no such user","errorCode":404}' } or OK
    end)
    local failed
    for result in shop:perform((operations(2, 2)), { in_flight = 1 }) do
      if not result.ok then failed = result end
    end
    assert.equal("ENOTFOUND", failed.code)
    assert.matches("connection 'shop': cannot put the tag 'tag-2' on user 'U0'", failed.message, 1, true)
    assert.is_true(failed.sent)
  end)
end)

describe("start and poll", function()
  setup(function()
    folder, remove = support.folder()
    support.write(folder .. "/token", "token-of-the-spec\n")
    assert(os.execute("chmod 600 " .. folder .. "/token"))
  end)
  teardown(function() remove() end)
  after_each(function()
    shop:close()
    shop = nil
  end)

  it("give results in the caller's own loop, each with what was started", function()
    connect(function() return OK end)
    local left = {}
    for i = 1, 30 do
      local operation = { "tag", user = "U" .. i, tag = "tag-1", entry = { seq = i } }
      left[operation] = true
      shop:start(operation)
    end
    assert.equal(30, shop:pending())
    while next(left) do
      for _, result in ipairs(shop:poll(1)) do
        assert.is_true(result.ok)
        left[result.operation] = nil
      end
    end
    assert.equal(0, shop:pending())
  end)

  it("wait no longer than told when there is nothing", function()
    connect(function() return OK end)
    local core = require("tagua.core")
    local before = core.system.monotonic_ns()
    assert.same({}, shop:poll(0.05))
    local took = (core.system.monotonic_ns() - before) / 1e9
    assert.is_true(took >= 0.045 and took < 2, took)
  end)

  it("give back what was queued when it is dropped", function()
    connect(function() return { body = OK, after = 0.02 } end)
    for i = 1, 100 do
      shop:start({ "tag", user = "U" .. i, tag = "tag-1" })
    end
    shop:poll(0)
    shop:drop_queued()
    local codes = {}
    while shop:pending() > 0 do
      for _, result in ipairs(shop:poll(1)) do
        local code = result.ok and "ok" or result.code
        codes[code] = (codes[code] or 0) + 1
        if code == "ECANCELLED" then assert.is_false(result.sent) end
      end
    end
    assert.equal(100, (codes.ok or 0) + codes.ECANCELLED)
    assert.equal(codes.ok or 0, #server.requests)
  end)
end)
