local input = require("tagua.input")
local support = require("spec.support")

describe("input", function()
  local folder, remove

  before_each(function()
    folder, remove = support.folder()
  end)

  after_each(function()
    remove()
  end)

  local function open(text, options, name)
    options = options or {}
    options.path = support.write(folder .. "/" .. (name or "users.csv"), text)
    return input.open(options)
  end

  local function chunks(opened)
    local found = {}
    for chunk, line in function() return opened:next() end do
      found[#found + 1] = { chunk, line }
    end
    return found
  end

  it("takes the header row off a CSV file and gives the rest with its line", function()
    local opened = assert(open("id,city\nU1,台北\nU2,高雄\n"))
    assert.same({ "id", "city" }, opened:header())
    assert.same({ { "U1,台北\nU2,高雄\n", 2 } }, chunks(opened))
    assert.is_nil(opened:failure())
    opened:close()
  end)

  it("drops the byte-order mark that Excel writes", function()
    assert.same({ "id", "city" }, assert(open("\xEF\xBB\xBFid,city\r\nU1,x\r\n")):header())
  end)

  it("knows the format by the file's name, else by its first bytes", function()
    assert.equal("jsonl", assert(open('{"id":"U1"}\n', nil, "users.jsonl")).format)
    assert.equal("jsonl", assert(open('{"id":"U1"}\n', nil, "export")).format)
    assert.equal("csv", assert(open("id\nU1\n", nil, "export")).format)
    local tabs = assert(open("id\tcity\nU1\tx\n", nil, "users.tsv"))
    assert.same({ "id", "city" }, tabs:header())
  end)

  it("does as it is told before it guesses", function()
    assert.equal("csv", assert(open("id;city\nU1;x\n", { format = "csv", delimiter = ";" }, "users.jsonl")).format)
  end)

  it("reads Big5, which Excel writes in Taiwan", function()
    local opened = assert(open("id,city\nU1,\xA5\x78\xA5\x5F\n", { encoding = "big5" }))
    assert.same({ { "U1,台北\n", 2 } }, chunks(opened))
  end)

  it("refuses an empty file, and one that is only a header has no chunk", function()
    local opened, message, code = open("")
    assert.is_nil(opened)
    assert.equal("EINPUT", code)
    assert.matches("users.csv is empty", message, 1, true)
    assert.same({}, chunks(assert(open("id,city\n"))))
  end)

  it("says how a workbook or a JSON array becomes records", function()
    local opened, message, code = open("PK\3\4\20\0xl")
    assert.is_nil(opened)
    assert.equal("EINPUT", code)
    assert.matches("users.csv can't be read as records: it is a workbook of Excel or another zip archive: save it as CSV",
      message, 1, true)
    message = select(2, open('\xEF\xBB\xBF[\n{"id":"U1"}]'))
    assert.matches("it is one JSON array: write one record a line, as jq -c '.[]' does", message, 1, true)
  end)

  it("takes no file that can't be read to its end for a shorter one", function()
    local opened, message, code = input.open({ path = "/proc/self/mem", format = "csv" }) -- nothing is at 0
    assert.is_nil(opened)
    assert.equal("/proc/self/mem: cannot be read: Input/output error", message)
    assert.equal("EINPUT", code)

    local path = support.write(folder .. "/half.csv", "id,city\nU1,x\n")
    local unreadable <close> = assert(io.open("/proc/self/mem", "rb"))
    opened = assert(input.open({ path = path }))
    opened.file = unreadable -- from the second read on
    chunks(opened)
    assert.same({ path .. ": cannot be read: Input/output error", "EINPUT" }, { opened:failure() })
    opened = assert(input.open({ path = path, encoding = "big5" }))
    function opened.read()
      return unreadable:read(10)
    end
    chunks(opened)
    assert.same({ path .. ": cannot be read: Input/output error", "EINPUT" }, { opened:failure() })
  end)

  it("names a file that is not there, and a folder that is no file", function()
    local opened, message, code = input.open({ path = folder .. "/nothing.csv" })
    assert.is_nil(opened)
    assert.equal("EINPUT", code)
    assert.matches("nothing.csv", message, 1, true)
    opened, message = input.open({ path = folder })
    assert.is_nil(opened)
    assert.matches("it is a folder", message, 1, true)
  end)

  it("keeps why it ended when the file is cut off inside a quoted field", function()
    local text = "id,note\nU1,fine\nU2,\"never closed\n"
    local opened = open(text .. ("x"):rep(10))
    if opened then
      chunks(opened)
    end
    local message = opened and opened:failure() or select(2, open(text))
    assert.matches("users.csv", message, 1, true)
    assert.matches("line 3", message, 1, true)
  end)

  it("gives a large file in several chunks whose lines follow each other", function()
    local rows = { "id,note\n" }
    for i = 1, 40000 do
      rows[#rows + 1] = ("U%05d,\"first\nsecond %s\"\n"):format(i, ("x"):rep(20))
    end
    local found = chunks(assert(open(table.concat(rows))))
    assert.is_true(#found > 3)
    local line, total = 2, {}
    for _, chunk in ipairs(found) do
      assert.equal(line, chunk[2])
      line = line + select(2, chunk[1]:gsub("\n", ""))
      total[#total + 1] = chunk[1]
    end
    assert.equal(table.concat(rows, "", 2), table.concat(total))
  end)

  it("reads lines that an iterator gives", function()
    local n = 0
    local opened = assert(input.open({
      name = "the mirror of @shop",
      lines = function()
        n = n + 1
        return n <= 3 and ('{"id":"U%d"}\n'):format(n) or nil
      end,
    }))
    assert.equal("jsonl", opened.format)
    assert.is_nil(opened:header())
    assert.same({ { '{"id":"U1"}\n{"id":"U2"}\n{"id":"U3"}\n', 1 } }, chunks(opened))
  end)

  it("stops when told", function()
    local opened = assert(open("id\nU1\nU2\n"))
    opened:stop()
    assert.same({}, chunks(opened))
  end)
end)
