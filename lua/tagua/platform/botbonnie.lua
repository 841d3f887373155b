--- BotBonnie: its requests and its answers, as its documentation has them. Pure.
--
-- Pages of the vendor, <https://docs.botbonnie.com>:
--
-- * user tags: `jiao-xue-fan-li/yong-hu-biao-qian`
-- * user parameters: `jiao-xue-fan-li/user-params`
-- * user data: `jiao-xue-fan-li/user-data`
-- * how to get an API token: `chang-jian-wen-ti/ru-he-qu-de-api-token`
--
-- Ids are opaque strings. Times are milliseconds since the epoch, as the platform gives them.
-- @module tagua.platform.botbonnie
local json = require("tagua.json")
local reading = require("tagua.platform.reading")

local M = { read = {} }

local percent_encoded, text_of = reading.percent_encoded, reading.text
local read = M.read

M.name = "botbonnie"
M.title = "BotBonnie"
M.base = "https://api.botbonnie.com"
M.bearer = "token"
M.token_help = "the console shows it under Bot Settings > Advanced"

-- The documented largest page of users.
M.USERS_A_PAGE = 3086
-- A page of 3,086 users with their tags and parameters.
local LARGEST_PAGE = 64 * 1024 * 1024

local PREFIX = "/v1/api"

-- A success is {"res":...,"status":200}; a failure {"errorMessage":...,"errorCode":...}, with no
-- status, and its HTTP status is not documented. [yong-hu-biao-qian]
M.envelope = { code = "errorCode", message = "errorMessage", status = "status" }

-- No code but 500 is documented, and the engine treats that as an HTTP 500.
M.codes = {}

-- bot_channel: 0 is Facebook, 1 is LINE; no page documents another value. [yong-hu-biao-qian]
local CHANNELS = { facebook = 0, line = 1 }
local CHANNEL_NAMES = { [0] = "facebook", [1] = "line" }
-- The list of users writes it as text. [user-data]
local CHANNEL_WORDS = { FB = "facebook", LINE = "line" }
-- status of a user: 4 blocked the bot, 5 blocked by the bot. [user-data]
local BLOCKED = { [4] = true, [5] = true }
local TAG, FOLDER = 0, 1 -- type of what autogen makes [yong-hu-biao-qian]

M.options = {
  bot = { type = "string", required = true, min = 1, max = 200 },
  page = { type = "string", required = true, min = 1, max = 200 },
  channel = { type = { "string", "integer" }, required = true },
  token = { secret = true, required = true },
  -- The documentation of DELETE /user/params shows no body: "list" sends the names in an array,
  -- "object" sends them as keys, as POST does.
  delete_params_as = { type = "string", one_of = { "list", "object" }, default = "list" },
}

-- The account of a local connection, where none is named.
M.local_account = { bot = "bot-local", page = "local", channel = "line" }

--- What every request of one connection has in common.
-- @tparam table settings checked options
-- @treturn table|nil identity: bot, page, channel (a number)
-- @treturn string what is wrong with the options
function M.identity(settings)
  local channel = settings.channel
  if type(channel) == "string" then
    channel = CHANNELS[channel]
    if not channel then
      return nil,
        ("option 'channel' must be facebook, line, or the number that BotBonnie gave for another, got '%s'"):format(
          settings.channel
        )
    end
  end
  local bot, page = json.quote(settings.bot), json.quote(settings.page)
  if not bot or not page then return nil, "options 'bot' and 'page' must be UTF-8" end
  return {
    bot = settings.bot,
    page = settings.page,
    channel = channel,
    channel_word = CHANNEL_NAMES[channel] or tostring(channel),
    delete_params_as = settings.delete_params_as,
    -- The end of every body about a user, written once.
    where = (',"bot_pid":%s,"bot_channel":%d}'):format(page, channel),
    bot_field = ('"bot_id":%s,'):format(bot),
  }
end

-- The user as a body names it, and the lane that keeps the user's operations in order.
local function user_field(user)
  local name, id = '"bot_raw_uid":', user
  if type(user) == "table" then
    name, id = '"bot_uid":', user.uid
    if id == nil or next(user, next(user)) ~= nil then
      return nil, "user must be a raw id or { uid = \"...\" } on BotBonnie"
    end
  end
  if type(id) ~= "string" then return nil, "user must be a string: an id is never a number" end
  if id == "" then return nil, "user must not be empty" end
  local quoted = json.quote(id)
  if not quoted then return nil, "user must be UTF-8" end
  return name .. quoted, id == user and id or "uid:" .. id
end

