-- The examples of loops as people run them: with the tree, and with the installed rock under each Lua that has the
-- loop's library.
local core = require("tagua.core")
local support = require("spec.support")
local twin = require("spec.support.twin_process")

describe("the examples of loops", function()
  local folder, remove, stop

  setup(function()
    local url
    folder, remove = support.folder()
    support.write(folder .. "/token", core.system.random_hex(24) .. "\n")
    assert(os.execute("chmod 600 '" .. folder .. "/token'"))
    url, stop = twin.start(folder)
    support.write(folder .. "/connections.lua", ([[
connection "shop" {
  platform = "botbonnie", bot = "bot-WDCLEHlTw", page = "p", channel = "line",
  token = file "token", url = "%s", rate = { per_second = 1000 },
}]]):format(url))
  end)
  teardown(function()
    stop()
    remove()
  end)

  for name, library in pairs({ cqueues = "_cqueues", luv = "luv" }) do
    it("run under " .. name, function()
      if not package.searchpath(library, package.cpath) then
        return pending("the package lua-" .. name .. " is not installed for " .. _VERSION)
      end
      local here = select(2, support.shell("pwd")):gsub("\n", "")
      local environment = support.rock and "" or twin.environment()
      assert.same({ 0, "customer 1: tagged\ncustomer 2: tagged\ncustomer 3: tagged\n", "" },
        { support.shell(("cd '%s' && %s %s '%s/examples/loops/%s.lua' shop"):format(folder, environment, support.lua, here,
          name)) })
    end)
  end
end)
