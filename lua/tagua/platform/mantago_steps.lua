--- MantaGo: the primitives that take several requests, because creating returns no id and members'
-- records hold tags by name. Pure but for `ask`, through which the caller makes each request.
--
-- `ask(step, ...)` makes the request `step` of `tagua.platform.mantago` and gives the value of its
-- answer, or `nil, message, code`. `memory` is a table that lives as long as the connection.
-- @module tagua.platform.mantago_steps
local M = {}

-- Families whose tags a member's record shows.
local SHOWN = { "auto", "client" }

-- All tags of a family, over all pages.
local function all_tags(ask, family, search)
  local tags, page = {}, 1
  while true do
    local found, message, code = ask("tags_page", family, page, search)
    if not found then return nil, message, code end
    table.move(found.tags, 1, #found.tags, #tags + 1, tags)
    if not found.more then return tags end
    page = page + 1
  end
end

-- The one tag of that name; nil when there is none; false and a message when there are several.
local function only_one(tags, name, family)
  local found = {}
  for _, tag in ipairs(tags) do
    if tag.name == name then found[#found + 1] = tag end
  end
  if #found < 2 then return found[1] end
  local ids = {}
  for i, tag in ipairs(found) do
    ids[i] = tag.id
  end
  return false,
    ("%d %s tags are named '%s' (%s): rename or delete all but one in the console"):format(
      #found, family, name, table.concat(ids, ", "))
end

-- Looks for a tag by its name -> tag; or nil, message, code; or nil when there is none.
local function find(ask, name, family)
  local tags, message, code = all_tags(ask, family, name)
  if not tags then return nil, message, code end
  local tag
  tag, message = only_one(tags, name, family)
  if tag == false then return nil, message, "EAMBIGUOUS" end
  return tag
end

--- Makes a tag, and finds the id that the answer does not hold by the tag's name.
-- A tag of that name that is there already is the one: members' records know tags by name alone, so
-- a second one of the same name could never be told from it.
-- @tparam function ask
-- @tparam table identity
-- @tparam table memory
-- @tparam string name
-- @tparam[opt] table options family
-- @treturn table|nil tag, with `existed = true` when it was there before
-- @treturn string message
-- @treturn string code
function M.create_tag(ask, identity, memory, name, options)
  local family = options and options.family or identity.family
  local tag, message, code = find(ask, name, family)
  if tag then
    tag.existed = true
    return tag
  elseif message then
    return nil, message, code
  end
  memory.names = nil
  local made, lost
  made, lost, code = ask("make_tag", name, family)
  if not made and code ~= "EAMBIGUOUS" then return nil, lost, code end
  tag, message = find(ask, name, family)
  if tag then return tag end
  if message then
    -- It was made, or may have been: not being able to look is no reason to make it again.
    return nil, ("%s; the tag may have been created all the same"):format(message), "EAMBIGUOUS"
  end
  return nil, lost or "it was created, and no list shows it yet", "EAMBIGUOUS"
end

--- Lists the tags of a family.
-- @tparam function ask
-- @tparam table identity
-- @tparam table _
-- @tparam[opt] table options family
-- @treturn {table,...}|nil
-- @treturn string message
-- @treturn string code
function M.list_tags(ask, identity, _, options)
  return all_tags(ask, options and options.family or identity.family)
end

-- The map from family and name to id, made anew.
local function learn_names(ask, memory)
  local names = {}
  for _, family in ipairs(SHOWN) do
    local tags, message, code = all_tags(ask, family)
    if not tags then return nil, message, code end
    names[family] = {}
    for _, tag in ipairs(tags) do
      local only, several = only_one(tags, tag.name, family)
      names[family][tag.name] = only and only.id or { several = several }
    end
  end
  memory.names = names
  return true
end

-- The tags of members by id, in place of those by name. A name that is not known is looked for
-- once more; one that no list shows is of a tag that was deleted, and is left out.
local function resolve(ask, memory, users)
  local learned = memory.names == nil
  if learned then
    local ok, message, code = learn_names(ask, memory)
    if not ok then return nil, message, code end
  end
  for _, user in ipairs(users) do
    local tags = {}
    for _, tag in ipairs(user.named) do
      local id = memory.names[tag.family][tag.name]
      if not id and not learned then
        learned = true
        local ok, message, code = learn_names(ask, memory)
        if not ok then return nil, message, code end
        id = memory.names[tag.family][tag.name]
      end
      if type(id) == "table" then return nil, id.several, "EAMBIGUOUS" end
      if id then tags[#tags + 1] = { id = id, name = tag.name, timestamp = tag.timestamp } end
    end
    user.tags, user.named = tags, nil
  end
  return users
end

--- A user's auto and client tags.
-- @tparam function ask
-- @tparam table _
-- @tparam table memory
-- @tparam string|table user
-- @treturn {table,...}|nil
-- @treturn string message
-- @treturn string code
function M.user_tags(ask, _, memory, user)
  local found, message, code = ask("client", user)
  if not found then return nil, message, code end
  local users
  users, message, code = resolve(ask, memory, { found })
  if not users then return nil, message, code end
  return users[1].tags
end

--- One page of users, their tags by id.
-- @tparam function ask
-- @tparam table _
-- @tparam table memory
-- @tparam[opt] string cursor
-- @treturn table|nil
-- @treturn string message
-- @treturn string code
function M.users_page(ask, _, memory, cursor)
  local page, message, code = ask("clients_page", cursor)
  if not page then return nil, message, code end
  if not cursor then memory.names = nil end
  local users
  users, message, code = resolve(ask, memory, page.users)
  if not users then return nil, message, code end
  return page
end

return M
