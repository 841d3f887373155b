--- Questions to the mirror, each for many users at once: who has which tag and from whom, who blocked
-- the bot, whom a key of the shop's means, and everybody as a record. Changes nothing.
local pull = require("tagua.ledger.pull")
local json = require("tagua.json")
local ownership = require("tagua.ownership")
local schema = require("tagua.ledger.schema")
local store = require("tagua.ledger.store")

local M = {}

local OF_USER = "select tag, present, ours, doubt, found, decision, expired, lasts, ends, "
  .. schema.due
  .. " from holding h where connection = ? and user = ?"
local ANY_HOLDING = "select 1 from holding where connection = ? limit 1"
-- Told which index: without statistics the planner takes the key, and so would walk through everybody.
local ANY_BLOCKED = "select 1 from user indexed by user_blocked where connection = ? and blocked = 1 limit 1"
local IS_BLOCKED = "select 1 from user where connection = ? and id = ? and blocked = 1"

-- The same as a tag and a number that stands for all the rest, for who does not ask which times are kept: the bits
-- present, ours, doubt, found, expired, timed and late (due at the moment ?2), and above them the decision.
local CODE_OF_USER = ([[
  select tag, (present = 1) + 2 * (ours = 1) + 4 * (doubt <> 0) + 8 * (found = 1) + 16 * (expired = 1)
    + case when lasts is null and ends is null then 0 else 32 + 64 * coalesce(DUE <= ?2, 0) end
    + case when decision between 0 and 3 then 128 * (decision + 1) else 0 end
  from holding h where connection = ?1 and user = ?3]]):gsub("DUE", schema.due)
local CODES = 5 << 7

-- All look-ups of one question see the same moment, and lock the file once.
local function reading(db, f)
  return store.try(function()
    if db.db:in_transaction() then
      return f()
    end
    store.must(db.db:exec("begin"))
    local ok, result, second = pcall(f)
    db.db:exec("rollback")
    if not ok then
      error(result, 0)
    end
    return result, second
  end)
end

-- The letter of one user and tag. `times` is what the rule wants of the tag's time, if anything.
local function letter_of(holding, times, at)
  local letter = holding.letter
  if letter == "." then
    return holding.expired == 1 and "x" or "."
  elseif letter == "t" and at and holding.due and holding.due <= at then
    return "d"
  elseif letter == "t" and times and (holding.lasts ~= times.lasts or holding.ends ~= times.ends) then
    return "r"
  end
  return letter
end

-- The letters of all codes, without a clock and with one.
local function letters_of(clock)
  local letters, times = {}, {} -- no rule gives its tag a time
  for code = 0, CODES - 1 do
    local function bit(i)
      return code >> i & 1
    end
    local decision = code >> 7
    letters[code + 1] = letter_of({
      letter = ownership.letter(bit(0), bit(1), bit(2), bit(3), decision > 0 and decision - 1 or nil),
      expired = bit(4), lasts = bit(5) == 1 and 1 or nil, due = bit(6) == 1 and 0 or nil,
    }, clock and times, clock and 0)
  end
  return table.concat(letters)
end

local LETTERS, LETTERS_BY_CLOCK

-- Whether a rule gives its tag a time.
local function any_times(clock, width)
  for column = 1, clock and width or 0 do
    local times = clock[column]
    if times and (times.lasts or times.ends) then
      return true
    end
  end
  return false
end

-- The state strings of all users, where no rule has a time of its own: made in C.
local function quick_states(db, connection, users, columns, width, clock)
  LETTERS = LETTERS or letters_of()
  LETTERS_BY_CLOCK = LETTERS_BY_CLOCK or letters_of(true)
  return store.must(db:prepare(CODE_OF_USER):letters(users, ("."):rep(width), columns,
    clock and LETTERS_BY_CLOCK or LETTERS, connection, clock and clock.at))
end

