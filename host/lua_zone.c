/* Binding: time zones for Lua. A zone's userdata owns the zone. */
#include "date.h"
#include "lua_record.h"
#include "lua_support.h"
#include "zone.h"

static const char zone_class[] = "tagua.zone";

struct holder {
    struct tagua_zone *zone; /* NULL once closed */
};

const struct tagua_zone *tagua_lua_check_zone(lua_State *L, int index)
{
    struct holder *holder = luaL_checkudata(L, index, zone_class);
    luaL_argcheck(L, holder->zone != NULL, index, "the zone is closed");
    return holder->zone;
}

static const struct tagua_zone *check_zone(lua_State *L)
{
    return tagua_lua_check_zone(L, 1);
}

/* zone.open(name) -> zone | nil, message, "ECONFIG". */
static int zone_open(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    struct holder *holder = lua_newuserdatauv(L, sizeof *holder, 0);
    holder->zone = NULL;
    luaL_setmetatable(L, zone_class);
    struct tagua_error error;
    holder->zone = tagua_zone_open(name, &error);
    return holder->zone != NULL ? 1 : tagua_lua_fail(L, &error);
}

static int zone_close(lua_State *L)
{
    struct holder *holder = luaL_checkudata(L, 1, zone_class);
    tagua_zone_free(holder->zone);
    holder->zone = NULL;
    return 0;
}

/* z:name() -> "Asia/Taipei". */
static int zone_name(lua_State *L)
{
    lua_pushstring(L, tagua_zone_name(check_zone(L)));
    return 1;
}

/* z:offset(t) -> seconds that the clock is ahead of UTC. */
static int zone_offset(lua_State *L)
{
    lua_pushinteger(L, tagua_zone_offset(check_zone(L), luaL_checkinteger(L, 2)));
    return 1;
}

/* z:day_start(t) -> the first moment of the calendar day of t. */
static int zone_day_start(lua_State *L)
{
    lua_pushinteger(L, tagua_zone_day_start(check_zone(L), luaL_checkinteger(L, 2)));
    return 1;
}

/* z:days_between(from, to) -> calendar days, negative when `to` is earlier. */
static int zone_days_between(lua_State *L)
{
    const struct tagua_zone *zone = check_zone(L);
    int64_t from = luaL_checkinteger(L, 2);
    lua_pushinteger(L, tagua_zone_days_between(zone, from, luaL_checkinteger(L, 3)));
    return 1;
}

/* z:parse(text[, format[, roc]]) -> seconds | nil, message, "EINPUT" ("ECONFIG": the format). */
static int zone_parse(lua_State *L)
{
    const struct tagua_zone *zone = check_zone(L);
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    const char *format = luaL_optstring(L, 3, NULL);
    struct tagua_error error;
    int64_t moment;
    if (format != NULL && tagua_date_check_format(format, &error) != 0)
        return tagua_lua_fail(L, &error);
    if (tagua_date_parse(text, length, format, lua_toboolean(L, 4), zone, &moment) != 0) {
        if (format != NULL)
            tagua_error_set(&error, "EINPUT", "'%.100s' is not a date of the form '%s'", text,
                            format);
        else
            tagua_error_set(&error, "EINPUT",
                            "'%.100s' is not a date; write it as 2026-11-21 or 2026-11-21 09:30",
                            text);
        return tagua_lua_fail(L, &error);
    }
    lua_pushinteger(L, moment);
    return 1;
}

/* z:format(t[, format[, roc]]) -> text; without a format "2026-11-21 09:30:00". */
static int zone_format(lua_State *L)
{
    const struct tagua_zone *zone = check_zone(L);
    const char *format = luaL_optstring(L, 3, NULL);
    char text[256];
    size_t length = tagua_date_format(luaL_checkinteger(L, 2), format, lua_toboolean(L, 4), zone,
                                      text, sizeof text);
    luaL_argcheck(L, length > 0 || (format != NULL && *format == '\0'), 3,
                  "no known format, or the moment is out of range");
    lua_pushlstring(L, text, length);
    return 1;
}

int tagua_lua_open_zone(lua_State *L);

int tagua_lua_open_zone(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"name", zone_name},
        {"offset", zone_offset},
        {"day_start", zone_day_start},
        {"days_between", zone_days_between},
        {"parse", zone_parse},
        {"format", zone_format},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"open", zone_open}, {NULL, NULL}};
    tagua_lua_class(L, zone_class, methods, zone_close);
    luaL_newlib(L, functions);
    return 1;
}
