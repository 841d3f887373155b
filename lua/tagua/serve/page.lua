--- The page of `tagua serve`: the routes that give it and its data, for whatever server they are hung into.
-- Reads the ledger alone. Who may ask is the server's to check, but for the page itself, which holds no data.
--
--    local page = assert(require("tagua.serve.page").open { ledger = "tagua.db" })
--    local handler = page.routes["GET /api/tags"]
--    request:reply(handler(request))
--
-- @module tagua.serve.page
local core = require("tagua.core")
local data = require("tagua.serve.page_data")
local json = require("tagua.json")

local M = {}

--- The routes that need no token: they tell nothing of anybody.
M.open_routes = { ["GET /"] = true }

local LONGEST = 512 -- bytes of what a question holds

-- ---- the document ---------------------------------------------------------------------------

-- A text that stands beside this file: the executable holds it as a module that returns it.
local function text_of(extension)
  local held, text = pcall(require, "tagua.serve.page." .. extension)
  if held then
    return text
  end
  local beside = assert(package.searchpath("tagua.serve.page", package.path)):gsub("lua$", extension)
  local file = assert(io.open(beside, "rb"))
  text = file:read("a")
  file:close()
  return text
end

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(bytes)
  local out = {}
  for at = 1, #bytes, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    local word = a << 16 | (b or 0) << 8 | (c or 0)
    for place = 0, 3 do
      local digit = word >> (18 - 6 * place) & 63
      out[#out + 1] = (place == 2 and not b or place == 3 and not c) and "=" or DIGITS:sub(digit + 1, digit + 1)
    end
  end
  return table.concat(out)
end

-- What a policy calls a text that may run, or may style.
local function hash_of(text)
  local hex = core.digest.sha256():add(text):finish()
  return ("'sha256-%s'"):format(base64((hex:gsub("%x%x", function(byte)
    return string.char(tonumber(byte, 16))
  end))))
end

-- The whole document, and the policy that lets its own script and style run and nothing else.
local function document()
  local style, script = text_of("css"), text_of("js")
  local parts = { STYLE = style, SCRIPT = script }
  local html = text_of("html"):gsub("@(%u+)@", parts)
  local policy = table.concat({
    "default-src 'none'", "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'",
    "frame-ancestors 'none'", "script-src " .. hash_of(script), "style-src " .. hash_of(style),
  }, "; ")
  return html, policy
end

local SAFE = {
  ["Cache-Control"] = "no-store",
  ["X-Content-Type-Options"] = "nosniff",
  ["Referrer-Policy"] = "no-referrer",
  ["X-Frame-Options"] = "DENY",
  ["Cross-Origin-Opener-Policy"] = "same-origin",
  ["Cross-Origin-Resource-Policy"] = "same-origin",
}

local function headers(more)
  local all = {}
  for name, value in pairs(SAFE) do
    all[name] = value
  end
  for name, value in pairs(more) do
    all[name] = value
  end
  return all
end

-- The language that a browser prefers of the two there are.
local function language_of(accepted)
  local best, weight = "en", -1
  for part in (accepted or ""):lower():gmatch("[^,]+") do
    local tag, rest = part:match("^%s*([%w%-*]+)(.*)$")
    local q = tonumber((rest or ""):match("q=([%d.]+)")) or 1
    local language = (tag or ""):find("^zh") and "zh-TW" or (tag or ""):find("^en") and "en"
    if language and q > weight then
      best, weight = language, q
    end
  end
  return best
end

-- ---- the data -------------------------------------------------------------------------------

local STATUS = { ENOTFOUND = 404, EUSAGE = 400, ELOCKED = 503 }

local function answer(value, message, code)
  local status = 200
  if value == nil then
    status, value = STATUS[code] or 500, { code = code, message = message }
  end
  local text, complaint = json.encode(value)
  if not text then
    status, text = 500, json.encode({ code = "EPROTOCOL", message = complaint })
  end
  return { status = status, headers = headers({ ["Content-Type"] = "application/json" }), body = text }
end

local function refuse(format, ...)
  return nil, format:format(...), "EUSAGE"
end

-- A whole number of the question; nil where it is not asked for.
local function number_of(query, name)
  local text = query[name]
  if text == nil then
    return nil
  end
  return #text <= 15 and text:find("^%d+$") and math.tointeger(tonumber(text)) or false
end

local function text_in(query, name)
  local text = query[name]
  return text and #text > 0 and #text <= LONGEST and utf8.len(text) and text or nil
end

-- The numbers of a question are checked here, once for all routes.
local function asking(f, names)
  return function(request)
    local query, numbers = request.query, {}
    for _, name in ipairs(names) do
      numbers[name] = number_of(query, name)
      if numbers[name] == false or (name == "connection" and not numbers[name]) then
        return answer(refuse("give %s as a whole number: ?%s=1", name, name))
      end
    end
    return answer(f(numbers, query))
  end
end

--- Opens the page.
-- @tparam table given as `tagua.serve.page_data` takes it
-- @treturn table|nil `routes`: by method and path a function that takes a request of `core.server` and gives the
--   table for its `reply`; `close()`
-- @treturn string message
-- @treturn string code
function M.open(given)
  local source, message, code = data.open(given)
  if not source then
    return nil, message, code
  end
  local html, policy = document()
  local routes = {}
  routes["GET /"] = function(request)
    local body = html:gsub("@LANGUAGE@", language_of(request.headers["accept-language"]))
    return { headers = headers({ ["Content-Type"] = "text/html; charset=utf-8", ["Content-Security-Policy"] = policy,
      ["Vary"] = "Accept-Language" }), body = body }
  end
  routes["GET /api/overview"] = asking(function()
    return source:overview()
  end, {})
  routes["GET /api/tags"] = asking(function(numbers)
    return source:tags(numbers.connection, numbers.first)
  end, { "connection", "first" })
  routes["GET /api/runs"] = asking(function(numbers, query)
    return source:runs(numbers.connection, numbers.before, query.events == "1")
  end, { "connection", "before" })
  routes["GET /api/failures"] = asking(function(numbers)
    return source:failures(numbers.connection)
  end, { "connection" })
  routes["GET /api/users"] = asking(function(numbers, query)
    local question = text_in(query, "q")
    if not question then
      return refuse("give what to look for, 1 to %d bytes of UTF-8: ?q=...", LONGEST)
    end
    return source:find(numbers.connection, question, text_in(query, "from"))
  end, { "connection" })
  routes["GET /api/user"] = asking(function(numbers, query)
    local id = text_in(query, "id")
    if not id then
      return refuse("give the user's id, 1 to %d bytes of UTF-8: ?id=...", LONGEST)
    end
    local before = numbers.run and numbers.seq and { run = numbers.run, seq = numbers.seq } or nil
    return source:user(numbers.connection, id, before)
  end, { "connection", "run", "seq" })
  return { routes = routes, close = function() source:close() end }
end

return M
