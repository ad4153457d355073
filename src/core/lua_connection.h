/* The userdata Connection: one connection to a change log. */
#ifndef FORGELOG_LUA_CONNECTION_H
#define FORGELOG_LUA_CONNECTION_H

#include "changelog.h"

#include <lua.h>

/* Makes its metatable. */
void fl_setup_connections(lua_State *L);

/* core.connection(conninfo, name): closed; connect() begins to open it. */
int fl_core_connection(lua_State *L);

struct fl_changelog *fl_check_connection(lua_State *L, int index);

#endif
