--- MantaGo: its requests and its answers, as its documentation has them. Pure.
--
-- Pages of the vendor, <https://doc.mantago.cc>:
--
-- * auto tags: `zi-dong-biao-qian`; client tags: `shou-dong-biao-qian`; personal tags:
--   `ge-xing-hua-biao-qian`
-- * members: `wen-jian-shuo-ming-1/hui-yuan-api`
-- * error codes: `chang-jian-wen-ti/cuo-wu-dai-ma`
--
-- Everything is a POST. A call carries three credentials: the bearer token, the `secret` in the
-- body (which the host puts in) and `botId` in the query.
--
-- There are three families of tags. A tag's id stands for the connection's own family; one of
-- another family is written `client:ID`.
-- @module tagua.platform.mantago
local json = require("tagua.json")
local reading = require("tagua.platform.reading")

local M = { read = {} }

local percent_encoded, text_of = reading.percent_encoded, reading.text
local read = M.read

M.name = "mantago"
M.title = "MantaGo"
M.base = "https://mantago.cc"
M.bearer = "token"
M.body_secret = { field = "secret", option = "secret" }
M.token_help = "a new pair is under Settings > Advanced Settings > API Integration Settings in the console"

local PREFIX = "/api"

-- A page of tags, and of members (100 is the documented most). [hui-yuan-lie-biao]
M.TAGS_A_PAGE = 100
M.CLIENTS_A_PAGE = 100
local LARGEST_PAGE = 64 * 1024 * 1024

-- {"success":true,"message":...} or {"success":false,"errResponse":{"message":...,"code":...}}
M.envelope = { code = "errResponse.code", message = "errResponse.message", success = "success" }

-- What the documented codes come to. 404 is overloaded, so the code goes before the status.
-- [cuo-wu-dai-ma]
M.codes = {
  [1004] = "refresh", -- the token or the secret has expired
  [1002] = "stop:EPERMISSION", -- a wrong token or secret, or the plan lacks Open API
  [5001] = "stop:ECONFIG", -- no such bot
  [11000] = "fail:EPLATFORM",
  [11001] = "fail:EPLATFORM",
  [36000] = "fail:EPLATFORM",
  [37011] = "fail:ENOUSER", -- no such member
  [60001] = "fail:ENOTFOUND",
  [60002] = "fail:ENOTFOUND",
  [110000] = "fail:EPLATFORM", -- a variable is missing in the body
  [120000] = "refresh", -- the pair was rotated, and this is the old one
  [120001] = "fail:EPLATFORM",
}

--- How a new pair of token and secret is asked for, which kills the old one; see `tagua.pair`.
-- [open-api-token-yu-secret-key-huan-fa]
M.pair = {
  token = "token", -- the options that the pair stands for
  secret = "secret",
  field = "secret",
  answer = { success = "success", code = "errResponse.code", message = "errResponse.message", token = "apiToken",
    secret = "apiSecret" },
  replaced = 120000,
  path = function(identity) return "/api" .. identity.paths.token .. identity.query end,
}

-- What differs from family to family: the field of the id in a body, and where an answer has what.
local FAMILIES = {
  auto = { id = "autoTagId", one = "autoTag", list = "autoTagList", record = "autoTags" },
  client = { id = "tagId", one = "clientTag", list = "clientTagList", record = "tags" },
  personal = { id = "tagId", one = "personalTag", list = "listPersonalTags" },
}
M.families = { "auto", "client", "personal" }

-- Paths below /api. Those marked CUT are completed by analogy with their neighbours: the option
-- `paths` replaces them, should the vendor's turn out to be others.
M.paths = {
  auto_create = "/openapi/autoTag", -- CUT
  auto_list = "/openapi/autoTags/list",
  auto_get = "/openapi/autoTag/get/",
  auto_delete = "/openapi/autoTag/delete/",
  auto_map = "/openapi/autoTagMapping",
  auto_unmap = "/openapi/autoTagMapping/delete",
  client_create = "/openapi/clientTag",
  client_list = "/openapi/clientTags/list", -- CUT
  client_get = "/openapi/clientTag/get/",
  client_delete = "/openapi/clientTag/delete/",
  client_map = "/openapi/clientTagMapping",
  client_unmap = "/openapi/clientTagMapping/delete",
  personal_create = "/openapi/personalTag",
  personal_list = "/openapi/personalTags/list", -- CUT
  personal_get = "/openapi/personalTag/get/",
  personal_delete = "/openapi/personalTag/delete/",
  personal_map = "/openapi/personalTagMapping",
  personal_unmap = "/openapi/personalTagMapping/delete",
  clients = "/openapi/clients",
  client = "/openapi/client/",
  token = "/openapi/token",
  client_by_platform = "/openapi/client/", -- how an empty id in the path is written is not said
}

