--- What a plan writes, held until it is known whether there is anything to write: most events change no tag, and
-- then the ledger is not touched. Stands where a run stands; as large as the piece of users that was decided.
local M = {}
M.__index = M

--- Makes one.
function M.new()
  return setmetatable({ operations = {}, times = {}, notes = {}, records = {} }, M)
end

--- As the methods of a run that is planned; see `tagua.ledger.planning`.
function M:add(operation)
  self.operations[#self.operations + 1] = operation
  return true
end

--- A change of a tag's time alone.
function M:time(change)
  self.times[#self.times + 1] = change
  return true
end

--- What the rules wanted where the console has the last word.
function M:note(...)
  self.notes[#self.notes + 1] = table.pack(...)
  return true
end

--- What the rules could read of a user.
function M:record(...)
  self.records[#self.records + 1] = table.pack(...)
  return true
end

--- The input's hash, which events don't have.
function M:read_all()
  return true
end

--- Whether there is nothing that a run would be for.
function M:empty()
  return not (self.operations[1] or self.times[1] or self.notes[1])
end

--- Writes all of it into a run that is being planned, and ends the plan.
-- @treturn table|nil the run's sums
-- @treturn string message
-- @treturn string code
function M:write(run)
  for _, operation in ipairs(self.operations) do
    run:add(operation)
  end
  for _, change in ipairs(self.times) do
    run:time(change)
  end
  for _, note in ipairs(self.notes) do
    run:note(table.unpack(note, 1, note.n))
  end
  for _, record in ipairs(self.records) do
    run:record(table.unpack(record, 1, record.n))
  end
  return run:ready()
end

return M
