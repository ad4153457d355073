/* Positions as text, for Lua: core.parse_position and so on; see lua_positions.c. */
#ifndef FORGELOG_LUA_POSITIONS_H
#define FORGELOG_LUA_POSITIONS_H

#include <lua.h>

/* Makes the metatable of what these work with. */
void fl_setup_positions(lua_State *L);

int fl_core_parse_position(lua_State *L);
int fl_core_position_text(lua_State *L);
int fl_core_place(lua_State *L);
int fl_core_stirred(lua_State *L);
int fl_core_without(lua_State *L);
int fl_core_naming(lua_State *L);
int fl_core_common(lua_State *L);

#endif
