-- Writes the C source that holds the Lua modules: lua5.4 embed.lua OUTPUT NAME=FILE ...
-- Runs at build time only. A module that does not compile stops the build. A file that is no Lua becomes a
-- module that returns its text.
local output = assert(io.open(arg[1], "w"))
local names = {}

output:write('#include "embedded.h"\n\n#include <string.h>\n\n')
for i = 2, #arg do
  local name, path = arg[i]:match("^(.-)=(.*)$")
  local file = assert(io.open(path, "rb"))
  local source = file:read("a")
  file:close()
  if not path:find("%.lua$") then
    source = ("return %q"):format(source)
  end
  assert(load(source, "@" .. path, "t"))
  names[#names + 1] = { name = name, path = path, length = #source }
  output:write(("static const unsigned char module_%d[] = {"):format(#names))
  for at = 1, #source, 20 do
    output:write("\n    ", table.concat({ source:byte(at, at + 19) }, ","), ",")
  end
  output:write("\n    0};\n\n")
end

output:write("const struct tagua_embedded tagua_embedded_modules[] = {\n")
for i, module in ipairs(names) do
  output:write(('    {"%s", "%s", module_%d, %d},\n'):format(module.name, module.path, i, module.length))
end
output:write([[
    {NULL, NULL, NULL, 0},
};

const struct tagua_embedded *tagua_embedded_find(const char *name)
{
    for (const struct tagua_embedded *m = tagua_embedded_modules; m->name != NULL; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}
]])
output:close()
