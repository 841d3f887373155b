local layers = dofile(".ci/check/layers.lua")
local docs = dofile(".ci/check/docs.lua")
local support = require("spec.support")

-- What a check says about a tree of one file.
local function found(check, path, text)
  local root, remove = support.folder()
  os.execute(("mkdir -p '%s/%s'"):format(root, path:match("^(.*)/")))
  support.write(root .. "/" .. path, text)
  local list = check(root)
  remove()
  return list
end

local function breaks(rule, line, path, text)
  local list = found(layers.check, path, text)
  assert.equal(1, #list, ("%s: %d found"):format(path, #list))
  assert.equal(rule, list[1].rule)
  assert.equal(path, list[1].path)
  assert.equal(line, list[1].line)
  assert.matches("^" .. rule:gsub("%p", "%%%0") .. ": ", list[1].message)
end

local function keeps(path, text)
  assert.same({}, found(layers.check, path, text))
end

describe("the layers", function()
  it("are kept by this tree", function()
    assert.same({}, layers.check("."))
  end)

  it("keep Lua's headers to the bindings, the sandbox and main", function()
    breaks("lua-header", 2, "host/limiter.c", "/* x */\n#include <lua.h>\n")
    breaks("lua-header", 1, "host/record.c", "#include <lauxlib.h>\n")
    breaks("lua-header", 1, "host/server.h", "#  include \"lualib.h\"\n")
    keeps("host/lua_record.c", "#include <lua.h>\n")
    keeps("host/sandbox.c", "#include <lua.h>\n")
    keeps("host/main.c", "#include <lua.h>\n")
  end)

  it("keep bindings above units", function()
    breaks("upward-include", 1, "host/engine.c", "#include \"lua_support.h\"\n")
    keeps("host/lua_engine.c", "#include \"lua_support.h\"\n")
  end)

  it("keep libcurl to the HTTP client", function()
    breaks("curl-header", 1, "host/engine.c", "#include <curl/curl.h>\n")
    keeps("host/client.c", "#include <curl/curl.h>\n")
  end)

  it("keep libmicrohttpd to the HTTP server", function()
    breaks("microhttpd-header", 1, "host/lua_server.c", "#include <microhttpd.h>\n")
    keeps("host/server.c", "#include <microhttpd.h>\n")
  end)

  it("keep SQLite to the SQL unit", function()
    breaks("sqlite-header", 1, "host/lua_sql.c", "#include <sqlite3.h>\n")
    keeps("host/sql.c", "#include <sqlite3.h>\n")
  end)

  it("keep I/O, clocks and sleep out of the units that decide", function()
    breaks("pure-unit", 3, "host/limiter.c", "int f(void)\n{\n    return usleep(3);\n}\n")
    breaks("pure-unit", 1, "host/retry.c", "int64_t now = tagua_clock_monotonic_ns();\n")
    breaks("pure-unit", 1, "host/verdict.c", "void f(void) { printf(\"x\"); }\n")
    breaks("pure-unit", 1, "host/record.c", "void f(void) { fopen(path, \"r\"); }\n")
    keeps("host/limiter.c", "/* never usleep(1) */\nint f(void) { return g(\"read(x)\") + s->read(1) + s.poll(2); }\n")
    keeps("host/engine.c", "int64_t now = tagua_clock_monotonic_ns();\n")
  end)

  it("keep a vendor's paths and field names to its platform module", function()
    breaks("vendor-words", 1, "lua/tagua/apply.lua", "local body = { bot_raw_uid = user }\n")
    breaks("vendor-words", 2, "lua/tagua/plan.lua", "\nlocal path = '/v1/api/user/tag'\n")
    breaks("vendor-words", 1, "host/engine.c", "const char *code = \"errorCode\";\n")
    keeps("lua/tagua/platform/botbonnie.lua", "local body = { bot_raw_uid = user }\n")
    keeps("lua/tagua/twin/botbonnie.lua", "local path = '/v1/api/user/tag'\n")
    keeps("lua/tagua/plan.lua", "-- as in /v1/api/user/tag\n--[[ bot_raw_uid ]]\n")
  end)

  it("keep other modules from branching on the platform's name", function()
    breaks("platform-branch", 1, "lua/tagua/apply.lua", "if name == \"botbonnie\" then end\n")
    breaks("platform-branch", 1, "lua/tagua/apply.lua", "if 'mantago' ~= name then end\n")
    keeps("lua/tagua/platform/init.lua", "if name == \"botbonnie\" then end\n")
    keeps("lua/tagua/connection.lua", "local platforms = { \"botbonnie\", \"mantago\" }\n")
  end)

  it("keep commands on top of the other modules", function()
    breaks("command-on-top", 1, "lua/tagua/plan.lua", "local x = require(\"tagua.command.plan\")\n")
    keeps("lua/tagua/command/apply.lua", "local x = require(\"tagua.command.plan\")\n")
  end)

  it("keep platform modules pure, rules below them, and the twin apart from the clients", function()
    breaks("pure-platform", 1, "lua/tagua/platform/botbonnie.lua", "local core = require \"tagua.core\"\n")
    breaks("rules-below-platforms", 1, "lua/tagua/rules/load.lua", "local p = require(\"tagua.platform\")\n")
    breaks("twin-apart", 1, "lua/tagua/twin/botbonnie.lua", "local p = require(\"tagua.platform.botbonnie\")\n")
    breaks("twin-apart", 1, "lua/tagua/platform/botbonnie.lua", "local p = require(\"tagua.twin.store\")\n")
  end)

  it("keep the end of the process to main", function()
    breaks("exit", 1, "host/engine.c", "void f(void) { exit(1); }\n")
    breaks("exit", 1, "lua/tagua/command/plan.lua", "os.exit(1)\n")
    keeps("host/main.c", "void f(void) { exit(1); }\n")
    keeps("host/engine.c", "/* exit(1) */ const char *s = \"exit(1)\"; void f(void) { _exit(1); }\n")
    keeps("lua/tagua/plan.lua", "local s = [[ os.exit(1) ]]\n")
  end)
end)

describe("the documentation check", function()
  local function message(path, text)
    local list = found(docs.check, path, text)
    assert.equal(1, #list)
    return list[1].line .. " " .. list[1].message
  end

  it("asks for a sentence at the top of each file", function()
    assert.matches("^1 the file does not begin", message("lua/tagua/x.lua", "local M = {}\nreturn M\n"))
    assert.matches("^1 the file does not begin", message("host/x.c", "#include <stdio.h>\n"))
  end)

  it("asks for an LDoc comment on each public function", function()
    local top = "--- Owns x.\nlocal M = {}\n"
    assert.matches("^3 public function M.f", message("lua/tagua/x.lua", top .. "function M.f() end\n"))
    assert.matches("^4 public function M.f", message("lua/tagua/x.lua", top .. "-- f\nfunction M.f() end\n"))
    assert.matches("^3 public function M.f", message("lua/tagua/x.lua", top .. "M.f = function() end\n"))
    assert.matches("^3 method C:f", message("lua/tagua/x.lua", top .. "function C:f() end\n"))
    assert.same({}, found(docs.check, "lua/tagua/x.lua", top .. "--- Does f.\n-- Well.\nfunction M.f() end\n"))
    assert.same({}, found(docs.check, "lua/tagua/x.lua", top .. "local function f() end\nfunction M._g() end\n"))
  end)

  it("asks for a comment on each prototype", function()
    local top = "/* Owns x. */\n"
    assert.matches("^3 tagua_x_f has no comment", message("host/x.h", top .. "\nint tagua_x_f(int a,\n    int b);\n"))
    local both = top .. "\n/* Does f. */\nint tagua_x_f(int a);\nint tagua_x_g(void);\n"
    assert.same({}, found(docs.check, "host/x.h", both))
    assert.same({}, found(docs.check, "host/x.h", top .. "\nchar *tagua_x_f(int a); /* does f */\n"))
  end)

  it("asks a file that has grown too long to be two", function()
    local text = "--- Owns x.\n" .. ("\n"):rep(docs.max_lines)
    assert.matches("so it owns more than one thing", message("lua/tagua/x.lua", text))
  end)
end)
