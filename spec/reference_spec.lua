-- The manual has an entry for everything that people can name: codes, options, commands and their flags.
local errors = require("tagua.errors")
local support = require("spec.support")

local function sentence(text) return (text:gsub("^%l", string.upper)) end

describe("docs/troubleshooting.md", function()
  local text = support.read("docs/troubleshooting.md")

  it("has every code once, with what it means, its exit code, its cause and what to do", function()
    for _, entry in ipairs(errors.list) do
      local section = text:match("\n### " .. entry.code .. "\n\n(.-)\n#") or text:match("\n### " .. entry.code .. "\n\n(.*)$")
      assert.is_truthy(section, entry.code .. " has no section")
      local first, rest = section:match("^(.-)\n\n(.*)$")
      assert.equal(("%s. Exit code %d."):format(sentence(entry.meaning), entry.exit), first)
      assert.is_true(#rest > 40, entry.code .. " has no remedy")
    end
  end)

  it("has no code that does not exist", function()
    for code in text:gmatch("\n### (%S+)") do assert.is_truthy(errors.meaning(code), code) end
  end)
end)

describe("docs/connections.md", function()
  local text = support.read("docs/connections.md")
  local settings = require("tagua.settings")

  local function documented(section)
    local found, part = {}, assert(text:match("\n## " .. section .. "\n(.-)\n## ") or text:match("\n## " .. section .. "\n(.*)$"))
    for cell in part:gmatch("\n|([^|]+)|") do
      for name in cell:gmatch("`([%w_]+)`") do found[name] = true end
    end
    return found
  end

  it("has every option of a connection, and no other", function()
    local common, account = settings.options()
    local sections = { ["Options of every connection"] = common, Local = account }
    for _, name in ipairs(require("tagua.platform").names) do
      local vendor = require("tagua.platform").get(name)
      sections[vendor.title] = vendor.options
    end
    for section, options in pairs(sections) do
      local found = documented(section)
      for name in pairs(options) do assert.is_true(found[name], section .. " lacks the option " .. name) end
      for name in pairs(found) do assert.is_truthy(options[name], section .. " has the option " .. name) end
    end
  end)
end)

describe("docs/connections.md, of tagua serve,", function()
  local text = support.read("docs/connections.md")
  local serve, hooks = require("tagua.serving").options()

  local function cells(section)
    return assert(text:match("\n## " .. section .. "\n(.-)\n## ") or text:match("\n## " .. section .. "\n(.*)$"))
  end

  it("has every option of serve, and no other", function()
    local found = {}
    for name in cells("Serve"):gmatch("\n| `([%w_]+)` |") do
      found[name] = true
      assert.is_truthy(serve[name], name)
    end
    for name in pairs(serve) do assert.is_true(found[name], "lacks " .. name) end
  end)

  it("has every hook with its options, and no other", function()
    local found, hook = {}, nil
    for name, rest in cells("Events"):gmatch("\n| ([^|]*)|([^|]*)|") do
      hook = name:match("`([%w_]+)`") or hook
      if hook then
        for option in rest:gmatch("`([%w_]+)`") do
          assert.is_truthy(hooks[hook] and hooks[hook].fields[option], hook .. "." .. option)
          found[hook .. "." .. option] = true
        end
      end
    end
    for name, rule in pairs(hooks) do
      for option in pairs(rule.fields) do assert.is_true(found[name .. "." .. option], name .. "." .. option) end
    end
  end)
end)

describe("docs/twin.md", function()
  local text = support.read("docs/twin.md")

  it("has everything that a fault can say and do", function()
    local FAULT = require("tagua.twin.faults").declaration
    for name in pairs(FAULT) do
      if name ~= "do" then assert.matches("[`\"]" .. name .. "[`\"]", text) end
    end
    for _, name in ipairs(FAULT["do"].one_of) do assert.matches("`" .. name .. "`", text, 1, true) end
  end)
end)

-- What C registers: by unit, the names of functions and of methods.
local function registered(unit)
  local files = { record = { "record", "splitter", "seen" } }
  local functions, methods = {}, {}
  for _, file in ipairs(files[unit] or { unit }) do
    local text = support.read("host/lua_" .. file .. ".c")
    for table_name, body in text:gmatch("static const luaL_Reg ([%w_]+)%[%]%s*=%s*(%b{})") do
      for name in body:gmatch('{"(%w[%w_]*)",%s*[%w_]+}') do
        (table_name == "functions" and functions or methods)[name] = true
      end
    end
    for name in text:gmatch("tagua_lua_class%(L, [^,]+, ([%w_]+), ") do
      if name ~= "no_methods" then methods.close = true end
    end
    for name in text:gmatch('lua_pushcfunction%(L, [%w_]+%);\n%s*lua_setfield%(L, %-2, "(%l[%w_]*)"%)') do
      functions[name] = true
    end
  end
  return functions, methods
end

-- What a page of stubs describes.
local function described(path)
  local functions, methods, last = {}, {}, ""
  for line in support.read(path):gmatch("[^\n]*") do
    local name = line:match("^function M%.([%w_]+)%(")
    local method = line:match("^function %u%w*:([%w_]+)%(")
    if name or method then
      assert.matches("^%-%-", last, path .. ": " .. line .. " has no comment")
      if name then functions[name] = true else methods[method] = true end
    end
    last = line
  end
  return functions, methods
end

-- Parts of tagua.core that are Tagua's own, and why a program has no use for them.
local OWN = {
  decide = "what tagua.rules stands on", digest = "a whole file's hash, for plans", forward = "tagua serve's",
  jwt = "the twin's tokens",
  lock = "the sender's", notify = "what tagua serve tells systemd", pair = "what a connection's option pair stands on",
  process = "the parts of tagua serve", server = "the twin and tagua serve", sql = "the ledger",
  verdict = "what tagua.core.engine stands on", workers = "what tagua.rules.sandbox stands on",
}

describe("the reference of tagua.core", function()
  local units = {}
  for name in support.read("host/lua_core.c"):gmatch("X%((%l+)%)") do units[name] = true end

  for unit in pairs(units) do
    it("has every function of " .. unit .. ", and no other, or says whose the part is", function()
      local path = "docs/core/" .. unit .. ".lua"
      if support.shell("test -e " .. path) ~= 0 then
        return assert.is_truthy(OWN[unit], ("tagua.core.%s has no page docs/core/%s.lua"):format(unit, unit))
      end
      assert.is_nil(OWN[unit])
      local functions, methods = registered(unit)
      assert.is_truthy(next(functions), unit)
      local described_functions, described_methods = described(path)
      assert.same(functions, described_functions)
      assert.same(methods, described_methods)
    end)
  end
end)

describe("the reference of the module", function()
  local config = {}
  assert(loadfile("docs/config.ld", "t", config))()

  it("has every method, but for what modules share among themselves", function()
    local own = { ["Connection:pump"] = true, ["Connection:submit"] = true, ["Sandbox:blame"] = true, ["Sandbox:find"] = true }
    for _, path in ipairs(config.file) do
      if path:find("%.lua$") then
        local block, ldoc = false, false
        for line in support.read("docs/" .. path):gmatch("[^\n]*") do
          local name = line:match("^function (%u[%w]*[:.][%a][%w_]*)")
          if name and not name:find(":__", 1, true) then
            assert.is_true(own[name] and not ldoc or ldoc, ("%s: %s has no entry"):format(path, name))
          end
          if line:find("^%-%-") then
            if not block then ldoc = line:find("^%-%-%-") ~= nil end
            block = true
          else
            block, ldoc = false, false
          end
        end
      end
    end
  end)

  it("has every page of the manual", function()
    local topics = {}
    for _, name in ipairs(config.topics) do topics["docs/" .. name] = true end
    for path in io.popen("ls docs/*.md"):lines() do
      assert.is_true(topics[path] or path == "docs/README.md", path .. " is not among the topics of docs/config.ld")
    end
  end)

  it("has one table of contents, with every page once and in the order of the HTML", function()
    local listed = {}
    for name in support.read("docs/README.md"):gmatch("\n%d+%. %[[^%]]+%]%(([%w_]+%.md)%)") do listed[#listed + 1] = name end
    assert.same(config.topics, listed)
  end)

  it("links from page to page only to what is there", function()
    for path in io.popen("ls docs/*.md"):lines() do
      for target in support.read(path):gmatch("%]%(([^%s#%)]+)") do
        if not target:find("^https?:") then
          assert.equal(0, (support.shell("test -e docs/" .. target)), path .. " links to " .. target)
        end
      end
    end
  end)

  it("has everything that require \"tagua\" gives", function()
    local tagua, text = require("tagua"), support.read("lua/tagua/init.lua")
    for name, value in pairs(tagua) do
      if type(value) == "function" then
        assert.is_truthy(text:find("%-%-%- [^\n]+\n%-%- @function " .. name .. "\n") or text:find("\nfunction M%." .. name .. "%("), name)
      end
    end
  end)
end)
