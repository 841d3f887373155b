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
