--- What `tagua serve` counts, in the text format of Prometheus (0.0.4). Knows every metric's meaning; counts nothing.
-- @module tagua.serve.metrics
local M = {}

local SERIES_MOST = 20000

--- Every metric: its name, whether it only grows, and what it means.
M.families = {
  { "tagua_build_info", "gauge", "Always 1; the version is a label." },
  { "tagua_ready", "gauge", "Whether all parts do their work." },
  { "tagua_started_seconds", "gauge", "When this process began, in seconds since the epoch." },
  { "tagua_part_up", "gauge", "Whether a part does its work." },
  { "tagua_part_restarts_total", "counter", "How often a part had to be started again." },
  { "tagua_rules_info", "gauge", "Always 1; the hash of the rules in use is a label." },
  { "tagua_rules_reloads_total", "counter", "Changed rule files that were accepted." },
  { "tagua_rules_refused_total", "counter", "Changed rule files that were refused." },
  { "tagua_rules_stale", "gauge", "Whether the rule file on disk is refused, and older rules are in use." },
  { "tagua_configuration_stale", "gauge", "Whether connections.lua has changed and waits for a restart." },
  { "tagua_requests_total", "counter", "Requests, by their source and the status they were answered with." },
  { "tagua_events_total", "counter", "Events that were kept, by source." },
  { "tagua_duplicates_total", "counter", "Events that had come before and were not counted again." },
  { "tagua_commits_total", "counter", "Transactions of the inbox." },
  { "tagua_commits_failed_total", "counter", "Requests whose events could not be written to disk." },
  { "tagua_raws_total", "counter", "Bodies of the rule file's own hooks that were kept." },
  { "tagua_wishes_total", "counter", "Operations that other programs on this machine asked for." },
  { "tagua_hooks_total", "counter", "Bodies of the rule file's own hooks that were turned into events, by outcome." },
  { "tagua_wishes_taken_total", "counter", "Operations of other programs that were taken up, by action." },
  { "tagua_hooks_unverified_total", "counter", "Requests that were not signed by whom they should be, by source." },
  { "tagua_hooks_unreadable_total", "counter", "Requests that were signed and could not be read, by source." },
  { "tagua_events_left_total", "counter", "Events that were not kept, by reason." },
  { "tagua_clients_evicted_total", "counter", "Idle connections that were closed to make room." },
  { "tagua_clients", "gauge", "Connections that clients have open." },
  { "tagua_forwards_total", "counter", "Webhooks that were passed on, by outcome." },
  { "tagua_forwards_waiting", "gauge", "Webhooks that wait to be passed on." },
  { "tagua_folded_total", "counter", "Events that the ledger has taken over." },
  { "tagua_events_waiting", "gauge", "Events that are not worked off yet." },
  { "tagua_oldest_event_seconds", "gauge", "How long the oldest event that is not worked off has waited." },
  { "tagua_users_waiting", "gauge", "Users whose fields moved and who are not decided yet." },
  { "tagua_users_again", "gauge", "Users who are decided again later, because an operation of theirs did not work." },
  { "tagua_decided_total", "counter", "Users that were decided." },
  { "tagua_decisions_failed_total", "counter", "Decisions that raised, ran too long or ended their worker, by rule." },
  { "tagua_users_skipped_total", "counter", "Users for whom no rule could be run." },
  { "tagua_records_rejected_total", "counter", "Users whose record could not be read." },
  { "tagua_given_up_total", "counter", "Users whose operations failed too often to be tried again." },
  { "tagua_sweeps_total", "counter", "Looks at all users, for rules that read the clock, by outcome." },
  { "tagua_rule_seconds_total", "counter", "Time that deciding took." },
  { "tagua_operations_total", "counter", "Operations, by outcome." },
  { "tagua_queue", "gauge", "Operations that wait to be sent." },
  { "tagua_requests_sent_total", "counter", "Requests to the platform." },
  { "tagua_retries_total", "counter", "Requests to the platform that were repeated." },
  { "tagua_throttled_total", "counter", "Answers of the platform that said: too many requests (429)." },
  { "tagua_waited_seconds_total", "counter", "Time that sending waited for the rate limit." },
  { "tagua_paused_seconds", "gauge", "How long the platform still wants to be left alone." },
  { "tagua_rate_per_second", "gauge", "Requests a second that are allowed now." },
  { "tagua_quota_used", "gauge", "The part of the rate that the last minute used, 0 to 1." },
  { "tagua_errors_total", "counter", "What went wrong, by code." },
  { "tagua_stops_total", "counter", "How often sending stopped for a reason that the whole connection has." },
  { "tagua_sender", "gauge", "Whether this process is the one that sends for the connection." },
  { "tagua_polls_total", "counter", "Polls of the platform, by outcome." },
}

local known = {}
for _, family in ipairs(M.families) do
  known[family[1]] = family
end

--- A name with labels, as it stands in the output.
-- @tparam string name
-- @tparam[opt] {[string]=string} labels
-- @treturn string
function M.name(name, labels)
  local parts = {}
  for label, value in pairs(labels or {}) do
    local text = tostring(value):gsub("[\\\"\n]", { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" })
    parts[#parts + 1] = ('%s="%s"'):format(label, text)
  end
  table.sort(parts)
  return #parts > 0 and ("%s{%s}"):format(name, table.concat(parts, ",")) or name
end

local function number(value)
  if value ~= value then return "NaN" end
  if value == math.huge then return "+Inf" end
  if value == -math.huge then return "-Inf" end
  local whole = math.tointeger(value)
  return whole and ("%d"):format(whole) or ("%.15g"):format(value)
end

--- Writes everything.
-- @tparam {[string]=number} values by name with labels, as `name` makes it
-- @treturn string
function M.text(values)
  local by_family, names = {}, {}
  for name in pairs(values) do
    local family = name:match("^[%a_:][%w_:]*")
    if family then
      if not by_family[family] then
        by_family[family] = {}
        if not known[family] then names[#names + 1] = family end
      end
      table.insert(by_family[family], name)
    end
  end
  table.sort(names)
  local lines, series = {}, 0
  local function write(family, kind, help)
    local members = by_family[family]
    if not members then return end
    table.sort(members)
    lines[#lines + 1] = ("# HELP %s %s"):format(family, help)
    lines[#lines + 1] = ("# TYPE %s %s"):format(family, kind)
    for _, name in ipairs(members) do
      if series == SERIES_MOST then return end
      series = series + 1
      lines[#lines + 1] = name .. " " .. number(values[name])
    end
  end
  for _, family in ipairs(M.families) do
    write(family[1], family[2], family[3])
  end
  for _, family in ipairs(names) do
    write(family, "untyped", "As a part of tagua counts it.")
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
