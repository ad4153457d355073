/* The userdata Reader: one drain or feed of a connection. */
#ifndef FORGELOG_LUA_READER_H
#define FORGELOG_LUA_READER_H

#include <lua.h>

/* Makes its metatable. */
void fl_setup_readers(lua_State *L);

/* connection:reader(position, tables, live): see lua_reader.c. */
int fl_connection_reader(lua_State *L);

/* Positions as text, core.parse_position and so on: see lua_reader.c. */
int fl_core_parse_position(lua_State *L);
int fl_core_position_text(lua_State *L);
int fl_core_place(lua_State *L);
int fl_core_without(lua_State *L);
int fl_core_common(lua_State *L);

#endif
