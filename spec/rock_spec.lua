local support = require("spec.support")

local ROCKSPEC = "rockspec/tagua-scm-1.rockspec"

-- The modules of the tree that the rock leaves out, and why it can.
local LEFT_OUT = {
  ["tagua.local"] = "the twin in the process, which needs a server, a database and libjwt",
  ["tagua.through"] = "the ledger, which needs a database",
}

local function rockspec()
  local found = {}
  assert(loadfile(ROCKSPEC, "t", found))()
  return found
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

describe("the rock", function()
  local modules = rockspec().build.modules

  it("has the name of each module from its file's", function()
    for name, path in pairs(modules) do
      if name ~= "tagua.core" then
        local from_path = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
        assert.equal(from_path, name)
        assert.is_true(exists(path), path)
      end
    end
  end)

  it("holds every module that one of its modules requires, and no other", function()
    local platforms = require("tagua.platform").names
    local wanted, todo = {}, { "tagua", "tagua.resty", "tagua.rules", "tagua.rules.worker", "tagua.errors" }
    for _, name in ipairs(platforms) do todo[#todo + 1] = "tagua.platform." .. name end
    while #todo > 0 do
      local name = table.remove(todo)
      if not wanted[name] and not LEFT_OUT[name] and name ~= "tagua.core" then
        wanted[name] = true
        assert.is_truthy(modules[name], name .. " is required and not in the rock")
        for required in support.read(modules[name]):gmatch('require%(?%s*"(tagua[%w_.]*%w)"%)') do
          todo[#todo + 1] = required
        end
      end
    end
    for name in pairs(modules) do
      assert.is_true(wanted[name] or name == "tagua.core", name .. " is in the rock and nobody requires it")
    end
  end)

  it("holds the binding of each part of tagua.core that the rock has, and the units they stand on", function()
    local sources = {}
    for _, path in ipairs(modules["tagua.core"].sources) do
      assert.is_true(exists(path), path)
      sources[path] = true
    end
    local list = support.read("host/lua_core.c"):match("#define MODULE_BINDINGS%(X%)(.-)#ifdef")
    for name in list:gmatch("X%((%l+)%)") do assert.is_true(sources["host/lua_" .. name .. ".c"], name) end
    for path in pairs(sources) do
      for header in support.read(path):gmatch('#include "([%w_]+)%.h"') do
        local unit = "host/" .. header .. ".c"
        if exists(unit) then assert.is_true(sources[unit], path .. " needs " .. unit) end
      end
    end
  end)

  it("needs the libraries alone that its units include the headers of", function()
    local needs = {}
    for _, row in pairs(rockspec().external_dependencies) do
      assert.is_nil(row.header, "a header is looked for where Debian does not keep it")
      needs[row.library] = true
    end
    local with = { curl = "curl/", crypto = "openssl/" }
    for library, header in pairs(with) do assert.is_true(needs[library], header) end
    for _, path in ipairs(modules["tagua.core"].sources) do
      for header in support.read(path):gmatch("#include <([%w_/.]+)>") do
        assert.is_nil(header:match("^microhttpd") or header:match("^jwt") or header:match("^sqlite"), path)
      end
    end
  end)

  it("says that the local connection is not in it, where it is the rock that runs", function()
    if not support.rock then return pending("runs in the rock's leg of make check") end
    local shop, message, code = require("tagua").connect({ platform = "local" })
    assert.is_nil(shop)
    assert.equal("connection 'local': the rock does not hold the twin: install Tagua with `make install`", message)
    assert.equal("EUNSUPPORTED", code)
  end)

  it("says that the ledger is not in it, where it is the rock that runs", function()
    if not support.rock then return pending("runs in the rock's leg of make check") end
    local _, message, code = require("tagua").connect({ platform = "botbonnie", bot = "b", page = "p", channel = "line",
      token = require("tagua").env("HOME"), ledger = "tagua.db" })
    assert.matches("the rock does not hold the ledger: install Tagua with `make install`", message, 1, true)
    assert.equal("EUNSUPPORTED", code)
  end)
end)
