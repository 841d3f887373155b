--- A twin for a spec, with one bot and its token, and requests to it as raw HTTP.
local cjson = require("cjson")
local core = require("tagua.core")
local http = require("spec.support.http")
local support = require("spec.support")
local twin = require("tagua.twin")

local M = {}

M.BOT, M.PAGE, M.TOKEN = "bot-WDCLEHlTw", "test_audi", "the-token-of-the-bot"
M.USER = "U21ab30ccce78feb456048adeb80cf00a"
M.PREFIX = "/v1/api"

--- Makes what the specs of one `describe` need; call `close` after each.
-- @treturn table f: folder, token (a secret), open(options) -> the twin (also f.t), ask, ask_all, close
function M.fixture()
  local f = {}
  local remove
  f.folder, remove = support.folder()
  support.write(f.folder .. "/token", M.TOKEN)
  os.execute("chmod 600 " .. f.folder .. "/token")
  f.token = assert(core.secret.file(f.folder .. "/token"))

  function f.open(options)
    options = options or {}
    options.store = options.store or ":memory:"
    f.t = assert(twin.open(options))
    assert(f.t:add_token(f.token, { bot = M.BOT }))
    return f.t
  end

  function f.close()
    if f.t then f.t:close() end
    f.token:close()
    remove()
  end

  --- Sends requests at once: each { method=, path= (below the prefix), body= a text or a table, token= }.
  -- @tparam {table,...} requests
  -- @tparam[opt] boolean together whether the twin looks only when all of them are there
  -- @treturn table answers, as spec.support.http gives them, with the body decoded in `json`
  function f.ask_all(requests, together)
    local clients = {}
    for i, request in ipairs(requests) do
      if request.token == nil then request.token = M.TOKEN end
      if type(request.body) == "table" then request.body = cjson.encode(request.body) end
      request.path = (request.prefix or M.PREFIX) .. request.path
      clients[i] = http.start(f.t:address(), http.text(request))
    end
    if together then core.system.sleep(0.5) end
    http.finish(function()
      f.t:step()
      core.system.sleep(0.002)
    end, clients)
    local answers = {}
    for i, client in ipairs(clients) do
      answers[i] = client.answer()
      local ok, body = pcall(cjson.decode, answers[i].body)
      answers[i].json = ok and body or nil
    end
    return answers
  end

  --- One request and its answer.
  function f.ask(method, path, body, options)
    local request = options or {}
    request.method, request.path, request.body = method, path, body
    return f.ask_all({ request })[1]
  end

  --- Makes a tag or, with kind 1, a folder.
  -- @treturn string its id
  function f.create(name, parent, kind)
    local answer = f.ask("POST", "/tag/autogen", { botId = M.BOT, name = name, type = kind or 0, parentId = parent })
    assert(answer.status == 200, answer.raw)
    return answer.json.res.id
  end

  --- The body of a request about a user.
  function f.body_for(tag, user)
    return { bot_tag_id = tag, bot_raw_uid = user or M.USER, bot_pid = M.PAGE, bot_channel = 1 }
  end

  --- The list of users, one page.
  function f.customers(query)
    return f.ask("GET", "/bot/customers?botId=" .. M.BOT .. "&limit=100" .. (query or ""))
  end

  return f
end

--- Whether an answer is an error in BotBonnie's envelope: `{ errorMessage, errorCode }` and nothing else.
-- @treturn boolean
-- @treturn string the answer
function M.refused(answer, code, status)
  local json = answer.json or {}
  return answer.status == (status or code) and answer.headers["content-type"] == "application/json"
    and type(json.errorMessage) == "string" and json.errorCode == code and json.res == nil and json.status == nil,
    answer.raw
end

return M
