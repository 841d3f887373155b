--- What the messages cost that a plan's tags set off. Pure.
-- @module tagua.cost
local M = {}

--- Adds the money to a plan: `money` to it and to each of its tags that cost something, `message_cost`
-- (of one message) beside.
-- @tparam table plan from `tagua.plan`
-- @tparam ?table prices a tag's name -> what its message costs; without it nothing is added
function M.add(plan, prices)
  if not prices then
    return
  end
  plan.money = 0
  for _, tag in ipairs(plan.tags) do
    local price = prices[tag.name]
    if price then
      tag.message_cost, tag.money = price, price * tag.on
      plan.money = plan.money + tag.money
    end
  end
end

return M