local function tagging(method, identity, user, tag)
  local field, lane = user_field(user)
  if not field then return nil, lane end
  local quoted = json.quote(tag)
  if not quoted then return nil, "tag must be UTF-8" end
  return {
    method = method,
    path = PREFIX .. "/user/tag",
    body = '{"bot_tag_id":' .. quoted .. "," .. field .. identity.where,
    class = "write",
    repeatable = false, -- the platform counts taggings [user-data]
    lane = lane,
  }
end

--- `POST /user/tag` [yong-hu-biao-qian]
function M.tag_user(identity, user, tag) return tagging("POST", identity, user, tag) end

--- `DELETE /user/tag`, with a JSON body [yong-hu-biao-qian]
function M.untag_user(identity, user, tag) return tagging("DELETE", identity, user, tag) end

--- {"res":"ok","status":200}: the envelope said it all.
function read.tag_user() return true end
read.untag_user = read.tag_user

--- `POST /user/taglist` [yong-hu-biao-qian]
function M.user_tags(identity, user)
  local field, lane = user_field(user)
  if not field then return nil, lane end
  return {
    method = "POST",
    path = PREFIX .. "/user/taglist",
    body = "{" .. field .. identity.where,
    class = "read",
    repeatable = true,
    lane = lane,
  }
end

local function not_understood(what)
  return nil, ("BotBonnie's answer was not understood: %s"):format(what), "EPROTOCOL"
end

-- What is under `res`. The documentation also shows it as a string that holds JSON.
local function result(body)
  local answer, message, code = json.decode(body)
  if answer == nil then return nil, message, code end
  if type(answer) ~= "table" then return not_understood("no JSON object") end
  local res = answer.res
  if type(res) == "string" then
    local inner = json.decode(res)
    if type(inner) == "table" then res = inner end
  end
  if res == nil then return not_understood("it has no 'res'") end
  return res
end

