--- tagua users: who the platform says are the users of a connection.
local terminal = require("tagua.terminal")
local values = require("tagua.command.values")

local BATCH = 200 -- rows whose columns are lined up together

local function date(milliseconds)
  return milliseconds and os.date("%Y-%m-%d", milliseconds // 1000) or ""
end

local function tag_names(user)
  local names = {}
  for i, tag in ipairs(user.tags or {}) do
    names[i] = terminal.visible(tag.name or tag.id)
  end
  return table.concat(names, ", ")
end

local function row(user)
  return {
    terminal.visible(user.id),
    terminal.visible(user.name or ""),
    date(user.last_active),
    user.blocked and "blocked" or "",
    tag_names(user),
  }
end

local function as_json(user)
  local json = require("tagua.json")
  local tags = {}
  for i, tag in ipairs(user.tags or {}) do
    tags[i] = { id = tag.id, name = tag.name, timestamp = tag.timestamp, count = tag.count }
  end
  local out = { tags = json.array(tags), params = user.params or {} }
  for _, name in ipairs({ "id", "name", "page", "blocked", "created", "last_active", "email", "gender",
    "birthday", "phone", "ext_id" }) do
    out[name] = user[name]
  end
  return out
end

local function print_rows(context, rows)
  for i, line in ipairs(terminal.columns(rows, nil, { [2] = 24, [5] = 60 })) do
    context:print(rows[i].head and context.paint("dim", line) or line)
  end
end

-- The users one by one, as the pages come.
local function each_user(context, name)
  local next_page = require("tagua.command.pulling").pages(context, name)
  local page, at = {}, 0
  return function()
    at = at + 1
    while page and not page[at] do
      page, at = next_page(), 1
    end
    return page and page[at]
  end
end

-- Prints users as they come, up to the limit -> how many, whether there are more.
local function print_users(context, options, name)
  local head = { "id", "name", "last active", "", "tags", head = true }
  local rows, count, more = { head }, 0, false
  for user in each_user(context, name) do
    more = count == options.limit
    if more or context.gone then
      break
    end
    count = count + 1
    if options.json then
      context:json(as_json(user))
    else
      rows[#rows + 1] = row(user)
      if #rows == BATCH then
        print_rows(context, rows)
        rows = {}
      end
    end
  end
  if not options.json and count > 0 then
    print_rows(context, rows)
  end
  return count, more
end

return {
  name = "users",
  summary = "list the users of a connection",
  description = "Lists the users as the platform shows them now. With --json one user a line, which"
    .. " --users reads back.",
  examples = { "tagua users shop --limit 20", "tagua users shop --json > users.jsonl" },
  catches_signals = true,
  define = function(parser)
    parser:argument("connection", "The connection (local)."):argname("CONNECTION"):args("?")
      :convert(values.connection)
    parser:option("--limit", "At most so many users."):argname("N")
      :convert(values.whole("--limit", 1, 1000000000))
  end,

  run = function(context, options)
    local name = options.connection or "local"
    local count, more = print_users(context, options, name)
    if not options.json then
      context:print(("%s of %s%s"):format(terminal.count(count, "user"), context:account(name),
        more and ", and more beyond --limit" or ""))
    end
  end,
}
