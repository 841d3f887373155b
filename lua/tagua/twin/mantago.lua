--- The twin's MantaGo: what each request gets, as the vendor's documentation has it.
--
-- Written from the pages alone (<https://doc.mantago.cc>: auto, client and personal tags, members, tokens,
-- error codes). It shares nothing with `tagua.platform.mantago`, so that a mistake in one of the two
-- shows. Every request is a POST with the bearer token, `secret` in the body and `botId` in the query.
--
-- The page gives error codes without an HTTP status, and statuses without a code. Here a documented
-- code has the status that its name suggests; where the code is not known, the status stands for it.
--
-- A quirk, set in the faults file: `pair_seconds`, how long a new pair is good for (30 days).
-- @module tagua.twin.mantago
local cjson = require("cjson")
local pairs_of_bots = require("tagua.twin.pairs")
local reading = require("tagua.twin.reading")

local M = {}

M.prefix = "/api/openapi"
M.quirks = { pair_seconds = { type = "integer", min = 1 } }

local refuse = reading.refuse

-- Users have no page here; this is the one that `add_users` gives where none is named.
local PAGE = "local"
local CHANNELS = { facebook = 0, line = 1, instagram = 2, liveChat = 3, whatsapp = 4 }

-- The documented codes.
local EXPIRED, DENIED, NO_BOT, NO_CLIENT, NO_VARIABLE, REPLACED = 1004, 1002, 5001, 37011, 110000, 120000
local BIND_FAILED, UNBIND_FAILED = 60001, 60002
local STATUS = { [EXPIRED] = 401, [DENIED] = 403, [NO_BOT] = 404, [NO_CLIENT] = 404, [NO_VARIABLE] = 404,
  [REPLACED] = 404, [BIND_FAILED] = 403, [UNBIND_FAILED] = 403 }
local EXPIRED_TEXT = "Token is invalid or expired"

-- What differs from family to family.
local FAMILIES = {
  auto = {
    id = "autoTagId", one = "autoTag", list = "autoTagList",
    more = ',"isAllActiveConfidence":true,"isAllActiveLifeCycle":true',
    created = "Create auto tag successfully", deleted = "Operation completed successfully",
    mapped = "Create auto tag mapping successfully", unmapped = "Delete auto tag mapping successfully",
    missing = "Auto tag or OpenAPI configuration not found", unmappable = 404,
    unmappable_text = "Resource not found",
  },
  client = {
    id = "tagId", one = "clientTag", list = "clientTagList", more = "",
    created = "Create client tag successfully", deleted = "Delete client tag successfully",
    mapped = "Create client tag mapping successfully", unmapped = "Delete client tag mapping successfully",
    missing = "OpenAPI configuration not found or client tag not found", unmappable = 403,
    unmappable_text = "Permission denied or client tag mapping creation failed",
  },
  personal = {
    id = "tagId", one = "personalTag", list = "listPersonalTags", more = "",
    created = "Create personal tag successfully", deleted = "Operation completed successfully",
    mapped = "Personal tag mapping created successfully", unmapped = "Personal tag mapping deleted successfully",
    missing = "OpenAPI configuration not found or personal tag not found", unmappable = 403,
    unmappable_text = "Permission denied or personal tag mapping operation failed",
  },
}

-- ---- SQL: lists are made by the database, as text -------------------------------------------

local TAG_AS = {
  auto = "json_object('id', tags.id, 'name', tags.name, 'confidence', 1.0, 'lifeCycle', 'permanent',"
    .. " 'isActive', json('true'))",
  client = "json_object('id', tags.id, 'name', tags.name, 'botId', tags.bot)",
  personal = "json_object('id', tags.id, 'name', tags.name, 'count', coalesce(counts.n, 0))",
}
local COUNTED = " LEFT JOIN (SELECT tag, count(*) AS n FROM user_tags GROUP BY tag) AS counts"
  .. " ON counts.tag = tags.key"
local SORTS = { updateAt = "tags.created", createdAt = "tags.created", name = "tags.name",
  clientCount = "coalesce(counts.n, 0)" }

local function iso(milliseconds)
  return ("strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', %s / 1000.0, 'unixepoch')"):format(milliseconds)
end

local function tags_of_client(kind)
  return ("json((SELECT json_group_array(json_object('name', tags.name, 'createdAt', %s)) FROM user_tags"
    .. " JOIN tags ON tags.key = user_tags.tag WHERE user_tags.user = users.key AND tags.kind = '%s'))"):format(
      iso("user_tags.timestamp"), kind)
end

