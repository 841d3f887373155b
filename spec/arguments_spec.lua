local arguments = require("tagua.arguments")

local vendor = {}

describe("the arguments of a primitive", function()
  it("are right when nothing is wrong with them", function()
    assert.is_nil(arguments.check(vendor, "create_tag", "VIP", { folder = "tf-1" }))
    assert.is_nil(arguments.check(vendor, "get_tag", "tag-1"))
    assert.is_nil(arguments.check(vendor, "tag_user", { uid = "x" }, "tag-1"))
    assert.is_nil(arguments.check(vendor, "user_tags", "U1"))
    assert.is_nil(arguments.check(vendor, "users_page"))
    assert.is_nil(arguments.check(vendor, "users_page", "cursor", { since = 1583983892294 }))
    assert.is_nil(arguments.check(vendor, "set_params", "U1", { city = "高雄", age = 30, vip = true }))
    assert.is_nil(arguments.check(vendor, "delete_params", "U1", { "city" }))
  end)

  local wrong = {
    { "create_tag", { nil }, "name must be a string, got nil" },
    { "create_tag", { "" }, "name must not be empty" },
    { "create_tag", { ("x"):rep(1001) }, "name must be 1 to 1000 bytes long, got 1001" },
    { "create_tag", { "VIP", { foldr = "x" } }, "unknown option 'foldr' (did you mean 'folder'?)" },
    { "create_tag", { "VIP", { folder = 7 } }, "option 'folder' must be a string, got 7" },
    { "create_folder", { "VIP", "tf-1" }, "options must be a table, got 'tf-1'" },
    { "delete_tag", { 7 }, "id must be a string, got 7" },
    { "untag_user", { "U1" }, "tag must be a string, got nil" },
    { "users_page", { 7 }, "cursor must be a string, got 7" },
    { "users_page", { "c", { since = 1.5 } }, "option 'since' must be a whole number, got 1.5" },
    { "set_params", { "U1", {} }, "params must be a table of names and values, got an empty one" },
    { "set_params", { "U1", { city = {} } }, "parameter 'city' must be a string, a number or a boolean, got a table" },
    { "set_params", { "U1", { "city" } }, "the name of a parameter must be a string" },
    { "delete_params", { "U1", { 7 } }, "the name of a parameter must be a string" },
    { "delete_params", { "U1", "city" }, "names must be a list of names of parameters" },
  }
  for _, case in ipairs(wrong) do
    it(("of %s: %s"):format(case[1], case[3]), function()
      local complaint = arguments.check(vendor, case[1], table.unpack(case[2], 1, 3))
      assert.is_string(complaint)
      assert.matches(case[3], complaint, 1, true)
    end)
  end

  it("may have other options where the platform says so", function()
    local other = { tag_options = { family = { type = "string", one_of = { "auto", "client" } } }, users_options = {} }
    assert.is_nil(arguments.check(other, "create_tag", "VIP", { family = "client" }))
    assert.matches("unknown option 'folder'", arguments.check(other, "create_tag", "VIP", { folder = "x" }), 1, true)
    assert.matches("unknown option 'since'", arguments.check(other, "users_page", nil, { since = 1 }), 1, true)
  end)
end)
