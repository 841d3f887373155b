#!/bin/sh
# Builds the rock from a copy of the sources, offline, into $BUILD/rock/VERSION, as an application's own
# tree would hold it: rockspec/build.sh [VERSION] (of Lua: 5.4 unless told, or 5.3).
# Tells where it is, packed and unpacked. luarocks is a program of Lua 5.1's on Debian, so it is told which Lua.
set -eu
cd "$(dirname "$0")/.."
version=${1:-5.4}
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
tree=$BUILD/rock/$version
spec=tagua-scm-1.rockspec

command -v luarocks >/dev/null && command -v "lua$version" >/dev/null &&
  [ -e "/usr/include/lua$version/lua.h" ] || {
  echo "the rock for Lua $version needs luarocks, lua$version and liblua$version-dev: run make deps" >&2
  exit 1
}

# Only what the rockspec names: LuaRocks copies a folder that is called lua whole, and in a checkout that has
# the command, the ledger and the twin in it. The builtin build type leaves objects beside the sources, too.
rm -rf "$tree" && mkdir -p "$tree/source"
"lua$version" - rockspec/$spec >"$tree/names" <<'LUA'
local found = {}
assert(loadfile(arg[1], "t", found))()
for _, module in pairs(found.build.modules) do
  for _, path in ipairs(type(module) == "string" and { module } or module.sources) do print(path) end
end
LUA
find host -name '*.h' >>"$tree/names"
tar -cf - -T "$tree/names" LICENSE README.md rockspec/$spec | tar -xf - -C "$tree/source"
# luarocks is told that Debian's lua-cjson, which is no rock, is there
cat >"$tree/config.lua" <<LUA
lua_version = "$version"
lua_interpreter = "lua$version"
rocks_provided = { ["lua-cjson"] = "2.1.0-1" }
LUA
cd "$tree/source"
export LUAROCKS_CONFIG="$tree/config.lua"
{
  luarocks lint rockspec/$spec &&
    luarocks make --tree "$tree" &&
    cd "$tree" &&
    luarocks --tree "$tree" pack tagua scm-1
} >"$tree/log" 2>&1 || {
  cat "$tree/log" >&2
  exit 1
}
echo "the rock for Lua $version, unpacked:"
echo "  LUA_PATH='$tree/share/lua/$version/?.lua;$tree/share/lua/$version/?/init.lua;;'"
echo "  LUA_CPATH='$tree/lib/lua/$version/?.so;;'"
echo "packed: $tree/$(cd "$tree" && echo tagua-scm-1.*.rock)"
echo "into a tree of your own: luarocks --lua-version $version --tree TREE install $(cd "$tree" && echo "$tree"/tagua-scm-1.*.rock)"
