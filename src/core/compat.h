/* One source for Lua 5.1, LuaJIT, 5.3 and 5.4. */
#ifndef FORGELOG_COMPAT_H
#define FORGELOG_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#if LUA_VERSION_NUM < 502
#define lua_rawlen lua_objlen
#define fl_setfuncs(L, functions) luaL_register(L, NULL, functions)
#else
#define fl_setfuncs(L, functions) luaL_setfuncs(L, functions, 0)
#endif

/* Has the userdata on top of the stack keep the value at `index` alive. */
static inline void fl_anchor(lua_State *L, int index) {
#if LUA_VERSION_NUM < 502
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, 1);
  lua_setfenv(L, -2);
#else
  lua_pushvalue(L, index);
  lua_setuservalue(L, -2);
#endif
}

#if LUA_VERSION_NUM >= 503
#define FL_EXACT INT64_MAX
#define FL_EXACT_LEAST INT64_MIN
#define fl_pushinteger(L, value) lua_pushinteger(L, (lua_Integer)(value))
#define fl_checkint64(L, index) ((int64_t)luaL_checkinteger(L, index))
#else
#define FL_EXACT INT64_C(9007199254740992) /* 2^53, above which a double skips numbers */
#define FL_EXACT_LEAST (-FL_EXACT)
#define fl_pushinteger(L, value) lua_pushnumber(L, (lua_Number)(value))
#define fl_checkint64(L, index) ((int64_t)luaL_checknumber(L, index))
#endif

/* Whether there is a whole number at `index`, which this Lua holds exactly. */
static inline bool fl_whole(lua_State *L, int index, int64_t *value) {
  lua_Number number;
  if (lua_type(L, index) != LUA_TNUMBER) return false;
  number = lua_tonumber(L, index);
#if LUA_VERSION_NUM >= 503
  if (lua_isinteger(L, index)) {
    *value = lua_tointeger(L, index);
    return true;
  }
#endif
  if (!(number >= -9007199254740992.0 && number <= 9007199254740992.0)) return false;
  *value = (int64_t)number;
  return (lua_Number)*value == number;
}

#endif
