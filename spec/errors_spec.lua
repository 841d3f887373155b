local errors = require("tagua.errors")

describe("the list of error codes", function()
  it("gives every code a meaning and an exit code that the command documents", function()
    local documented = { [1] = true, [2] = true, [3] = true, [4] = true, [5] = true, [75] = true, [130] = true }
    for _, entry in ipairs(errors.list) do
      assert.matches("^E%u+$", entry.code)
      assert.is_true(documented[entry.exit], entry.code)
      assert.is_true(#errors.meaning(entry.code) > 10, entry.code)
    end
  end)

  it("lists no code twice", function()
    local seen = {}
    for _, entry in ipairs(errors.list) do
      assert.is_nil(seen[entry.code])
      seen[entry.code] = true
    end
  end)

  it("ends a refused token with 4, a rejected rule file with 3, a gone network with 75", function()
    assert.equal(4, errors.exit("EAUTH"))
    assert.equal(3, errors.exit("ERULES"))
    assert.equal(75, errors.exit("ENETWORK"))
  end)

  it("takes a code that it does not know for an ordinary failure", function()
    assert.equal(1, errors.exit("EWHATEVER"))
    assert.equal(1, errors.exit(nil))
    assert.is_nil(errors.meaning("EWHATEVER"))
  end)
end)
