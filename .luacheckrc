-- luacheck's view of the tree: make check.
std = "lua54"
max_line_length = 120
codes = true
self = false
exclude_files = { "build", "spec/sandbox", "spec/doctor" } -- attacks and mistakes are not meant to be clean

files["spec"] = { std = "+busted", max_line_length = 140 }
files[".ci"] = { globals = { "arg" } }
files["examples/**/rules.lua"] = { std = "+tagua_rules", unused_args = false }
files["bench/**/rules.lua"] = { std = "+tagua_rules", unused_args = false }

-- What a connections.lua is given.
files["**/connections.lua"] = { std = "+tagua_connections" }

-- What a rule file is given; `string`, `table`, `math` and `utf8` it has from Lua.
stds.tagua_rules = {
  read_globals = {
    "timezone", "fields", "text", "integer", "number", "boolean", "date", "tagset",
    "count", "sum", "first", "latest", "any", "matches",
    "tag", "one_of", "rule", "test", "otherwise", "leave", "has",
    "hook", "hmac_sha256", "hmac_sha1", "bearer", "reply", "poll",
    "include", "guards", "now", "today", "days_since", "hours_since", "time",
  },
}
stds.tagua_connections = { read_globals = { "connection", "serve", "env", "file", "command" } }

-- What the sweep gives its scripts.
files["spec/sweep"] = { read_globals = { "collect" }, ignore = { "311" } } -- a variable is let go of on purpose
