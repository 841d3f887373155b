--- A headless Chromium for specs, driven by WebDriver as anybody's tests drive one. Debian's packages chromium and
-- chromium-driver.
local core = require("tagua.core")
local json = require("tagua.json")
local support = require("spec.support")

local M = {}

local Browser = {}
Browser.__index = Browser

local function wait_for(what, look)
  local began = core.system.monotonic_ns()
  while core.system.monotonic_ns() - began < 20000000000 do
    local found = look()
    if found then return found end
    core.system.sleep(0.02)
  end
  error("still waiting after 20 seconds: " .. what, 0)
end
M.wait_for = wait_for

local function command(self, method, path, body)
  support.write(self.folder .. "/body", body and assert(json.encode(body)) or "")
  local code, out, err = support.shell(("curl -sS -X %s -H 'Content-Type: application/json' %s '%s%s'"):format(method,
    body and ("--data-binary '@" .. self.folder .. "/body'") or "", self.address, path))
  if code ~= 0 then error("the browser does not answer: " .. err, 0) end
  local answer = assert(json.decode(out))
  local value = answer.value
  if type(value) == "table" and value.error then error(value.error .. ": " .. tostring(value.message), 0) end
  return value
end

--- Opens a browser.
-- @tparam[opt] table options `width` (1280), `height` (900), `languages` ("en-US,en"), `dark`
function M.open(options)
  options = options or {}
  local folder, remove = support.folder()
  support.write(folder .. "/log", "")
  assert(os.execute(("chromedriver --port=0 >'%s/log' 2>&1 & echo $! >'%s/pid'"):format(folder, folder)))
  local self = setmetatable({ folder = folder, remove = remove }, Browser)
  local ok, problem = pcall(self.begin, self, options)
  if not ok then
    self:close()
    error(problem, 0)
  end
  return self
end

-- Begins the session, once the driver listens.
function Browser:begin(options)
  local folder = self.folder
  self.address = "http://127.0.0.1:" .. wait_for("chromedriver", function()
    return support.read(folder .. "/log"):match("successfully on port (%d+)")
  end)
  local chrome = {
    args = json.array({ "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
      "--user-data-dir=" .. folder .. "/profile" }),
    prefs = { ["intl.accept_languages"] = options.languages or "en-US,en" },
    mobileEmulation = { deviceMetrics = { width = options.width or 1280, height = options.height or 900,
      pixelRatio = 1, touch = false, mobile = (options.width or 1280) < 600 } },
  }
  local session = command(self, "POST", "/session", { capabilities = { alwaysMatch = {
    browserName = "chrome", ["goog:chromeOptions"] = chrome } } })
  self.session = "/session/" .. session.sessionId
  if options.dark then
    command(self, "POST", self.session .. "/goog/cdp/execute", { cmd = "Emulation.setEmulatedMedia",
      params = { features = json.array({ { name = "prefers-color-scheme", value = "dark" } }) } })
  end
end

--- Goes to an address.
function Browser:go(url) command(self, "POST", self.session .. "/url", { url = url }) end

--- What a script returns.
function Browser:run(script, ...)
  return command(self, "POST", self.session .. "/execute/sync", { script = script, args = json.array({ ... }) })
end

--- The text of the first element that a selector means, as a person sees it; nil while there is none.
function Browser:text(selector)
  local text = self:run("const e = document.querySelector(arguments[0]); return e && e.checkVisibility() ? e.innerText : null",
    selector)
  return text ~= json.null and text or nil
end

--- Waits until the text of an element holds another.
function Browser:wait(selector, text)
  local last
  local ok = pcall(wait_for, selector, function()
    last = self:text(selector)
    return last and last:find(text, 1, true)
  end)
  if not ok then error(("'%s' never said '%s' but %s"):format(selector, text, tostring(last)), 2) end
  return last
end

--- Types into what has the focus; "\u{E007}" is Enter, "\u{E004}" Tab.
function Browser:type(text)
  local actions = json.array({})
  for _, code in utf8.codes(text) do
    actions[#actions + 1] = { type = "keyDown", value = utf8.char(code) }
    actions[#actions + 1] = { type = "keyUp", value = utf8.char(code) }
  end
  command(self, "POST", self.session .. "/actions", { actions = json.array({
    { type = "key", id = "keys", actions = actions } }) })
end

--- Clicks the first element that a selector means.
function Browser:click(selector) self:run("document.querySelector(arguments[0]).click()", selector) end

--- Puts the focus on an element.
function Browser:focus(selector) self:run("document.querySelector(arguments[0]).focus()", selector) end

--- Loads the page again.
function Browser:reload() command(self, "POST", self.session .. "/refresh", { none = true }) end

--- Keeps a picture of what is seen, base64 in a file.
function Browser:picture(path)
  support.write(path, command(self, "GET", self.session .. "/screenshot"))
end

--- Ends the browser and its driver.
function Browser:close()
  if self.session then pcall(command, self, "DELETE", self.session) end
  os.execute("kill " .. support.read(self.folder .. "/pid"):match("%d+") .. " 2>/dev/null")
  self.remove()
end

return M