-- The state strings of the users that have, or had, any of the tags; everybody else has none of them.
local function fill_states(db, connection, users, columns, width, states, clock)
  local nothing, holding = ("."):rep(width), {}
  local rows = store.must(db:prepare(OF_USER):many(users, connection))
  local letters, at = {}, nil -- of the user at this place
  for i = 1, #users do
    states[i] = nothing
  end
  for row = 1, #rows, 11 do -- a null is false there
    local of_tag = columns[rows[row + 1]]
    if of_tag then
      local expired = rows[row + 7]
      holding.letter =
        ownership.letter(rows[row + 2], rows[row + 3], rows[row + 4], rows[row + 5], rows[row + 6] or nil)
      if holding.letter ~= "." or expired ~= 0 then
        holding.expired = expired
        holding.lasts, holding.ends, holding.due = rows[row + 8] or nil, rows[row + 9] or nil, rows[row + 10] or nil
        if rows[row] ~= at then
          if at then
            states[at] = table.concat(letters)
          end
          at = rows[row]
          for column = 1, width do
            letters[column] = "."
          end
        end
        for _, column in ipairs(of_tag) do
          letters[column] = letter_of(holding, clock and clock[column], clock and clock.at)
        end
      end
    end
  end
  if at then
    states[at] = table.concat(letters)
  end
end

