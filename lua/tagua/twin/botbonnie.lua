--- The twin's BotBonnie: what each request gets, as the vendor's documentation has it.
--
-- Written from the pages alone: user tags, user parameters and user data of
-- <https://docs.botbonnie.com>. It shares nothing with `tagua.platform.botbonnie`, so that a mistake
-- in one of the two shows. What comes in is read leniently (numbers as text, text as numbers where the
-- platform's own clients send it so), what goes out has the documented types to the letter.
--
-- What the pages leave open is a quirk, set in the faults file:
--
-- * `error_status`: the HTTP status of every error, where it is not the code itself: 200
-- * `no_error_code`: errors have `errorMessage` alone
-- * `created_as_text`: `res` of a new tag is a string that holds JSON, as the page shows it
-- * `last_next`: what the last page of users has for `next`: `"empty"` (the default), `"absent"`,
--   `"null"` or `"cursor"` (the one that was sent)
-- * `unknown_user`: what the list of an unknown user's tags is: `"empty"` (the default) or `"error"`
-- @module tagua.twin.botbonnie
local cjson = require("cjson")
local reading = require("tagua.twin.reading")

local M = {}

M.prefix = "/v1/api"
M.quirks = {
  error_status = { type = "integer", min = 200, max = 599 },
  no_error_code = { type = "boolean", default = false },
  created_as_text = { type = "boolean", default = false },
  last_next = { type = "string", one_of = { "empty", "absent", "null", "cursor" }, default = "empty" },
  unknown_user = { type = "string", one_of = { "empty", "error" }, default = "empty" },
}

M.most_customers = 3086
local LONGEST_TEXT = reading.LONGEST_TEXT
local MOST_PARAMS = 100

local OK = '{"res":"ok","status":200}'

-- Lists are made by the database, as text: numbers stay exact, and an empty list is [].
local TAGS_OF = "(SELECT json_group_array(json_object('id', tags.id, 'name', tags.name,"
  .. " 'timestamp', user_tags.timestamp%s)) FROM user_tags JOIN tags ON tags.key = user_tags.tag"
  .. " WHERE user_tags.user = users.key)"
M.statements = {
  bb_taglist = "SELECT users.id, uid, json_object('bot_raw_uid', users.id, 'bot_pid', accounts.page,"
    .. " 'bot_channel', accounts.channel, 'tags', " .. TAGS_OF:format("") .. ")"
    .. " FROM users JOIN accounts ON accounts.key = users.account WHERE users.key = ?",
  -- Patching {} drops the fields that are null: the platform knows nothing of them.
  bb_customers = "SELECT users.key, json_patch('{}', json_object('id', users.id, 'name', users.name,"
    .. " 'platform', CASE accounts.channel WHEN 0 THEN 'FB' WHEN 1 THEN 'LINE'"
    .. " ELSE CAST(accounts.channel AS TEXT) END,"
    .. " 'pageId', accounts.page, 'status', status, 'created', users.created, 'lastActive', last_active,"
    .. " 'pic', picture, 'email', email, 'gender', gender, 'birthday', birthday, 'phone', phone,"
    .. " 'extId', ext_id, 'tags', json(" .. TAGS_OF:format(", 'count', user_tags.count") .. "),"
    .. " 'params', json((SELECT json_group_array(json_object('name', params.name, 'value',"
    .. " json(params.value), 'timestamp', params.timestamp)) FROM params WHERE params.user = users.key))))"
    .. " FROM users JOIN accounts ON accounts.key = users.account"
    .. " WHERE users.key > ?1 AND accounts.bot = ?2 AND last_active > ?3 ORDER BY users.key LIMIT ?4",
}

-- ---- envelopes ------------------------------------------------------------------------------

local HEADERS = { ["Content-Type"] = "application/json" }

local function success(res) return { status = 200, headers = HEADERS, body = res } end

--- An answer that says no: {"errorMessage":...,"errorCode":...}, without `res` and `status`.
-- @tparam table quirks
-- @tparam integer code also the HTTP status, unless a quirk says otherwise
-- @tparam string message
-- @treturn table a reply
function M.refusal(quirks, code, message)
  local body = quirks.no_error_code and ('{"errorMessage":%s}'):format(cjson.encode(message))
    or ('{"errorMessage":%s,"errorCode":%d}'):format(cjson.encode(message), code)
  local status = code >= 400 and code <= 599 and code or 500
  if quirks.error_status and code ~= 429 then status = quirks.error_status end
  return { status = status, headers = HEADERS, body = body }
end

-- ---- reading what was sent -----------------------------------------------------------------

local refuse, given = reading.refuse, reading.given

local function object(body) return reading.object(body, 400) end
local function text(body, name) return reading.text(body, name, 400) end
local function loose_text(body, name) return reading.loose_text(body, name, 400) end
local function whole_number(body, name) return reading.whole_number(body, name, 400) end

local function check_bot(call, bot)
  if bot ~= call.bot then refuse(403, "the token may not act for the bot '%s'", bot) end
end

local function tag_named(call, id)
  local tag = call.store:tag(call.bot, id)
  if not tag or tag.kind ~= "tag" and tag.kind ~= "folder" then refuse(404, "there is no tag '%s'", id) end
  return tag
end

-- The user that a body means -> key or nil.
local function user_in(call, body, make)
  local who = { bot = call.bot, page = loose_text(body, "bot_pid"), channel = whole_number(body, "bot_channel") }
  local key
  make = make and not call.strict_users
  if given(body, "bot_raw_uid") ~= nil then
    who.id = text(body, "bot_raw_uid")
    if #who.id > 250 then refuse(400, "bot_raw_uid is too long") end
    key = call.store:user(who, make)
  elseif given(body, "bot_uid") ~= nil then
    who.uid = text(body, "bot_uid")
    key = call.store:user_by_uid(who, make)
  else
    refuse(400, "bot_uid or bot_raw_uid is missing")
  end
  return key
end

local function known_user(call, body)
  local key = user_in(call, body, true)
  if not key then refuse(404, "there is no such user") end
  return key
end

-- ---- tags -----------------------------------------------------------------------------------

-- POST /tag/autogen
local function autogen(call)
  local body = object(call.body)
  check_bot(call, text(body, "botId"))
  local name, kind = text(body, "name"), whole_number(body, "type")
  if kind ~= 0 and kind ~= 1 then refuse(400, "type must be 0 or 1") end
  local parent
  -- Documented as a number, although ids are texts: both are taken.
  if given(body, "parentId") ~= nil and body.parentId ~= "" then
    local id = loose_text(body, "parentId")
    local folder = call.store:tag(call.bot, id)
    if not folder or folder.kind ~= "folder" then refuse(404, "there is no folder '%s'", id) end
    parent = folder.key
  end
  local id = call.store:add_tag({ bot = call.bot, name = name, kind = kind == 1 and "folder" or "tag",
    prefix = kind == 1 and "tf-" or "tag-", parent = parent })
  call.effect("create")
  local res = ('{"id":%s}'):format(cjson.encode(id))
  if call.quirks.created_as_text then res = cjson.encode(('{ "id": "%s" }'):format(id)) end
  return success(('{"res":%s,"status":200}'):format(res))
end

-- GET /tag/{tagId}
local function get_tag(call, id)
  local tag = tag_named(call, id)
  return success(('{"res":{"created":%d,"id":%s,"name":%s,"botId":%s,"type":%d},"status":200}'):format(tag.created,
    cjson.encode(tag.id), cjson.encode(tag.name), cjson.encode(call.bot), tag.kind == "folder" and 1 or 0))
end

-- DELETE /tag/{tagId}
local function delete_tag(call, id)
  local ids = call.store:remove_tag(tag_named(call, id))
  for i, gone in ipairs(ids) do
    ids[i] = cjson.encode(gone)
  end
  call.effect("delete")
  return success(('{"res":[%s],"status":200}'):format(table.concat(ids, ",")))
end

-- ---- users and their tags -------------------------------------------------------------------

local function tag_of_user(call, body)
  local tag = tag_named(call, text(body, "bot_tag_id"))
  if tag.kind == "folder" then refuse(400, "'%s' is a folder, and no user can have it", tag.id) end
  return tag
end

-- POST /user/tag
local function put_on(call)
  local body = object(call.body)
  local tag = tag_of_user(call, body)
  call.store:put_on(known_user(call, body), tag.key)
  call.effect("tag")
  return success(OK)
end

-- DELETE /user/tag
local function take_off(call)
  local body = object(call.body)
  local tag = tag_of_user(call, body)
  local user = user_in(call, body, false)
  if not user and call.strict_users then refuse(404, "there is no such user") end
  if user then call.store:take_off(user, tag.key) end
  call.effect("untag")
  return success(OK)
end

-- POST /user/taglist
local function taglist(call)
  local user = user_in(call, object(call.body), false)
  if not user then
    if call.strict_users or call.quirks.unknown_user == "error" then refuse(500, "there is no such user") end
    return success('{"res":[],"status":200}')
  end
  local id, uid, entry = call.store:row("bb_taglist", user)
  return success(('{"res":[{"bot_uid":%s,%s],"status":200}'):format(
    cjson.encode(uid or call.store:encrypted(id)), entry:sub(2)))
end

-- ---- parameters -----------------------------------------------------------------------------

-- A parameter's value as JSON text: as it stands, or in {"value":...}.
local function param_value(name, value)
  if type(value) == "table" then value = given(value, "value") end
  if type(value) == "string" and #value <= LONGEST_TEXT then return cjson.encode(value) end
  if type(value) == "boolean" then return tostring(value) end
  if type(value) == "number" then
    local whole = math.tointeger(value)
    return whole and tostring(whole) or ("%.17g"):format(value)
  end
  refuse(400, "the value of the parameter '%s' must be a text, a number or a boolean", name)
end

local function check_param_name(name)
  if type(name) == "string" and name ~= "" and #name <= LONGEST_TEXT then return end
  refuse(400, "params holds a name that is none")
end

local function params_in(call, body)
  check_bot(call, text(body, "bot_id"))
  if type(given(body, "params")) ~= "table" then refuse(400, "params must be an object") end
  text(body, "bot_raw_uid")
  return body.params
end

-- POST /user/params
local function set_params(call)
  local body = object(call.body)
  local values, count = {}, 0
  for name, value in pairs(params_in(call, body)) do
    check_param_name(name)
    values[name] = param_value(name, value)
    count = count + 1
  end
  if count > MOST_PARAMS then refuse(400, "params holds more than %d", MOST_PARAMS) end
  local user = known_user(call, body)
  for name, value in pairs(values) do
    call.store:set_param(user, name, value)
  end
  call.effect("set_params")
  return success(OK)
end

-- DELETE /user/params: its body is not documented; a list of names and an object with them are taken.
local function delete_params(call)
  local body = object(call.body)
  local params = params_in(call, body)
  local names = {}
  for key, value in pairs(params) do
    names[#names + 1] = type(key) == "number" and value or key
    check_param_name(names[#names])
  end
  local user = known_user(call, body)
  for _, name in ipairs(names) do
    call.store:remove_param(user, name)
  end
  call.effect("delete_params")
  return success(OK)
end

-- ---- the list of users ----------------------------------------------------------------------

local LAST_NEXT = {
  empty = function() return ',"next":""' end,
  absent = function() return "" end,
  null = function() return ',"next":null' end,
  cursor = function(cursor) return ',"next":' .. cjson.encode(cursor or "") end,
}

-- GET /bot/customers?botId&limit&from&next
local function customers(call)
  local query = call.request.query
  if not query.botId then refuse(400, "botId is missing") end
  check_bot(call, query.botId)
  local limit = reading.query_number(query, "limit", 1, M.most_customers, 400)
  local from = -1
  if query.from and query.from ~= "" then
    if #query.from ~= 13 then refuse(400, "from must have 13 digits") end
    from = reading.query_number(query, "from", 0, 9999999999999, 400)
  end
  local after, cursor = 0, nil
  if query.next and query.next ~= "" then
    cursor = query.next
    after = #cursor <= 16 and tonumber(cursor:match("^n(%x+)$") or "", 16)
    if not after then refuse(400, "next is not one that this server gave") end
  end
  local records, last = {}, nil
  for key, record in call.store:rows("bb_customers", after, call.bot, from, limit + 1) do
    if #records == limit then
      last = ("n%x"):format(last)
      return success(('{"res":{"records":[%s],"next":"%s"},"status":200}'):format(table.concat(records, ","), last))
    end
    records[#records + 1], last = record, key
  end
  return success(('{"res":{"records":[%s]%s},"status":200}'):format(table.concat(records, ","),
    LAST_NEXT[call.quirks.last_next](cursor)))
end

-- ---- routes ---------------------------------------------------------------------------------

local ROUTES = {
  ["/tag/autogen"] = { POST = autogen },
  ["/user/tag"] = { POST = put_on, DELETE = take_off },
  ["/user/taglist"] = { POST = taglist },
  ["/user/params"] = { POST = set_params, DELETE = delete_params },
  ["/bot/customers"] = { GET = customers },
}
local TAG_ROUTE = { GET = get_tag, DELETE = delete_tag }

--- Lets a request in, or refuses it: by the hash of its bearer token.
-- @tparam table call request, store
-- @treturn string the bot that it acts for
-- @treturn string whose limit it counts against
function M.authorize(call)
  local hash = call.request:bearer_sha256()
  local token = hash and call.store:token(hash)
  if not token then refuse(401, "the token is missing or not valid") end
  if token.expires and call.store.now() >= token.expires then refuse(401, "the token has expired") end
  return token.bot, hash
end

--- Who answers a request.
-- @tparam string method
-- @tparam string path below the prefix, percent-encoded
-- @treturn function|nil handler(call, argument)
-- @treturn string|integer the argument, or the code of the refusal
-- @treturn string its message
function M.route(method, path)
  local route, argument = ROUTES[path], nil
  if not route then
    local id = path:match("^/tag/([^/]+)$")
    if not id then return nil, 404, "there is no such path" end
    route, argument = TAG_ROUTE, reading.percent_decoded(id)
  end
  local handler = route[method]
  if not handler then return nil, 405, ("%s is not allowed here"):format(method) end
  return handler, argument
end

return M
