/* What the core found out as Lua values: errors, rows, changes; and texts that come from Lua. */
#ifndef FORGELOG_LUA_VALUES_H
#define FORGELOG_LUA_VALUES_H

#include "history.h"
#include "reader.h"
#include "result.h"

#include <lua.h>

/* core.number_text(number [, places]): the shortest text that reads back as the same number, or
   with that many digits behind the point; the decimal point is one in every locale. */
int fl_core_number_text(lua_State *L);

/* core.parse_number(text): the number; nil: the text is no decimal number. */
int fl_core_parse_number(lua_State *L);

/* core.hash(text): a whole number from 0 to 2^32 - 1, for the same text the same everywhere and for
   ever; see hash.h. */
int fl_core_hash(lua_State *L);

/* Makes the metatable of error tables. */
void fl_setup_errors(lua_State *L);

/* core.error(kind, message [, sqlstate [, fields]]): an error table for a failure found in Lua,
   with further fields such as code and remedy. */
int fl_core_error(lua_State *L);

void fl_push_error(lua_State *L, const struct fl_error *error);

/* A seq; raises where this Lua would round it. */
void fl_push_seq(lua_State *L, int64_t seq);

/* A gap as Lua sees it: false, or the reason and up to where changes are gone; how many values. */
int fl_push_gap(lua_State *L, struct fl_gap gap);

/* An integer; as text where this Lua would round it. */
void fl_push_bigint(lua_State *L, int64_t value);

/* The rows of the last statement as a list of tables by column name. numeric: values of that type
   as numbers, and not as the text that holds all their digits. */
void fl_push_rows(lua_State *L, const struct fl_pgconn *pg, bool numeric);

/* The names of the fields of a change, as a list. */
void fl_push_fields(lua_State *L);

/* Fills the table at index `list` with at most `most` changes, which are delivered thereby; returns
   how many. Raises what Lua raises when memory runs out, and then nothing was delivered. */
int fl_push_changes(lua_State *L, int list, struct fl_reader *reader, int most, int64_t horizon);

/* The text of an argument that is to become a C string. */
const char *fl_check_text(lua_State *L, int index);

#endif
