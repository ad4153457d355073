/* The userdata Reader: one drain or feed of a connection. */
#ifndef FORGELOG_LUA_READER_H
#define FORGELOG_LUA_READER_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

/* Makes its metatable. */
void fl_setup_readers(lua_State *L);

/* connection:reader(position, tables, live): see lua_reader.c. */
int fl_connection_reader(lua_State *L);

/* The list of seqs at index 2, as an array that lies in a userdata, which it pushes. */
int64_t *fl_check_seqs(lua_State *L, size_t *count);

#endif
