--- What runs did and what the messages cost that their tags set off: sums by run, by tag and by month.
-- Changes nothing but the prices of a run that is about to be sent.

local M = {}

-- The methods of a run; tagua.ledger.run has the others.
local Spending = {}
M.methods = Spending

--- Keeps what each message costs that the run's tags set off, as it is now.
-- @tparam ?table prices a tag's name -> the price
-- @treturn true|nil
-- @treturn string message
-- @treturn string code
function Spending:keep_prices(prices)
  if not prices or next(prices) == nil then
    return true
  end
  return self.db:transact(function()
    for name, amount in pairs(prices) do
      self.db:run(
        "insert or replace into price (run, tag, amount) select ?1, number, ?2 from tag "
          .. "where connection = ?3 and name = ?4 and kind = 'tag'",
        self.number,
        amount,
        self.connection.number,
        name
      )
    end
    return true
  end)
end

local SUMS = [[
  sum(o.action = 'tag' and o.outcome in ('done', 'unattributed')) as put_on,
  sum(o.action = 'untag' and o.outcome in ('done', 'unattributed')) as taken_off,
  sum(o.outcome in ('failed', 'ambiguous')) as failed,
  coalesce(sum(case when o.action = 'tag' and o.outcome in ('done', 'unattributed') then p.amount end), 0) as money,
  count(p.amount) as priced]]
local FROM = [[
  from operation o join run r on r.number = o.run join tag t on t.number = o.tag
    left join price p on p.run = o.run and p.tag = o.tag
  where r.connection = ?1 and o.outcome is not null and o.at >= ?2]]

local BY = {
  run = {
    key = "r.number",
    label = "r.number || ' ' || r.kind || coalesce(' ' || r.rules, '')",
    order = "r.number desc",
  },
  tag = { key = "t.number", label = "t.name", order = "t.name, t.number" },
}

-- The months as one expression over the operation's time: the label of the month that it is in.
local function month_of(months)
  local cases = {}
  for i, month in ipairs(months) do
    if not (math.type(month.first) == "integer" and month.label:find("^[%d-]+$")) then
      error("a month has a first moment and a label such as 2026-11", 3)
    end
    cases[i] = ("when o.at >= %d then '%s'"):format(month.first, month.label)
  end
  return ("case %s end"):format(table.concat(cases, " "))
end

--- Sums.
-- @tparam table db the store, the journal folded
-- @tparam table connection
-- @tparam table question `by`: `run`, `tag` or `month`; `since`: a moment, from the beginning unless told;
--   `months`: `{ label, first (moment) }`, the latest first, for `month`; `limit`: 1,000 unless told
-- @treturn {table,...} `{ label, on, off, failed, money, priced }`
function M.sums(db, connection, question)
  local by = BY[question.by]
  if question.by == "month" then
    local month = month_of(question.months)
    by = { key = month, label = month, order = "1 desc" }
  end
  local text = ("select %s, %s %s group by %s order by %s limit ?3"):format(by.label, SUMS, FROM, by.key, by.order)
  local found = {}
  for label, put_on, taken_off, failed, money, priced in
    db:rows(text, connection.number, question.since or 0, question.limit or 1000)
  do
    found[#found + 1] =
      { label = label, on = put_on, off = taken_off, failed = failed, money = money, priced = priced > 0 }
  end
  return found
end

--- When the first operation of a connection was, for the first of the months.
-- @tparam table db the store
-- @tparam table connection
-- @treturn ?integer nil when there was none
function M.first(db, connection)
  local _, first = db:row("select count(*), min(created) from run where connection = ?", connection.number)
  return first
end

return M
