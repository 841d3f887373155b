--- What the specs of the keeper share: an inbox, a ledger, a local twin over a real socket, rules in worker processes,
-- and a clock that only the spec moves.
local inbox = require("tagua.events.inbox")
local json = require("tagua.json")
local keeper = require("tagua.serve.keeper")
local ledger = require("tagua.ledger")
local logs = require("tagua.serve.log")
local pools = require("tagua.rules.pool")
local sender = require("tagua.sender")
local settings = require("tagua.settings")
local support = require("spec.support")
local tagua = require("tagua")

local M = {}

M.START = 1700000000000 -- a Wednesday, 2023-11-15 06:13:20 in Taipei

--- A place for a keeper; `open` begins it.
-- @tparam string source of the rules
-- @tparam[opt] table more options of the connection
function M.new(source, more)
  local folder, remove = support.folder()
  local f = { folder = folder, clock = { now = M.START }, logged = {}, source = source }
  f.given = { platform = "local", name = "shop", store = folder .. "/twin.db", rate = { per_second = 5000 },
    in_flight = 16, attempts = 2, timeout = 2, quarantine = 0.05 }
  for name, value in pairs(more or {}) do
    f.given[name] = value or nil
  end

  local function now() return f.clock.now end

  -- As a process begins: everything is opened anew.
  function f.open()
    f.box = assert(inbox.open(folder .. "/tagua-events.db", { now = now }))
    f.ledger = assert(ledger.open(folder .. "/tagua.db", { now = function() return f.clock.now // 1000 end }))
    f.settings = assert(settings.verify("connection", f.given))
    f.book = assert(f.ledger:connection(settings.account(f.settings, "shop")))
    f.connection = assert(tagua.connect(f.given))
    f.pool = pools.start({ executable = support.tagua, jobs = 1 })
    assert(f.pool:load({ name = "rules.lua", source = f.source }))
    f.log = logs.open({ readable = false, now = now, write = function(line)
      f.logged[#f.logged + 1] = assert(json.decode(line))
    end })
    f.keeper = assert(keeper.open({ name = "shop", connection = f.connection, book = f.book, inbox = f.box,
      pool = f.pool, settings = f.settings, log = f.log, now = now, lock = f.lock }))
    return f.keeper
  end

  function f.lock() return sender.try(f.settings, folder .. "/tagua.db") end

  -- As a process that is killed: nothing is finished.
  function f.kill()
    if not f.keeper then return end
    f.keeper:close()
    f.pool:close()
    f.connection:close()
    f.ledger:close()
    f.box:close()
    f.keeper = nil
  end

  function f.close()
    f.kill()
    remove()
  end

  --- Puts events into the inbox: { user, type, fields, at =, id = }.
  function f.events(list)
    local events = {}
    for i, one in ipairs(list) do
      events[i] = { connection = "shop", source = "events", user = one[1], type = one[2], fields = one[3] or {},
        at = one.at or f.clock.now, id = one.id }
    end
    return assert(f.box:take({ events = events }))
  end

  --- Works until there is nothing more to do, or what is asked for is so.
  function f.work(done, seconds)
    local tries = 0
    done = done or f.quiet
    repeat
      f.keeper:round(seconds or 0.02)
      tries = tries + 1
      if tries > 400 then error("the keeper does not come to an end: " .. f.state(), 2) end
    until done()
  end

  -- What a spec that fails should show.
  function f.state()
    local lines = { "" }
    for name, value in pairs(f.keeper:stats()) do
      if value ~= 0 then lines[#lines + 1] = name .. " " .. tostring(value) end
    end
    for i = math.max(1, #f.logged - 10), #f.logged do lines[#lines + 1] = assert(json.encode(f.logged[i])) end
    for number, kind, state, planned in f.ledger.store:rows("select number, kind, state, planned from run") do
      lines[#lines + 1] = ("run %d %s %s %d"):format(number, kind, state, planned)
    end
    return table.concat(lines, "\n")
  end

  --- Whether everything that came in is worked off.
  function f.quiet()
    local values = f.keeper:stats()
    local function of(name) return values[('%s{connection="shop"}'):format(name)] end
    return of("tagua_events_waiting") == 0 and of("tagua_users_waiting") == 0 and of("tagua_queue") == 0
      and f.ask("select count(*) from keeper_run where due is null") == 0
      and not f.keeper.sweep.task and not f.keeper.sweep:due()
      and f.ask("select coalesce(wishes, 0) from keeper") == ((f.box:last().shop or {}).wishes or 0)
  end

  --- One of the counters.
  function f.count(name, label, value)
    local key = label and ('%s{connection="shop",%s="%s"}'):format(name, label, value)
      or ('%s{connection="shop"}'):format(name)
    if label and label < "connection" then key = ('%s{%s="%s",connection="shop"}'):format(name, label, value) end
    return f.keeper:stats()[key]
  end

  --- The first column of a query's only row, of the ledger.
  function f.ask(text, ...) return f.ledger.store:row(text, ...) end

  --- The tags of each user at the twin: "A 1, B 2" with how often each was put on.
  function f.tags()
    local found = {}
    for _, effect in ipairs(f.connection.twin.twin:effects()) do
      found[effect.user] = found[effect.user] or {}
      table.insert(found[effect.user], ("%s %d"):format(effect.name, effect.count))
    end
    for user, list in pairs(found) do
      table.sort(list)
      found[user] = table.concat(list, ", ")
    end
    return found
  end

  --- The lines of the log with one event.
  function f.told(event)
    local found = {}
    for _, line in ipairs(f.logged) do
      if line.event == event then found[#found + 1] = line.message end
    end
    return found
  end

  return f
end

return M
