--- What the ledger's specs share: a ledger in a folder of its own, users, runs that are carried out.
local ledger = require("tagua.ledger")
local support = require("spec.support")

local M = {}

M.SHOP = { name = "shop", platform = "botbonnie", bot = "bot-1", page = "page-1", channel = "line" }

--- A new ledger and its folder.
-- @treturn table `{ ledger, shop, folder, path, clock, close() }`; `clock.now` is what it takes for now
function M.new()
  local folder, remove = support.folder()
  local book = { folder = folder, path = folder .. "/tagua.db", clock = { now = 1700000000 } }
  function book.open()
    book.ledger = assert(ledger.open(book.path, {
      now = function()
        return book.clock.now
      end,
    }))
    book.shop = assert(book.ledger:connection(M.SHOP))
  end
  function book.reopen()
    book.ledger:close()
    book.open()
  end
  function book.close()
    book.ledger:close()
    remove()
  end
  --- The first column of a query's only row, asked of the file itself.
  function book.ask(text, ...)
    return book.ledger.store:row(text, ...)
  end
  book.open()
  return book
end

--- A user as the platform's list shows one, with tags by id.
function M.user(id, tags, more)
  local user = { id = id, name = "User " .. id, page = "page-1", platform_channel = "line", blocked = false }
  user.params, user.tags = {}, {}
  for i, tag in ipairs(tags or {}) do
    user.tags[i] = { id = tag, name = tag:upper(), timestamp = 1600000000000 + i, count = 1 }
  end
  for key, value in pairs(more or {}) do
    user[key] = value
  end
  return user
end

--- A whole pull of these users.
function M.pull(shop, users)
  local pull = assert(shop:pull())
  assert(pull:put(users))
  return assert(pull:finish())
end

--- A run of operations `{ user, tag, action }`, planned.
function M.plan(shop, operations, about)
  local run = assert(shop:plan(about or { kind = "apply" }))
  for _, one in ipairs(operations) do
    assert(run:add({ user = one[1], tag = one[2], action = one[3] or "tag" }))
  end
  assert(run:ready())
  return run
end

--- Carries a run out: every operation ends as `outcome` says (a word, or a function of the operation).
function M.carry_out(run, outcome)
  while true do
    local operations = assert(run:next(100))
    if #operations == 0 then
      break
    end
    for _, one in ipairs(operations) do
      assert(run:result(one.seq, type(outcome) == "function" and outcome(one) or outcome or "done"))
    end
    assert(run:flush())
  end
  assert(run:finish("done"))
  return run
end

return M