-- A member. The field named clientId holds the platform's id, not the one that requests call so.
local CLIENT = "json_object('clientId', users.id, 'clientName', coalesce(users.name, ''),"
  .. " 'clientHeadshot', coalesce(picture, ''), 'platform', CASE accounts.channel WHEN 0 THEN 'facebook'"
  .. " WHEN 1 THEN 'line' WHEN 2 THEN 'instagram' WHEN 3 THEN 'liveChat' ELSE 'whatsapp' END,"
  .. " 'remark', '', 'isBlock', json(CASE WHEN status IN (4, 5) THEN 'true' ELSE 'false' END),"
  .. " 'customerId', coalesce(ext_id, ''), 'userName', coalesce(users.name, ''),"
  .. " 'userEmail', coalesce(email, ''), 'userPhone', coalesce(phone, ''),"
  .. " 'userBirthday', coalesce(birthday, ''), 'userAddress', '', 'createdAt', " .. iso("users.created") .. ","
  .. " 'updatedAt', " .. iso("last_active") .. ", 'lastInteractAt', " .. iso("last_active") .. ","
  .. " 'autoTags', " .. tags_of_client("auto") .. ", 'tags', " .. tags_of_client("client") .. ","
  .. " 'tourTags', json('[]'))"
local FROM_USERS = " FROM users JOIN accounts ON accounts.key = users.account"

M.statements = {
  mg_by_uid = "SELECT users.key" .. FROM_USERS .. " WHERE accounts.bot = ? AND users.uid = ?",
  mg_by_id = "SELECT users.key" .. FROM_USERS .. " WHERE accounts.bot = ? AND users.id = ? LIMIT 1",
  mg_client = "SELECT " .. CLIENT .. FROM_USERS .. " WHERE users.key = ?",
  mg_clients = "SELECT users.key, " .. CLIENT .. FROM_USERS .. " WHERE users.key > ?1 AND accounts.bot = ?2"
    .. " AND (?3 = '' OR ext_id = ?3) AND (?4 = -1 OR accounts.channel = ?4)"
    .. " AND (?5 = '' OR instr(coalesce(users.name, ''), ?5) > 0) AND users.created >= ?6 AND users.created <= ?7"
    .. " ORDER BY users.key LIMIT ?8 OFFSET ?9",
  mg_bind = "UPDATE users SET ext_id = ?2 WHERE key = ?1",
  mg_tag_count = "SELECT count(*) FROM tags WHERE bot = ?1 AND kind = ?2 AND (?3 = '' OR instr(name, ?3) > 0)",
}
for name, text in pairs(pairs_of_bots.statements) do
  M.statements[name] = text
end
for family, as in pairs(TAG_AS) do
  M.statements["mg_one_" .. family] = "SELECT " .. as .. " FROM tags" .. COUNTED .. " WHERE tags.key = ?"
  for sort, column in pairs(SORTS) do
    local counted = family == "personal" or sort == "clientCount"
    for _, way in ipairs({ "ASC", "DESC" }) do
      M.statements[("mg_list_%s_%s_%s"):format(family, sort, way)] = ("SELECT %s FROM tags%s WHERE bot = ?1"
        .. " AND kind = '%s' AND (?2 = '' OR instr(name, ?2) > 0) ORDER BY %s %s, tags.key %s"
        .. " LIMIT ?3 OFFSET ?4"):format(as, counted and COUNTED or "", family, column, way, way)
    end
  end
end

-- ---- envelopes ------------------------------------------------------------------------------

local HEADERS = { ["Content-Type"] = "application/json" }

local function success(message, more)
  return { status = 200, headers = HEADERS,
    body = ('{"success":true,"message":%s%s}'):format(cjson.encode(message), more or "") }
end

--- An answer that says no: {"success":false,"errResponse":{"message":...,"code":...}}.
-- @tparam table _ quirks
-- @tparam integer code a documented one, or an HTTP status
-- @tparam string message
-- @treturn table a reply
function M.refusal(_, code, message)
  if code == 401 then
    code, message = EXPIRED, EXPIRED_TEXT
  elseif code == 429 then
    message = "Rate limit exceeded"
  end
  return { status = STATUS[code] or (code >= 400 and code <= 599 and code or 500), headers = HEADERS,
    body = ('{"success":false,"errResponse":{"message":%s,"code":%d}}'):format(cjson.encode(message), code) }
end

-- ---- letting in -----------------------------------------------------------------------------

local function missing_variable(what)
  refuse(NO_VARIABLE, "Get correct request variables failed: " .. what)
end

