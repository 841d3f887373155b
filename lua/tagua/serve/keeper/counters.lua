--- What a keeper counts, and how that reads in /metrics.
local core = require("tagua.core")
local metrics = require("tagua.serve.metrics")

local M = {}

local MINUTE_NS = 60 * 1000000000

--- Counters that begin at 0.
function M.new()
  return {
    folded = 0, -- events
    decided = 0, -- users
    rejected = 0, -- records that could not be read
    skipped_users = 0, -- whom no rule could be run for
    failures = {}, -- rule -> decisions that raised, ran too long or ended their worker
    rule_seconds = 0,
    operations = {}, -- outcome -> how many
    errors = {}, -- code -> how often
    wishes = {}, -- action -> how many were taken up
    hooks = { done = 0, refused = 0 }, -- bodies of named hooks
    polls = {}, -- outcome -> how many
    sweeps = 0,
    sweeps_refused = 0,
    stops = 0, -- how often the connection was stopped
    given_up = 0,
    sent = {}, -- { when, requests sent by then }, of the last minute
  }
end

-- The part of the rate that the last minute used.
local function quota_used(counts, stats)
  local now = core.system.monotonic_ns()
  local sent = counts.sent
  sent[#sent + 1] = { now, stats.sent }
  while sent[2] and sent[1][1] < now - MINUTE_NS do
    table.remove(sent, 1)
  end
  local seconds = (now - sent[1][1]) / 1e9
  if seconds < 1 or stats.rate <= 0 then
    return 0
  end
  return math.min(1, (stats.sent - sent[1][2]) / seconds / stats.rate)
end

local QUEUE = "select coalesce(sum(planned - coalesce(done, 0) - coalesce(failed, 0) - coalesce(skipped, 0)), 0) "
  .. "from run where connection = ? and state in ('queued', 'sending')"

-- What is taken in and not worked off: how many events, and since when the oldest of them waits.
local function waiting(k)
  local last = k.box:last()
  local numbers = last and last[k.name]
  local users, since = k.follow:queue()
  local unfolded = numbers and numbers.events - k.follow.event or 0
  if unfolded > 0 then
    local first = (k.box:events(k.name, k.follow.event, 1) or {})[1]
    since = math.min(since or math.maxinteger, first and first.received or math.maxinteger)
  end
  return unfolded, users or 0, since
end

--- Everything, by the names that /metrics has.
-- @tparam table k the keeper
-- @treturn {[string]=number}
function M.read(k)
  local counts, stats, values = k.counts, k.connection:stats(), {}
  local function put(value, name, labels)
    labels = labels or {}
    labels.connection = k.name
    values[metrics.name(name, labels)] = value
  end
  local unfolded, users, since = waiting(k)
  put(counts.folded, "tagua_folded_total")
  put(unfolded, "tagua_events_waiting")
  put(since and math.max(0, (k.now() - since) / 1000) or 0, "tagua_oldest_event_seconds")
  put(users, "tagua_users_waiting")
  put(k.state:waiting(), "tagua_users_again")
  put(counts.decided, "tagua_decided_total")
  put(counts.rejected, "tagua_records_rejected_total")
  put(counts.skipped_users, "tagua_users_skipped_total")
  put(counts.given_up, "tagua_given_up_total")
  put(counts.rule_seconds, "tagua_rule_seconds_total")
  put(counts.sweeps, "tagua_sweeps_total", { outcome = "done" })
  put(counts.sweeps_refused, "tagua_sweeps_total", { outcome = "refused" })
  put(counts.stops, "tagua_stops_total")
  put(counts.hooks.done, "tagua_hooks_total", { outcome = "done" })
  put(counts.hooks.refused, "tagua_hooks_total", { outcome = "refused" })
  for name, by in pairs({
    tagua_decisions_failed_total = { "rule", counts.failures },
    tagua_operations_total = { "outcome", counts.operations },
    tagua_errors_total = { "code", counts.errors },
    tagua_wishes_taken_total = { "action", counts.wishes },
    tagua_polls_total = { "outcome", counts.polls },
  }) do
    for label, count in pairs(by[2]) do
      put(count, name, { [by[1]] = label })
    end
  end
  put(k.book.ledger.store:row(QUEUE, k.book.number), "tagua_queue")
  put(k.server.lock and 1 or 0, "tagua_sender")
  put(stats.sent, "tagua_requests_sent_total")
  put(stats.retries, "tagua_retries_total")
  put(stats.throttled, "tagua_throttled_total")
  put(stats.waited_seconds, "tagua_waited_seconds_total")
  put(stats.rate, "tagua_rate_per_second")
  put(k.sending:paused_seconds(), "tagua_paused_seconds")
  put(quota_used(counts, stats), "tagua_quota_used")
  return values
end

return M
