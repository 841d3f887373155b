local rules = require("spec.support.rules")
local support = require("spec.support")

local SOURCE = [[
fields { orders = integer, city = text }
tag "VIP" { when = function(user) return user.orders >= 10 end }
tag "Taipei" { when = function(user) return user.city == "台北" end }
]]

local HEADER = { "id", "orders", "city" }

-- A pool that has loaded rules and knows its input.
local function ready(options, source, input)
  local pool = rules.pool(options)
  assert(pool:load({ source = source or SOURCE, name = "rules.lua" }))
  assert(pool:input(input or { format = "csv", header = HEADER, at = rules.NOON }))
  return pool
end

-- A source of chunks, as `pool:decide` wants it.
local function source_of(chunks)
  local i = 0
  return function()
    i = i + 1
    if chunks[i] then return chunks[i][1], chunks[i][2] end
  end
end

local function collect(next_block)
  local blocks = {}
  while true do
    local block, message, code = next_block()
    if not block then return blocks, message, code end
    blocks[#blocks + 1] = block
  end
end

-- Chunks of a hundred users each, with ascending ids; every tenth has ten orders.
local function many(count)
  local chunks, line = {}, 2
  for i = 1, count do
    local rows = {}
    for k = 1, 100 do
      rows[k] = ("U%d,%d,台北\n"):format((i - 1) * 100 + k, k % 10 == 0 and 10 or 1)
    end
    chunks[i] = { table.concat(rows), line }
    line = line + 100
  end
  return chunks
end

-- All ids and wants of the blocks in a row, as text.
local function flat(blocks)
  local parts = {}
  for _, block in ipairs(blocks) do
    for i = 1, block.n do
      parts[#parts + 1] = block.ids[i] .. ":" .. block.lines[i] .. ":" .. block.wants[i]
    end
  end
  return table.concat(parts, " ")
end

describe("a pool of workers", function()
  it("decides records in the order of the input", function()
    local pool <close> = ready()
    local blocks = collect(pool:decide(source_of({ { "U1,10,台北\nU2,3,高雄\n", 2 }, { "U3,11,\n", 4 } })))
    assert.equal(2, #blocks)
    assert.same({ "U1", "U2" }, blocks[1].ids)
    assert.same({ 2, 3 }, blocks[1].lines)
    assert.same({ "++", "--" }, blocks[1].wants)
    assert.same({ "+?" }, blocks[2].wants)
    assert.same({ 4 }, blocks[2].lines)
  end)

  it("gives one answer whatever the number of workers", function()
    local pool <close> = ready({ jobs = 1 })
    local one = flat(collect(pool:decide(source_of(many(40)))))
    local pool4 <close> = ready({ jobs = 4 })
    assert.equal(one, flat(collect(pool4:decide(source_of(many(40))))))
    assert.equal(4, #pool4:pids())
  end)

  it("decides chunks of any length, short and long in turn", function()
    local pool <close> = ready({ jobs = 2 })
    local chunks, expected, line = {}, {}, 2
    for i, bytes in ipairs({ 10, 163800, 20, 163900, 400000, 3000000, 30 }) do -- what is shared holds 163,840
      chunks[i] = { ("U%d,10,%s\nV%d,3,高雄\n"):format(i, ("x"):rep(bytes), i), line }
      expected[i] = ("U%d:%d:+- V%d:%d:--"):format(i, line, i, line + 1)
      line = line + 2
    end
    for _ = 1, 3 do
      assert.equal(table.concat(expected, " "), flat(collect(pool:decide(source_of(chunks)))))
    end
  end)

  it("takes no more chunks than it can have decided", function()
    local pool <close> = ready({ jobs = 2 })
    local taken = 0
    local chunks = many(60)
    local next_block = pool:decide(function()
      taken = taken + 1
      if chunks[taken] then return chunks[taken][1], chunks[taken][2] end
    end)
    next_block()
    assert.is_true(taken <= 7, taken .. " chunks were taken for one block")
    assert.equal(59, #collect(next_block))
  end)

  it("ends without blocks where there is no input", function()
    local pool <close> = ready()
    local blocks, message = collect(pool:decide(source_of({})))
    assert.same({ {}, nil }, { blocks, message })
  end)

  it("counts rejected records and goes on", function()
    local pool <close> = ready()
    local blocks = collect(pool:decide(source_of({ { "U1,10,台北\n,3,x\nU3,1,x\n", 2 } })))
    assert.same({ "U1", "U3" }, blocks[1].ids)
    assert.equal(1, blocks[1].rejected_count)
    assert.equal(3, blocks[1].rejected[1].line)
    assert.is_string(blocks[1].rejected[1].message)
  end)

  it("keeps ids as they are written", function()
    local pool <close> = ready(nil, SOURCE, { format = "jsonl", at = 0 })
    local blocks = collect(pool:decide(source_of({ { '{"id":123456789012345678,"orders":1,"city":"x"}\n', 1 } })))
    assert.same({ "123456789012345678" }, blocks[1].ids)
  end)

  it("reads the id from the column that it is told", function()
    local pool <close> = ready(nil, SOURCE, { format = "csv", header = { "city", "orders", "uid" }, id = "uid", at = 0 })
    local blocks = collect(pool:decide(source_of({ { "台北,1,Z9\n", 2 } })))
    assert.same({ "Z9" }, blocks[1].ids)
  end)

  it("separates cells by the delimiter that it is told", function()
    local pool <close> = ready(nil, SOURCE, { format = "csv", header = HEADER, delimiter = ";", at = 0 })
    assert.same({ "++" }, collect(pool:decide(source_of({ { "U1;10;台北\n", 2 } })))[1].wants)
  end)

  it("stops where the input lacks a column, and names the nearest", function()
    local pool <close> = rules.pool()
    assert(pool:load({ source = SOURCE, name = "rules.lua" }))
    local ok, message, code = pool:input({ format = "csv", header = { "id", "order", "city" }, at = 0 })
    assert.is_nil(ok)
    assert.equal("EINPUT", code)
    assert.matches("orders", message, 1, true)
    assert.matches("'order'", message, 1, true)
  end)

  it("says so where the input breaks off", function()
    local pool <close> = ready()
    local blocks, message, code = collect(pool:decide(function() return nil, "cut off in line 7", "EINPUT" end))
    assert.same({ {}, "cut off in line 7", "EINPUT" }, { blocks, message, code })
  end)

  it("lists a few failures of a rule in each block, and counts all", function()
    local pool <close> = ready(nil, SOURCE .. 'tag "Bad" { when = function() error("bad") end }')
    local block = collect(pool:decide(source_of(many(1))))[1]
    assert.equal(100, block.failed)
    assert.equal(5, #block.failures)
    assert.same({ id = "U1", line = 2, rule = "Bad", message = "rules.lua:4: bad" }, block.failures[1])
  end)

  it("counts what is unknown by tag and field", function()
    local pool <close> = ready()
    local block = collect(pool:decide(source_of({ { "U1,,\nU2,,x\nU3,7,\n", 2 } })))[1]
    assert.same({ { tag = 1, field = "orders", count = 2 }, { tag = 2, field = "city", count = 2 } }, block.unknown)
  end)

  it("can decide again, with another input", function()
    local pool <close> = ready()
    collect(pool:decide(source_of(many(3))))
    assert(pool:input({ format = "jsonl", at = rules.NOON }))
    local blocks = collect(pool:decide(source_of({ { '{"id":"a","orders":10,"city":"x"}\n', 1 } })))
    assert.same({ "+-" }, blocks[1].wants)
  end)

  it("can decide again after a pass that was abandoned", function()
    local pool <close> = ready({ jobs = 2 })
    pool:decide(source_of(many(20)))()
    assert.equal(5, #collect(pool:decide(source_of(many(5)))))
  end)

  it("can load other rules", function()
    local pool <close> = ready()
    assert(pool:load({ source = 'tag "X" { when = function() return true end }', name = "other.lua" }))
    assert(pool:input({ format = "jsonl", at = 0 }))
    assert.same({ "+" }, collect(pool:decide(source_of({ { '{"id":"a"}\n', 1 } })))[1].wants)
  end)

  it("can load after rules that were rejected", function()
    local pool <close> = rules.pool()
    local ruleset, _, code = pool:load({ source = "nonsense", name = "rules.lua" })
    assert.is_nil(ruleset)
    assert.equal("ERULES", code)
    assert(pool:load({ source = SOURCE, name = "rules.lua" }))
  end)

  it("loads a file, with or without a byte-order mark", function()
    local folder, remove = support.folder()
    finally(remove)
    local pool <close> = rules.pool()
    local path = support.write(folder .. "/rules.lua", "\xEF\xBB\xBF" .. SOURCE)
    assert.equal(path, assert(pool:load({ path = path })).path)
  end)

  it("names the file that it cannot read", function()
    local pool <close> = rules.pool()
    local ruleset, message, code = pool:load({ path = "/nowhere/rules.lua" })
    assert.is_nil(ruleset)
    assert.equal("EIO", code)
    assert.matches("/nowhere/rules.lua", message, 1, true)
  end)

  it("names an executable that is none, or that is not tagua", function()
    for _, executable in ipairs({ "/nowhere/tagua", "/bin/true" }) do
      local pool <close> = rules.pool({ executable = executable })
      local ruleset, message, code = pool:load({ source = SOURCE })
      assert.is_nil(ruleset)
      assert.equal("EIO", code)
      assert.matches(executable, message, 1, true)
    end
  end)

  it("refuses options that it does not know", function()
    assert.has_error(function() rules.pool({ job = 2 }) end, "rules.pool.start: unknown option 'job' (did you mean 'jobs'?)")
  end)

  it("refuses to decide before it knows rules and input", function()
    local pool <close> = rules.pool()
    assert.has_error(function() pool:test({}) end, "load rules first")
    assert(pool:load({ source = SOURCE }))
    assert.has_error(function() pool:decide(source_of({})) end, "say what the records look like first: pool:input")
  end)

  it("leaves no process behind", function()
    local pool = ready({ jobs = 2 })
    collect(pool:decide(source_of(many(10))))
    local pids = pool:pids()
    pool:close()
    for _, pid in ipairs(pids) do
      assert.is_nil(io.open("/proc/" .. pid .. "/status"))
    end
  end)

  describe("whose worker dies", function()
    it("loses no record and decides none twice", function()
      local pool <close> = ready({ jobs = 2 })
      local expected
      do
        local undisturbed <close> = ready()
        expected = flat(collect(undisturbed:decide(source_of(many(30)))))
      end
      local killed = 0
      local chunks, i = many(30), 0
      local blocks, message = collect(pool:decide(function()
        i = i + 1
        if i % 7 == 0 then
          os.execute("kill -9 " .. pool:pids()[1])
          killed = killed + 1
        end
        if chunks[i] then return chunks[i][1], chunks[i][2] end
      end))
      assert.is_nil(message)
      assert.equal(4, killed)
      assert.equal(expected, flat(blocks))
    end)

    it("finds the rule and the record that killed it without a word, and goes on", function()
      local folder, remove = support.folder()
      finally(remove)
      -- The kernel ends this worker after a second of processor time, long before its own watchdog would.
      local executable = support.write(folder .. "/tagua", ("#!/bin/sh\nulimit -t 1\nexec '%s' \"$@\"\n"):format(
        support.tagua:find("^/") and support.tagua or io.popen("pwd"):read("l") .. "/" .. support.tagua))
      os.execute("chmod +x " .. executable)
      local pool <close> = ready({ executable = executable, seconds = 30 }, [[
        fields { orders = integer, city = text }
        tag "Heavy" { when = function(user) if user.orders == 13 then while true do end end return true end }
        tag "Light" { when = function(user) return user.orders == 13 end }
      ]])
      local block = collect(pool:decide(source_of({ { "U1,1,x\nU2,13,x\nU3,3,x\n", 2 } })))[1]
      assert.same({ "+-", "!+", "+-" }, block.wants)
      assert.equal(1, #block.failures)
      assert.equal("U2", block.failures[1].id)
      assert.matches("^rules.lua:2: tag 'Heavy' ended its worker %(", block.failures[1].message)
    end)

    it("stops running a rule that gets stuck again and again", function()
      local pool <close> = ready({ seconds = 0.02 }, [[
        fields { orders = integer, city = text }
        tag "Stuck" { when = function(user) return (("a"):rep(300):find("a-a-a-a-a-a-b")) end }
        tag "Fine" { when = function(user) return user.orders == 10 end }
      ]])
      local blocks = collect(pool:decide(source_of(many(2))))
      assert.equal("!-", blocks[2].wants[1])
      assert.equal("!+", blocks[2].wants[10])
      assert.equal(200, blocks[1].failed + blocks[2].failed)
      assert.matches("is not run any more: it ended a worker for 5 users", blocks[2].failures[1].message, 1, true)
    end)
  end)

  it("stops running a rule that runs out of time again and again", function()
    local pool <close> = ready({ seconds = 0.02 }, [[
      fields { orders = integer, city = text }
      tag "Loop" { when = function(user) while true do end end }
      tag "Fine" { when = function(user) return user.orders == 10 end }
    ]])
    local blocks = collect(pool:decide(source_of(many(2))))
    assert.matches("ran out of time", blocks[1].failures[1].message, 1, true)
    assert.matches("is not run any more: it ran out of time for 10 users", blocks[2].failures[1].message, 1, true)
    assert.equal("!+", blocks[2].wants[10])
  end)

  it("holds nothing but its two pipes, and no environment", function()
    local pool <close> = ready()
    collect(pool:decide(source_of(many(1))))
    local pid = pool:pids()[1]
    local _, names = support.shell("ls /proc/" .. pid .. "/fd")
    assert.equal("0\n1\n", names)
    local _, targets = support.shell("readlink /proc/" .. pid .. "/fd/0 /proc/" .. pid .. "/fd/1")
    assert.matches("^pipe:%[%d+%]\npipe:%[%d+%]\n$", targets)
    local environment = support.read("/proc/" .. pid .. "/environ")
    assert.is_nil(environment:find("HOME=", 1, true))
  end)

  it("takes the same memory for ten times the records", function()
    local function peak(count)
      local pool <close> = ready()
      collect(pool:decide(source_of(many(count))))
      local status = support.read("/proc/" .. pool:pids()[1] .. "/status")
      return tonumber(status:match("VmHWM:%s+(%d+)"))
    end
    local few, lots = peak(30), peak(300)
    assert.is_true(lots < few * 1.1, ("%d kB became %d kB"):format(few, lots))
  end)
end)
