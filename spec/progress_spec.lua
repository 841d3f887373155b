local progress = require("tagua.progress")

local SECOND = 1000000000

local function made(options)
  local out = {}
  local now = 0
  local line = progress.new({
    write = function(text) out[#out + 1] = text end,
    terminal = options.terminal,
    clock = function() return now end,
    columns = function() return 40 end,
  })
  return line, out, function(seconds) now = now + math.floor(seconds * SECOND) end
end

describe("progress", function()
  it("tells what is done, how fast, and how long it still takes", function()
    assert.equal("500 of 1,500 done, 100 a second, 10 s left, 2 retries", progress.text({
      done = 500, total = 1500, noun = "done", seconds = 5, retries = 2,
    }))
  end)

  it("needs no total", function()
    assert.equal("3,086 users, 3,086 a second", progress.text({ done = 3086, noun = "users", seconds = 1 }))
  end)

  it("tells of a pause that the platform asked for", function()
    assert.equal("0 of 5 done, 1 refused by the limit, paused for 30 s", progress.text({
      done = 0, total = 5, noun = "done", seconds = 3, throttled = 1, paused = 30,
    }))
  end)

  it("rewrites one line on a terminal, at most ten times a second, within its width", function()
    local line, out, pass = made({ terminal = true })
    for _ = 1, 100 do
      line:update({ done = 123456, total = 99999999, noun = "operations done" })
      pass(0.01)
    end
    assert.is_true(#out <= 11)
    assert.equal("\r\27[K", out[#out]:sub(1, 4))
    assert.is_true(utf8.len(out[#out]:sub(5)) < 40)
    line:finish()
    assert.equal("\r\27[K", out[#out])
  end)

  it("prints a plain line now and then where there is no terminal", function()
    local line, out, pass = made({ terminal = false })
    for _ = 1, 120 do
      pass(0.1)
      line:update({ done = 1, total = 2, noun = "done" })
    end
    assert.equal(2, #out)
    assert.not_matches("[\r\27]", out[1])
    line:finish()
    assert.equal(2, #out)
  end)
end)
