/* What the core found out as Lua values: errors, rows, changes. */
#ifndef FORGELOG_PUSH_H
#define FORGELOG_PUSH_H

#include "reader.h"
#include "result.h"

#include <lua.h>

#define FL_ERROR "forgelog.error" /* the metatable of error tables */

void fl_push_error(lua_State *L, const struct fl_error *error);

/* A seq; raises where this Lua would round it. */
void fl_push_seq(lua_State *L, int64_t seq);

/* One row of the session's last result, as a table by column name. */
void fl_push_row(lua_State *L, const struct fl_session *session, int row, int columns);

/* A list of at most `most` changes, which are thereby handed out; returns how many. Raises what Lua raises
   when memory runs out, and then nothing was handed out. */
int fl_push_changes(lua_State *L, struct fl_reader *reader, int most, int64_t settled);

#endif
