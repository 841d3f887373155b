-- Each row of the settling table over a real twin: a request whose answer was lost, then what other clients
-- did in between. The twin's clock is an hour off, in both directions: only its own timestamps are compared.
local apply = require("tagua.apply")
local core = require("tagua.core")
local fixture = require("spec.support.twin")
local tagua = require("tagua")
local with = require("spec.support.ledger")

local USER = fixture.USER

for _, hour in ipairs({ -1, 0, 1 }) do
  describe(("settling, the platform's clock %d h off,"):format(hour), function()
    local book, f, connection, tag, tick

    before_each(function()
      tick = 0
      f = fixture.fixture()
      f.open({
        address = "unix:" .. f.folder .. "/twin.sock",
        now = function()
          return core.system.wall_ns() // 1000000 + hour * 3600000 + tick * 1000
        end,
      })
      book = with.new()
      connection = assert(tagua.connect({
        platform = "botbonnie", bot = fixture.BOT, page = fixture.PAGE, channel = "line",
        token = f.token, url = "unix:" .. f.folder .. "/twin.sock", rate = { per_second = 1000 }, timeout = 2,
      }))
      connection.twin = { step = function() return f.t:step() end, fd = function() return f.t:fd() end, close = function() end }
      tag = assert(connection:create_tag("VIP")).id
    end)

    after_each(function()
      connection:close()
      book.close()
      f.close()
    end)

    -- What another client, or our own lost request, does; time goes on between two of them.
    local does = {
      tag = function() tick = tick + 1; assert(connection:tag_user(USER, tag)) end,
      untag = function() tick = tick + 1; assert(connection:untag_user(USER, tag)) end,
    }

    local function image()
      for _, one in ipairs(assert(connection:user_tags(USER))) do
        if one.id == tag then return one end
      end
    end

    -- An operation that was planned on what was there before, marked as sending, and whose answer was lost
    -- after these things happened; settled, and sent again where that is what is to be done.
    local function settle(action, before, happened)
      if before == "present" then does.tag() end
      if before ~= "unknown" then
        local now = image()
        local user = with.user(USER, {}, { page = fixture.PAGE })
        user.tags[1] = now and { id = tag, name = "VIP", timestamp = now.timestamp, count = 1 }
        local shop = assert(book.ledger:connection({ name = "shop", platform = "botbonnie", bot = fixture.BOT,
          page = fixture.PAGE, channel = "line" }))
        book.shop = shop
        with.pull(shop, { user })
      end
      local run = with.plan(book.shop, { { USER, tag, action } })
      assert(run:next(1))
      for _, what in ipairs(happened) do does[what]() end
      run = assert(book.shop:resume(run.number))
      local job = { connection = connection, book = book.shop, quarantine = 0.05 }
      assert(apply.recover(job, run))
      local sums = apply.run(job, run, { creations = {} }).sums
      local operation, effect = book.ledger:operations(run.number)(), f.t:effects()[1]
      return operation.outcome, effect and effect.count or 0, sums
    end

    local function rows(action, before, table_)
      for _, row in ipairs(table_) do
        it(("%s, before %s, and then %s: %s"):format(action, before, #row[1] > 0 and table.concat(row[1], ", ")
          or "nothing", row[2]), function()
          local outcome, count, sums = settle(action, before, row[1])
          assert.equal(row[2], outcome)
          assert.equal(row[3], count)
          assert.equal(sums.planned, sums.done + sums.failed + sums.skipped + sums.left)
        end)
      end
    end

    rows("tag", "absent", {
      { { "tag" }, "unattributed", 1 }, -- by us or by somebody else: nobody can tell
      { {}, "done", 1 }, -- sent again after the quarantine
      { { "tag", "untag" }, "done", 1 },
    })
    rows("tag", "present", {
      { { "tag" }, "unattributed", 2 },
      { {}, "done", 2 },
      { { "untag" }, "ambiguous", 0 },
      { { "untag", "tag" }, "unattributed", 1 },
    })
    rows("tag", "unknown", {
      { { "tag" }, "unattributed", 1 },
      { {}, "ambiguous", 0 },
    })
    rows("untag", "present", {
      { { "untag" }, "unattributed", 0 },
      { {}, "done", 0 },
      { { "untag", "tag" }, "stands", 1 },
      { { "tag" }, "stands", 2 },
    })
    rows("untag", "absent", {
      { {}, "unattributed", 0 },
      { { "tag" }, "stands", 1 },
    })
    rows("untag", "unknown", {
      { {}, "unattributed", 0 },
      { { "tag" }, "ambiguous", 1 },
    })
  end)
end