-- The words of `platform` in requests and answers. [hui-yuan-zi-liao]
local PLATFORMS = {
  line = "line",
  facebook = "facebook",
  instagram = "instagram",
  livechat = "liveChat",
  whatsapp = "whatsapp",
}

local function path_declaration()
  local fields = {}
  for name in pairs(M.paths) do
    fields[name] = {
      type = "string",
      min = 1,
      check = function(path)
        if not path:find("^/[%w%-._~/]*$") then return "must be a path that begins with / and has no query" end
        return nil
      end,
    }
  end
  return fields
end

M.options = {
  bot = { type = "string", required = true, min = 1, max = 200 },
  channel = {
    type = "string",
    required = true,
    one_of = { "line", "facebook", "instagram", "livechat", "whatsapp" },
  },
  family = { type = "string", one_of = M.families, default = "auto" },
  token = { secret = true },
  secret = { secret = true },
  -- In place of the two: a file that `tagua token` keeps, and whether to replace the pair in it.
  pair = { path = true },
  rotate = { type = "boolean", default = false, remote = true },
  paths = { type = "table", fields = path_declaration() },
}

-- The account of a local connection, where none is named.
M.local_account = { bot = "manta-local", channel = "line" }

--- Options of create_tag and list_tags.
M.tag_options = { family = { type = "string", one_of = M.families } }
M.list_options = M.tag_options
-- The list of members takes moments of creation, not of interaction.
M.users_options = {}

--- What is wrong with the credentials of a connection that is not local.
-- @tparam table settings checked options
-- @treturn string|nil
function M.complain(settings)
  if settings.pair then
    if settings.token or settings.secret then
      return "option 'pair' stands for 'token' and 'secret': give it, or those two"
    end
    return nil
  elseif settings.rotate then
    return "option 'rotate' needs the option 'pair': the file that the new pair is kept in"
  elseif not settings.token or not settings.secret then
    return ("option '%s' is missing, or the option 'pair' that stands for 'token' and 'secret'"):format(
      settings.token and "secret" or "token")
  end
  return nil
end

--- What every request of one connection has in common.
-- @tparam table settings checked options
-- @treturn table identity
function M.identity(settings)
  local paths = setmetatable({}, { __index = M.paths })
  for name, path in pairs(settings.paths or {}) do
    paths[name] = path
  end
  return {
    bot = settings.bot,
    family = settings.family,
    channel = settings.channel,
    platform = PLATFORMS[settings.channel],
    paths = paths,
    query = "?botId=" .. percent_encoded(settings.bot),
  }
end

-- A tag's id -> its family, the id as the vendor knows it.
local function family_of(identity, tag)
  local family, id = tag:match("^(%a+):(.+)$")
  if family and FAMILIES[family] then return family, id end
  return identity.family, tag
end

--- Whether a connection has a primitive: personal tags of a member are shown nowhere.
-- @tparam table identity
-- @tparam string primitive
-- @tparam[opt] string tag that it would be about; without it, one of the connection's own family
-- @treturn boolean
function M.can(identity, primitive, tag)
  if primitive == "user_tags" then return (tag and family_of(identity, tag) or identity.family) ~= "personal" end
  return M[primitive] ~= nil or M.composed[primitive] ~= nil
end

--- The family that a tag belongs to.
-- @tparam table identity
-- @tparam string tag id
-- @treturn string
function M.family_of(identity, tag) return (family_of(identity, tag)) end

-- The id of a vendor's tag as the callers know it.
local function qualified(identity, family, id)
  return family == identity.family and id or family .. ":" .. id
end

-- A user as a request names it: { clientId } or { platform, platformClientId }, and its lane.
--
-- The clientId of a request is MantaGo's own, encoded id; the clientId of an answer is the
-- platform's id, which goes back as platformClientId. So a plain id, and every id that `users`
-- gives, is the platform's. [hui-yuan-zi-liao]
local function identify(identity, user)
  if type(user) == "string" then
    if user == "" then return nil, "user must not be empty" end
    return { platform = identity.platform, platformClientId = user }, user
  elseif type(user) ~= "table" then
    return nil, "user must be a string: an id is never a number"
  end
  local client, id, channel = user.client, user.id, user.channel
  for name in pairs(user) do
    if name ~= "client" and name ~= "id" and name ~= "channel" then
      return nil, ("user has no '%s': give { client = ... } or { id = ..., channel = ... }"):format(tostring(name))
    end
  end
  if (client == nil) == (id == nil) then
    return nil, "user must be { client = ... } or { id = ..., channel = ... }, not both and not neither"
  end
  if client ~= nil then
    if type(client) ~= "string" or client == "" or channel ~= nil then
      return nil, "user must be { client = \"...\" } alone, with MantaGo's own id"
    end
    return { clientId = client }, "client:" .. client
  end
  local platform = PLATFORMS[channel or identity.channel]
  if type(id) ~= "string" or id == "" or not platform then
    return nil, "user must be { id = \"...\", channel = \"line\" }, the channel a known one"
  end
  return { platform = platform, platformClientId = id }, platform == identity.platform and id or platform .. ":" .. id
