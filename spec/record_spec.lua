local core = require("tagua.core")

local record = core.record
local taipei = assert(core.zone.open("Asia/Taipei"))

-- A reader of fields given as name = type or { type =, ... }, in any order.
local function reader(options, fields)
  local list = {}
  for name, field in pairs(fields or {}) do
    if type(field) == "string" then field = { type = field } end
    list[#list + 1] = { name = name, source = field.from, type = field.type, format = field.format, roc = field.roc }
  end
  options.fields, options.zone = list, taipei
  return assert(record.reader(options))
end

local function csv(header, fields, text, options)
  options = options or {}
  options.format, options.header = "csv", header
  return reader(options, fields):read(text)
end

local function jsonl(fields, text, options)
  options = options or {}
  options.format = "jsonl"
  return reader(options, fields):read(text)
end

-- What one field makes of one cell, and of one JSON value.
local function one(result, name)
  local first = result[1]
  if first.message then return "rejected", first.message end
  for _, part in ipairs { "values", "empty", "absent", "bad" } do
    if first[part][name] ~= nil then return part, first[part][name] end
  end
end

local function cell(field, text)
  return one(csv({ "id", "f" }, { f = field }, 'u,"' .. text:gsub('"', '""') .. '"\n'), "f")
end

local function json(field, text)
  return one(jsonl({ f = field }, '{"id":"u","f":' .. text .. "}\n"), "f")
end

describe("records", function()
  describe("of CSV", function()
    it("have an id and the declared fields, wherever their columns are", function()
      local records = csv({ "name", "id", "city", "orders" }, { orders = "integer", city = "text" },
        "王小明,U1,台北,3\r\nX,U2,,12\n", {})
      assert.same({
        { line = 1, id = "U1", values = { orders = 3, city = "台北" }, empty = {}, absent = {}, bad = {} },
        { line = 2, id = "U2", values = { orders = 12 }, empty = { city = true }, absent = {}, bad = {} },
      }, records)
    end)

    it("may hold commas, line ends and quotes in quotes", function()
      local records = csv({ "id", "a", "b" }, { a = "text", b = "text" },
        'U1,"x, ""y""\r\nz",plain\nU2,"","5"" screen"\nU3,5" screen,"\r"\n')
      assert.same({ a = 'x, "y"\r\nz', b = "plain" }, records[1].values)
      assert.same({ b = '5" screen' }, records[2].values)
      assert.same({ a = true }, records[2].empty)
      assert.same({ a = '5" screen' }, records[3].values)
      assert.same({ 1, 3, 4 }, { records[1].line, records[2].line, records[3].line })
    end)

    it("end with a line feed, a carriage return, both, or the file", function()
      for _, ending in ipairs { "\n", "\r", "\r\n" } do
        local records = csv({ "id", "a" }, { a = "text" }, ("U1,x%sU2,y%s%sU3,z"):format(ending, ending, ending))
        assert.same({ "U1", "U2", "U3" }, { records[1].id, records[2].id, records[3].id })
        assert.same({ 1, 2, 4 }, { records[1].line, records[2].line, records[3].line })
        assert.equal("z", records[3].values.a)
      end
    end)

    it("may have any delimiter", function()
      local records = csv({ "id", "a" }, { a = "text" }, "U1\tx, y\n\t\nU2;z\tw\n", { delimiter = "\t" })
      assert.equal("x, y", records[1].values.a)
      assert.matches("empty", records[2].message)
      assert.equal("U2;z", records[3].id)
    end)

    it("may use one column for several fields, and for the id as well", function()
      local records = csv({ "id", "n" }, { a = { type = "text", from = "n" }, b = { type = "integer", from = "n" },
        c = { type = "text", from = "id" } }, '7,"0""5"\n8,05\n')
      assert.same({ a = '0"5', c = "7" }, records[1].values)
      assert.same({ b = '0"5' }, records[1].bad)
      assert.same({ a = "05", b = 5, c = "8" }, records[2].values)
    end)

    it("are rejected by line and column when something follows a closing quote", function()
      local records = csv({ "id", "a" }, { a = "text" }, 'U1,"台北" ,x\n\nU2,"ab"c"d\nU3,"a\n台"x\nU4,fine\n')
      assert.same({ line = 1, column = 8, message = "text follows the closing quote of a cell" }, records[1])
      assert.same({ line = 3, column = 8, message = "text follows the closing quote of a cell" }, records[2])
      assert.same({ line = 5, column = 3, message = "text follows the closing quote of a cell" }, records[3])
      assert.equal("U4", records[#records].id)
    end)

    it("are rejected when they have too few cells or too many", function()
      local records = csv({ "id", "a", "b" }, { a = "text" }, "U1,台\nU2,x,y,z\nU3,x,y\nU4\nU5,\"x\ny\",z,\n")
      assert.same({ line = 1, column = 5, message = "too few cells: 2 where the header has 3" }, records[1])
      assert.same({ line = 2, column = 8, message = "too many cells: 4 where the header has 3" }, records[2])
      assert.equal("U3", records[3].id)
      assert.same({ line = 4, column = 3, message = "too few cells: 1 where the header has 3" }, records[4])
      assert.same({ line = 6, column = 6, message = "too many cells: 4 where the header has 3" }, records[5])
    end)

    it("are rejected when they are not UTF-8", function()
      local records = csv({ "id", "a", "b" }, { a = "text" }, "U1,x,\xa4\xa4\nU2,\"x\",\"\xff\"\nU3,x,中\n")
      assert.same({ 1, 6 }, { records[1].line, records[1].column })
      assert.equal("a byte is not UTF-8; name the file's encoding with --encoding", records[1].message)
      assert.same({ 2, 9 }, { records[2].line, records[2].column })
      assert.equal("U3", records[3].id)
    end)

    it("skip blank lines, and count them", function()
      local records = csv({ "id", "a" }, { a = "text" }, "\n  \n\r\nU1,x\n\t\n\n")
      assert.equal(1, #records)
      assert.equal(4, records[1].line)
    end)

    it("of many widths read as a slow reader reads them", function()
      -- Every length around the width of a vector, quoted and not.
      for length = 0, 70 do
        local text = ("é"):rep(length // 2) .. ("x"):rep(length % 2)
        local quoted = '"' .. text .. '"",' .. text .. '"'
        quoted = quoted:gsub('"",', '"","') -- two quoted cells
        local records = csv({ "a", "id", "b", "c" }, { a = "text", b = "text", c = "text" },
          ("%s,U,%s\r\n"):format(text, quoted:gsub('"","', '","')))
        local expected = length == 0 and {} or { a = text, b = text, c = text }
        assert.same(expected, records[1].values)
      end
    end)
  end)

  describe("of JSONL", function()
    it("have an id and the declared fields", function()
      local records = jsonl({ orders = "integer", city = { type = "text", from = "城市" }, gone = "text" },
        '{"x":[{"orders":9}],"orders":3,"id":"U1","城市":"台\\u5317"}\r\n\n {"id" : 12345678901234567890 , "orders":null}')
      assert.same({
        { line = 1, id = "U1", values = { orders = 3, city = "台北" }, empty = {}, absent = { gone = true }, bad = {} },
        { line = 3, id = "12345678901234567890", values = {}, empty = { orders = true },
          absent = { city = true, gone = true }, bad = {} },
      }, records)
    end)

    it("may keep a field inside an object", function()
      local records = jsonl({ city = { type = "text", from = "profile.city" }, flat = { type = "text", from = "a.b" } },
        '{"id":1,"profile":{"city":"台北"},"a.b":"x","a":{"b":"y"}}\n')
      assert.same({ city = "台北", flat = "x" }, records[1].values)
    end)

    it("let the last of equal keys win", function()
      assert.same({ "values", 2 }, { one(jsonl({ f = "integer" }, '{"id":"a","f":1,"f":2}'), "f") })
    end)

    it("are rejected by line and column when they are malformed, and the others go on", function()
      local records = jsonl({ f = "text" }, table.concat({
        '{"id":"a"', '{"id":"台",}', "[1]", "nonsense", '{"id":"\t"}', '{"id":"a\xff"}', '{"id":"U8"}', '{"id":"a"} x', "",
        '{"id":"a","n":01}',
      }, "\n"))
      local seen = {}
      for i, item in ipairs(records) do seen[i] = { item.line, item.column } end
      assert.same({ { 1, 10 }, { 2, 11 }, { 3, 1 }, { 4, 1 }, { 5, 8 }, { 6, 9 }, { 7 }, { 8, 12 }, { 10, 16 } }, seen)
      assert.equal("the text ends too early", records[1].message)
      assert.equal("the line is not a JSON object", records[3].message)
      assert.equal("U8", records[7].id)
    end)

    it("are read alike whatever keys the record before had", function()
      local fields = { a = "integer", ["城市"] = "text", a_key_of_exactly_31_bytes_here_x = "integer",
        b = { type = "integer", from = "n.b" } }
      local keys = { "id", "a", "城市", "a_key_of_exactly_31_bytes_here_x", "a_key_of_exactly_31_bytes_here_y", "n", "x", "ab", "" }
      for i = 1, 80 do keys[#keys + 1] = "filler " .. i end
      local random = 99
      local function below(n)
        random = random * 6364136223846793005 + 1442695040888963407
        return (random >> 33) % n
      end
      local lines, expected = {}, {}
      for i = 1, 300 do
        local members, values = {}, {}
        local order = below(3)
        for j = 1, #keys do
          local key = keys[order == 0 and j or order == 1 and #keys + 1 - j or below(#keys) + 1]
          if key == "id" or below(4) > 0 then
            local value = below(1000)
            local text = key == "n" and ('{"b":%d,"a":7}'):format(value) or key == "城市" and ('"台%d"'):format(value)
              or tostring(value)
            members[#members + 1] = ('"%s":%s'):format(key, text)
            values[key] = key == "城市" and "台" .. value or value
          end
        end
        lines[i] = "{" .. table.concat(members, ",") .. "}"
        expected[i] = values
      end
      for i, item in ipairs(jsonl(fields, table.concat(lines, "\n"))) do
        local values = expected[i]
        if values.id then
          assert.equal(tostring(values.id), item.id, lines[i])
          assert.same({ a = values.a, ["城市"] = values["城市"], b = values.n,
            a_key_of_exactly_31_bytes_here_x = values.a_key_of_exactly_31_bytes_here_x }, item.values, lines[i])
        else
          assert.matches("is missing", item.message)
        end
      end
    end)

    it("are rejected for a key that is not UTF-8, every time", function()
      local records = jsonl({}, ('{"\xff":1,"id":"a"}\n'):rep(3))
      for i = 1, 3 do assert.equal("a byte is not UTF-8", records[i].message) end
    end)

    it("end with a carriage return as well", function()
      local records = jsonl({ f = "text" }, '{"id":"a"}\r{"id":"b"}\r\r\n{"id":"c"}')
      assert.same({ 1, 2, 4 }, { records[1].line, records[2].line, records[3].line })
      assert.equal("c", records[3].id)
    end)
  end)

  describe("have ids", function()
    it("that keep their digits as they stand", function()
      for _, id in ipairs { "123456789012345678", "0012", "9223372036854775808", "-5" } do
        assert.equal(id, csv({ "id" }, {}, id .. "\n")[1].id)
        if id:sub(1, 1) ~= "0" then assert.equal(id, jsonl({}, '{"id":' .. id .. "}")[1].id) end
        assert.equal(id, jsonl({}, '{"id":"' .. id .. '"}')[1].id)
      end
    end)

    it("without the blanks around them", function()
      assert.equal("U 1", csv({ "id" }, {}, "  U 1\t\n")[1].id)
      assert.equal("U1", jsonl({}, '{"id":" U1\\n"}')[1].id)
      assert.equal('U"1', csv({ "id" }, {}, '" U""1 "\n')[1].id)
    end)

    it("that must be there, a string or an integer", function()
      for text, message in pairs {
        ['{"x":1}'] = "the key 'id', the id, is missing", ['{"id":null}'] = "the id 'id' is null",
        ['{"id":""}'] = "the id in 'id' is empty", ['{"id":"  "}'] = "the id in 'id' is empty",
        ['{"id":1.0}'] = "the id 1.0 has a fraction or an exponent; write ids as strings",
        ['{"id":1e5}'] = "the id 1e5 has a fraction or an exponent; write ids as strings",
        ['{"id":true}'] = "the id 'id' is neither a string nor an integer",
        ['{"id":["a"]}'] = "the id 'id' is neither a string nor an integer",
        ['{"id":"a\\u0000b"}'] = "the id holds a control character",
        ['{"id":"' .. ("x"):rep(513) .. '"}'] = "the id is 513 bytes long; 512 are the most",
      } do
        assert.equal(message, jsonl({}, text)[1].message)
      end
      assert.equal("the id in 'id' is empty", csv({ "id", "a" }, {}, " ,x\n")[1].message)
      assert.equal("the id holds a control character", csv({ "id" }, {}, '"a\nb"\n')[1].message)
      for place = 1, 40 do
        local id = ("x"):rep(place - 1) .. "\127" .. ("x"):rep(40 - place)
        assert.equal("the id holds a control character", csv({ "id" }, {}, id .. "\n")[1].message)
      end
    end)

    it("that a spreadsheet has not made numbers of", function()
      for _, id in ipairs { "1.23457E+17", "1E+05", "9.0E+15" } do
        assert.matches("a spreadsheet makes of a long number; export the column as text",
          csv({ "id" }, {}, id .. "\n")[1].message)
      end
      for _, id in ipairs { "E+17", "1.2", "1E17", "a1E+17", "1.2.3E+17", "1E+1" } do
        assert.equal(id, csv({ "id" }, {}, id .. "\n")[1].id)
      end
    end)

    it("in any column", function()
      assert.equal("x", csv({ "會員", "id" }, {}, "x,y\n", { id = "會員" })[1].id)
      assert.equal("x", jsonl({}, '{"id":1,"user":{"key":"x"}}', { id = "user.key" })[1].id)
    end)
  end)

  describe("have values", function()
    it("of text, as they stand", function()
      assert.same({ "values", " 台北 " }, { cell("text", " 台北 ") })
      assert.same({ "values", "0012" }, { cell("text", "0012") })
      assert.same({ "values", "12.50" }, { json("text", "12.50") })
      assert.same({ "values", "123456789012345678901" }, { json("text", "123456789012345678901") })
      assert.same({ "values", "true" }, { json("text", "true") })
      assert.same({ "values", "a\0b" }, { json("text", '"a\\u0000b"') })
      assert.same({ "bad", '{"a": 1}' }, { json("text", '{"a": 1}') })
      assert.same({ "bad", "[]" }, { json("text", "[]") })
    end)

    it("of integers, exactly or not at all", function()
      for text, value in pairs {
        ["0"] = 0, ["-12"] = -12, ["+12"] = 12, [" 12 "] = 12, ["007"] = 7, ["12.0"] = 12, ["12.000"] = 12,
        ["9223372036854775807"] = math.maxinteger, ["-9223372036854775808"] = math.mininteger,
      } do
        assert.same({ "values", value }, { cell("integer", text) })
        assert.equal("integer", math.type(select(2, cell("integer", text))))
        assert.same({ "values", value }, { json("integer", '"' .. text .. '"') })
      end
      for _, text in ipairs {
        "9223372036854775808", "-9223372036854775809", "99999999999999999999999", "12.5", "1e3", "1,000", "NT$30,000", "0x10",
        "１２", "12 3", "-", "+", "--1", "12.", ".0", "inf", "nan", "一",
      } do
        assert.same({ "bad", text }, { cell("integer", text) })
        assert.same({ "bad", text }, { json("integer", '"' .. text .. '"') })
      end
      assert.same({ "values", 12 }, { json("integer", "12.0") })
      assert.same({ "bad", "true" }, { json("integer", "true") })
      assert.same({ "bad", "1e3" }, { json("integer", "1e3") })
    end)

    it("of numbers", function()
      for text, value in pairs {
        ["0"] = 0.0, ["30000"] = 30000.0, ["-1.5"] = -1.5, ["+1.5"] = 1.5, ["1e3"] = 1000.0, ["1E-3"] = 0.001, [".5"] = 0.5,
        ["5."] = 5.0, [" 12.5 "] = 12.5, ["0.1"] = 0.1, ["123456789.123456789"] = 123456789.123456789,
        ["179769313486231570000"] = 179769313486231570000.0, ["1e-400"] = 0.0, ["9007199254740993"] = 9007199254740993.0,
        ["0.30000000000000004"] = 0.30000000000000004, ["1e22"] = 1e22, ["1e23"] = 1e23,
      } do
        assert.same({ "values", value }, { cell("number", text) })
        assert.equal("float", math.type(select(2, cell("number", text))))
      end
      for _, text in ipairs {
        "NT$30,000", "30,000", "1e999", "nan", "inf", "-inf", "0x1p3", "1_000", "1.2.3", "e5", "1e", ".", "12%", "１",
      } do
        assert.same({ "bad", text }, { cell("number", text) })
      end
      assert.same({ "values", 12.0 }, { json("number", "12") })
      assert.same({ "values", 12.0 }, { json("number", '"12"') })
      assert.same({ "bad", "false" }, { json("number", "false") })
      assert.same({ "bad", "1e999" }, { json("number", "1e999") })
    end)

    it("of booleans in the words that people export", function()
      for _, text in ipairs { "true", "TRUE", "True", "1", "yes", "Yes", "是", " true " } do
        assert.same({ "values", true }, { cell("boolean", text) })
      end
      for _, text in ipairs { "false", "FALSE", "0", "no", "NO", "否" } do
        assert.same({ "values", false }, { cell("boolean", text) })
      end
      for _, text in ipairs { "y", "n", "2", "on", "off", "t", "真", "01" } do
        assert.same({ "bad", text }, { cell("boolean", text) })
      end
      assert.same({ "values", true }, { json("boolean", "true") })
      assert.same({ "values", false }, { json("boolean", "0") })
      assert.same({ "values", true }, { json("boolean", '"yes"') })
      assert.same({ "bad", "2" }, { json("boolean", "2") })
    end)

    it("of dates in the zone", function()
      local day = taipei:parse("2026-11-20")
      assert.same({ "values", day }, { cell("date", "2026-11-20") })
      assert.same({ "values", day + 34200 }, { cell("date", " 2026/11/20 09:30 ") })
      assert.same({ "values", day }, { cell({ type = "date", roc = true }, "115/11/20") })
      assert.same({ "values", day }, { cell({ type = "date", format = "%d/%m/%Y" }, "20/11/2026") })
      assert.same({ "bad", "2026-02-30" }, { cell("date", "2026-02-30") })
      assert.same({ "bad", "115/11/20" }, { cell("date", "115/11/20") })
      assert.same({ "bad", "1583983892" }, { cell("date", "1583983892") })
      assert.same({ "values", day }, { json("date", '"2026-11-20"') })
    end)

    it("of dates as seconds or milliseconds since the epoch, when JSON gives a number", function()
      assert.same({ "values", 1583983892 }, { json("date", "1583983892") })
      assert.same({ "values", 1583983892 }, { json("date", "1583983892294") })
      assert.same({ "values", -1000000000 }, { json("date", "-999999999999") })
      assert.same({ "values", 99999999999 }, { json("date", "99999999999") })
      assert.same({ "values", 100000000 }, { json("date", "100000000000") })
      assert.same({ "bad", "1.5" }, { json("date", "1.5") })
      assert.same({ "bad", "9223372036854775808" }, { json("date", "9223372036854775808") })
    end)

    it("that are empty, absent or bad, which differ", function()
      for _, type in ipairs { "text", "integer", "number", "boolean", "date" } do
        assert.same({ "empty", true }, { cell(type, "") })
        assert.same({ "empty", true }, { cell(type, " \t ") })
        assert.same({ "empty", true }, { json(type, "null") })
        assert.same({ "empty", true }, { json(type, '""') })
        assert.same({ "absent", true }, { one(jsonl({ f = type }, '{"id":"u"}'), "f") })
        assert.same({ "bad", "{}" }, { json(type, "{}") })
      end
    end)

    it("but none of a tagset, which the record does not give", function()
      assert.same({ "absent", true }, { json("tagset", '["x"]') })
      assert.same({ "absent", true }, { one(csv({ "id" }, { f = "tagset" }, "u\n"), "f") })
    end)
  end)

  it("need their columns, and an error names the nearest", function()
    local function message(id, fields, header)
      local r, text, code = record.reader { format = "csv", id = id, fields = fields, header = header }
      assert.is_nil(r)
      assert.equal("EINPUT", code)
      return text
    end
    assert.equal("the input has no column 'user_id' for the users' ids; name theirs with --id-column; did you mean 'userid'?",
      message("user_id", {}, { "name", "userid" }))
    assert.equal("the input has no column '累計消費' for the field 'spend'; correct its `from`; did you mean '累積消費'?",
      message("id", { { name = "spend", source = "累計消費", type = "number" } }, { "id", "累積消費" }))
    assert.equal("the input has no column 'zzz' for the field 'zzz'; correct its `from`; it has 'id', 'name'",
      message("id", { { name = "zzz", type = "text" } }, { "id", "name" }))
    assert.equal("the input has no column 'id', for ',' does not part its header into columns; "
      .. "name what does with --delimiter: 'id;name'", message("id", {}, { "id;name" }))
  end)

  it("refuse a date format with letters that are not known", function()
    local r, message, code = record.reader { format = "jsonl", fields = { { name = "d", type = "date", format = "%Q" } } }
    assert.is_nil(r)
    assert.matches("'%Q'", message, 1, true)
    assert.equal("ECONFIG", code)
  end)

  it("refuse options that mean nothing, at the caller's line", function()
    assert.error_matches(function() record.reader { format = "xml" } end, "option 'format' must be \"csv\" or \"jsonl\"")
    assert.error_matches(function() record.reader { format = "csv", delimiter = ";;" } end, "must be one ASCII character")
    assert.error_matches(function()
      record.reader { format = "csv", fields = { { name = "a", type = "float" } } }
    end, "not known: 'float'")
    local closed = assert(record.reader { format = "jsonl" })
    closed:close()
    assert.error_matches(function() closed:read("") end, "closed")
  end)
end)
