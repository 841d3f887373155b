--- Keeps dependencies pointing down: lua5.4 .ci/check/layers.lua [ROOT] names each line that breaks a
-- rule of the layers, and the rule. Reads files; changes nothing.
local source = dofile((arg and arg[0] or ""):match("layers%.lua$") and arg[0]:gsub("layers%.lua$", "source.lua")
  or ".ci/check/source.lua")

local M = {}

-- Which files may include a header, by the name of the file in host/.
local headers = {
  { header = "^lua%.h$", rule = "lua-header", may = { "^lua_.*", "^sandbox.*", "^main%.c$" },
    why = "only host/lua_*.c, the sandbox and main.c include Lua's headers" },
  { header = "^lauxlib%.h$", as = 1 },
  { header = "^lualib%.h$", as = 1 },
  { header = "^lua_.*%.h$", rule = "upward-include", may = { "^lua_.*", "^sandbox.*", "^main%.c$" },
    why = "a unit does not include a binding's header: bindings stand above units" },
  { header = "^curl/", rule = "curl-header", may = { "^client%.c$", "^client_wait%.c$", "^client_private%.h$",
    "^client_late%.h$" },
    why = "only the HTTP client (host/client*.c) includes curl's headers" },
  { header = "^microhttpd%.h$", rule = "microhttpd-header", may = { "^server%.c$", "^server_request%.c$",
    "^server_private%.h$", "^server_late%.h$" }, why = "only the HTTP server (host/server*.c) includes microhttpd.h" },
  { header = "^jwt%.h$", rule = "jwt-header", may = { "^jwt_hs256%.c$" },
    why = "only the unit of signed tokens (host/jwt_hs256.c) includes jwt.h" },
  { header = "^sqlite3%.h$", rule = "sqlite-header", may = { "^sql%.c$" },
    why = "only the SQL unit (host/sql.c) includes sqlite3.h" },
}
for _, row in ipairs(headers) do
  if row.as then
    local like = headers[row.as]
    row.rule, row.may, row.why = like.rule, like.may, like.why
  end
end

-- Units that decide: they take the time as an argument, do no I/O and never sleep.
local pure_units = { "^limiter%.[ch]$", "^retry%.[ch]$", "^verdict%.[ch]$", "^json%.[ch]$", "^record.*%.[ch]$",
  "^csv.*%.[ch]$", "^jsonl.*%.[ch]$" }
local impure = {}
for name in ([[time clock clock_gettime gettimeofday tagua_clock_monotonic_ns tagua_clock_wall_ns
    sleep usleep nanosleep clock_nanosleep poll ppoll select pselect epoll_wait
    open openat creat read pread write pwrite close fopen fdopen fclose fread fwrite fgets fgetc getline
    printf fprintf vprintf vfprintf puts fputs putchar perror
    socket connect send sendto recv recvfrom accept pipe fork execv execve system getenv]]):gmatch("%S+") do
  impure[name] = true
end

-- What only a platform module (and the twin, which answers like the vendor) may know.
local vendor_words = { "bot_raw_uid", "bot_uid", "bot_pid", "bot_channel", "bot_tag_id", "errorCode", "errorMessage",
  "/v1/api", "/tag/autogen", "/user/tag", "/user/taglist", "/user/params", "/bot/customers", "/api/openapi",
  "botbonnie.com", "mantago.cc" }
local platforms = { "botbonnie", "mantago" }

local function matches_any(name, patterns)
  for _, pattern in ipairs(patterns) do
    if name:find(pattern) then return true end
  end
  return false
end

