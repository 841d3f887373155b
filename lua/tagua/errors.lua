--- The list of error codes: what each means, and the exit code that it ends a command with.
--
-- Everything that fails at run time returns `nil, message, code`; the code is one of these words.
-- Programs branch on the code, people read the message.
-- @module tagua.errors
local M = {}

-- Exit codes of the command.
M.EXIT_DONE, M.EXIT_FAILED, M.EXIT_USAGE, M.EXIT_RULES = 0, 1, 2, 3
M.EXIT_AUTH, M.EXIT_GUARD, M.EXIT_AGAIN, M.EXIT_INTERRUPTED = 4, 5, 75, 130

--- Every code, its exit code and its meaning, in the order in which a manual lists them.
M.list = {
  { code = "EAUTH", exit = 4, meaning = "the platform refused the credentials" },
  { code = "EPERMISSION", exit = 4, meaning = "the credentials are known, but may not do this" },
  { code = "ERATE", exit = 75, meaning = "the platform kept the connection paused for too long" },
  { code = "ENETWORK", exit = 75, meaning = "the platform cannot be reached" },
  { code = "ETIMEOUT", exit = 75, meaning = "no answer came in time to a request without effect" },
  { code = "ETLS", exit = 2, meaning = "no secure connection: the certificate or the protocol was refused" },
  { code = "ENOTFOUND", exit = 1, meaning = "the platform does not know the tag, the folder or the user" },
  { code = "ENOUSER", exit = 1, meaning = "the platform does not know the user" },
  { code = "EPLATFORM", exit = 1, meaning = "the platform said that it failed" },
  { code = "EPROTOCOL", exit = 1, meaning = "the platform's answer was not understood" },
  { code = "ETOOBIG", exit = 1, meaning = "an answer, a file or a value is larger than its cap" },
  {
    code = "EAMBIGUOUS",
    exit = 1,
    meaning = "the answer was lost: whether the request took effect is not known",
  },
  { code = "EHOURS", exit = 75, meaning = "the connection does not send at this hour" },
  { code = "ECANCELLED", exit = 75, meaning = "the request was never sent" },
  { code = "ECONFIG", exit = 2, meaning = "the configuration is wrong, or a secret cannot be read" },
  { code = "EUSAGE", exit = 2, meaning = "the command or the call was used wrongly" },
  { code = "EUNSUPPORTED", exit = 2, meaning = "the platform lacks what was asked for" },
  { code = "EINPUT", exit = 2, meaning = "the input cannot be read as records" },
  { code = "ERULES", exit = 3, meaning = "the rules were rejected, or one of their tests failed" },
  { code = "EGUARD", exit = 5, meaning = "a guard refused the plan" },
  { code = "EIO", exit = 2, meaning = "a file, a folder or a pipe cannot be used" },
  { code = "EDISK", exit = 75, meaning = "the disk is full or failed" },
  { code = "ESQL", exit = 75, meaning = "the database refused a statement" },
  { code = "ELEDGER", exit = 2, meaning = "the ledger cannot be used" },
  { code = "ELOCKED", exit = 75, meaning = "another process holds the lock" },
  { code = "EINTERRUPTED", exit = 130, meaning = "interrupted by a signal" },
}

local by_code = {}
for _, entry in ipairs(M.list) do
  by_code[entry.code] = entry
end

--- The exit code that a command ends with when it fails with this code.
-- A code that is not in the list is a failure like any other.
-- @tparam string|nil code
-- @treturn integer
function M.exit(code)
  local entry = by_code[code]
  return entry and entry.exit or M.EXIT_FAILED
end

--- What a code means, in one sentence.
-- @tparam string code
-- @treturn string|nil nil for a code that is not in the list
function M.meaning(code)
  local entry = by_code[code]
  return entry and entry.meaning
end

return M
