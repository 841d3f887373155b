--- Words a failure of a connection: which connection, what was being done, why, and the remedy.
-- @module tagua.sentence
local options = require("tagua.options")

-- What was being done; %1 and %2 are the arguments.
local DOING = {
  create_tag = "cannot make the tag %1",
  create_folder = "cannot make the folder %1",
  get_tag = "cannot read the tag %1",
  list_tags = "cannot list the tags",
  delete_tag = "cannot delete the tag %1",
  tag_user = "cannot put the tag %2 on user %1",
  untag_user = "cannot take the tag %2 off user %1",
  user_tags = "cannot read the tags of user %1",
  users_page = "cannot read the users",
  set_params = "cannot set parameters of user %1",
  delete_params = "cannot delete parameters of user %1",
}

local function shown(value)
  if type(value) == "table" then
    local key, inner = next(value)
    return key and ("%s %s"):format(key, options.quote(inner)) or "{}"
  end
  return options.quote(value)
end

local function doing(request)
  return (DOING[request.primitive]:gsub("%%(%d)", function(number)
    return shown(request[tonumber(number)])
  end))
end

--- The whole sentence for a failure: connection, what was being done, why, and the remedy.
-- @tparam connection self
-- @tparam table request
-- @tparam string message why
-- @tparam string code
-- @treturn string
return function(self, request, message, code)
  message = message:gsub("^connection '[^']*': ", "")
  local text = ("connection '%s': %s: %s"):format(self.name, doing(request.shown_as or request), message)
  if code == "EAUTH" and not self.settings.is_local then
    if not text:find("comes from", 1, true) then
      local sources = {}
      for _, secret in pairs(self.secrets) do
        local source = secret:source()
        if source ~= sources[1] then sources[#sources + 1] = source end
      end
      table.sort(sources)
      text = ("%s; it comes from %s"):format(text, table.concat(sources, " and "))
    end
    text = text .. ": " .. self.vendor.token_help
    if self.pair then text = ("%s; tagua token set %s keeps it"):format(text, self.name) end
  end
  return text
end
