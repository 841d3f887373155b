local core = require("tagua.core")
local cjson = require("cjson")

local json = core.json

-- What this project takes a text for, in the terms of lua-cjson.
local function like_cjson(value)
  if value == json.null then return cjson.null end
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, item in pairs(value) do copy[key] = like_cjson(item) end
  return copy
end

local function without_null_members(value)
  if type(value) ~= "table" then return value end
  local copy = {}
  local array = #value > 0
  for key, item in pairs(value) do
    if array or item ~= cjson.null then copy[key] = without_null_members(item) end
  end
  return copy
end

describe("json", function()
  describe("a text that is right", function()
    local texts = {
      "{}", "[]", " [ ] ", "null", "true", "false", "0", "-0", "1", "-1", "12345", "0.5", "-0.25", "1e3", "1E+3",
      "1.5e-3", "123456789.125", "\"\"", "\"a\"", "\"台北\"", "\"\\u53f0\\u5317\"", "\"\\ud83d\\ude00\"", "\"😀\"",
      "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"a\\u0000b\"", "\"\127\"", "[1,2,3]", "[null,1]", "[[[[]]]]", "{\"a\":null}",
      "{\"a\":1,\"a\":2}", "{\"\":1}", "{\"a\":{\"b\":[{\"c\":\"d\"}]}}", "\t\r\n {\"a\" : [ 1 , 2 ] , \"b\" : { } } \n",
      "{\"sixteen bytes of\":\"exactly sixteen\",\"and more than thirty-two bytes, here\":\"x\\\\y\"}",
      "9007199254740992", "0.1", "3.141592653589793", "1e22", "1e23", "2.2250738585072014e-308", "4.9e-324",
      "1.7976931348623157e308", "0.30000000000000004", "179769313486231570000000000000000000000e10",
      "\"\\u00e9\\u0041\"", "\"\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}\"",
    }
    for _, text in ipairs(texts) do
      it("is read as lua-cjson reads it: " .. text, function()
        local expected = without_null_members(cjson.decode(text))
        local value, message = json.decode(text)
        assert.is_nil(message)
        assert.same(expected, like_cjson(value))
      end)
    end

    it("keeps 64-bit integers exact, and the digits of longer ones", function()
      assert.equal(9223372036854775807, json.decode("9223372036854775807"))
      assert.equal(math.mininteger, json.decode("-9223372036854775808"))
      assert.equal("integer", math.type(json.decode("1583983892294")))
      assert.equal("9223372036854775808", json.decode("9223372036854775808"))
      assert.equal("1e999", json.decode("1e999"))
    end)

    it("leaves out a member that is null and keeps a null in its place in an array", function()
      local value = json.decode("{\"a\":null,\"b\":[1,null,3]}")
      assert.is_nil(value.a)
      assert.same({ 1, json.null, 3 }, value.b)
    end)

    it("goes 512 levels deep and no deeper", function()
      assert.truthy(json.decode(("["):rep(512) .. ("]"):rep(512)))
      local value, message, code = json.decode(("["):rep(513) .. ("]"):rep(513))
      assert.is_nil(value)
      assert.matches("512 levels, at byte 513", message)
      assert.equal("EPROTOCOL", code)
    end)

    it("is one megabyte of one string", function()
      local long = ("x"):rep(1 << 20)
      assert.equal(long, json.decode("\"" .. long .. "\""))
    end)
  end)

  describe("a malformed text", function()
    local texts = {
      { "", 1 }, { "   ", 4 }, { "nul", 1 }, { "nulll", 5 }, { "True", 1 }, { "NaN", 1 }, { "Infinity", 1 }, { "-", 2 },
      { "-inf", 2 }, { "+1", 1 }, { "01", 2 }, { "-01", 3 }, { "1.", 3 }, { ".5", 1 }, { "1e", 3 }, { "1e+", 4 }, { "0x10", 2 },
      { "1 2", 3 }, { "[1,]", 4 }, { "[,1]", 2 }, { "[1 2]", 4 }, { "[1", 3 }, { "]", 1 }, { "{\"a\"}", 5 },
      { "{\"a\":}", 6 }, { "{\"a\":1,}", 8 }, { "{a:1}", 2 }, { "{'a':1}", 2 }, { "{1:2}", 2 }, { "{\"a\":1", 7 },
      { "{\"a\":1]", 7 }, { "\"abc", 5 }, { "\"a\nb\"", 3 }, { "\"a\0b\"", 3 }, { "\"\\x\"", 3 }, { "\"\\u12\"", 7 },
      { "\"\\u12g4\"", 2 }, { "\"\\ud83d\"", 2 }, { "\"\\ud83dx\"", 2 }, { "\"\\ud83d\\u0041\"", 2 }, { "\"\\udc00\"", 2 },
      { "\"\\", 3 }, { "// x\n1", 1 }, { "[1] x", 5 }, { "\"\xff\"", 2 }, { "\"ab\xc0\x80\"", 4 }, { "\"\xed\xa0\x80\"", 2 },
      { "\"\xe5\x8f\"", 2 }, { "\"\xf4\x90\x80\x80\"", 2 }, { "\"\xf8\x88\x80\x80\x80\"", 2 }, { "\xef\xbb\xbf{}", 1 },
      { "\"sixteen bytes of\tplain text\"", 18 },
    }
    for _, case in ipairs(texts) do
      local text, byte = case[1], case[2]
      it(("is refused at its byte: %q"):format(text), function()
        local value, message, code = json.decode(text)
        assert.is_nil(value)
        assert.equal("EPROTOCOL", code)
        assert.matches("^not JSON: .*at byte %d+$", message)
        if #text > 2 and text:byte(-1) ~= ('"'):byte() then
          assert.equal(byte, tonumber(message:match("%d+$")), message)
        end
        -- The projection agrees.
        local projection = assert(json.projection { "a" })
        local _, projected = projection(text)
        assert.equal(message, projected)
      end)
    end
  end)

  describe("a projection", function()
    local function project(paths, text)
      return table.pack(assert(json.projection(paths))(text))
    end

    it("takes the paths' values in their order", function()
      local text = [[{"x":[{"b":9}],"b":"two","res":{"next":"n","records":[1, 2]},"a":1.5,"z":null}]]
      local values = project({ "a", "b", "res.next", "res.records", "missing", "z" }, text)
      assert.same({ 1.5, "two", "n", "[1, 2]", nil, json.null, n = 6 }, values)
    end)

    it("lets the last of equal keys win, and forgets what an earlier one held", function()
      assert.same({ 2, n = 1 }, project({ "a" }, [[{"a":1,"a":2}]]))
      assert.same({ n = 2 }, project({ "a.b", "a.c.d" }, [[{"a":{"b":1,"c":{"d":1}},"a":5}]]))
      assert.same({ 3, n = 2 }, project({ "a.b", "a.c" }, [[{"a":{"b":1,"c":2},"a":{"b":3}}]]))
    end)

    it("knows a key by its value, not by its spelling", function()
      assert.same({ 1, n = 1 }, project({ "台北" }, [[{"\u53f0\u5317":1}]]))
      assert.same({ 1, n = 1 }, project({ "a" }, [[{"\u0061":1}]]))
    end)

    it("prefers a key that is the whole dotted name", function()
      assert.same({ 1, n = 1 }, project({ "a.b" }, [[{"a.b":1,"a":{"b":2}}]]))
      assert.same({ 1, n = 1 }, project({ "a.b" }, [[{"a":{"b":2},"a.b":1}]]))
      assert.same({ 1, n = 1 }, project({ "a.b" }, [[{"a":{"b":2},"a.b":1,"a":3}]]))
      assert.same({ 2, n = 1 }, project({ "a.b" }, [[{"a":{"b":2}}]]))
      assert.same({ 7, n = 1 }, project({ "1." }, [[{"1.":7}]]))
    end)

    it("has nothing of a text that is no object, and the whole of any", function()
      assert.same({ nil, "[1]", n = 2 }, project({ "a", "" }, "[1]"))
      assert.same({ nil, 5, n = 2 }, project({ "a", "" }, "5"))
    end)

    it("checks what it skips as well", function()
      for _, text in ipairs { [[{"a":1,"b":[1,]}]], [[{"a":1,"b":"\x"}]], "{\"a\":1,\"b\":\"\xff\"}", [[{"a":1}}]] } do
        assert.is_nil((assert(json.projection { "a" })(text)))
      end
    end)

    it("refuses the same path twice", function()
      local projection, message = json.projection { "a", "a" }
      assert.is_nil(projection)
      assert.matches("'a' is named twice", message)
    end)
  end)

  it("agrees with lua-cjson on random documents", function()
    local random = 12345
    local function next_random(n)
      random = (random * 6364136223846793005 + 1442695040888963407)
      return (random >> 33) % n
    end
    local function build(depth)
      local kind = next_random(depth > 4 and 5 or 7)
      if kind == 0 then return tostring(next_random(1000000) - 500000) end
      if kind == 1 then return ("%.17g"):format(next_random(1 << 30) / (1 + next_random(1000))) end
      if kind == 2 then return ({ "true", "false", "null" })[next_random(3) + 1] end
      if kind <= 4 then
        local parts = {}
        for i = 1, next_random(20) do
          parts[i] = ({ "a", "xyz", "台", "\\n", "\\u00e9", "\\ud83d\\ude00", " ", "é", "\\\\" })[next_random(9) + 1]
        end
        return '"' .. table.concat(parts) .. '"'
      end
      local parts = {}
      for i = 1, next_random(6) do
        local item = build(depth + 1)
        parts[i] = kind == 5 and item or ('"k%d":%s'):format(next_random(4), item)
      end
      return kind == 5 and "[" .. table.concat(parts, ",") .. "]" or "{" .. table.concat(parts, " , ") .. "}"
    end
    for _ = 1, 2000 do
      local text = build(0)
      local expected = without_null_members(cjson.decode(text))
      assert.same(expected, without_null_members(like_cjson((json.decode(text)))), text)
      if text:sub(1, 1) == "{" then
        local values = table.pack(assert(json.projection { "k0", "k1", "k2", "k3" })(text))
        for i = 1, 4 do
          local value = values[i]
          local whole = cjson.decode(text)["k" .. (i - 1)]
          if type(whole) == "table" then
            value = cjson.decode(value)
          else
            value = like_cjson(value)
          end
          assert.same(whole, value, text)
        end
      end
    end
  end)
end)
