/* What a plain script needs of its process, as functions of the Lua module. */
#ifndef FORGELOG_LUA_PROCESS_H
#define FORGELOG_LUA_PROCESS_H

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg fl_process_functions[];

#endif
