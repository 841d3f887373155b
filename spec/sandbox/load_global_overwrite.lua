-- Overwrites a word of the language while the file is loaded.
-- rejected: 'tag' is a word of the rule language and cannot be written to
tag = nil
