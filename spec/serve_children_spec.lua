-- How the owner of tagua serve minds its parts: with processes and a clock that are made up here.
local children = require("tagua.serve.children")
local json = require("tagua.json")

local SECOND = 1000000000

-- A group of parts whose processes are tables: `said` is what each says next, `told` what it was told.
local function group(parts, options)
  local g = { now = 0, started = {}, log = {}, heard = {} }
  local function write(level)
    return function(_, event, message, fields)
      g.log[#g.log + 1] = { level = level, event = event, message = message, fields = fields }
    end
  end
  g.children = children.open({
    parts = parts,
    clock = function() return g.now end,
    greet = function(part) return "hello " .. part.kind end,
    heard = function(part, said) g.heard[#g.heard + 1] = { part.name, said.is } end,
    log = { info = write("info"), error = write("error"), warning = write("warning"),
      seldom = function(self, level, ...) self[level](self, ...) end },
    start = function(part)
      if options and options.start then
        local process, message, code = options.start(part)
        if not process then return nil, message, code end
      end
      local process = { said = {}, told = {} }
      function process:write(line)
        self.told[#self.told + 1] = line
        return true
      end
      function process.flush() return true end
      function process:lines()
        local said = self.said
        self.said = {}
        return said
      end
      function process:ended() return self.how, self.number end
      function process:signal(name) self.signalled = name end
      function process:close() self.closed = true end
      g.started[#g.started + 1] = process
      part.started_now = process
      return process
    end,
  })
  function g.step(seconds)
    g.now = g.now + math.floor((seconds or 0) * SECOND)
    g.children:step()
  end
  function g.say(part, what)
    part.started_now.said[#part.started_now.said + 1] = type(what) == "string" and what or assert(json.encode(what))
    g.step()
  end
  function g.die(part, how, number)
    part.started_now.how, part.started_now.number = how, number
    g.step()
  end
  g.step()
  return g
end

describe("the parts of tagua serve", function()
  it("are started with the owner's first line, and are ready when each has said so", function()
    local parts = { { kind = "intake" }, { kind = "keeper", connection = "shop" } }
    local g = group(parts)
    assert.same({ "hello intake" }, g.started[1].told)
    assert.same({ "hello keeper" }, g.started[2].told)
    assert.same({ false, { "intake", "keeper 'shop'" } }, { g.children:ready() })
    g.say(parts[1], { is = "ready", at = { http = "127.0.0.1:8090" } })
    assert.same({ false, { "keeper 'shop'" } }, { g.children:ready() })
    g.say(parts[2], { is = "ready" })
    assert.is_true((g.children:ready()))
    assert.equal("127.0.0.1:8090", parts[1].at.http)
    g.say(parts[2], { is = "using", hash = "abc" })
    assert.same({ { "keeper 'shop'", "using" } }, g.heard)
  end)

  it("are started again when they die, with waits that double up to ten seconds", function()
    local parts = { { kind = "keeper", connection = "shop" } }
    local g = group(parts)
    local waits = {}
    for i = 1, 8 do
      g.die(parts[1], "signal", 9)
      assert.is_true(g.started[i].closed)
      local waited = 0
      while #g.started == i do
        g.step(0.1)
        waited = waited + 0.1
      end
      waits[i] = ("%.1f"):format(waited)
    end
    assert.same({ "0.2", "0.4", "0.8", "1.6", "3.2", "6.4", "10.0", "10.0" }, waits)
    assert.equal(8, parts[1].restarts)
    assert.equal("the keeper 'shop' was ended by signal 9; it is started again in 0.2 s", g.log[1].message)
    assert.same({ part = "keeper", connection = "shop", restarts = 1 }, g.log[1].fields)
  end)

  it("are said to be back when they are", function()
    local parts = { { kind = "keeper", connection = "shop" } }
    local g = group(parts)
    g.say(parts[1], { is = "ready" })
    assert.equal(0, #g.log)
    g.die(parts[1], "signal", 9)
    g.step(1)
    assert.is_false((g.children:ready()))
    g.say(parts[1], { is = "ready" })
    assert.equal("the keeper 'shop' does its work again", g.log[2].message)
    assert.is_true((g.children:ready()))
  end)

  it("begin with the shortest wait again when they have lived for a minute", function()
    local parts = { { kind = "intake" } }
    local g = group(parts)
    for _ = 1, 5 do
      g.die(parts[1], "exit", 1)
      g.step(60)
    end
    g.step(61)
    g.die(parts[1], "exit", 1)
    assert.matches("started again in 0.2 s", g.log[#g.log].message, 1, true)
  end)

  it("say why they fail, also with their last breath", function()
    local parts = { { kind = "intake" } }
    local g = group(parts)
    parts[1].started_now.said = { '{"is":"failed","message":"no such secret\\nsecond line","code":"ECONFIG"}' }
    g.die(parts[1], "exit", 2)
    assert.equal("the intake ended with exit code 2: no such secret; it is started again in 0.2 s", g.log[1].message)
    assert.same({ message = "no such secret\nsecond line", code = "ECONFIG" }, parts[1].failure)
    g.step(1)
    assert.is_nil(parts[1].failure)
  end)

  it("that cannot be started at all are tried again, too", function()
    local broken = true
    local parts = { { kind = "intake" } }
    local g = group(parts, { start = function()
      if broken then return nil, "too many processes", "EIO" end
      return true
    end })
    assert.equal("the intake cannot be started: too many processes", g.log[1].message)
    broken = false
    g.step(0.1)
    assert.equal(0, #g.started)
    g.step(0.1)
    assert.equal(1, #g.started)
  end)

  it("keep what they have counted over their deaths", function()
    local parts = { { kind = "keeper", connection = "a" }, { kind = "keeper", connection = "b" } }
    local g = group(parts)
    g.say(parts[1], { is = "stats", counters = { ["x_total"] = 5, ["y_seconds_sum"] = 0.5, queue = 3 } })
    g.say(parts[2], { is = "stats", counters = { ["x_total"] = 1 } })
    assert.same({ x_total = 6, y_seconds_sum = 0.5, queue = 3 }, g.children:counters())
    g.die(parts[1], "signal", 9)
    assert.same({ x_total = 6, y_seconds_sum = 0.5 }, g.children:counters())
    g.step(1)
    g.say(parts[1], { is = "stats", counters = { ["x_total"] = 2, queue = 1 } })
    assert.same({ x_total = 8, y_seconds_sum = 0.5, queue = 1 }, g.children:counters())
  end)

  it("do not answer when they say nothing for half a minute, and are killed after two", function()
    local parts = { { kind = "keeper", connection = "shop" } }
    local g = group(parts)
    g.step(29)
    assert.is_true(g.children:answering())
    g.step(1)
    assert.is_false(g.children:answering())
    assert.is_nil(parts[1].started_now.signalled)
    g.say(parts[1], { is = "stats", counters = {} })
    assert.is_true(g.children:answering())
    g.step(120)
    assert.equal("kill", parts[1].started_now.signalled)
    g.die(parts[1], "signal", 9)
    assert.is_true(g.children:answering()) -- who waits to be started again is minded by the owner
  end)

  it("are heard with care: what is no JSON, or no object, is said once and passed over", function()
    local parts = { { kind = "intake" } }
    local g = group(parts)
    for _, line in ipairs({ "", "nonsense", "5", '"ready"', "[]", '{"is":"failed"}', '{"is":"stats"}' }) do g.say(parts[1], line) end
    assert.is_false((g.children:ready()))
    assert.same({}, g.children:counters())
    assert.is_nil(parts[1].started_now.how)
  end)

  it("are stopped by a line, and nobody is started again after that", function()
    local parts = { { kind = "intake" }, { kind = "keeper", connection = "a" }, { kind = "keeper", connection = "b" } }
    local g = group(parts)
    g.die(parts[3], "signal", 11)
    g.children:stop('{"do":"stop"}')
    assert.equal('{"do":"stop"}', g.started[1].told[2])
    assert.same({ "intake", "keeper 'a'" }, g.children:left())
    g.die(parts[1], "exit", 0)
    g.die(parts[2], "signal", 9)
    g.step(100)
    assert.equal(3, #g.started)
    assert.same({}, g.children:left())
    assert.equal("the keeper 'a' was ended by signal 9", g.log[#g.log].message)
  end)
end)