end

-- Every request is a POST of an object, into which the host puts the secret.
local function post(identity, path, body, more)
  local text, complaint = json.encode(body)
  if not text then return nil, complaint end
  local request = {
    method = "POST",
    path = PREFIX .. path .. identity.query .. (more.query or ""),
    body = text,
    class = more.class or "write",
    repeatable = more.repeatable or false,
    lane = more.lane,
    max_body = more.max_body,
  }
  return request
end

local function mapping(identity, what, user, tag)
  local body, lane = identify(identity, user)
  if not body then return nil, lane end
  local family, id = family_of(identity, tag)
  body[FAMILIES[family].id] = id
  -- Whether assigning twice does harm is not documented: not repeatable.
  return post(identity, identity.paths[family .. what], body, { lane = lane })
end

--- `POST /openapi/autoTagMapping` and its like
-- [zi-dong-biao-qian/gei-shi-yong-zhe-tie-shang-zhi-ding-biao-qian]
function M.tag_user(identity, user, tag) return mapping(identity, "_map", user, tag) end

--- `POST /openapi/autoTagMapping/delete` and its like
-- [zi-dong-biao-qian/gei-shi-yong-zhe-shan-chu-zhi-ding-biao-qian]
function M.untag_user(identity, user, tag) return mapping(identity, "_unmap", user, tag) end

--- {"success":true,"message":...}: the envelope said it all.
function read.tag_user() return true end
read.untag_user = read.tag_user

local function not_understood(what)
  return nil, ("MantaGo's answer was not understood: %s"):format(what), "EPROTOCOL"
end

local function answer_of(body)
  local answer, message, code = json.decode(body)
  if answer == nil then return nil, message, code end
  if type(answer) ~= "table" then return not_understood("no JSON object") end
  return answer
end

local function tag_of(identity, family, tag)
  local id = type(tag) == "table" and text_of(tag.id)
  if not id then return nil end
  return {
    id = qualified(identity, family, id),
    name = tag.name,
    kind = "tag",
    family = family,
    bot = tag.botId,
    count = tag.count,
    active = tag.isActive,
  }
end

--- `POST /openapi/autoTag/get/{autoTagId}` and its like [zi-dong-biao-qian/qu-de-zi-dong-biao-qian]
function M.get_tag(identity, tag)
  local family, id = family_of(identity, tag)
  local path = identity.paths[family .. "_get"] .. percent_encoded(id)
  return post(identity, path, {}, { class = "read", repeatable = true })
end

--- A tag: id, name, kind, family, and what the family adds.
function read.get_tag(identity, body, wanted)
  local answer, message, code = answer_of(body)
  if not answer then return nil, message, code end
  local family = family_of(identity, wanted)
  local tag = tag_of(identity, family, answer[FAMILIES[family].one])
  if not tag then return not_understood(("it has no '%s' with an id"):format(FAMILIES[family].one)) end
  return tag
end

--- `POST /openapi/autoTag/delete/{autoTagId}` and its like [mantago-en/auto-tags/delete-auto-tag]
function M.delete_tag(identity, tag)
  local family, id = family_of(identity, tag)
  return post(identity, identity.paths[family .. "_delete"] .. percent_encoded(id), {}, {})
end

--- The one id that went: MantaGo has no folders.
function read.delete_tag(_, _, wanted) return { wanted } end

--- `POST /openapi/autoTag`: a step of create_tag, for the answer holds no id
-- [zi-dong-biao-qian/jian-li-zi-dong-biao-qian]
function M.make_tag(identity, name, family)
  return post(identity, identity.paths[family .. "_create"], { name = name }, {})
end

--- The envelope said it all, and no id.
function read.make_tag() return true end

--- `POST /openapi/autoTags/list` and its like: one page, a step of list_tags
-- [zi-dong-biao-qian/lie-chu-zi-dong-biao-qian]
-- @tparam table identity
-- @tparam string family
-- @tparam integer page from 1
-- @tparam[opt] string search part of the name
function M.tags_page(identity, family, page, search)
  -- The oldest first, so that a tag made meanwhile moves none to a page that was read.
  local query = ("&page=%d&perpage=%d&sorting=ASC&sortingType=createdAt"):format(page, M.TAGS_A_PAGE)
  if search then query = query .. "&search=" .. percent_encoded(search) end
  return post(identity, identity.paths[family .. "_list"], {}, { class = "read", repeatable = true, query = query })