local function text(body, name)
  local value = reading.given(body, name)
  if type(value) ~= "string" or value == "" or #value > reading.LONGEST_TEXT then missing_variable(name) end
  return value
end

local function optional(body, name)
  return reading.given(body, name) ~= nil and body[name] ~= "" and text(body, name) or nil
end

local WRONG = {
  token = { EXPIRED, EXPIRED_TEXT },
  bot = { NO_BOT, "尋找Bot資訊失敗,無此botId" },
  other = { DENIED, "permission denied" },
  secret = { DENIED, "permission denied" },
  replaced = { REPLACED, "Get open api failed" },
}

--- Lets a request in, or refuses it: by token, botId and secret together.
-- @tparam table call
-- @treturn string the bot
-- @treturn string whose limit it counts against
function M.authorize(call)
  local rotates = call.path == "/token"
  call.given = reading.object(call.body, NO_VARIABLE)
  call.query = call.request.query
  local bot = call.query.botId
  if bot == nil and not rotates or bot == "" then missing_variable("botId") end
  local its_bot, wrong, expired = pairs_of_bots.judge(call.store, call.request, text(call.given, "secret"), bot)
  if wrong then refuse(WRONG[wrong][1], WRONG[wrong][2]) end
  -- An expired pair is good for one thing: to be exchanged for a new one.
  if expired and not rotates then refuse(EXPIRED, EXPIRED_TEXT) end
  return its_bot, "mantago " .. its_bot
end

-- POST /token
local function rotate(call)
  local pair = pairs_of_bots.issue(call.store, call.bot, call.quirks.pair_seconds)
  call.effect("rotate")
  return success("Operation completed successfully",
    (',"apiToken":%s,"apiSecret":%s'):format(cjson.encode(pair.token), cjson.encode(pair.secret)))
end

-- ---- tags -----------------------------------------------------------------------------------

local function tag_of(call, family, id)
  local tag = call.store:tag(call.bot, id)
  return tag and tag.kind == family and tag or nil
end

local function create(family)
  return function(call)
    call.store:add_tag({ bot = call.bot, name = text(call.given, "name"), kind = family, prefix = "" })
    call.effect("create")
    return success(FAMILIES[family].created) -- the documents show no id
  end
end

local function get(family)
  return function(call, id)
    local tag = tag_of(call, family, id)
    if not tag then refuse(404, FAMILIES[family].missing) end
    return success("Operation completed successfully",
      (',"%s":%s'):format(FAMILIES[family].one, call.store:row("mg_one_" .. family, tag.key)))
  end
end

local function delete(family)
  return function(call, id)
    local tag = tag_of(call, family, id)
    if not tag then refuse(404, FAMILIES[family].missing) end
    call.store:remove_tag(tag)
    call.effect("delete")
    return success(FAMILIES[family].deleted)
  end
end

local function query_word(query, name, otherwise, words)
  local value = query[name]
  if value == nil or value == "" then return otherwise end
  if not words[value] then missing_variable(name) end
  return value
end

