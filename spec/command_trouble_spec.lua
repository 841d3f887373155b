local command = require("spec.support.command")

-- The whole job while the twin makes trouble: every operation is accounted for, and what the twin
-- counts is what the ledger says.
describe("in trouble, tagua apply", function()
  local place
  before_each(function()
    place = command.place()
    place:write("rules.lua", 'fields { n = integer }\n'
      .. 'tag "Even" { when = function(user) return user.n % 2 == 0 end }\n'
      .. 'tag "All" { when = function(user) return user.n > 0 end }\n')
    local rows = { "id,n" }
    for i = 1, 120 do
      rows[#rows + 1] = ("U%d,%d"):format(i, i)
    end
    place:write("users.csv", table.concat(rows, "\n") .. "\n")
  end)
  after_each(function() place:close() end)

  local PLANNED = 180

  local function connect(faults, options)
    place:write("connections.lua", ('connection "local" { platform = "local", timeout = 1, quarantine = 0.2, %s\n'
      .. '  faults = { faults = { %s } } }\n'):format(options or "", faults))
  end

  local function apply()
    return place:run("apply rules.lua --users users.csv --yes")
  end

  local function sums(out)
    local planned, done, failed, skipped, left =
      out:match("(%d+) planned = (%d+) done %+ (%d+) failed %+ (%d+) skipped %+ (%d+) left")
    assert.is_truthy(planned, out)
    planned, done, failed, skipped, left = planned // 1, done // 1, failed // 1, skipped // 1, left // 1
    assert.equal(planned, done + failed + skipped + left)
    return { planned = planned, done = done, failed = failed, left = left }
  end

  local function asked(file, sql)
    return io.popen(("sqlite3 -batch %s/%s '%s' 2>&1"):format(place.folder, file, sql)):read("a")
  end

  local function expect_each_once()
    assert.equal("180|180|1\n", asked("tagua-local.db", "select count(*), sum(count), max(count) from user_tags"))
  end

  it("counts an effect once where answers are lost after the work", function()
    connect('{ ["do"] = "drop_after_work", path = "/v1/api/user/tag", every = 9 }')
    local code, out, err = apply()
    assert.equal(0, code, err .. out)
    assert.equal(PLANNED, sums(out).done)
    expect_each_once()
    assert.equal("done|160\nunattributed|20\n",
      asked("tagua.db", "select outcome, count(*) from operations group by outcome"))
  end)

  it("sends again what was lost before the work", function()
    connect('{ ["do"] = "drop", path = "/v1/api/user/tag", every = 9, times = 10 }')
    local code, out, err = apply()
    assert.equal(0, code, err .. out)
    assert.equal(PLANNED, sums(out).done)
    expect_each_once()
  end)

  it("waits out refusals by the limit, and fails nothing", function()
    connect('{ ["do"] = "throttle", path = "/v1/api/user/tag", retry_after = 0, every = 20, times = 5 }')
    local code, out, err = apply()
    assert.equal(0, code, err .. out)
    assert.equal(PLANNED, sums(out).done)
    assert.matches("5 refused by the platform's limit", out, 1, true)
    expect_each_once()
  end)

  it("gets through 500s, broken JSON and answers that are too large", function()
    connect([[{ ["do"] = "error", status = 500, path = "/v1/api/user/tag", every = 30 },
      { ["do"] = "broken_json", path = "/v1/api/user/tag", every = 31 },
      { ["do"] = "large", path = "/v1/api/user/tag", every = 37 }]])
    local code, out, err = apply()
    assert.equal(0, code, err .. out)
    assert.equal(PLANNED, sums(out).done)
    expect_each_once()
  end)

  it("counts an error inside a 200 as failed, names it, and the next run has only that to do", function()
    connect('{ ["do"] = "error_in_200", path = "/v1/api/user/tag", code = 37011, message = "no\27[2J such user", first = 3 }')
    local code, out, err = apply()
    assert.equal(1, code, err .. out)
    assert.equal(3, sums(out).failed)
    assert.equal(PLANNED - 3, sums(out).done)
    assert.matches("code 37011: no", out, 1, true)
    assert.is_nil(out:find("\27", 1, true))
    connect("")
    code, out = apply()
    assert.equal(0, code)
    assert.equal(3, sums(out).planned)
    expect_each_once()
  end)

  it("ends with 75 when every answer stays away, accounts for all, and the next run finishes", function()
    connect('{ ["do"] = "drop", path = "/v1/api/user/*", skip = 50 }', "attempts = 1, give_up_after = 1,")
    local code, out, err = apply()
    assert.equal(75, code, err .. out)
    assert.matches("run it again later", err, 1, true)
    assert.is_true(sums(out).done >= 50)
    connect("")
    code, out, err = apply()
    assert.equal(0, code, err .. out)
    expect_each_once()
  end)

  it("ends when interrupted while nothing comes back, and the next run finishes", function()
    connect('{ ["do"] = "drop", path = "/v1/api/user/*", skip = 50 }', "attempts = 1,")
    local process = place:start("apply rules.lua --users users.csv --yes")
    process:await(function()
      return asked("tagua.db", "select count(*) from operations where outcome = \"done\""):match("^50")
    end)
    process:signal("INT")
    local code, out, err = process:wait()
    assert.equal(130, code, err .. out)
    sums(out)
    connect("")
    code, out, err = apply()
    assert.equal(0, code, err .. out)
    expect_each_once()
  end)
end)