end

--- `{ tags = { ... }, more = boolean }`
function read.tags_page(identity, body, family)
  local answer, message, code = answer_of(body)
  if not answer then return nil, message, code end
  local list = answer[FAMILIES[family].list]
  if type(list) ~= "table" then return not_understood(("it has no '%s'"):format(FAMILIES[family].list)) end
  local tags = {}
  for i, tag in ipairs(list) do
    tags[i] = tag_of(identity, family, tag)
    if not tags[i] then return not_understood(("tag %d of the page has no id"):format(i)) end
  end
  local pagination = type(answer.pagination) == "table" and answer.pagination or {}
  return { tags = tags, more = pagination.hasNext == true and #tags > 0 }
end

--- `POST /openapi/client/{clientId}`: a step of user_tags [hui-yuan-zi-liao]
function M.client(identity, user)
  local named, lane = identify(identity, user)
  if not named then return nil, lane end
  local path, query = identity.paths.client_by_platform, nil
  if named.clientId then
    path = identity.paths.client .. percent_encoded(named.clientId)
  else
    query = ("&platformClientId=%s&platform=%s"):format(percent_encoded(named.platformClientId), named.platform)
  end
  return post(identity, path, {}, { class = "read", repeatable = true, lane = lane, query = query })
end

-- Days since the epoch of a date of the Gregorian calendar.
local function day_number(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local era = year // 400
  local of_era = year - era * 400
  local of_year = (153 * (month - 3) + 2) // 5 + day - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

-- "2024-01-02T03:04:05.678Z" in milliseconds since the epoch; nil when it is nothing of the kind.
local function milliseconds(text)
  if math.type(text) == "integer" then return text end
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second, fraction =
    text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)%.?(%d*)Z$")
  if not year then return nil end
  local seconds = day_number(tonumber(year), tonumber(month), tonumber(day)) * 86400
    + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
  return seconds * 1000 + tonumber((fraction .. "000"):sub(1, 3))
end

-- The tags of a member's record, which have names and no ids: { family, name, timestamp }.
local function named_tags(record)
  local tags = {}
  for _, family in ipairs(M.families) do
    local list = FAMILIES[family].record and record[FAMILIES[family].record]
    for _, tag in ipairs(type(list) == "table" and list or {}) do
      if type(tag) == "table" and type(tag.name) == "string" then
        tags[#tags + 1] = { family = family, name = tag.name, timestamp = milliseconds(tag.createdAt) }
      end
    end
  end
  return tags
end

-- A member. `clientId` here is the platform's id.
local function user_of(record)
  local id = type(record) == "table" and text_of(record.clientId)
  if not id then return nil end
  local platform = text_of(record.platform)
  return {
    id = id,
    name = text_of(record.userName) or text_of(record.clientName),
    platform_channel = platform and platform:lower(),
    blocked = record.isBlock == true,
    created = milliseconds(record.createdAt),
    last_active = milliseconds(record.lastInteractAt),
    email = text_of(record.userEmail),
    phone = text_of(record.userPhone),
    birthday = text_of(record.userBirthday),
    ext_id = text_of(record.customerId),
    named = named_tags(record),
    params = { address = text_of(record.userAddress) },
  }
end

--- One member, its tags by name in `named`.
function read.client(_, body)
  local answer, message, code = answer_of(body)
  if not answer then return nil, message, code end
  local user = user_of(answer.client)
  if not user then return not_understood("it has no 'client' with an id") end
  return user
end

--- `POST /openapi/clients`: one page, a step of users_page [hui-yuan-lie-biao]
function M.clients_page(identity, cursor)
  local query = ("&platform=%s&limit=%d"):format(identity.platform, M.CLIENTS_A_PAGE)
  if cursor then query = query .. "&next=" .. percent_encoded(cursor) end
  return post(identity, identity.paths.clients, {}, {
    class = "read",
    repeatable = true,
    query = query,
    max_body = LARGEST_PAGE,
  })
end

--- `{ users = { ... }, next = cursor | nil }`, the tags of each by name in `named`.
function read.clients_page(_, body, cursor)
  local answer, message, code = answer_of(body)
  if not answer then return nil, message, code end
  local page = answer.clientList
  if type(page) ~= "table" or type(page.list) ~= "table" then
    return not_understood("it has no 'clientList.list'")
  end
  local members, wrong = reading.page(page.list, user_of, page.next, cursor)
  if not members then return not_understood(("member %d of the page has no id"):format(wrong)) end
  return members
end

-- What takes several requests: each is given `ask(step, ...)`, which makes one of the requests
-- above and gives what its answer says.
M.composed = require("tagua.platform.mantago_steps")
--- The step that tells whether the arguments are right, before the first request.
M.probe = { user_tags = "client" }

return M
