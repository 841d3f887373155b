-- Replaces a function of the library while the file is loaded.
-- rejected: 'string' is read-only: 'rep' cannot be written
string.rep = nil
