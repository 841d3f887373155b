-- What people read is true: each page runs from top to bottom, and links to what is there.
local story = require("spec.support.story")
local support = require("spec.support")

for page, least in pairs({
  ["README.md"] = 15,
  ["README.zh-TW.md"] = 15,
  ["docs/automation.md"] = 11,
  ["docs/connections.md"] = 3,
  ["docs/module.md"] = 3,
  ["docs/trust.md"] = 5,
  ["docs/twin.md"] = 5,
  ["examples/migrate/README.md"] = 5,
}) do
  describe(page, function()
    it("tells what happens: every command in it runs, and prints what it says", function()
      assert.is_true(story.run(page, assert.is_true) >= least)
    end)

    it("names no file of the tree that is not there", function()
      for _, path in ipairs(story.links(page)) do
        assert.equal(0, (support.shell("test -e " .. path)), path)
      end
    end)
  end)
end
