-- docs/ledger.md against a ledger that has seen something: every query runs, every table is explained.
local support = require("spec.support")
local with = require("spec.support.ledger")

local text = support.read("docs/ledger.md")

describe("docs/ledger.md", function()
  local book

  setup(function()
    book = with.new()
    with.pull(book.shop, { with.user("U1", { "VIP" }), with.user("U2") })
    with.plan(book.shop, { { "U3", "VIP" } })
    local run = with.plan(book.shop, {
      { "U21ab30ccce78feb456048adeb80cf00a", "VIP" }, { "U21ab30ccce78feb456048adeb80cf00a", "Dormant" }, { "U2", "VIP" },
    })
    with.carry_out(run, function(one) return one.user == "U2" and "failed" or "done" end)
    with.pull(book.shop, {
      with.user("U1", { "VIP" }), with.user("U2", { "VIP" }),
      with.user("U21ab30ccce78feb456048adeb80cf00a", { "VIP", "Dormant" }),
    })
    book.ledger.store.db:exec("update operation set input_line = 2, rule = 1; update tag set name = id")
    book.ledger.store.db:exec([[insert into record select number, 2, 1, '{"orders":12}' from run]])
  end)

  teardown(function()
    book.close()
  end)

  local function first_row(query)
    return { book.ask(query) }
  end

  for query in text:gmatch("```sql\n(.-);?\n```") do
    it("has a query that finds what it says: " .. query:match("^[^\n]*"), function()
      assert.is_true(#first_row(query) > 0, query)
    end)
  end

  it("names every table and every view", function()
    for kind, name in book.ledger.store:rows("select type, name from sqlite_schema where type in ('table', 'view')") do
      if not name:find("^sqlite_") then
        assert.is_truthy(text:find("`" .. name .. "`", 1, true), kind .. " " .. name)
      end
    end
  end)

  it("answers why a user got a tag", function()
    local time, run, outcome = table.unpack(first_row(text:match("```sql\n(.-);?\n```")), 1, 3)
    assert.matches("^%d+-%d+-%d+ ", time)
    assert.same({ 2, "done" }, { run, outcome })
  end)

  it("shows in the file itself what each column means", function()
    assert.matches("the moment that the rules took for now", (book.ask("select sql from sqlite_schema where name = 'run'")))
  end)
end)
