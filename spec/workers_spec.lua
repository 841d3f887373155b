local core = require("tagua.core")
local support = require("spec.support")

local workers = core.workers

describe("values for a worker", function()
  local function there_and_back(value)
    return workers.read(assert(workers.write(value)))
  end

  it("come out as they went in", function()
    for _, value in ipairs({
      true, false, 0, -1, math.maxinteger, math.mininteger, 0.5, -0.0, 1e300, math.huge, "", "text", "a\0b",
      { 1, 2, 3 }, { a = { b = { c = { "x", [true] = 1.5 } } } }, {},
    }) do
      assert.same(value, there_and_back(value))
    end
    assert.is_nil(there_and_back(nil))
  end)

  it("keep whole numbers whole and others floats", function()
    assert.equal("integer", math.type(there_and_back(3)))
    assert.equal("float", math.type(there_and_back(3.0)))
  end)

  it("are plain: a function cannot travel", function()
    local bytes, message, code = workers.write({ f = print })
    assert.same({ nil, "a function cannot travel to a worker", "EPROTOCOL" }, { bytes, message, code })
  end)

  it("are no deeper than 32 tables, so a cycle ends", function()
    local cycle = {}
    cycle.cycle = cycle
    local bytes, message = workers.write(cycle)
    assert.is_nil(bytes)
    assert.equal("a table is nested deeper than 32", message)
  end)

  it("are refused where bytes are cut off, wherever that is", function()
    local bytes = workers.write({ "text", { 1, 2.5, true }, key = "value" })
    for length = 0, #bytes - 1 do
      local value, message, code = workers.read(bytes:sub(1, length))
      assert.same({ nil, "a worker's message makes no sense", "EPROTOCOL" }, { value, message, code })
    end
  end)

  it("are refused where bytes are nonsense", function()
    for _, bytes in ipairs({ "?", "{0+}", "s\255\255\255\255x", "{" .. ("{"):rep(100) }) do
      assert.is_nil((workers.read(bytes)))
    end
  end)
end)

describe("a block of decisions", function()
  it("is refused where it is cut off, wherever that is", function()
    local pool <close> = require("spec.support.rules").pool()
    assert(pool:load({ source = 'fields { a = text }\ntag "T" { when = function(user) return user.a == "x" end }' }))
    assert(pool:input({ format = "jsonl", at = 0 }))
    local bytes
    local original = workers.block
    workers.block = function(given)
      bytes = given
      return original(given)
    end
    finally(function() workers.block = original end)
    local chunks = { '{"id":"U1","a":"x"}\n{"id":"U2"}\n{"id":""}\n' }
    pool:decide(function() return table.remove(chunks) end)()
    assert.is_true(#bytes > 40)
    for length = 0, #bytes - 1 do
      assert.has_error(function() original(bytes:sub(1, length)) end, "a worker's block is cut off")
    end
  end)
end)

describe("a worker", function()
  it("ends when nobody holds its pipes any more", function()
    local worker = assert(workers.start(support.tagua, "--worker"))
    local pid = worker:pid()
    assert.is_true(pid > 0)
    worker:close()
    assert.is_nil(io.open("/proc/" .. pid .. "/status"))
  end)

  it("answers what it does not understand with an error", function()
    local worker <close> = assert(workers.start(support.tagua, "--worker"))
    for _, frame in ipairs({ { "?", "" }, { "L", "short" }, { "T", "x" }, { "I", "" }, { "D", "" } }) do
      assert(worker:send(frame[1], frame[2]))
      local kind, message, code
      repeat
        workers.poll({ worker }, 1)
        kind, message, code = worker:receive()
      until kind ~= nil
      assert.equal("e", kind)
      assert.equal("EPROTOCOL", code)
      assert.is_string(message)
    end
  end)

  it("tells how it ended", function()
    local worker <close> = assert(workers.start(support.tagua, "--worker"))
    os.execute("kill -9 " .. worker:pid())
    local kind, how
    repeat
      workers.poll({ worker }, 1)
      kind, how = worker:receive()
    until kind ~= nil
    assert.is_false(kind)
    assert.matches("^signal 9, ", how)
    local ok, message, code = worker:send("T", "")
    assert.same({ nil, "EIO" }, { ok, code })
    assert.matches("a worker has ended (signal 9", message, 1, true)
  end)

  it("does not end its parent by dying with a pipe that is full", function()
    local worker <close> = assert(workers.start(support.tagua, "--worker"))
    os.execute("kill -STOP " .. worker:pid())
    assert(worker:send("D", ("x"):rep(4 * 1024 * 1024)))
    workers.poll({ worker }, 0.01)
    os.execute("kill -9 " .. worker:pid())
    for _ = 1, 20 do
      workers.poll({ worker }, 0.05)
    end
    assert.is_false((worker:receive()))
  end)

  it("is not fed more than it can hold", function()
    local worker <close> = assert(workers.start(support.tagua, "--worker"))
    os.execute("kill -STOP " .. worker:pid())
    local big = ("x"):rep(70 * 1024 * 1024)
    assert(worker:send("D", big))
    assert(worker:send("D", big))
    local ok, message, code = worker:send("D", big)
    assert.same({ nil, "too much is waiting for a worker", "ETOOBIG" }, { ok, message, code })
    ok, message, code = worker:send("D", big, big)
    assert.same({ nil, "ETOOBIG" }, { ok, code })
    assert.matches("too big for a worker", message, 1, true)
  end)

  it("cannot be used when it is closed", function()
    local worker = assert(workers.start(support.tagua, "--worker"))
    worker:close()
    worker:close()
    assert.has_error(function() worker:pid() end, "the worker is closed")
  end)
end)
