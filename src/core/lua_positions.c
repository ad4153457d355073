/* Positions as text, for Lua: what they say, and what is made of them. */
#include "lua_positions.h"

#include "compat.h"
#include "lua_reader.h"
#include "lua_values.h"
#include "named.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define POSITION "forgelog.position"

static int position_free(lua_State *L) {
  fl_cursor_free(lua_touserdata(L, 1));
  return 0;
}

void fl_setup_positions(lua_State *L) {
  luaL_newmetatable(L, POSITION);
  lua_pushcfunction(L, position_free);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

/* A cursor in a userdata on top of the stack, so that what it holds is freed also where Lua raises
   an error for lack of memory. */
static struct fl_cursor *new_cursor(lua_State *L) {
  struct fl_cursor *cursor = lua_newuserdata(L, sizeof *cursor);
  memset(cursor, 0, sizeof *cursor);
  luaL_getmetatable(L, POSITION);
  lua_setmetatable(L, -2);
  return cursor;
}

/* Pushes the ranges of a position as text, "17-20,22"; nil where there is none. */
static void push_ranges(lua_State *L, const struct fl_cursor *cursor) {
  char *text = lua_newuserdata(L, fl_position_room(cursor)), *ranges;
  fl_cursor_print(cursor, text);
  ranges = strchr(strchr(text, ':') + 1, ':');
  lua_pushstring(L, ranges ? ranges + 1 : NULL);
  lua_remove(L, -2);
}

/* False: nil, and what is wrong with the position, are on top of the stack. */
static bool parse_into(lua_State *L, struct fl_cursor *cursor, const char *position) {
  const char *wrong = fl_cursor_parse(cursor, position);
  if (!wrong) return true;
  lua_pushnil(L);
  lua_pushstring(L, wrong);
  return false;
}

/* The position at index 1. NULL: nil, and what is wrong with it, are on top of the stack. */
static struct fl_cursor *parsed(lua_State *L) {
  const char *position = fl_check_text(L, 1);
  struct fl_cursor *cursor = new_cursor(L);
  return parse_into(L, cursor, position) ? cursor : NULL;
}

/* Pushes the text of a position that is not needed any longer. */
static int push_position(lua_State *L, struct fl_cursor *cursor) {
  char *text = lua_newuserdata(L, fl_position_room(cursor));
  fl_cursor_print(cursor, text);
  fl_cursor_free(cursor);
  lua_pushstring(L, text);
  return 1;
}

/* core.parse_position(text): its timeline (0: none is named), the seq up to which everything was
   delivered (as text where this Lua would round it), the ranges delivered above that as text, or
   nil, whether it says something that holds only at rest, and whether it names rows that prove all
   at any time. Or nil and what is wrong with it. */
int fl_core_parse_position(lua_State *L) {
  struct fl_cursor *cursor = parsed(L);
  bool rests, names;
  if (!cursor) return 2;
  names = cursor->named && cursor->named->proves == FL_PROVES_ALL;
  rests = cursor->lsn != 0 || (cursor->named && cursor->named->proves == FL_PROVES_AT_REST);
  fl_cursor_bare(cursor);
  fl_pushinteger(L, cursor->timeline);
  fl_push_bigint(L, cursor->base);
  push_ranges(L, cursor);
  lua_pushboolean(L, rests);
  lua_pushboolean(L, names);
  fl_cursor_free(cursor);
  return 5;
}

/* core.position_text(timeline, seq): the position that has everything up to that seq behind it. */
int fl_core_position_text(lua_State *L) {
  char text[FL_POSITION_ROOM(0)];
  struct fl_cursor cursor;
  memset(&cursor, 0, sizeof cursor);
  cursor.timeline = (uint32_t)fl_checkint64(L, 1);
  cursor.base = fl_checkint64(L, 2);
  fl_cursor_print(&cursor, text);
  lua_pushstring(L, text);
  return 1;
}

/* core.stirred(position, [alone]): the same without what holds only at rest. `alone`: the work that
   is begun may read what no standby has, so that its rows prove nothing of that. Or nil and what is
   wrong with the position. */
int fl_core_stirred(lua_State *L) {
  struct fl_cursor *cursor;
  bool alone;
  lua_settop(L, 2);
  alone = lua_toboolean(L, 2);
  cursor = parsed(L);
  if (!cursor) return 2;
  cursor->lsn = 0;
  if (cursor->named && (alone || cursor->named->proves != FL_PROVES_ALL))
    cursor->named->proves = FL_PROVES_NO_WORK;
  return push_position(L, cursor);
}

/* core.place(position, [timeline]): the same place without what it rests on, and without the rows
   that it names, on that timeline or on its own. Or nil and what is wrong with the position. */
int fl_core_place(lua_State *L) {
  struct fl_cursor *cursor;
  lua_settop(L, 2);
  cursor = parsed(L);
  if (!cursor) return 2;
  if (!lua_isnil(L, 2)) cursor->timeline = (uint32_t)fl_checkint64(L, 2);
  fl_cursor_bare(cursor);
  return push_position(L, cursor);
}

/* core.without(position, seqs): the position out of which these seqs are taken, a list in any
   order, so that they are handed out again; what it does not have behind it changes nothing. It
   rests on nothing then. Or nil and what is wrong with the position. */
int fl_core_without(lua_State *L) {
  size_t count;
  int64_t *seqs = fl_check_seqs(L, &count);
  struct fl_cursor *cursor = parsed(L);
  if (!cursor) return 2;
  if (!fl_cursor_take_out(cursor, seqs, count)) return luaL_error(L, "forgelog: out of memory");
  return push_position(L, cursor);
}

/* core.naming(position, other): the position, naming the rows that the other one names. Or nil and
   what is wrong with one of them. */
int fl_core_naming(lua_State *L) {
  struct fl_cursor *cursor, *other;
  const char *text;
  lua_settop(L, 2);
  text = fl_check_text(L, 2);
  cursor = parsed(L);
  if (!cursor) return 2;
  other = new_cursor(L);
  if (!parse_into(L, other, text)) return 2;
  free(cursor->named);
  cursor->named = other->named;
  other->named = NULL;
  fl_cursor_free(other);
  return push_position(L, cursor);
}

/* A text of the list at index 1, which keeps it. */
static const char *list_text(lua_State *L, int i) {
  size_t length;
  const char *text;
  lua_rawgeti(L, 1, i);
  luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 1, "a list of positions expected");
  text = lua_tolstring(L, -1, &length);
  luaL_argcheck(L, strlen(text) == length, 1, "text with a zero byte");
  lua_pop(L, 1);
  return text;
}

/* core.common(positions): the position that has behind it what each one of the list has, at least
   one; on the lowest of their timelines, 0 where one names none. It rests on what all of them rest
   on, and names the rows that all of them name. Or nil and what is wrong with one of them. */
int fl_core_common(lua_State *L) {
  struct fl_cursor *common, *other;
  int i, count;
  luaL_checktype(L, 1, LUA_TTABLE);
  count = (int)lua_rawlen(L, 1);
  common = new_cursor(L);
  other = new_cursor(L);
  if (!parse_into(L, common, list_text(L, 1))) return 2;
  for (i = 2; i <= count; i++) {
    if (!parse_into(L, other, list_text(L, i))) return 2;
    if (!fl_cursor_intersect(common, other)) return luaL_error(L, "forgelog: out of memory");
  }
  fl_cursor_free(other);
  return push_position(L, common);
}
