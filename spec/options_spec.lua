local options = require("tagua.options")

local declaration = {
  name = { type = "string", required = true, min = 1, max = 10 },
  count = { type = "integer", min = 1, max = 256, default = 16 },
  seconds = { type = "number", min = 0 },
  loud = { type = "boolean" },
  channel = { type = { "string", "integer" }, one_of = { "line", "facebook" } },
  rate = { type = "table", fields = { per_second = { type = "number", required = true } } },
  even = {
    type = "integer",
    check = function(value)
      if value % 2 ~= 0 then return "must be even" end
      return nil
    end,
  },
}

local function complaint(given)
  local checked, message = options.verify("connect", given, declaration)
  assert.is_nil(checked)
  return message
end

describe("options", function()
  it("fills in what is not given", function()
    assert.same({ name = "shop", count = 16 }, options.verify("connect", { name = "shop" }, declaration))
  end)

  it("keeps false", function()
    assert.is_false(options.verify("connect", { name = "shop", loud = false }, declaration).loud)
  end)

  it("names what is missing", function()
    assert.equal("connect: option 'name' is missing", complaint({}))
    assert.equal("connect: option 'name' is missing", complaint(nil))
  end)

  it("names the nearest known option", function()
    assert.equal(
      "connect: unknown option 'secnds' (did you mean 'seconds'?)",
      complaint({ name = "shop", secnds = 1 })
    )
    assert.equal("connect: unknown option 'colour' (there are channel, count, even, loud, name, rate, seconds)",
      complaint({ name = "shop", colour = 1 }))
    assert.matches("connect: unknown option '1' (there are", complaint({ "shop" }), 1, true)
  end)

  it("says what type it wants and what it got", function()
    assert.equal("connect: option 'name' must be a string, got 7", complaint({ name = 7 }))
    assert.equal("connect: option 'count' must be a whole number, got 1.5", complaint({ name = "a", count = 1.5 }))
    assert.equal("connect: option 'count' must be a whole number, got '3'", complaint({ name = "a", count = "3" }))
    assert.matches("'seconds' must be a number", complaint({ name = "a", seconds = 0 / 0 }), 1, true)
  end)

  it("takes a whole float for a whole number", function()
    assert.equal("integer", math.type(options.verify("x", { name = "a", count = 3.0 }, declaration).count))
  end)

  it("keeps numbers and lengths within bounds", function()
    assert.equal("connect: option 'count' must be 1 to 256, got 257", complaint({ name = "a", count = 257 }))
    assert.equal("connect: option 'seconds' must be at least 0, got -1", complaint({ name = "a", seconds = -1 }))
    assert.equal("connect: option 'name' must not be empty", complaint({ name = "" }))
    assert.matches("'name' must be 1 to 10 bytes long, got 11", complaint({ name = "abcdefghijk" }), 1, true)
  end)

  it("names the nearest of the words allowed", function()
    assert.equal(
      "connect: option 'channel' must be one of line, facebook, got 'lien' (did you mean 'line'?)",
      complaint({ name = "a", channel = "lien" })
    )
    assert.equal(7, options.verify("connect", { name = "a", channel = 7 }, declaration).channel)
  end)

  it("checks tables inside, naming the way to the option", function()
    assert.equal(
      "connect: option 'rate': unknown option 'per_secnd' (did you mean 'per_second'?)",
      complaint({ name = "a", rate = { per_secnd = 1 } })
    )
    assert.matches("option 'per_second' is missing", complaint({ name = "a", rate = {} }), 1, true)
  end)

  it("asks a check of its own", function()
    assert.equal("connect: option 'even' must be even", complaint({ name = "a", even = 3 }))
  end)

  it("keeps a value that only its own check may see out of messages", function()
    local checked, message = options.verify("connect", { token = "s3cr3t" }, {
      token = { accept = function() return nil, "must be a reference" end },
    })
    assert.is_nil(checked)
    assert.equal("connect: option 'token' must be a reference", message)
  end)

  it("refuses options that are no table", function()
    assert.equal("connect: options must be a table, got 'shop'", complaint("shop"))
  end)

  it("cuts a long value at a character boundary", function()
    local quoted = options.quote(("高"):rep(100))
    assert.is_truthy(utf8.len(quoted))
    assert.is_true(#quoted < 80)
    assert.equal("'a?b'", options.quote("a\nb"))
  end)

  it("raises at the line of the caller", function()
    local function connect(given) return options.check("connect", given, declaration, 2) and true end
    local line = debug.getinfo(1, "l").currentline + 1
    local ok, message = pcall(function() local _ = connect({}) end)
    assert.is_false(ok)
    assert.matches("options_spec.lua:" .. line .. ": connect: option 'name' is missing", message, 1, true)
  end)

  it("checks a single argument", function()
    local function put(tag)
      local value = options.argument("tag_user: tag", tag, { type = "string", required = true }, 2)
      return value
    end
    assert.equal("tag-1", put("tag-1"))
    local ok, message = pcall(function() local _ = put(7) end)
    assert.is_false(ok)
    assert.matches("options_spec.lua:%d+: tag_user: tag must be a string, got 7", message)
  end)
end)
