--- A platform that makes trouble, in a process of its own, and applies on it that are killed: for specs of
-- what becomes of operations then. What took effect there, and how often, is the witness.
local command = require("spec.support.command")
local core = require("tagua.core")
local support = require("spec.support")
local tagua = require("tagua")

local M = {}

local Storm = {}
Storm.__index = Storm

-- Drops answers after the work was done, refuses, and fails, for as long as it lives.
M.FAULTS = [[{ "seed": %d, "faults": [
  { "do": "drop_after_work", "path": "/v1/api/user/tag", "every": 7 },
  { "do": "throttle", "retry_after": 0, "path": "/v1/api/user/*", "every": 2503 },
  { "do": "error", "status": 503, "path": "/v1/api/user/tag", "every": 97 },
  { "do": "error", "status": 500, "path": "/v1/api/user/tag", "every": 101, "work": true } ] }]]

--- Starts one.
-- @tparam table options `users`, `seed`, `faults` (JSON), `rate`, `serve` (options of twin serve)
-- @treturn table storm
function M.start(options)
  local place = command.place()
  local self = setmetatable({ place = place, users = options.users, round = 0, kills = 0 }, Storm)
  local rows = { "id,orders" }
  for i = 1, options.users do
    rows[#rows + 1] = ("U%05d,12"):format(i)
  end
  place:write("users.csv", table.concat(rows, "\n") .. "\n")
  place:write("faults.json", options.faults or M.FAULTS:format(options.seed or 1))
  local code, _, err = place:run("twin token add --bot bot-1 --store twin.db >token.txt && chmod 600 token.txt")
  assert(code == 0, err)
  place:write("connections.lua", ([[connection "shop" {
    platform = "botbonnie", bot = "bot-1", page = "page-1", channel = "line", token = file "token.txt",
    url = "unix:%s/twin.sock", rate = { per_second = %d, burst = 20 }, in_flight = 32,
    timeout = 5, quarantine = 0.05, attempts = 8 }]]):format(place.folder, options.rate or 1000))
  self.twin = place:start(("twin serve --listen unix:%s/twin.sock --store twin.db --faults faults.json%s"):format(
    place.folder, options.serve or ""))
  assert(command.await(function()
    return core.system.file_kind(place.folder .. "/twin.sock") ~= nil
  end), "the twin does not listen: " .. self.twin:file("err"))
  self.console = assert(tagua.connect({ platform = "botbonnie", bot = "bot-1", page = "page-1", channel = "line",
    token = tagua.file(place.folder .. "/token.txt"), url = ("unix:%s/twin.sock"):format(place.folder) }))
  return self
end

--- A new tag that all users should get -> the name of the rule file. The platform has the tag already: who is
-- killed while a tag is being created leaves that to a person.
function Storm:next_round(suffix)
  self.round = self.round + 1
  self.tag = ("Round %d%s"):format(self.round, suffix or "")
  return self:rules(self.tag, assert(self.console:create_tag(self.tag)).id)
end

--- A rule file with one tag for everybody -> its name.
function Storm:rules(tag, id)
  local name = tag:gsub("%W", "-") .. ".lua"
  self.place:write(name, ("fields { orders = integer }\ntag %q { id = %q, when = function(user) return user.orders > 3 end }\n")
    :format(tag, id))
  return name
end

--- Starts an apply of a rule file.
function Storm:apply(rules)
  return self.place:start(("apply %s --users users.csv --to shop --yes"):format(rules))
end

--- Whether a process has ended.
function M.ended(process)
  return process:file("rc") ~= ""
end

--- Lets it run for a while and kills it -> whether it was still there.
function Storm:kill_after(process, seconds)
  local deadline = core.system.monotonic_ns() + math.floor(seconds * 1e9)
  while core.system.monotonic_ns() < deadline and not M.ended(process) do
    core.system.sleep(0.005)
  end
  if M.ended(process) then
    return false
  end
  process:signal("KILL")
  process:wait()
  self.kills = self.kills + 1
  return true
end

--- The first row of a query to a database of the folder, its columns in a list.
function Storm:ask(file, sql)
  local path = support.write(self.place.folder .. "/query.sql", ".timeout 20000\n" .. sql .. ";\n")
  local pipe = io.popen(("sqlite3 -batch %s/%s <%s 2>&1"):format(self.place.folder, file, path))
  local line = pipe:read("l") or ""
  pipe:close()
  local columns = {}
  for cell in (line .. "|"):gmatch("([^|]*)|") do
    columns[#columns + 1] = tonumber(cell) or cell
  end
  return columns
end

--- How often a tag was put on, and on how many users, as the platform counts.
-- @treturn {integer,integer}
function Storm:effects(tag)
  return self:ask("twin.db", ("select count(*), coalesce(sum(u.count), 0) from user_tags u join tags t on t.key = u.tag"
    .. " where t.name = '%s'"):format(tag or self.tag))
end

--- The sums of all runs of a rule file: done of all, and how many runs do not add up.
function Storm:sums(rules)
  return self:ask("tagua.db", ("select sum(done), sum(planned <> done + failed + skipped + left), sum(failed) from runs"
    .. " where rules = '%s'"):format(rules))
end

function Storm:close()
  self.console:close()
  self.twin:signal("TERM")
  self.twin:wait()
  self.place:close()
end

return M
