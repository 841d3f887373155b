--- Checks the arguments of primitives that are the same on every platform. Pure.
--
-- What a user is differs from platform to platform: the platform's module checks that.
-- @module tagua.arguments
local options = require("tagua.options")

local M = {}

local NAME = { type = "string", required = true, min = 1, max = 1000 }
local ID = { type = "string", required = true, min = 1, max = 1000 }
local FOLDER = { folder = { type = "string", min = 1, max = 1000 } }
local SINCE = { since = { type = "integer", min = 0, max = 9999999999999 } }

local function one(what, value, rule)
  local _, complaint = options.verify_value(what, value, rule)
  return complaint
end

local function table_of(what, value, declaration)
  if value == nil then return nil end
  local _, complaint = options.verify(what, value, declaration)
  return complaint
end

local function params(value)
  if type(value) ~= "table" or next(value) == nil then
    return ("params must be a table of names and values, got %s"):format(
      type(value) == "table" and "an empty one" or options.quote(value))
  end
  for name, inner in pairs(value) do
    if type(name) ~= "string" or name == "" then return "the name of a parameter must be a string" end
    local kind = type(inner)
    if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
      return ("parameter %s must be a string, a number or a boolean, got a %s"):format(options.quote(name), kind)
    end
  end
  return nil
end

local function names(value)
  if type(value) ~= "table" or #value == 0 then return "names must be a list of names of parameters" end
  for _, name in ipairs(value) do
    if type(name) ~= "string" or name == "" then return "the name of a parameter must be a string" end
  end
  return nil
end

local CHECKS = {
  create_tag = function(vendor, name, given)
    return one("name", name, NAME) or table_of("options", given, vendor.tag_options or FOLDER)
  end,
  create_folder = function(_, name, given)
    return one("name", name, NAME) or table_of("options", given, FOLDER)
  end,
  get_tag = function(_, id) return one("id", id, ID) end,
  delete_tag = function(_, id) return one("id", id, ID) end,
  list_tags = function(vendor, given) return table_of("options", given, vendor.list_options or {}) end,
  tag_user = function(_, _, tag) return one("tag", tag, ID) end,
  untag_user = function(_, _, tag) return one("tag", tag, ID) end,
  set_params = function(_, _, given) return params(given) end,
  delete_params = function(_, _, given) return names(given) end,
  users_page = function(vendor, cursor, given)
    return cursor ~= nil and one("cursor", cursor, ID) or table_of("options", given, vendor.users_options or SINCE)
  end,
}

--- What is wrong with the arguments of a primitive.
-- @tparam table vendor the platform's module
-- @tparam string primitive
-- @param ... its arguments
-- @treturn string|nil nil when nothing is
function M.check(vendor, primitive, ...)
  local check = CHECKS[primitive]
  return check and check(vendor, ...) or nil
end

return M
