local json = require("tagua.json")

describe("JSON of bodies", function()
  it("prints integers exactly", function()
    assert.equal("1583983892294", json.encode(1583983892294))
    assert.equal("9223372036854775807", json.encode(math.maxinteger))
    assert.equal("123456789012345678", json.encode(123456789012345678))
    assert.equal("3", json.encode(3.0))
    assert.equal("1000000000000000", json.encode(1e15))
    assert.equal("0.1", json.encode(0.1))
    assert.equal("19999.99", json.encode(19999.99))
    assert.equal("0.30000000000000004", json.encode(0.1 + 0.2))
  end)

  it("prints an empty array as an array, and an empty table as an object", function()
    assert.equal("[]", json.encode(json.array({})))
    assert.equal("{}", json.encode({}))
    assert.equal('{"a":[],"b":[1,2]}', json.encode({ b = { 1, 2 }, a = json.array({}) }))
  end)

  it("gives the same text for the same table", function()
    assert.equal('{"a":1,"b":2,"c":3}', json.encode({ c = 3, b = 2, a = 1 }))
  end)

  it("escapes what must be escaped and nothing else", function()
    assert.equal([["a\"b\\c\nd\u0001é台北/"]], json.encode('a"b\\c\nd\1é台北/'))
    assert.equal('"plain-id_1"', json.quote("plain-id_1"))
  end)

  it("keeps backslashes and slashes apart", function()
    for _, text in ipairs({ "/", "\\", "\\/", "/\\", "\\\\/", "a\"/\n" }) do
      assert.equal(text, assert(json.decode("[" .. json.quote(text) .. "]"))[1])
    end
    assert.equal([["a/b"]], json.quote("a/b"))
    assert.equal([["\\/"]], json.quote("\\/"))
  end)

  it("refuses what JSON cannot say", function()
    for value, wanted in pairs({
      [math.huge] = "inf",
      ["\xff"] = "not UTF-8",
      [print] = "a function has no form",
      [{ 1, 2, x = 3 }] = "mixes a list",
      [{ [3] = 1 }] = "mixes a list",
    }) do
      local text, message, code = json.encode(value)
      assert.is_nil(text)
      assert.matches(wanted, message, 1, true)
      assert.equal("EUSAGE", code)
    end
    assert.is_nil(json.encode(0 / 0))
  end)

  it("ends at a circle", function()
    local circle = {}
    circle.again = circle
    local text, message = json.encode(circle)
    assert.is_nil(text)
    assert.matches("circle", message)
  end)

  it("reads back what it wrote", function()
    local value = {
      name = "高雄 \"北\"\1", n = -42, list = { "a", "b" }, yes = true, no = false, x = { y = 1.25 },
      long = 123456789012345678, holes = { 1, json.null, 3 },
    }
    assert.same(value, json.decode(json.encode(value)))
  end)

  it("reads whole numbers as integers", function()
    local value = json.decode('{"timestamp":1583983892294,"half":0.5}')
    assert.equal("1583983892294", tostring(value.timestamp))
    assert.equal(0.5, value.half)
  end)

  it("refuses a comment, as one page of a vendor has it", function()
    local value, message, code = json.decode('{ "id": "tag-1" // the tag\n}')
    assert.is_nil(value)
    assert.matches("^not JSON", message)
    assert.equal("EPROTOCOL", code)
  end)
end)
