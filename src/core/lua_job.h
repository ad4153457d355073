/* Jobs as Lua sees them. */
#ifndef FORGELOG_LUA_JOB_H
#define FORGELOG_LUA_JOB_H

#include <lua.h>

struct fl_pgconn;

void fl_setup_jobs(lua_State *L);

/* core.lookup(host): begins to look up the addresses of a host's name. */
int fl_core_lookup(lua_State *L);

/* Pushes the job that asks the server to cancel what a connection is busy with, or nil. */
void fl_push_cancel(lua_State *L, const struct fl_pgconn *pg);

#endif