local function list(family)
  return function(call)
    local query = call.query
    local page = reading.query_number(query, "page", 1, 1000000, NO_VARIABLE, 1)
    local per_page = reading.query_number(query, "perpage", 1, 1000, NO_VARIABLE, 10)
    local sort = query_word(query, "sortingType", "updateAt", SORTS)
    local way = query_word(query, "sorting", "ASC", { ASC = true, DESC = true })
    local search = query.search or ""
    local total = call.store:row("mg_tag_count", call.bot, family, search)
    local found = {}
    for tag in call.store:rows(("mg_list_%s_%s_%s"):format(family, sort, way), call.bot, search, per_page,
      (page - 1) * per_page) do
      found[#found + 1] = tag
    end
    local pages = (total + per_page - 1) // per_page
    return success("Operation completed successfully",
      (',"%s":[%s],"pagination":{"totalPages":%d,"currentPage":%d,"hasPre":%s,"hasNext":%s}%s'):format(
        FAMILIES[family].list, table.concat(found, ","), pages, page, tostring(page > 1), tostring(page < pages),
        FAMILIES[family].more))
  end
end

-- ---- members --------------------------------------------------------------------------------

local function channel_of(platform)
  local channel = CHANNELS[platform]
  if not channel then missing_variable("platform") end
  return channel
end

-- The member that clientId, or platform with platformClientId, means -> key. Where all three are sent,
-- as some samples do, clientId counts.
local function member(call, client_id, platform, platform_id, make)
  local key
  if client_id then
    key = call.store:row("mg_by_uid", call.bot, client_id)
  elseif platform and platform_id then
    key = call.store:user({ bot = call.bot, page = PAGE, channel = channel_of(platform), id = platform_id },
      make and not call.strict_users)
  else
    missing_variable("clientId, or platform and platformClientId")
  end
  if not key then refuse(NO_CLIENT, "Get client failed") end
  return key
end

local function put_on(call, user, tag)
  call.store:put_on(user, tag)
  call.effect("tag")
end

local function take_off(call, user, tag)
  call.store:take_off(user, tag)
  call.effect("untag")
end

-- Only putting a tag on makes a member of somebody unknown.
local function mapping(family, message, work)
  return function(call)
    local its, body = FAMILIES[family], call.given
    local id = text(body, its.id)
    local client_id, platform, platform_id = optional(body, "clientId"), optional(body, "platform"),
      optional(body, "platformClientId")
    if not client_id and not (platform and platform_id) then
      missing_variable("clientId, or platform and platformClientId")
    end
    local tag = tag_of(call, family, id)
    if not tag then refuse(its.unmappable, its.unmappable_text) end
    work(call, member(call, client_id, platform, platform_id, work == put_on), tag.key)
    return success(message)
  end
end

-- POST /client/{clientId}
local function client(call, id)
  local query = call.query
  local key = member(call, id ~= "" and id or nil, query.platform, query.platformClientId, false)
  return success("Operation completed successfully", ',"client":' .. call.store:row("mg_client", key))
end

-- POST /clients
local function clients(call)
  local query = call.query
  local limit = reading.query_number(query, "limit", 1, 100, NO_VARIABLE, 10)
  local offset = reading.query_number(query, "offset", 0, 9999999999999, NO_VARIABLE, 0)
  local from = reading.query_number(query, "startAt", 0, 9999999999999, NO_VARIABLE, 0)
  local to = reading.query_number(query, "endAt", 0, 9999999999999, NO_VARIABLE, 9999999999999)
  local channel = query.platform and query.platform ~= "" and channel_of(query.platform) or -1
  local after = 0
  if query.next and query.next ~= "" then
    after = #query.next <= 16 and tonumber(query.next:match("^n(%x+)$") or "", 16)
    if not after then missing_variable("next") end
    offset = 0
  end
  local records, last, following = {}, nil, ""
  for key, record in call.store:rows("mg_clients", after, call.bot, query.customerId or "", channel, query.name or "",
    from, to, limit + 1, offset) do
    if #records == limit then
      following = ("n%x"):format(last)
      break
    end
    records[#records + 1], last = record, key
  end
  return success("Operation completed successfully",
    (',"clientList":{"list":[%s],"next":"%s"}'):format(table.concat(records, ","), following))
end

local function binding(code, message, customer)
  return function(call)
    local id, customer_id = text(call.given, "clientId"), text(call.given, "customerId")
    local key = call.store:row("mg_by_id", call.bot, id)
    if not key then refuse(code, message .. " failed") end
    call.store:run("mg_bind", key, customer and customer_id or nil)
    return success(customer and "Bind customer successfully" or "Unbind customer successfully")
  end
end

-- ---- routes ---------------------------------------------------------------------------------

local ROUTES = {
  ["/token"] = rotate,
  ["/clients"] = clients,
  ["/bind/customer"] = binding(BIND_FAILED, "Bind customer client", true),
  ["/unbind/customer"] = binding(UNBIND_FAILED, "Unbind customer client", false),
}
local WITH_ID = { ["/client/"] = client }
for family, its in pairs(FAMILIES) do
  ROUTES["/" .. its.one] = create(family)
  ROUTES["/" .. its.one .. "s/list"] = list(family)
  ROUTES["/" .. its.one .. "Mapping"] = mapping(family, its.mapped, put_on)
  ROUTES["/" .. its.one .. "Mapping/delete"] = mapping(family, its.unmapped, take_off)
  WITH_ID["/" .. its.one .. "/get/"] = get(family)
  WITH_ID["/" .. its.one .. "/delete/"] = delete(family)
end

--- Who answers a request.
-- @tparam string method
-- @tparam string path below the prefix, percent-encoded
-- @treturn function|nil handler(call, argument)
-- @treturn string|integer the argument, or the code of the refusal
-- @treturn string its message
function M.route(method, path)
  local handler, argument = ROUTES[path], nil
  if not handler then
    local stem, id = path:match("^(/.+/)([^/]*)$")
    handler = stem and WITH_ID[stem]
    argument = id and reading.percent_decoded(id)
  end
  if not handler then return nil, 404, "Resource not found" end
  if method ~= "POST" then return nil, 405, method .. " is not allowed here" end
  return handler, argument
end

return M