--- The user's tags. The answer is an array of one; a user it does not know may give an empty one.
-- @treturn {table,...}|nil tags: id, name, timestamp
function read.user_tags(identity, body)
  local res, message, code = result(body)
  if res == nil then return nil, message, code end
  if type(res) ~= "table" then return not_understood("'res' is no array") end
  if res.tags ~= nil then res = { res } end
  local tags = {}
  for _, entry in ipairs(res) do
    if type(entry) ~= "table" then return not_understood("'res' holds no objects") end
    if entry.bot_pid == nil or tostring(entry.bot_pid) == identity.page then
      for _, tag in ipairs(type(entry.tags) == "table" and entry.tags or {}) do
        local id = type(tag) == "table" and text_of(tag.id)
        if not id then return not_understood("a tag of the user has no id") end
        tags[#tags + 1] = { id = id, name = tag.name, timestamp = tag.timestamp }
      end
    end
  end
  return tags
end

local function autogen(identity, name, kind, options)
  -- parentId is documented as a number, but ids are strings: it goes back as it came. [Q2]
  local body, complaint =
    json.encode({ botId = identity.bot, name = name, type = kind, parentId = options and options.folder })
  if not body then return nil, complaint end
  return {
    method = "POST",
    path = PREFIX .. "/tag/autogen",
    body = body,
    class = "write",
    repeatable = false, -- the same name twice makes two tags
  }
end

--- `POST /tag/autogen` with type 0 [yong-hu-biao-qian]
function M.create_tag(identity, name, options) return autogen(identity, name, TAG, options) end

--- `POST /tag/autogen` with type 1 [yong-hu-biao-qian]
function M.create_folder(identity, name, options) return autogen(identity, name, FOLDER, options) end

local function created(kind, body, name, options)
  local res = result(body)
  local id = type(res) == "table" and text_of(res.id)
  if not id then
    return nil,
      ("the %s '%s' may have been created, but the answer holds no id that can be read"):format(kind, name),
      "EAMBIGUOUS"
  end
  return { id = id, name = name, kind = kind, folder = options and options.folder }
end

--- The new tag: id, name, kind, folder.
function read.create_tag(_, body, name, options) return created("tag", body, name, options) end
--- The new folder, as a new tag.
function read.create_folder(_, body, name, options) return created("folder", body, name, options) end

--- `GET /tag/{tagId}` [yong-hu-biao-qian]
function M.get_tag(_, id)
  return {
    method = "GET",
    path = PREFIX .. "/tag/" .. percent_encoded(id),
    class = "read",
    repeatable = true,
  }
end

--- A tag: id, name, kind ("tag" or "folder"), bot, created.
function read.get_tag(_, body)
  local res, message, code = result(body)
  if res == nil then return nil, message, code end
  local id = type(res) == "table" and text_of(res.id)
  if not id then return not_understood("the tag has no id") end
  return {
    id = id,
    name = res.name,
    kind = res.type == FOLDER and "folder" or "tag",
    bot = res.botId,
    created = res.created,
  }
end

--- `DELETE /tag/{tagId}`: takes it off all users; a folder takes its children along.
-- [yong-hu-biao-qian]
function M.delete_tag(_, id)
  return {
    method = "DELETE",
    path = PREFIX .. "/tag/" .. percent_encoded(id),
    class = "write",
    repeatable = false, -- a second time it would not name what went
  }
end

--- Every id that went, in the platform's order.
function read.delete_tag(_, body)
  local res, message, code = result(body)
  if res == nil then return nil, message, code end
  if type(res) ~= "table" then return not_understood("'res' is no array of ids") end
  local ids = {}
  for i, id in ipairs(res) do
    ids[i] = text_of(id)
    if not ids[i] then return not_understood("'res' holds something that is no id") end
  end
  return ids
end

-- Parameters know a user by the raw id alone. [user-params]
local function params_request(method, identity, user, params)
  if type(user) == "table" then return nil, "user must be a raw id: BotBonnie's parameters take no other" end
  local field, lane = user_field(user)
  if not field then return nil, lane end
  local text, complaint = json.encode(params)
  if not text then return nil, complaint end
  return {
    method = method,
    path = PREFIX .. "/user/params",
    body = "{" .. identity.bot_field .. '"params":' .. text .. "," .. field .. identity.where,
    class = "write",
    repeatable = true, -- a value set twice is the value
    lane = lane,
  }
end

--- `POST /user/params` [user-params]
function M.set_params(identity, user, params) return params_request("POST", identity, user, params) end

--- `DELETE /user/params`; its body is not documented, see the option `delete_params_as`.
-- [user-params]
function M.delete_params(identity, user, names)
  local params = json.array({ table.unpack(names) })
  if identity.delete_params_as == "object" then
    params = {}
    for _, name in ipairs(names) do
      params[name] = ""
    end
  end
  return params_request("DELETE", identity, user, params)
end

--- The envelope said it all.
function read.set_params() return true end
read.delete_params = read.set_params

--- Whether `users_page` can be asked for those who changed since a moment.
M.users_since = true

--- `GET /bot/customers`: one page of users [user-data]
-- @tparam table identity
-- @tparam string|nil cursor `next` of the page before; nil for the first
-- @tparam table|nil options since: users whose last interaction is after it, in milliseconds
function M.users_page(identity, cursor, options)
  local query = { "botId=" .. percent_encoded(identity.bot), "limit=" .. M.USERS_A_PAGE }
  local since = options and options.since
  if since then query[#query + 1] = ("from=%013d"):format(since) end
  if cursor then query[#query + 1] = "next=" .. percent_encoded(cursor) end
  return {
    method = "GET",
    path = PREFIX .. "/bot/customers?" .. table.concat(query, "&"),
    class = "read",
    repeatable = true,
    max_body = LARGEST_PAGE,
  }
end

local function user_of(record)
  local id = type(record) == "table" and text_of(record.id)
  if not id then return nil end
  local tags, params = {}, {}
  for _, tag in ipairs(type(record.tags) == "table" and record.tags or {}) do
    local tag_id = type(tag) == "table" and text_of(tag.id)
    if not tag_id then return nil end
    tags[#tags + 1] = { id = tag_id, name = tag.name, timestamp = tag.timestamp, count = tag.count }
  end
  for _, param in ipairs(type(record.params) == "table" and record.params or {}) do
    if type(param) == "table" and type(param.name) == "string" then params[param.name] = param.value end
  end
  local platform = text_of(record.platform)
  return {
    id = id,
    name = text_of(record.name),
    platform_channel = platform and (CHANNEL_WORDS[platform] or platform:lower()),
    page = text_of(record.pageId),
    blocked = BLOCKED[math.tointeger(tonumber(record.status))] or false,
    created = record.created,
    last_active = record.lastActive,
    email = text_of(record.email),
    gender = text_of(record.gender),
    birthday = text_of(record.birthday),
    phone = text_of(record.phone),
    ext_id = text_of(record.extId),
    tags = tags,
    params = params,
  }
end

--- One page of users: `{ users = { ... }, next = cursor | nil }`; without `next` it was the last.
-- What `next` is on the last page is not documented. [user-data]
function read.users_page(_, body, cursor)
  local res, message, code = result(body)
  if res == nil then return nil, message, code end
  if type(res) ~= "table" or type(res.records) ~= "table" then
    return not_understood("it has no 'res.records'")
  end
  local page, wrong = reading.page(res.records, user_of, res.next, cursor)
  if not page then return not_understood(("user %d of the page, or one of its tags, has no id"):format(wrong)) end
  return page
end

return M
