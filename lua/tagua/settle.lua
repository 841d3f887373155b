--- Settling: what became of an operation whose answer was lost, from the image of the user tag before
-- the request and the image that was read since. Pure: it sends nothing, waits for nothing, knows no
-- clock. A platform's timestamps are compared with each other alone, for equality, and never with a
-- clock of this machine.
-- @module tagua.settle
local M = {}

-- What was there before, in the words of the table below.
local function before_of(before)
  if before == nil then
    return "unknown"
  end
  if not before.present then
    return "absent"
  end
  return before.timestamp and "present" or "undated" -- present, the timestamp not known
end

-- What is there now, beside what was.
local function now_of(before, now)
  if not now.present then
    return "absent"
  end
  if not (before and before.present) or not before.timestamp or not now.timestamp then
    return "present"
  end
  return now.timestamp == before.timestamp and "same" or "moved"
end

local DONE = { "closed", "it is as wanted now, perhaps through somebody else", "unattributed" }
local STANDS = { "closed", "somebody put it on again since, and that stands", "stands" }
local UNSENT = { "unsent", "the platform shows no effect of it" }
local GONE =
  { "ambiguous", "the tag was there before and is gone: somebody took it off, before or after it took effect" }
local UNDATED = { "ambiguous", "the tag is there, and whether it was taken off and put on again can't be told" }
local BLIND = { "ambiguous", "the tag is not there, and whether it was there before is not known" }

-- For each action and what was there before, what is there now.
local TABLE = {
  tag = {
    absent = { present = DONE, absent = UNSENT },
    present = { moved = DONE, same = UNSENT, present = DONE, absent = GONE },
    undated = { present = DONE, absent = GONE },
    unknown = { present = DONE, absent = BLIND },
  },
  untag = {
    absent = { absent = DONE, present = STANDS },
    present = { absent = DONE, same = UNSENT, moved = STANDS, present = UNDATED },
    undated = { absent = DONE, present = UNDATED },
    unknown = { absent = DONE, present = UNDATED },
  },
}

--- Decides.
-- @tparam table question
-- @tparam string question.action `tag` or `untag`
-- @tparam ?table question.before the image before the request: `{ present =, timestamp = }`; nil: not known
-- @tparam ?table question.now the image that was read since the answer was lost, likewise; nil: it can't be read
-- @tparam boolean question.after_quarantine whether that reading began after the quarantine was over
-- @treturn string `closed`: file the third value as its outcome; `wait`: read again after the quarantine;
--   `send`: it certainly had no effect, send it again; `ambiguous`: for a person
-- @treturn string why, in a sentence
-- @treturn ?string the outcome of a closed one: `unattributed` or `stands`
function M.decide(question)
  local rows = TABLE[question.action]
  if not rows then
    error(("the action must be 'tag' or 'untag', got '%s'"):format(tostring(question.action)), 2)
  end
  if not question.now then
    return "ambiguous", "the user's tags can't be read back: look in the platform's console whether it took effect"
  end
  local found = rows[before_of(question.before)][now_of(question.before, question.now)]
  local verdict, reason, outcome = found[1], found[2], found[3]
  if verdict == "unsent" then
    verdict = question.after_quarantine and "send" or "wait"
  elseif verdict == "ambiguous" then
    reason = reason .. "; look in the platform's console, then pull"
  end
  return verdict, reason, outcome
end

return M