local function check_c(path, text, found)
  local name = path:match("[^/]+$")
  local function broken(line, rule, why)
    found[#found + 1] = { path = path, line = line, rule = rule, message = ("%s: %s"):format(rule, why) }
  end
  for number, line in source.lines(source.code("c", text)) do
    local header = line:match('^%s*#%s*include%s*[<"]([^>"]+)[>"]')
    for _, row in ipairs(header and headers or {}) do
      if header:find(row.header) and not matches_any(name, row.may) then broken(number, row.rule, row.why) end
    end
    if not header then
      for _, word in ipairs(vendor_words) do
        if line:find('"[^"]*' .. word:gsub("%p", "%%%0") .. '[^"]*"') then
          broken(number, "vendor-words", ("only a platform module knows '%s'"):format(word))
        end
      end
    end
  end
  local pure = matches_any(name, pure_units)
  for number, line in source.lines(source.code("c", text, true)) do
    for before, called in line:gmatch("([%w_%.>]?)%f[%w_]([%a_][%w_]*)%s*%(") do
      local member = before == "." or before == ">"
      if called == "exit" and not member and name ~= "main.c" then
        broken(number, "exit", "only main.c calls exit; other code reports an error")
      end
      if pure and impure[called] and not member then
        broken(number, "pure-unit",
          ("'%s': %s does no I/O, takes the time as an argument and never sleeps"):format(called, name))
      end
    end
  end
end

-- Which modules may not require which: patterns of the file's path, and of the module required.
local requires = {
  { from = "^lua/tagua/", except = { "^lua/tagua/command/" }, to = "^tagua%.command", rule = "command-on-top",
    why = "commands stand above the other modules: nothing but a command requires one" },
  { from = "^lua/tagua/platform/", to = "^tagua%.core", rule = "pure-platform",
    why = "a platform module is pure: it makes requests and reads answers, the host sends them" },
  { from = "^lua/tagua/twin/", to = "^tagua%.platform", rule = "twin-apart",
    why = "the twin shares no code with the clients: a mistake must not cancel itself out" },
  { from = "^lua/tagua/platform/", to = "^tagua%.twin", rule = "twin-apart",
    why = "the twin shares no code with the clients: a mistake must not cancel itself out" },
  { from = "^lua/tagua/rules/", to = "^tagua%.platform", rule = "rules-below-platforms",
    why = "rules decide for records and know no platform" },
}

local function check_lua(path, text, found)
  local function broken(line, rule, why)
    found[#found + 1] = { path = path, line = line, rule = rule, message = ("%s: %s"):format(rule, why) }
  end
  local knows_vendor = path:find("^lua/tagua/platform/") or path:find("^lua/tagua/twin/")
    or path:find("^lua/tagua/serve/hook/")
  for number, line in source.lines(source.code("lua", text)) do
    for wanted in line:gmatch("require%s*%(?%s*[\"']([%w_%.]+)[\"']") do
      for _, row in ipairs(requires) do
        if path:find(row.from) and wanted:find(row.to) and not matches_any(path, row.except or {}) then
          broken(number, row.rule, row.why)
        end
      end
    end
    if not knows_vendor then
      for _, word in ipairs(vendor_words) do
        if line:find(word, 1, true) then
          broken(number, "vendor-words", ("only a platform module knows '%s'"):format(word))
          break
        end
      end
      for _, platform in ipairs(platforms) do
        local quoted = "[\"']" .. platform .. "[\"']"
        if line:find("[=~]=%s*" .. quoted) or line:find(quoted .. "%s*[=~]=") then
          broken(number, "platform-branch", ("nothing but its own module branches on the platform's name '%s'")
            :format(platform))
        end
      end
    end
  end
  for number, line in source.lines(source.code("lua", text, true)) do
    if line:find("%f[%w_]os%.exit%s*%(") then
      broken(number, "exit", "only main.c ends the process; a command returns its exit code")
    end
  end
end

--- Every line that breaks a rule, in order of file and line.
-- @tparam string root the tree
-- @treturn table array of { path=, line=, rule=, message= }
function M.check(root)
  local found = {}
  for _, path in ipairs(source.files(root, "host", ".c", ".h")) do
    check_c(path, source.read(root .. "/" .. path), found)
  end
  for _, path in ipairs(source.files(root, "lua/tagua", ".lua")) do
    check_lua(path, source.read(root .. "/" .. path), found)
  end
  return found
end

if arg and arg[0] and arg[0]:find("layers%.lua$") then source.finish("layers", M.check(arg[1] or ".")) end

return M
