/* What a plain script needs of its process, as functions of the Lua module. */
#ifndef FORGELOG_HOST_H
#define FORGELOG_HOST_H

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg fl_host_functions[];

/* The text of an argument that is to become a C string. */
const char *fl_check_text(lua_State *L, int index);

#endif
