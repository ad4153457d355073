/* What the core found out as Lua values: errors, rows, changes. */
#include "push.h"

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fl_push_error(lua_State *L, const struct fl_error *error) {
  lua_createtable(L, 0, 6);
  lua_pushstring(L, fl_kind_name(error->kind));
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, error->message);
  lua_setfield(L, -2, "message");
  lua_pushboolean(L, error->retryable);
  lua_setfield(L, -2, "retryable");
  if (error->sqlstate[0]) {
    lua_pushstring(L, error->sqlstate);
    lua_setfield(L, -2, "sqlstate");
  }
  luaL_getmetatable(L, FL_ERROR);
  lua_setmetatable(L, -2);
}

void fl_push_seq(lua_State *L, int64_t seq) {
  char digits[24];
  if (seq > FL_EXACT) {
    snprintf(digits, sizeof digits, "%lld", (long long)seq);
    luaL_error(L, "forgelog: seq %s is above 2^53, which this Lua would round; use Lua 5.3 or later", digits);
  }
  fl_pushinteger(L, seq);
}

/* A bigint that a Lua without integers would round stays text. */
static void push_bigint(lua_State *L, const char *text, size_t length) {
  int64_t value = strtoll(text, NULL, 10);
  if (value > FL_EXACT || value < FL_EXACT_LEAST)
    lua_pushlstring(L, text, length);
  else
    fl_pushinteger(L, value);
}

static void push_value(lua_State *L, const char *text, size_t length, enum fl_type type) {
  switch (type) {
    case FL_TYPE_INTEGER: push_bigint(L, text, length); break;
    case FL_TYPE_FLOAT: lua_pushnumber(L, strtod(text, NULL)); break;
    case FL_TYPE_BOOLEAN: lua_pushboolean(L, text[0] == 't'); break;
    default: lua_pushlstring(L, text, length);
  }
}

void fl_push_row(lua_State *L, const struct fl_session *session, int row, int columns) {
  int column;
  lua_createtable(L, 0, columns);
  for (column = 0; column < columns; column++) {
    size_t length;
    const char *text = fl_result_value(session, row, column, &length);
    if (!text) continue;
    push_value(L, text, length, fl_result_type(session, column));
    lua_setfield(L, -2, fl_result_name(session, column));
  }
}

enum { KEY_SEQ = 1, KEY_TABLE, KEY_OP, KEY_ROW, KEY_COLS, KEY_TIME, LAST_TABLE, LAST_OP, LAST_COLS, SCRATCH };

/* What repeats from row to row is compared rather than hashed again. */
struct pushed {
  struct fl_slice table_name, op, changed_cols;
};

static void push_keys(lua_State *L) {
  static const char *const keys[] = {"seq", "table_name", "op", "row_id", "changed_cols", "created_at"};
  int i;
  luaL_checkstack(L, SCRATCH + 8, "forgelog: changes");
  for (i = 0; i < 6; i++) lua_pushstring(L, keys[i]);
  for (i = 0; i < 3; i++) lua_pushnil(L);
}

static void set_text(lua_State *L, int base, int key, const struct fl_slice *text) {
  if (text->length < 0) return;
  lua_pushvalue(L, base + key);
  lua_pushlstring(L, text->data, (size_t)text->length);
  lua_rawset(L, -3);
}

static void set_repeated(lua_State *L, int base, int key, int last, const struct fl_slice *text,
                         struct fl_slice *known) {
  if (text->length < 0) return;
  if (known->length != text->length || memcmp(known->data, text->data, (size_t)text->length) != 0) {
    lua_pushlstring(L, text->data, (size_t)text->length);
    lua_replace(L, base + last);
    *known = *text;
  }
  lua_pushvalue(L, base + key);
  lua_pushvalue(L, base + last);
  lua_rawset(L, -3);
}

static void push_change(lua_State *L, int base, const struct fl_change *change, struct pushed *last) {
  lua_createtable(L, 0, 6);
  lua_pushvalue(L, base + KEY_SEQ);
  fl_push_seq(L, change->seq);
  lua_rawset(L, -3);
  set_repeated(L, base, KEY_TABLE, LAST_TABLE, &change->table_name, &last->table_name);
  set_repeated(L, base, KEY_OP, LAST_OP, &change->op, &last->op);
  set_text(L, base, KEY_ROW, &change->row_id);
  set_repeated(L, base, KEY_COLS, LAST_COLS, &change->changed_cols, &last->changed_cols);
  lua_pushvalue(L, base + KEY_TIME);
  lua_pushnumber(L, (lua_Number)change->created_at / 1e6);
  lua_rawset(L, -3);
}

/* Only when the whole batch stands in Lua does the reader move on: memory that runs out loses nothing. */
int fl_push_changes(lua_State *L, struct fl_reader *reader, int most, int64_t settled) {
  struct fl_look look = {reader->chunk.stream, 0, reader->cursor.next};
  struct fl_change change;
  struct pushed last = {{NULL, -1}, {NULL, -1}, {NULL, -1}};
  int count = 0, base = lua_gettop(L);
  push_keys(L);
  lua_createtable(L, most, 0);
  while (count < most && fl_reader_look(reader, &look, &change)) {
    push_change(L, base, &change, &last);
    lua_rawseti(L, -2, ++count);
  }
  if (look.rows == 0 && reader->chunk.left > 0)
    return luaL_error(L, "forgelog: the server sent a log that cannot be decoded");
  fl_reader_hand(reader, &look, settled);
  return count;
}