--- What the mirror says of users and tags.
-- @tparam table db the store
-- @tparam table connection
-- @tparam {string,...} users
-- @tparam {string,...} tags ids; one that nobody knows is absent everywhere
-- @tparam ?table clock `at`: the moment for which a time is over; for the i-th tag `{ lasts =, ends = }`, the
--   time that its rule gives it
-- @treturn {string,...} for each user one byte a tag, as in `tagua.ownership`
-- @treturn {boolean,...} for each user whether it blocked the bot
function M.states(db, connection, users, tags, clock)
  return reading(db, function()
    local columns, states, number = {}, {}, connection.number
    for column, id in ipairs(tags) do
      local tag = id and id ~= "" and connection.registry:known_number(id)
      if tag then
        columns[tag] = columns[tag] or {}
        table.insert(columns[tag], column)
      end
    end
    local blocked = M.blocked(db, connection, users)
    if next(columns) and db:row(ANY_HOLDING, number) then
      if any_times(clock, #tags) then
        fill_states(db, number, users, columns, #tags, states, clock)
      else
        states = quick_states(db, number, users, columns, #tags, clock)
      end
    else
      local nothing = ("."):rep(#tags)
      for i = 1, #users do
        states[i] = nothing
      end
    end
    return states, blocked
  end)
end

--- Which of the users blocked the bot.
-- @treturn {boolean,...}
function M.blocked(db, connection, users)
  local blocked = {}
  for i = 1, #users do
    blocked[i] = false
  end
  if db:row(ANY_BLOCKED, connection.number) ~= nil then
    local rows = store.must(db:prepare(IS_BLOCKED):many(users, connection.number))
    for row = 1, #rows, 2 do
      blocked[rows[row]] = true
    end
  end
  return blocked
end

--- The names of the tags that users have.
-- @treturn {{string,...},...}
function M.tagsets(db, connection, users)
  return reading(db, function()
    local names, sets = {}, {}
    for number, name in
      db:rows(
        "select number, name from tag where connection = ? and kind = 'tag' and state = 'known'",
        connection.number
      )
    do
      names[number] = name
    end
    local statement = db:prepare(OF_USER)
    for _, i in ipairs(store.order(users)) do
      local set = {}
      for tag, present in statement:rows(connection.number, users[i]) do
        if present == 1 and names[tag] then
          set[#set + 1] = names[tag]
        end
      end
      sets[i] = set
    end
    return sets
  end)
end

local Matcher = {}
Matcher.__index = Matcher

local FIELDS = { ext_id = true, phone = true, email = true }

-- A param has no index of its own: one is made for the length of the command, on disk.
local function index_params(db, connection, name, number)
  local index = ("matched_%d"):format(number)
  local create = "create temp table %s (value text not null, id text not null, blocked integer not null)"
  store.must(db.db:exec(create:format(index)))
  local fill = ([[
    insert into temp.%s select trim(cast(e.value as text), ' ' || char(9, 10, 11, 12, 13)), u.id, u.blocked
    from user u, json_each(u.params) e
    where u.connection = ? and e.key = ? and e.type in ('text', 'integer', 'real')]]):format(index)
  store.must(store.must(db.db:prepare(fill)):run(connection.number, name))
  store.must(db.db:exec(("create index temp.%s_by_value on %s (value)"):format(index, index)))
  return ("select id, blocked from temp.%s where value = ? limit 2"):format(index)
end

--- Finds users by what a shop knows of them. Texts match exactly, after spaces at both ends are
-- dropped: `0912-345-678` is not `0912345678`, and `A@b.tw` is not `a@b.tw`.
-- @tparam table db the store
-- @tparam table connection
-- @tparam string field `ext_id`, `phone`, `email` or `param:NAME`
-- @treturn table|nil with `find(keys)`
-- @treturn string message
-- @treturn string code `EUSAGE`
function M.matcher(db, connection, field)
  local param = field:match("^param:(.+)$")
  if not FIELDS[field] and not param then
    return nil, ("cannot match by '%s': it may be ext_id, phone, email or param:NAME"):format(field), "EUSAGE"
  end
  return store.try(function()
    local text, number
    if param then
      db.matchers = (db.matchers or 0) + 1
      number = db.matchers
      text = index_params(db, connection, param, number)
    else
      -- Told which index, as above.
      text = ("select id, blocked from user indexed by user_by_%s where connection = %d and %s = ? limit 2"):format(
        field, connection.number, field)
    end
    return setmetatable({ db = db, statement = store.must(db.db:prepare(text)) }, Matcher)
  end)
end

--- Whom each key means.
-- @tparam {string,...} keys
-- @treturn {string|boolean,...} for each the user's id, false when nobody has it, `"ambiguous"` when
--   more than one has
-- @treturn {boolean,...} for each whether that user blocked the bot
function Matcher:find(keys)
  return reading(self.db, function()
    local found, blocked = {}, {}
    for _, i in ipairs(store.order(keys)) do
      found[i], blocked[i] = false, false
      local key = pull.trim(keys[i])
      for id, is_blocked in self.statement:rows(key or "") do
        if found[i] then
          found[i], blocked[i] = "ambiguous", false
        else
          found[i], blocked[i] = id, is_blocked == 1
        end
      end
    end
    return found, blocked
  end)
end

local RECORDS = [[
  select id, name, ext_id, phone, email, gender, birthday, created, last_active, coalesce(flat, params)
  from user where connection = ? and id > ? order by id limit 1000]]

local function line_of(id, name, ext_id, phone, email, gender, birthday, created, last_active, params)
  local own = {
    id = id,
    name = name,
    ext_id = ext_id,
    phone = phone,
    email = email,
    gender = gender,
    birthday = birthday,
    created = created,
    last_active = last_active,
  }
  local text = store.must(json.encode(own))
  if params ~= "{}" then
    text = text:sub(1, -2) .. "," .. params:sub(2)
  end
  return text .. "\n"
end

--- Everybody as records: an iterator over lines of JSON, each with its newline. The keys are id, name,
-- ext_id, phone, email, gender, birthday, created, last_active, and every param by its name; a param
-- that is named like one of these is `param.NAME`.
function M.records(db, connection)
  local page, at, last = {}, 0, ""
  return function()
    at = at + 1
    if not page[at] then
      page, at = {}, 1
      for id, a, b, c, d, e, f, g, h, params in db:rows(RECORDS, connection.number, last) do
        page[#page + 1] = line_of(id, a, b, c, d, e, f, g, h, params)
        last = id
      end
    end
    return page[at]
  end
end

return M
