-- Decisions are scripted here, the ledger and its mirror are real.
local plan = require("tagua.plan")
local with = require("spec.support.ledger")

-- A ruleset of tags by name, as pool:load describes one.
local function ruleset(tags, fields)
  local described = { tags = {}, fields = fields or {} }
  for i, tag in ipairs(tags) do
    described.tags[i] = type(tag) == "table" and tag or { name = tag, id = "tag-" .. tag, rule = tag, line = i }
  end
  return described
end

-- A pool that has decided already: blocks of { id, wants } rows.
local function scripted(blocks)
  local pool, line = {}, 1
  function pool.decide()
    local at = 0
    return function()
      at = at + 1
      local rows = blocks[at]
      if not rows then
        return nil
      end
      local block = {
        n = #rows, ids = {}, lines = {}, wants = {}, rejected = rows.rejected or {},
        rejected_count = #(rows.rejected or {}), failures = rows.failures or {}, unknown = rows.unknown or {},
        present = rows.present or {},
      }
      for i, row in ipairs(rows) do
        line = line + 1
        block.ids[i], block.wants[i], block.lines[i] = row[1], row[2], line
      end
      return block
    end
  end
  return pool
end

local no_input = { name = "users.csv", failure = function() end }

describe("plan", function()
  local book

  before_each(function()
    book = with.new()
  end)

  after_each(function()
    book.close()
  end)

  local function make(job)
    job.book = book.shop
    job.input = job.input or no_input
    job.id_column = "id"
    return plan.make(job)
  end

  -- Makes the plan with a run and gives its operations as "action user tag" lines.
  local function operations(job)
    job.run = assert(book.shop:plan({ kind = "apply" }))
    local made = assert(make(job))
    job.run:ready()
    local lines = {}
    for _, one in ipairs(job.run:next(1000)) do
      lines[#lines + 1] = one.action .. " " .. one.user .. " " .. (one.tag or "(" .. one.name .. ")")
    end
    return lines, made
  end

  it("puts on what is wanted and not there", function()
    local lines, made = operations({ ruleset = ruleset({ "A", "B" }), pool = scripted({ { { "U1", "+." }, { "U2", "++" } } }) })
    assert.same({ "tag U1 tag-A", "tag U2 tag-A", "tag U2 tag-B" }, lines)
    assert.equal(3, made.operations)
    assert.equal(2, made.tags[1].on)
    assert.same({ "U1", "U2" }, made.tags[1].on_users)
  end)

  it("leaves what is there already", function()
    with.pull(book.shop, { with.user("U1", { "tag-A" }) })
    local lines, made = operations({ ruleset = ruleset({ "A" }), pool = scripted({ { { "U1", "+" } } }) })
    assert.same({}, lines)
    assert.equal(1, made.tags[1].stay)
  end)

  it("takes off what it put on itself, and nothing that the console put on", function()
    with.pull(book.shop, { with.user("U1"), with.user("U2", { "tag-A" }) })
    with.carry_out(with.plan(book.shop, { { "U1", "tag-A" } }), "done")
    with.pull(book.shop, { with.user("U1", { "tag-A" }), with.user("U2", { "tag-A" }), with.user("U3", { "tag-A" }) })
    local lines, made = operations({
      ruleset = ruleset({ "A" }), pool = scripted({ { { "U1", "-" }, { "U2", "-" }, { "U3", "-" } } }),
    })
    assert.same({ "untag U1 tag-A" }, lines)
    assert.same({ "U2" }, made.tags[1].found_users)
    assert.same({ "U3" }, made.tags[1].console_users)
    assert.same({ 1, 1 }, { made.tags[1].found, made.tags[1].console })
    assert.same({ "U1" }, made.tags[1].off_users)
  end)

  it("does nothing for leave, unknown and failed", function()
    with.carry_out(with.plan(book.shop, { { "U1", "tag-A" }, { "U2", "tag-A" }, { "U3", "tag-A" } }), "done")
    book.shop:fold()
    local lines, made = operations({
      ruleset = ruleset({ "A" }), pool = scripted({ { { "U1", "." }, { "U2", "?" }, { "U3", "!" } } }),
    })
    assert.same({}, lines)
    assert.equal(1, made.tags[1].unknown)
    assert.equal(1, made.tags[1].failed)
  end)

  it("leaves alone what an operation under way may be changing", function()
    local run = with.plan(book.shop, { { "U1", "tag-A" } })
    local sending = assert(run:next(1))
    assert(run:result(sending[1].seq, "ambiguous"))
    assert(run:finish("done"))
    local lines, made = operations({ ruleset = ruleset({ "A" }), pool = scripted({ { { "U1", "+" } } }) })
    assert.same({}, lines)
    assert.equal(1, made.tags[1].unsure)
  end)

  it("never removes a tag whose rule says so", function()
    with.carry_out(with.plan(book.shop, { { "U1", "tag-A" } }), "done")
    book.shop:fold()
    local rules = ruleset({ { name = "A", id = "tag-A", never_remove = true, rule = "A", line = 1 } })
    local lines, made = operations({ ruleset = rules, pool = scripted({ { { "U1", "-" } } }) })
    assert.same({}, lines)
    assert.equal(1, made.tags[1].kept)
  end)

  it("takes one member of a one_of off before it puts the other on", function()
    with.carry_out(with.plan(book.shop, { { "U1", "tag-Silver" } }), "done")
    book.shop:fold()
    local lines = operations({ ruleset = ruleset({ "Gold", "Silver" }), pool = scripted({ { { "U1", "+-" } } }) })
    assert.same({ "untag U1 tag-Silver", "tag U1 tag-Gold" }, lines)
  end)

  it("finds a tag's id by its name in the registry", function()
    with.pull(book.shop, { with.user("U9", { "tag-x" }) }) -- the helper names it TAG-X
    local lines = operations({
      ruleset = ruleset({ { name = "TAG-X", rule = "TAG-X", line = 1 } }), pool = scripted({ { { "U1", "+" } } }),
    })
    assert.same({ "tag U1 tag-x" }, lines)
  end)

  it("shows what has to be created first: a folder once, then its tags", function()
    local rules = ruleset({
      { name = "VIP", folder = "Value", rule = "VIP", line = 1 }, { name = "Big", folder = "Value", rule = "Big", line = 2 },
      { name = "Nobody", rule = "Nobody", line = 3 },
    })
    local lines, made = operations({ ruleset = rules, pool = scripted({ { { "U1", "++-" } } }) })
    assert.same({
      { kind = "folder", name = "Value" }, { kind = "tag", name = "VIP", folder = "Value" },
      { kind = "tag", name = "Big", folder = "Value" },
    }, made.creations)
    assert.same({ "tag U1 (VIP)", "tag U1 (Big)" }, lines)
    assert.equal(5, made.calls)
  end)

  it("adds records up over all blocks", function()
    local _, made = operations({
      ruleset = ruleset({ "A", "B" }),
      pool = scripted({
        { { "U1", "+-" }, { "U2", "?+" }, rejected = { { line = 4, message = "too few cells" } } },
        { { "U3", "!?" }, { "U4", ".." } },
      }),
    })
    local records = made.records
    assert.equal(5, records.read)
    assert.equal(2, records.decided)
    assert.equal(1, records.unknown)
    assert.equal(1, records.failed)
    assert.equal(1, records.rejected)
  end)

  it("adds up which field kept which tag from being decided", function()
    local unknown = { { tag = 1, field = "spend", count = 2 } }
    local _, made = operations({
      ruleset = ruleset({ "A" }),
      pool = scripted({ { { "U1", "?" }, { "U2", "?" }, unknown = unknown }, { { "U3", "?" }, { "U4", "?" }, unknown = unknown } }),
    })
    assert.same({ { tag = "A", field = "spend", count = 4 } }, made.unknown)
  end)

  it("counts all the records too many, however many there are", function()
    local rows = {}
    for i = 1, 4000 do
      rows[i] = { "U" .. i % 1500, "+" }
    end
    local made, message = make({ ruleset = ruleset({ "A" }), pool = scripted({ rows }) })
    assert.is_nil(made)
    assert.matches("lines %d+ and %d+ %(and 2,499 more pairs%); keep one record a user", message)
  end)

  it("stops on two records for one user, before anything could be sent", function()
    local job = { ruleset = ruleset({ "A" }), pool = scripted({ { { "U1", "+" } }, { { "U2", "+" }, { "U1", "-" } } }) }
    local made, message, code = make(job)
    assert.is_nil(made)
    assert.equal("EINPUT", code)
    assert.matches("two records for one user: lines 2 and 4", message, 1, true)
  end)

  it("stops when no record has a declared field", function()
    local made, message, code = make({
      ruleset = ruleset({ "A" }, { { name = "spend", source = "累計消費", type = "number" } }),
      pool = scripted({ { { "U1", "?" }, present = { spend = 0 } } }),
    })
    assert.is_nil(made)
    assert.equal("EINPUT", code)
    assert.matches("no record of users.csv has '累計消費' (field spend)", message, 1, true)
  end)

  it("stops when the input was cut off", function()
    local input = { name = "users.csv", failure = function() return "users.csv: cut off inside quotes", "EINPUT" end }
    local made, message = make({ ruleset = ruleset({ "A" }), pool = scripted({ { { "U1", "+" } } }), input = input })
    assert.is_nil(made)
    assert.matches("cut off inside quotes", message, 1, true)
  end)

  it("leaves an input without a record to the guards", function()
    local made = assert(make({ ruleset = ruleset({ "A" }), pool = scripted({}) }))
    assert.equal(0, made.operations)
    assert.equal(0, made.records.read)
  end)

  it("lists users who blocked the bot and does not call them", function()
    with.pull(book.shop, { with.user("U1", {}, { blocked = true }), with.user("U2") })
    local lines, made = operations({ ruleset = ruleset({ "A" }), pool = scripted({ { { "U1", "+" }, { "U2", "+" } } }) })
    assert.same({ "tag U2 tag-A" }, lines)
    assert.equal(1, made.tags[1].on)
    assert.equal(1, made.records.blocked)
    assert.same({ { line = 2, id = "U1" } }, made.blocked)
    assert.equal(2, made.records.decided)
  end)

  it("matches records to users by what the shop knows of them", function()
    with.pull(book.shop, {
      with.user("U1", {}, { phone = "0912" }), with.user("U2", {}, { phone = "0913" }), with.user("U3", {}, { phone = "0913" }),
    })
    local lines, made = operations({
      match = "phone", ruleset = ruleset({ "A" }),
      pool = scripted({ { { "0912", "+" }, { "0913", "+" }, { "0999", "+" } } }),
    })
    assert.same({ "tag U1 tag-A" }, lines)
    assert.equal(1, made.operations)
    assert.same({ { line = 4, id = "0999" } }, made.unmatched)
    assert.same({ { line = 3, id = "0913" } }, made.ambiguous)
    assert.equal(3, made.records.decided)
  end)

  it("stops on two records that match one user", function()
    with.pull(book.shop, { with.user("U1", {}, { email = "a@b.c", ext_id = "7" }) })
    local made, message = make({
      match = "email", ruleset = ruleset({ "A" }), pool = scripted({ { { "a@b.c", "+" }, { " a@b.c ", "-" } } }),
    })
    assert.is_nil(made)
    assert.matches("two records for one user", message, 1, true)
  end)

  it("says how many hold tags that no rule owns", function()
    with.pull(book.shop, { with.user("U1", { "tag-old" }), with.user("U2", { "tag-old", "tag-A" }) })
    local _, made = operations({ ruleset = ruleset({ "A" }), pool = scripted({ { { "U1", "+" } } }) })
    assert.same({ { name = "TAG-OLD", users = 2 } }, made.unowned)
  end)

  it("stops where no record at all could be read, so that a wrong encoding is not taken for nothing to do", function()
    local made, message, code = make({ ruleset = ruleset({ "A" }), pool = scripted({
      { rejected = { { line = 2, message = "a byte is not UTF-8" }, { line = 3, message = "too few cells" } } },
    }) })
    assert.is_nil(made)
    assert.equal("users.csv: no record could be read; the first, line 2: a byte is not UTF-8", message)
    assert.equal("EINPUT", code)
  end)

  it("lists at most a hundred of a kind and counts all", function()
    local rejected = {}
    for i = 1, 250 do
      rejected[i] = { line = i, message = "too few cells" }
    end
    local _, made = operations({ ruleset = ruleset({ "A" }), pool = scripted({ { { "U1", "+" }, rejected = rejected } }) })
    assert.equal(250, made.records.rejected)
    assert.equal(100, #made.rejected)
  end)
end)
