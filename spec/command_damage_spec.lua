-- A ledger that was damaged: whatever is asked of it, the answer is a sentence, and what can be read stays readable.
local command = require("spec.support.command")

local PAGE = 4096

describe("a damaged ledger", function()
  local place, whole

  before_each(function()
    place = command.place()
    place:write("rules.lua", 'fields { orders = integer }\ntag "VIP" { when = function(user) return user.orders >= 10 end }\n')
    local rows = { "id,orders" }
    for i = 1, 300 do rows[#rows + 1] = ("U%d,12"):format(i) end
    place:write("users.csv", table.concat(rows, "\n") .. "\n")
    assert.equal(0, (place:run("apply rules.lua --users users.csv --yes")))
    place:sqlite("tagua.db", "pragma wal_checkpoint(truncate)")
    whole = place:read("tagua.db")
  end)
  after_each(function() place:close() end)

  it("is told by every command in one sentence, wherever the damage is", function()
    local told = 0
    for page = 2, #whole // PAGE - 1, 5 do
      place:write("tagua.db", whole:sub(1, page * PAGE) .. ("\xA5"):rep(PAGE) .. whole:sub((page + 1) * PAGE + 1))
      for _, ending in ipairs({ "-wal", "-shm" }) do os.remove(place.folder .. "/tagua.db" .. ending) end
      for _, line in ipairs({ "runs", "log U7", "tags", "plan rules.lua --users users.csv" }) do
        local code, out, err = place:run(line)
        assert.is_nil(err:find("traceback", 1, true), ("page %d, %s: %s"):format(page, line, err))
        if code ~= 0 then
          told = told + 1
          assert.equal(2, code, out .. err)
          assert.matches("damaged", err, 1, true)
        end
      end
    end
    assert.is_true(told > 5, told .. " times only")
  end)
end)
