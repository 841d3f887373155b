-- Runs the doctor on every file in spec/doctor/. The first line of one says what is wrong with it, the second
-- what must be found, each with its line; lines that begin with "--| " are the users:
--
--    -- Two tags have one name.
--    -- finds: two-owners 4          (or: nothing)
--    --| id,orders
--
-- Nothing else may be found. To add one, drop a file.
local command = require("spec.support.command")
local doctor = require("tagua.rules.doctor")
local folding = require("tagua.rules.folding")
local input = require("tagua.input")
local json = require("tagua.json")
local rules = require("spec.support.rules")
local support = require("spec.support")

local FOLDER = "spec/doctor/"

local function files()
  local list = {}
  for name in io.popen("ls " .. FOLDER):lines() do
    if name:find("%.lua$") then list[#list + 1] = name end
  end
  return list
end

local function parse(name)
  local source = support.read(FOLDER .. name)
  local what, finds = source:match("^%-%- ([^\n]+)\n%-%- finds: ([^\n]+)\n")
  assert(what, name .. " lacks its two lines")
  local expected, users = {}, {}
  for code, line in finds:gmatch("([%w-]+) (%d+)") do expected[#expected + 1] = code .. " " .. line end
  for row in source:gmatch("\n%-%-| ([^\n]*)") do users[#users + 1] = row .. "\n" end
  assert(finds == "nothing" or #expected > 0, name)
  table.sort(expected)
  return source, what, expected, users
end

describe("the doctor", function()
  local folder, remove
  setup(function() folder, remove = support.folder() end)
  teardown(function() remove() end)

  local function examine(source, users)
    local given
    if users[1] then
      local path = folder .. (users[1]:find("^{") and "/users.jsonl" or "/users.csv")
      given = assert(input.open({ path = support.write(path, table.concat(users)) }))
    end
    local pool <close> = rules.pool()
    local examined = assert(doctor.examine(pool, {
      source = source, name = "rules.lua", at = rules.NOON, input = given, id = given and "id",
    }))
    if given then given:close() end
    return examined
  end

  for _, name in ipairs(files()) do
    local source, what, expected, users = parse(name)
    it("knows " .. name:gsub("%.lua$", ""):gsub("_", " ") .. ": " .. what, function()
      local found, texts = {}, {}
      for i, finding in ipairs(examine(source, users).findings) do
        found[i] = finding.code .. " " .. (finding.line or 1)
        texts[i] = ("%s: %s"):format(found[i], finding.message)
        assert.equal("rules.lua", finding.file)
        assert.equal(doctor.codes[finding.code] == "error" and "error" or finding.severity, finding.severity)
        assert.is_true(finding.remedy ~= nil or finding.severity == "error", "no remedy")
      end
      table.sort(found)
      assert.same(expected, found, table.concat(texts, "\n"))
    end)
  end

  it("has a corpus of its mistakes, with each code in it", function()
    local seen, count = {}, 0
    for _, name in ipairs(files()) do
      local _, _, expected = parse(name)
      count = count + (expected[1] and 1 or 0)
      for _, entry in ipairs(expected) do seen[entry:match("^%S+")] = true end
    end
    assert.is_true(count >= 60, count .. " files")
    for code in pairs(doctor.codes) do
      assert.is_true(seen[code], code .. " is in no file")
    end
  end)

  it("finds nothing in the good examples, with their users", function()
    local count = 0
    for path in io.popen("ls examples/*/rules.lua"):lines() do
      local users = path:gsub("rules.lua$", "users.csv")
      local there = require("tagua.core").system.file_kind(users) == "file"
      local pool <close> = rules.pool({ jobs = 2 })
      local given = there and assert(input.open({ path = users })) or nil
      local examined = assert(doctor.examine(pool, { path = path, at = rules.NOON, input = given, id = "id" }))
      assert.same({}, examined.findings, path)
      count = count + 1
    end
    assert.is_true(count >= 3)
  end)
end)

describe("names that look alike", function()
  it("fold to the same", function()
    for _, pair in ipairs({
      { "VIP", "vip" }, { "ＶＩＰ１", "vip1" }, { "Café", "CAFE\u{301}" }, { "a\u{3000}b", "A b" }, { "Ệ", "e\u{323}\u{302}" },
    }) do
      assert.equal(folding.fold(pair[1]), folding.fold(pair[2]))
    end
  end)

  it("are told from those that only resemble each other", function()
    for _, pair in ipairs({ { "VIP", "VIP2" }, { "Cafe", "Café" }, { "台北", "臺北" }, { "O", "0" } }) do
      assert.not_equal(folding.fold(pair[1]), folding.fold(pair[2]))
    end
  end)

  it("may be no UTF-8 at all", function()
    assert.equal("\xffa", folding.fold("\xffA"))
  end)
end)

describe("tagua check", function()
  local place
  before_each(function() place = command.place() end)
  after_each(function() place:close() end)

  it("prints findings with file, line, code and what to do; warnings alone end with 0", function()
    place:write("rules.lua", 'fields {\n  orders = integer,\n  city = text,\n}\n'
      .. 'tag "VIP" { when = function(user) return user.orders > 9 end }\n')
    local code, out, err = place:run("check rules.lua")
    assert.equal(0, code, err)
    assert.matches("rules.lua:3: warning: the field 'city' is declared, and no rule reads it [unread-field]\n"
      .. "  remove it from fields { }, or read it\n1 warning\n", out, 1, true)
  end)

  it("ends with 3 where there is an error", function()
    place:write("rules.lua", 'fields { city = text }\ntag "A" { when = function(user) return user.city == 5 end }\n')
    local code, out = place:run("check rules.lua")
    assert.equal(3, code)
    assert.matches("rules.lua:2: error: the field 'city' is text, and is compared with the number 5", out, 1, true)
    assert.matches("1 error\n$", out)
  end)

  it("names the code of what is rejected", function()
    place:write("rules.lua", 'tag "A" { when = function() return true end }\ntag "A" { when = function() return true end }\n')
    local code, out, err = place:run("check rules.lua --json")
    assert.equal(3, code)
    assert.matches("[two-owners]\n", err, 1, true)
    local told = json.decode(out:match("^[^\n]+")) -- the last line is the error
    assert.is_false(told.ok)
    assert.equal("two-owners", told.findings[1].code)
    assert.equal(2, told.findings[1].line)
  end)

  it("decides real users without a call, a ledger or a connection", function()
    place:write("rules.lua", 'fields { orders = integer }\ntag "VIP" { when = function(user) return user.orders > 99 end }\n')
    place:write("users.csv", "id,orders\nU1,3\nU2,4\n")
    local code, out, err = place:run("check rules.lua --users users.csv")
    assert.equal(0, code, err)
    assert.matches("'VIP' is not true for any of the 2 users of users.csv [never-true]", out, 1, true)
    assert.is_nil(io.open(place.folder .. "/tagua.db"))
    local told = json.decode((select(2, place:run("check rules.lua --users users.csv --json"))))
    assert.equal(2, told.users)
    assert.equal("never-true", told.findings[1].code)
  end)

  it("asks for a pull instead of making one", function()
    place:write("rules.lua", 'tag "VIP" { when = function() return true end }\n')
    local code, _, err = place:run("check rules.lua --users @local")
    assert.equal(2, code)
    assert.matches("tagua pull local", err, 1, true)
  end)
end)
