local values = require("tagua.command.values")

local function refused(convert, text)
  local value, message = convert(text)
  assert.is_nil(value, text)
  return message
end

describe("an option's value", function()
  it("is a whole number within bounds", function()
    local jobs = values.whole("--jobs", 1, 256)
    assert.equal(8, jobs("8"))
    for _, text in ipairs({ "0", "257", "-1", "1.5", "x", "", "0x8", "1e2", "99999999999999999999" }) do
      assert.equal(("--jobs takes a whole number from 1 to 256, got '%s'"):format(text), refused(jobs, text))
    end
  end)

  it("is a number above zero", function()
    local rate = values.positive("--rate")
    assert.equal(2.5, rate("2.5"))
    assert.equal(0.5, rate(".5"))
    for _, text in ipairs({ "0", "-1", "nan", "inf", "1e9", "10/s", "" }) do
      assert.matches("--rate takes a number above 0, got '" .. text .. "'", refused(rate, text), 1, true)
    end
  end)

  it("is one of a few words, the nearest named", function()
    local format = values.one_of("--format", { "csv", "jsonl" })
    assert.equal("csv", format("csv"))
    assert.equal("--format takes csv or jsonl, got 'jsnol' (did you mean 'jsonl'?)", refused(format, "jsnol"))
  end)

  it("is a delimiter of one byte, or a tab by name", function()
    local delimiter = values.delimiter("--delimiter")
    assert.equal(";", delimiter(";"))
    assert.equal("\t", delimiter("tab"))
    assert.equal("\t", delimiter("\\t"))
    for _, text in ipairs({ "", ";;", '"', "x", "\n", "，" }) do
      refused(delimiter, text)
    end
  end)

  it("is what of a user the id column holds", function()
    local match = values.match("--match")
    assert.equal("phone", match("phone"))
    assert.equal("param:member no", match("param:member no"))
    assert.matches("did you mean 'phone'", refused(match, "phnoe"))
    refused(match, "param:")
  end)

  it("is a connection, with or without its @", function()
    assert.equal("shop", values.connection("@shop"))
    assert.equal("shop", values.connection("shop"))
    assert.is_nil((values.connection("@")))
  end)
end)
