local core = require("tagua.core")
local fixture = require("spec.support.twin")
local support = require("spec.support")
local twin = require("tagua.twin")
describe("the twin's faults", function()
  local f
  local function open(options) return f.open(options) end
  local function ask(...) return f.ask(...) end
  local function create(...) return f.create(...) end
  local function body_for(...) return f.body_for(...) end
  local function refused(...) assert.is_true(fixture.refused(...)) end

  before_each(function() f = fixture.fixture() end)
  after_each(function() f.close() end)

  describe("on the wire", function()
    local tag

    local function open_with(fault, options)
      options = options or {}
      fault.path = fault.path or "/v1/api/user/tag"
      options.faults = { faults = { fault } }
      open(options)
      tag = create("VIP")
    end

    local function try() return ask("POST", "/user/tag", body_for(tag)) end
    local function effects() return #f.t:effects() end

    it("throttle, with and without a time to come again", function()
      open_with { ["do"] = "throttle", retry_after = 7, first = 1 }
      local answer = try()
      refused(answer, 429)
      assert.equal("7", answer.headers["retry-after"])
      assert.equal(0, effects())
      assert.equal(200, try().status)
      f.t:close()
      open_with { ["do"] = "throttle" }
      answer = try()
      refused(answer, 429)
      assert.is_nil(answer.headers["retry-after"])
    end)

    it("answer with errors, before the work or after it", function()
      open_with { ["do"] = "error", status = 503, times = 1 }
      refused(try(), 503)
      assert.equal(0, effects())
      f.t:close()
      open_with { ["do"] = "error", work = true }
      refused(try(), 500)
      assert.equal(1, effects())
      f.t:close()
      open_with { ["do"] = "error", status = 502, body = "<html>", content_type = "text/html" }
      local answer = try()
      assert.same({ 502, "<html>", "text/html" }, { answer.status, answer.body, answer.headers["content-type"] })
    end)

    it("put an error into a 200", function()
      open_with { ["do"] = "error_in_200", code = 4711, message = "不行" }
      local answer = try()
      refused(answer, 4711, 200)
      assert.equal("不行", answer.json.errorMessage)
      assert.equal(0, effects())
    end)

    it("drop the connection before the work, and after it", function()
      open_with { ["do"] = "drop" }
      assert.equal("", try().raw)
      assert.equal(0, effects())
      f.t:close()
      open_with { ["do"] = "drop_after_work" }
      assert.equal("", try().raw)
      assert.equal(1, effects())
      assert.equal(1, f.t:stats().effects.tag)
      f.t:close()
      open_with { ["do"] = "drop_after_work", reset = true }
      assert.equal("[reset]", try().raw)
      assert.equal(1, effects())
    end)

    it("answer slowly", function()
      open_with { ["do"] = "slow", seconds = 0.1, bytes_per_second = 250 }
      local began = core.system.monotonic_ns()
      assert.equal('{"res":"ok","status":200}', try().body)
      assert.is_true(core.system.monotonic_ns() - began >= 190000000)
    end)

    it("break the answer: JSON that ends, a body that ends, a body without end", function()
      open_with { ["do"] = "broken_json" }
      local answer = try()
      assert.equal(200, answer.status)
      assert.is_nil(answer.json)
      assert.equal(1, effects())
      f.t:close()
      open_with { ["do"] = "cut" }
      answer = try()
      assert.is_true(#answer.body < tonumber(answer.headers["content-length"]))
      f.t:close()
      open_with { ["do"] = "large", bytes = 3000000 }
      answer = try()
      assert.is_true(#answer.body > 3000000)
      assert.equal("ok", answer.json.res)
    end)

    it("let tokens expire", function()
      open_with { ["do"] = "expired" }
      refused(try(), 401)
    end)

    it("come between two times alone", function()
      local now = 1000000
      open_with({ ["do"] = "error", from = 1, ["until"] = 2 }, { now = function() return now end })
      assert.equal(200, try().status)
      now = now + 1000
      assert.equal(500, try().status)
      now = now + 1000
      assert.equal(200, try().status)
    end)

    it("choose by method", function()
      open_with { ["do"] = "error", method = "DELETE", path = "/v1/api/user/*" }
      assert.equal(200, try().status)
      assert.equal(500, ask("DELETE", "/user/tag", body_for(tag)).status)
    end)

    it("are read from a file, and what is wrong in it is named", function()
      support.write(f.folder .. "/faults.json", '{"faults":[{"do":"error","status":503}]}')
      open { faults = f.folder .. "/faults.json" }
      assert.equal(503, ask("GET", "/tag/x").status)
      for text, wanted in pairs { ["{"] = "faults.json", ['{"faults":[{"do":"explode"}]}'] = "explode",
        ['{"faults":[{"do":"drop","evry":2}]}'] = "every", ['{"fault":[]}'] = "faults",
        ['{"faults":[{}]}'] = "'do' is missing", ["[]x"] = "faults.json" } do
        support.write(f.folder .. "/faults.json", text)
        local none, message, code = twin.open { store = ":memory:", faults = f.folder .. "/faults.json" }
        assert.is_nil(none)
        assert.matches(wanted, message, 1, true)
        assert.equal("ECONFIG", code)
      end
      local _, message, code = twin.open { store = ":memory:", faults = f.folder .. "/none.json" }
      assert.matches("none.json", message, 1, true)
      assert.equal("EIO", code)
    end)
  end)
end)

describe("faults", function()
  local faults = require("tagua.twin.faults")

  local function pattern(fault, count, seed)
    local list = assert(faults.open { seed = seed, faults = { fault } })
    local out = {}
    for i = 1, count do
      out[i] = list:pick("POST", "/a/b", i) and "x" or "."
    end
    return table.concat(out)
  end

  it("select by count", function()
    assert.equal("xxx.......", pattern({ ["do"] = "drop", first = 3 }, 10))
    assert.equal("..x..x..x.", pattern({ ["do"] = "drop", every = 3 }, 10))
    assert.equal("..x..x....", pattern({ ["do"] = "drop", every = 3, times = 2 }, 10))
    assert.equal("....xx....", pattern({ ["do"] = "drop", skip = 4, first = 2 }, 10))
    assert.equal("..xx......", pattern({ ["do"] = "drop", from = 3, ["until"] = 5 }, 10))
  end)

  it("select by path, whole or by its beginning", function()
    assert.equal("x", pattern({ ["do"] = "drop", path = "/a/b" }, 1))
    assert.equal(".", pattern({ ["do"] = "drop", path = "/a" }, 1))
    assert.equal("x", pattern({ ["do"] = "drop", path = "/a*" }, 1))
    assert.equal(".", pattern({ ["do"] = "drop", path = "/b*" }, 1))
  end)

  it("draw the same lots for the same seed", function()
    local one = pattern({ ["do"] = "drop", probability = 0.5 }, 200, 7)
    assert.equal(one, pattern({ ["do"] = "drop", probability = 0.5 }, 200, 7))
    assert.not_equal(one, pattern({ ["do"] = "drop", probability = 0.5 }, 200, 8))
    local _, count = one:gsub("x", "")
    assert.is_true(count > 70 and count < 130)
    assert.equal(("."):rep(50), pattern({ ["do"] = "drop", probability = 0 }, 50))
    assert.equal(("x"):rep(50), pattern({ ["do"] = "drop", probability = 1 }, 50))
  end)
end)
