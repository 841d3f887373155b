local core = require("tagua.core")

local S = 1000000000 -- nanoseconds in a second
local limiter = core.limiter

--- Asks a limiter again and again, as early as it allows and at other moments, and returns when
-- each was taken.
-- @tparam userdata l the limiter
-- @tparam number seconds how long
-- @tparam[opt] function idle idle(n) -> nanoseconds to stay away after the n-th
local function taken(l, seconds, idle)
  local now, times = 0, {}
  while now < seconds * S do
    local wait = l:reserve(now)
    if wait == 0 then
      times[#times + 1] = now
      if idle then now = now + idle(#times) end
    else
      now = now + wait
    end
  end
  return times
end

--- The most that any window of `seconds` holds.
local function busiest(times, seconds)
  local most, first = 0, 1
  for last = 1, #times do
    while times[last] - times[first] >= seconds * S do first = first + 1 end
    most = math.max(most, last - first + 1)
  end
  return most
end

describe("the limiter", function()
  it("gives one, then makes wait for the next", function()
    local l = limiter.new { per_second = 5 }
    assert.equal(0, l:reserve(0))
    assert.equal(S // 5, l:reserve(0))
    assert.equal(S // 5 - 1, l:reserve(1))
    assert.equal(0, l:reserve(S // 5))
  end)

  it("takes nothing when it makes wait", function()
    local l = limiter.new { per_second = 1 }
    assert.equal(0, l:reserve(0))
    for _ = 1, 100 do assert.equal(S, l:reserve(0)) end
    assert.equal(0, l:reserve(S))
  end)

  it("says exactly how long: a nanosecond less is too early", function()
    for _, rate in ipairs { 0.7, 1, 3, 7, 333.3, 12345 } do
      local l = limiter.new { per_second = rate }
      local now = 17
      for _ = 1, 50 do
        assert.equal(0, l:reserve(now))
        local wait = l:reserve(now)
        assert.equal(1, l:reserve(now + wait - 1))
        now = now + wait
      end
    end
  end)

  it("gives the burst at once and no more", function()
    local l = limiter.new { per_second = 2, burst = 10 }
    for _ = 1, 10 do assert.equal(0, l:reserve(0)) end
    assert.equal(S // 2, l:reserve(0))
  end)

  it("never gives more than burst + rate x window, whatever the window and the idling", function()
    for seed = 1, 12 do
      math.randomseed(seed)
      local rate, burst = math.random(1, 40) / math.random(1, 4), math.random(1, 8)
      local l = limiter.new { per_second = rate, burst = burst }
      local times = taken(l, 120, function()
        return math.random() < 0.1 and math.random(0, 3 * S) or 0
      end)
      for _, window in ipairs { 0.01, 0.3, 1, 10, 60 } do
        assert.is_true(busiest(times, window) <= burst + rate * window + 1e-6,
          ("seed %d, window %g"):format(seed, window))
      end
    end
  end)

  it("gives all of the quota to who keeps asking", function()
    for _, rate in ipairs { 0.5, 3, 5, 50, 999 } do
      local n = #taken(limiter.new { per_second = rate }, 100)
      assert.is_true(n >= math.floor(100 * rate) and n <= 100 * rate + 1, rate .. ": " .. n)
    end
  end)

  it("rounds against itself where a rate does not divide a second", function()
    for _, rate in ipairs { 700000, 999999, 300001.5 } do
      local n = #taken(limiter.new { per_second = rate }, 0.05)
      assert.is_true(n <= 0.05 * rate + 1 and n > 0.05 * rate * 0.99, rate .. ": " .. n)
    end
  end)

  it("saves up no more than the burst in a long silence", function()
    local l = limiter.new { per_second = 10, burst = 3 }
    local n = 0
    while l:reserve(1000 * S) == 0 do n = n + 1 end
    assert.equal(3, n)
  end)

  it("charges a cost", function()
    local l = limiter.new { per_second = 10, burst = 10 }
    assert.equal(0, l:reserve(0, 7))
    assert.equal(S // 10 * 2, l:reserve(0, 5))
    assert.equal(0, l:reserve(0, 3))
    assert.has_error(function() l:reserve(0, 11) end)
    assert.has_error(function() l:reserve(0, 0) end)
  end)

  it("takes back what was not used", function()
    local l = limiter.new { per_second = 1 }
    for _ = 1, 20 do
      assert.equal(0, l:reserve(0))
      assert.equal(S, l:reserve(0))
      l:refund(1)
    end
    assert.equal(0, l:reserve(0))
    assert.equal(S, l:reserve(0))
  end)

  it("does not grow by refunds across a change of rate", function()
    local l = limiter.new { per_second = 10, burst = 4 }
    for _ = 1, 4 do assert.equal(0, l:reserve(0)) end
    l:throttled(0, 1)
    for _ = 1, 4 do l:refund(1) end
    local n = 0
    while l:reserve(60 * S) == 0 do n = n + 1 end
    assert.equal(4, n)
  end)

  it("raises on a rate that is none, and names the option", function()
    for _, options in ipairs { { per_second = 0 }, { per_second = -1 }, { per_second = 0 / 0 },
      { per_second = math.huge }, { per_second = 1, burst = 0 }, { per_second = 5, at_most = 9 },
      { per_second = 5, adaptive = true }, { per_second = 5, adaptive = true, at_most = 4 } } do
      local ok, message = pcall(limiter.new, options)
      assert.is_false(ok)
      assert.matches("rate%.", message)
    end
    assert.has_error(function() limiter.new { per_second = "5" } end,
      "option 'per_second' must be a number, got string")
  end)
end)

describe("the limiter after a 429", function()
  it("pauses everything for as long as it was told", function()
    local l = limiter.new { per_second = 100, burst = 5 }
    assert.equal(0, l:reserve(0))
    l:throttled(0, 7 * S)
    assert.equal(7 * S, l:paused_until())
    assert.equal(7 * S, l:reserve(0))
    assert.equal(1, l:reserve(7 * S - 1))
    assert.equal(0, l:reserve(7 * S))
  end)

  it("comes back one by one, not with a burst", function()
    local l = limiter.new { per_second = 10, burst = 5 }
    l:throttled(0, 30 * S)
    assert.equal(0, l:reserve(30 * S))
    assert.equal(S // 5, l:reserve(30 * S))
  end)

  it("goes at half the rate", function()
    local l = limiter.new { per_second = 10 }
    l:throttled(0, S)
    assert.equal(5, l:rate())
    l:throttled(2 * S, S)
    assert.equal(2.5, l:rate())
  end)

  it("counts the 429s of one pause once, and keeps the longest", function()
    local l = limiter.new { per_second = 64 }
    l:throttled(0, 2 * S)
    for i = 1, 50 do l:throttled(i, 2 * S) end
    assert.equal(32, l:rate())
    l:throttled(100, 9 * S)
    l:throttled(101, 1 * S)
    l:throttled(102)
    assert.equal(100 + 9 * S, l:paused_until())
  end)

  it("makes up its own pause where it was told none, longer each time", function()
    local l = limiter.new { per_second = 10, seed = 42 }
    local now, longest = 0, S
    for _ = 1, 12 do
      l:throttled(now)
      local pause = l:paused_until() - now
      assert.is_true(pause >= longest // 2 and pause <= longest, pause .. " of " .. longest)
      now = l:paused_until()
      longest = math.min(longest * 2, 60 * S)
    end
    l:succeeded(now)
    l:throttled(now)
    assert.is_true(l:paused_until() - now <= S)
  end)

  it("does not take a Retry-After of nothing for leave to go on", function()
    local l = limiter.new { per_second = 10 }
    l:throttled(0, 0)
    assert.is_true(l:paused_until() >= S // 2)
  end)

  it("jitters differently for another seed", function()
    local pauses = {}
    for seed = 1, 20 do
      local l = limiter.new { per_second = 10, seed = seed }
      l:throttled(0)
      pauses[l:paused_until()] = true
    end
    local n = 0
    for _ in pairs(pauses) do n = n + 1 end
    assert.is_true(n > 15)
  end)

  it("waits a day at most", function()
    local l = limiter.new { per_second = 10 }
    l:throttled(0, math.maxinteger)
    assert.equal(86400 * S, l:paused_until())
  end)

  it("never falls to nothing", function()
    local l = limiter.new { per_second = 10 }
    for i = 1, 100 do l:throttled(i * 100 * S, S) end
    assert.is_true(l:rate() >= 10 / 1024)
  end)

  it("climbs back, additively, to where it was and no higher", function()
    local l = limiter.new { per_second = 10 }
    l:throttled(0, S)
    local now, at = S, {}
    while now < 60 * S do
      local wait = l:reserve(now)
      if wait == 0 then
        l:succeeded(now)
        assert.is_true(l:rate() <= 10)
      end
      now = now + math.max(wait, 1)
      at[now // S] = l:rate()
    end
    assert.equal(10, l:rate())
    -- A 20th of the highest rate a second: from 5 to 10 in about ten seconds.
    assert.is_true(at[4] > 5.5 and at[4] < 8, at[4])
    assert.is_true(at[7] < 9.5, at[7])
    assert.is_true(at[14] > 9.9, at[14])
  end)

  it("does not climb by answers to what was sent before the pause", function()
    local l = limiter.new { per_second = 10 }
    l:throttled(0, 5 * S)
    for i = 1, 100 do l:succeeded(i) end
    assert.equal(5, l:rate())
  end)
end)

describe("the limiter against a limit that it was not told", function()
  --- A platform that takes `limit` a second, with a bucket of `burst`; returns what got through
  -- and what was refused in the last half of the time.
  local function against(options, limit, burst, seconds)
    local l, platform = limiter.new(options), limiter.new { per_second = limit, burst = burst }
    local now, through, refused, highest = 0, 0, 0, 0
    while now < seconds * S do
      local wait = l:reserve(now)
      if wait == 0 then
        if platform:reserve(now) == 0 then
          l:succeeded(now)
          if now > seconds * S // 2 then through = through + 1 end
        else
          l:throttled(now, S)
          if now > seconds * S // 2 then refused = refused + 1 end
        end
        highest = math.max(highest, l:rate())
      else
        now = now + wait
      end
    end
    return through / (seconds / 2), refused / (seconds / 2), highest
  end

  it("keeps near it from above", function()
    local through, refused = against({ per_second = 100 }, 20, 5, 600)
    assert.is_true(through > 20 * 0.55, through)
    assert.is_true(refused < 20 * 0.05, refused)
  end)

  it("finds it from below when it may look, and never goes above at_most", function()
    local through, _, highest = against({ per_second = 5, adaptive = true, at_most = 50 }, 40, 5, 600)
    assert.is_true(through > 40 * 0.55, through)
    assert.is_true(highest <= 50)
    local _, refused, most = against({ per_second = 5, adaptive = true, at_most = 30 }, 40, 5, 300)
    assert.equal(0, refused)
    assert.equal(30, most)
  end)

  it("remembers where it met the limit, and uses most of it", function()
    for _, limit in ipairs({ 10, 40, 200 }) do
      local through, refused = against({ per_second = 5, adaptive = true, at_most = 500 }, limit, limit // 10 + 2, 600)
      assert.is_true(through > limit * 0.95, through)
      assert.is_true(refused < through / 100, refused)
    end
  end)

  it("follows a limit that falls and rises", function()
    local l = limiter.new { per_second = 50, adaptive = true, at_most = 2000 }
    local now, through, refused, quota = 0, 0, 0, 0
    for minute, limit in ipairs({ 200, 60, 400 }) do
      local platform = limiter.new { per_second = limit, burst = limit // 10 }
      quota = quota + 60 * limit
      while now < minute * 60 * S do
        local wait = l:reserve(now)
        if wait > 0 then
          now = now + wait
        elseif platform:reserve(now) == 0 then
          l:succeeded(now)
          through = through + 1
        else
          l:throttled(now, S)
          refused = refused + 1
        end
      end
    end
    assert.is_true(through > 0.8 * quota, through / quota)
    assert.is_true(refused < 0.01 * through, refused)
  end)

  it("finds a limit that has risen since it met it", function()
    local l, now = limiter.new { per_second = 20, adaptive = true, at_most = 100 }, 0
    l:throttled(now, S)
    while now < 60 * S do
      local wait = l:reserve(now)
      if wait == 0 then l:succeeded(now) end
      now = now + math.max(wait, 1)
    end
    assert.equal(100, l:rate())
  end)

  it("stays where it was told to when it may not look", function()
    local through, refused, highest = against({ per_second = 5 }, 100, 1, 100)
    assert.is_true(through >= 4.9 and through <= 5.1)
    assert.equal(0, refused)
    assert.equal(5, highest)
  end)
end)

describe("a Retry-After header", function()
  local wall = 784111777 * S -- Sun, 06 Nov 1994 08:49:37 GMT

  it("is read as seconds", function()
    assert.equal(120 * S, limiter.retry_after("120", wall))
    assert.equal(0, limiter.retry_after("0", wall))
    assert.equal(7 * S, limiter.retry_after(" 7 \r", wall))
  end)

  it("is read as a date, in each of the three forms", function()
    assert.equal(23 * S, limiter.retry_after("Sun, 06 Nov 1994 08:50:00 GMT", wall))
    assert.equal(23 * S, limiter.retry_after("Sunday, 06-Nov-94 08:50:00 GMT", wall))
    assert.equal(23 * S, limiter.retry_after("Sun Nov  6 08:50:00 1994", wall))
    assert.equal(60 * S, limiter.retry_after("Sat, 21 Nov 2026 09:01:00 GMT", 1795251600 * S))
  end)

  it("asks for nothing by a date that has passed", function()
    assert.equal(0, limiter.retry_after("Sun, 06 Nov 1994 08:49:36 GMT", wall))
  end)

  it("asks for a day at most", function()
    assert.equal(86400 * S, limiter.retry_after("99999999999999999999", wall))
    assert.equal(86400 * S, limiter.retry_after("Fri, 31 Dec 9999 23:59:59 GMT", wall))
  end)

  it("is nothing when it is neither", function()
    for _, value in ipairs { "", "soon", "-1", "1.5", "12 seconds", "Sun, 06 Now 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", ("9"):rep(100) .. "x",
      "Sun, 06 Nov 1994 08:49:37 GMT and more" } do
      assert.is_nil(limiter.retry_after(value, wall))
    end
  end)
end)

describe("backoff", function()
  it("doubles its ceiling up to the longest", function()
    for failure, seconds in ipairs { 0.5, 1, 2, 4, 8, 16, 30, 30 } do
      local _, longest = limiter.backoff(failure, S // 2, 30 * S, 1)
      assert.equal(math.tointeger(seconds * S), longest)
    end
    local _, longest = limiter.backoff(1000000, S, math.maxinteger, 1)
    assert.equal(math.maxinteger, longest)
  end)

  it("picks anything from nothing to the ceiling", function()
    local least, most = math.huge, 0
    for i = 1, 500 do
      local wait = limiter.backoff(3, S, 60 * S, i)
      assert.is_true(wait >= 0 and wait <= 4 * S)
      least, most = math.min(least, wait), math.max(most, wait)
    end
    assert.is_true(least < S // 5 and most > 4 * S - S // 5)
  end)
end)
