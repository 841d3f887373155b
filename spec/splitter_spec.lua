local core = require("tagua.core")

local record = core.record

-- Feeds the text in pieces; all chunks, or nil, message, code, and the splitter.
local function split(options, text, size)
  local s = assert(record.splitter(options))
  local chunks = {}
  local function take(more, message, code)
    if not more then return nil, message, code end
    for _, chunk in ipairs(more) do chunks[#chunks + 1] = chunk end
    return chunks
  end
  for i = 1, #text, size or #text + 1 do
    local ok, message, code = take(s:feed(text:sub(i, i + (size or #text + 1) - 1)))
    if not ok then return nil, message, code, s end
  end
  local ok, message, code = take(s:finish())
  return ok, message, code, s
end

-- The message alone.
local function complaint(...)
  local chunks, message = split(...)
  assert.is_nil(chunks)
  return message
end

local function joined(chunks)
  local parts = {}
  for i, chunk in ipairs(chunks) do parts[i] = chunk[1] end
  return table.concat(parts)
end

describe("the splitter", function()
  it("takes the header out of CSV", function()
    local s = assert(record.splitter { format = "csv" })
    assert.is_nil(s:header())
    assert.same({}, assert(s:feed("id, 城市 ,\"a \"\"b\"\"\nc\"")))
    assert.is_nil(s:header())
    assert.same({}, assert(s:feed("\r\nU1,x,y")))
    assert.same({ "id", "城市", 'a "b"\nc' }, s:header())
    assert.same({ { "U1,x,y", 3 } }, assert(s:finish()))
  end)

  it("drops the byte-order mark, however it arrives", function()
    for size = 1, 4 do
      local chunks, _, _, s = split({ format = "csv" }, "\xEF\xBB\xBFid,a\nU1,x\n", size)
      assert.same({ "id", "a" }, s:header())
      assert.equal("U1,x\n", joined(chunks))
      assert.equal('{"id":1}', joined(split({ format = "jsonl" }, '\xEF\xBB\xBF{"id":1}', size)))
    end
  end)

  it("cuts at the ends of records alone, wherever the pieces are cut", function()
    for _, ending in ipairs { "\n", "\r", "\r\n" } do
      local rows = { "id,a" }
      for i = 1, 60 do
        rows[#rows + 1] = i % 3 == 0 and ('U%d,"x%s""%s,"""'):format(i, ending, ending) or ('U%d,5" y'):format(i)
      end
      local text = table.concat(rows, ending) .. ending
      local expected
      for _, case in ipairs { { 1, 1 }, { 1, 50 }, { 2, 50 }, { 3, 1 }, { 7, 50 }, { 64, 50 }, { 100000, 50 } } do
        local chunks, _, _, s = split({ format = "csv", chunk = case[2] }, text, case[1])
        assert.equal(text:sub(#rows[1] + #ending + 1), joined(chunks))
        local reader = assert(record.reader { format = "csv", header = s:header(), fields = { { name = "a" } } })
        local records = {}
        for _, chunk in ipairs(chunks) do
          for _, item in ipairs(reader:read(chunk[1], chunk[2])) do records[#records + 1] = item end
        end
        assert.equal(60, #records)
        expected = expected or records
        assert.same(expected, records)
        assert.equal('x' .. ending .. '"' .. ending .. ',"', records[60].values.a)
        assert.is_true(#chunks > 3)
      end
    end
  end)

  it("cuts JSONL at its lines, whatever quotes they hold", function()
    local text = ('{"id":"a","x":"\\""}\n'):rep(40)
    for _, size in ipairs { 1, 10, 1000 } do
      local chunks = split({ format = "jsonl", chunk = 100 }, text, size)
      assert.equal(text, joined(chunks))
      for i, chunk in ipairs(chunks) do
        assert.equal("\n", chunk[1]:sub(-1))
        if i > 1 then assert.is_true(chunk[2] > chunks[i - 1][2]) end
      end
    end
  end)

  it("makes chunks of about 256 KiB", function()
    local text = ('{"id":"0123456789"}\n'):rep(60000)
    local chunks = split({ format = "jsonl" }, text, 65536)
    assert.equal(text, joined(chunks))
    assert.is_true(#chunks >= 4 and #chunks <= 6)
    for i = 1, #chunks - 1 do assert.is_true(#chunks[i][1] > 200000 and #chunks[i][1] <= 262144) end
  end)

  it("converts what Excel in Taiwan writes", function()
    local big5 = "id,\xab\xb0\xa5\xab\nU1,\xa5\x78\xa5\x5f\n" -- 城市, 台北; the second byte of one is a backslash's kin
    for size = 1, 5 do
      local chunks, _, _, s = split({ format = "csv", encoding = "big5" }, big5, size)
      assert.same({ "id", "城市" }, s:header())
      assert.equal("U1,台北\n", joined(chunks))
    end
    local utf16 = "\xff\xfei\0d\0\n\0\x53\x53\n\0"
    local chunks, _, _, s = split({ format = "csv", encoding = "utf-16" }, utf16, 3)
    assert.same({ "id" }, s:header())
    assert.equal("卓\n", joined(chunks))
    assert.equal("é", joined(split({ format = "jsonl", encoding = "latin1" }, "\xe9")))
    assert.equal("é", joined(split({ format = "jsonl", encoding = "UTF-8" }, "é")))
  end)

  it("names the line of bytes that the encoding has not", function()
    local chunks, message, code = split({ format = "csv", encoding = "big5" }, "id,a\nU1,x\nU2,\xff\xff\n")
    assert.is_nil(chunks)
    assert.matches("line 3 of the input holds bytes that are not big5", message)
    assert.equal("EINPUT", code)
    assert.matches("line 2", complaint({ format = "csv", encoding = "big5" }, "id,a\nU1,\xa5"))
  end)

  it("does not know every encoding", function()
    local s, message, code = record.splitter { format = "csv", encoding = "big-6" }
    assert.is_nil(s)
    assert.matches("the encoding 'big%-6' is not known; `iconv %-%-list`", message)
    assert.equal("EUSAGE", code)
    assert.is_nil((record.splitter { format = "csv", encoding = "ascii//IGNORE" }))
  end)

  it("refuses NUL bytes, naming the line and what it may be", function()
    local chunks, message, code = split({ format = "csv" }, "id,a\nU1,x\nU2,\0\n", 4)
    assert.is_nil(chunks)
    assert.matches("NUL byte stands on line 3", message)
    assert.equal("EINPUT", code)
    assert.matches("UTF%-16; read it with %-%-encoding utf%-16", complaint({ format = "csv" }, "\xff\xfei\0d\0"))
  end)

  it("stops where the input is cut off inside a quoted field", function()
    local text = 'id,a\nU1,x\nU2,"y\nz\n'
    for size = 1, #text do
      local chunks, message, code = split({ format = "csv" }, text, size)
      assert.is_nil(chunks)
      assert.equal("the input is cut off inside the quoted field that begins on line 3; get the whole file, or close the quote",
        message)
      assert.equal("EINPUT", code)
    end
    assert.matches("begins on line 1", complaint({ format = "csv" }, 'id,"a\nU1,x\n'))
  end)

  it("needs no line end at the end", function()
    assert.equal('U1,""', joined(split({ format = "csv" }, 'id,a\nU1,""', 1)))
    assert.equal("U1,x\r", joined(split({ format = "csv" }, "id,a\rU1,x\r", 1)))
    local chunks, _, _, s = split({ format = "csv" }, "id,a")
    assert.same({}, chunks)
    assert.same({ "id", "a" }, s:header())
  end)

  it("refuses an empty input", function()
    for _, text in ipairs { "", "\n", " \r\n\n", "\xEF\xBB\xBF", "\xEF\xBB\xBF\n" } do
      for _, format in ipairs { "csv", "jsonl" } do
        local chunks, message, code = split({ format = format }, text, 1)
        assert.is_nil(chunks)
        assert.equal("the input is empty", message)
        assert.equal("EINPUT", code)
      end
    end
  end)

  it("refuses a header that names two columns the same", function()
    local chunks, message, code = split({ format = "csv" }, "id,a, a ,b\nU1,1,2,3\n")
    assert.is_nil(chunks)
    assert.equal("the header names two columns 'a', number 2 and number 3; rename one", message)
    assert.equal("EINPUT", code)
    assert.same({}, (split({ format = "csv" }, "id,,\n")))
  end)

  it("refuses a header that it cannot read", function()
    assert.matches("header on line 2 cannot be read: text follows", complaint({ format = "csv" }, '\nid,"a"b\nU1,x\n'))
    assert.matches("not UTF%-8; name the file's encoding with %-%-encoding", complaint({ format = "csv" }, "id,\xab\xb0\nU1,x\n"))
  end)

  it("caps a record, and says which quote may be open", function()
    local options = { format = "csv", max_record = 1000 }
    local chunks, message, code = split(options, "id,a\nU1,x\nU2,\"" .. ("y\n"):rep(700) .. "\"\n", 100)
    assert.is_nil(chunks)
    assert.equal("the record that begins on line 3 is longer than 1000 bytes; the quote that opens on line 3 is perhaps never closed",
      message)
    assert.equal("EINPUT", code)
    assert.matches("begins on line 2 is longer than 1000 bytes$", complaint({ format = "jsonl", max_record = 1000 },
      '{"id":1}\n{"id":"' .. ("y"):rep(2000) .. '"}\n'))
    assert.truthy(split(options, "id,a\n" .. ("U1," .. ("y"):rep(990) .. "\n"):rep(5), 100))
  end)

  it("gives the same error again after an error", function()
    local s = assert(record.splitter { format = "csv" })
    local _, message = s:feed("id,a\n\0\n")
    assert.equal(message, select(2, s:feed("U1,x\n")))
    assert.equal(message, select(2, s:finish()))
  end)
end)
