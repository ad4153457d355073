/* What the core found out as Lua values: errors, rows, changes. */
#include "lua_values.h"

#include "compat.h"
#include "hash.h"
#include "kept.h"
#include "number.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR "forgelog.error" /* the metatable of error tables */

const char *fl_check_text(lua_State *L, int index) {
  size_t length;
  const char *text = luaL_checklstring(L, index, &length);
  luaL_argcheck(L, strlen(text) == length, index, "text with a zero byte");
  return text;
}

/* ---- numbers ---- */

int fl_core_number_text(lua_State *L) {
  char text[FL_NUMBER_ROOM];
  double number = luaL_checknumber(L, 1);
  if (lua_gettop(L) < 2)
    fl_number_text(text, number);
  else
    fl_number_fixed(text, number, (int)luaL_checkinteger(L, 2));
  lua_pushstring(L, text);
  return 1;
}

int fl_core_parse_number(lua_State *L) {
  double number;
  if (fl_number_parse(fl_check_text(L, 1), &number))
    lua_pushnumber(L, number);
  else
    lua_pushnil(L);
  return 1;
}

/* No number is taken for a text: not every Lua writes it alike. */
int fl_core_hash(lua_State *L) {
  size_t length;
  const char *text;
  luaL_checktype(L, 1, LUA_TSTRING);
  text = lua_tolstring(L, 1, &length);
  fl_pushinteger(L, fl_hash(text, length));
  return 1;
}

/* ---- errors ---- */

static int error_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, 1, "kind");
  lua_getfield(L, 1, "message");
  lua_getfield(L, 1, "sqlstate");
  lua_pushfstring(L, "forgelog: %s: %s", lua_tostring(L, -3), lua_tostring(L, -2));
  if (lua_isstring(L, -2)) {
    lua_pushfstring(L, " (SQLSTATE %s)", lua_tostring(L, -2));
    lua_concat(L, 2);
  }
  return 1;
}

void fl_setup_errors(lua_State *L) {
  luaL_newmetatable(L, ERROR);
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
}

/* Sets a field of the table on top where there is a text for it. */
static void set_string(lua_State *L, const char *key, const char *text) {
  if (!text || !text[0]) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

/* The message of an error with a remedy ends in a sentence about it: its `hint`, or the usual one.
   Without that sentence it is the `cause`. */
static void name_remedy(lua_State *L) {
  const char *remedy, *hint;
  lua_getfield(L, -1, "message");
  lua_getfield(L, -2, "remedy");
  lua_getfield(L, -3, "hint");
  remedy = lua_tostring(L, -2);
  hint = lua_tostring(L, -1);
  if (remedy) {
    if (hint)
      lua_pushfstring(L, "%s; %s", lua_tostring(L, -3), hint);
    else
      lua_pushfstring(L, "%s; run log:%s() first", lua_tostring(L, -3), remedy);
    lua_setfield(L, -5, "message");
    lua_pushvalue(L, -3);
    lua_setfield(L, -5, "cause");
  }
  lua_pop(L, 3);
}

void fl_push_error(lua_State *L, const struct fl_error *error) {
  lua_createtable(L, 0, 8);
  set_string(L, "kind", fl_kind_name(error->kind));
  lua_pushstring(L, error->message);
  lua_setfield(L, -2, "message");
  lua_pushboolean(L, error->retryable);
  lua_setfield(L, -2, "retryable");
  set_string(L, "sqlstate", error->sqlstate);
  set_string(L, "code", error->code);
  set_string(L, "remedy", error->remedy);
  name_remedy(L);
  luaL_getmetatable(L, ERROR);
  lua_setmetatable(L, -2);
}

int fl_core_error(lua_State *L) {
  struct fl_error error;
  fl_fail_text(&error, fl_kind_named(luaL_checkstring(L, 1)), luaL_optstring(L, 3, NULL),
               luaL_checkstring(L, 2));
  fl_push_error(L, &error);
  if (!lua_istable(L, 4)) return 1;
  lua_pushnil(L);
  while (lua_next(L, 4)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_settable(L, -4);
  }
  name_remedy(L);
  return 1;
}

/* ---- rows ---- */

void fl_push_seq(lua_State *L, int64_t seq) {
  char digits[24];
  if (seq > FL_EXACT) {
    snprintf(digits, sizeof digits, "%lld", (long long)seq);
    luaL_error(L,
               "forgelog: seq %s is above 2^53, which this Lua would round; use Lua 5.3 or later",
               digits);
  }
  fl_pushinteger(L, seq);
}

int fl_push_gap(lua_State *L, struct fl_gap gap) {
  if (gap.reason == FL_GAP_NONE) return lua_pushboolean(L, 0), 1;
  lua_pushstring(L, fl_gap_name(gap.reason));
  fl_push_seq(L, gap.upto);
  return 2;
}

void fl_push_bigint(lua_State *L, int64_t value) {
  char digits[24];
  if (value <= FL_EXACT && value >= FL_EXACT_LEAST) {
    fl_pushinteger(L, value);
    return;
  }
  snprintf(digits, sizeof digits, "%lld", (long long)value);
  lua_pushstring(L, digits);
}

/* What is no number to C stays the text that it is. */
static void push_float(lua_State *L, const char *text) {
  double number;
  if (fl_number_parse(text, &number))
    lua_pushnumber(L, number);
  else
    lua_pushstring(L, text);
}

static void push_value(lua_State *L, const char *text, size_t length, enum fl_type type) {
  switch (type) {
    case FL_TYPE_INTEGER: fl_push_bigint(L, strtoll(text, NULL, 10)); break;
    case FL_TYPE_FLOAT: push_float(L, text); break;
    case FL_TYPE_BOOLEAN: lua_pushboolean(L, text[0] == 't'); break;
    default: lua_pushlstring(L, text, length);
  }
}

static void push_row(lua_State *L, const struct fl_pgconn *pg, int row, int columns, bool numeric) {
  int column;
  lua_createtable(L, 0, columns);
  for (column = 0; column < columns; column++) {
    size_t length;
    const char *text = fl_pgconn_value(pg, row, column, &length);
    struct fl_column about = fl_result_column(pg, column);
    if (!text) continue;
    if (numeric && about.type == FL_TYPE_NUMERIC) about.type = FL_TYPE_FLOAT;
    push_value(L, text, length, about.type);
    lua_setfield(L, -2, about.name);
  }
}

void fl_push_rows(lua_State *L, const struct fl_pgconn *pg, bool numeric) {
  int row, rows = fl_pgconn_rows(pg), columns = fl_pgconn_columns(pg);
  lua_createtable(L, rows, 0);
  for (row = 0; row < rows; row++) {
    push_row(L, pg, row, columns, numeric);
    lua_rawseti(L, -2, row + 1);
  }
}

/* ---- changes ---- */

static const char *const field_names[FL_FIELDS] = {
#define KEY_NAME(name, kind, type, key) #key,
    FL_CHANGE_FIELDS(KEY_NAME)
#undef KEY_NAME
};

void fl_push_fields(lua_State *L) {
  int i;
  lua_createtable(L, FL_FIELDS, 0);
  for (i = 0; i < FL_FIELDS; i++) {
    lua_pushstring(L, field_names[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

/* While changes are pushed, the stack holds above `base` the name of each field, and then for each
   field the text of the row before: what repeats from row to row is compared rather than hashed
   again. For kept_cols that is a list of the names. */
struct pushing {
  lua_State *L;
  int base;
  struct fl_slice last[FL_FIELDS];
  bool has_rare_keys;
  bool named;              /* whether the list of names belongs to this change too */
  struct fl_slice omitted; /* names in kept_cols of what was left out */
};

#define KEY(base, field) ((base) + 1 + (field))
#define LAST(base, field) ((base) + 1 + FL_FIELDS + (field))

static void push_keys(struct pushing *to) {
  int i;
  luaL_checkstack(to->L, 2 * FL_FIELDS + 16, "forgelog: changes");
  for (i = 0; i < FL_FIRST_RARE; i++) lua_pushstring(to->L, field_names[i]);
  lua_settop(to->L, LAST(to->base, FL_FIELDS) - 1);
  for (i = 0; i < FL_FIELDS; i++) to->last[i].length = -1;
}

/* Those of the rare fields, at the first change that has one. */
static void push_rare_keys(struct pushing *to) {
  int i;
  if (to->has_rare_keys) return;
  to->has_rare_keys = true;
  for (i = FL_FIRST_RARE; i < FL_FIELDS; i++) {
    lua_pushstring(to->L, field_names[i]);
    lua_replace(to->L, KEY(to->base, i));
  }
}

/* One function for each kind of field in FL_CHANGE_FIELDS: sets it in the table on top of the
   stack. */

static void set_BIGINT(struct pushing *to, enum fl_field field, const int64_t *value) {
  lua_pushvalue(to->L, KEY(to->base, field));
  fl_push_seq(to->L, *value);
  lua_rawset(to->L, -3);
}

static void set_NUMBER(struct pushing *to, enum fl_field field, const int64_t *value) {
  if (*value == 0) return;
  lua_pushvalue(to->L, KEY(to->base, field));
  fl_push_bigint(to->L, *value);
  lua_rawset(to->L, -3);
}

static void set_SMALL(struct pushing *to, enum fl_field field, const int64_t *value) {
  set_NUMBER(to, field, value);
}

static void set_TIME(struct pushing *to, enum fl_field field, const int64_t *value) {
  if (*value == FL_NO_TIME) return;
  lua_pushvalue(to->L, KEY(to->base, field));
  lua_pushnumber(to->L, (lua_Number)*value / 1e6);
  lua_rawset(to->L, -3);
}

static void set_TEXT(struct pushing *to, enum fl_field field, const struct fl_slice *text) {
  if (text->length < 0) return;
  lua_pushvalue(to->L, KEY(to->base, field));
  lua_pushlstring(to->L, text->data, (size_t)text->length);
  lua_rawset(to->L, -3);
}

static bool repeats(const struct fl_slice *last, const struct fl_slice *text) {
  return last->length == text->length &&
         memcmp(last->data, text->data, (size_t)text->length) == 0;
}

static void set_REPEATED(struct pushing *to, enum fl_field field, const struct fl_slice *text) {
  struct fl_slice *last = &to->last[field];
  if (text->length < 0) return;
  if (!repeats(last, text)) {
    lua_pushlstring(to->L, text->data, (size_t)text->length);
    lua_replace(to->L, LAST(to->base, field));
    *last = *text;
  }
  lua_pushvalue(to->L, KEY(to->base, field));
  lua_pushvalue(to->L, LAST(to->base, field));
  lua_rawset(to->L, -3);
}

static void push_name(lua_State *L, struct fl_slice name) {
  struct fl_slice piece;
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  while (fl_name_piece(&name, &piece)) luaL_addlstring(&text, piece.data, (size_t)piece.length);
  luaL_pushresult(&text);
}

/* Pushes a list of the names up to the end or an empty one, behind which `rest` begins then. */
static void push_names(lua_State *L, struct fl_slice *rest) {
  struct fl_slice name;
  int count = 0;
  lua_newtable(L);
  while (fl_names_next(rest, &name) && name.length > 0) {
    push_name(L, name);
    lua_rawseti(L, -2, ++count);
  }
}

/* Has the list of names ready that the values of this change belong to. */
static void prepare_names(struct pushing *to, const struct fl_slice *kept_cols) {
  struct fl_slice *last = &to->last[FL_FIELD_kept_cols];
  to->named = kept_cols->length >= 0;
  if (!to->named || repeats(last, kept_cols)) return;
  to->omitted = *kept_cols;
  push_names(to->L, &to->omitted);
  lua_replace(to->L, LAST(to->base, FL_FIELD_kept_cols));
  *last = *kept_cols;
}

/* A table of the values that are not NULL, by their names. */
static void push_values(struct pushing *to, struct fl_elements *values, int names, int count) {
  lua_State *L = to->L;
  struct fl_slice value;
  int i;
  lua_createtable(L, 0, count);
  for (i = 1; i <= count && fl_elements_next(values, &value); i++) {
    if (value.length < 0) continue;
    lua_rawgeti(L, names, i);
    lua_pushlstring(L, value.data, (size_t)value.length);
    lua_rawset(L, -3);
  }
}

static void set_VALUES(struct pushing *to, enum fl_field field, const struct fl_slice *array) {
  int names = LAST(to->base, FL_FIELD_kept_cols);
  struct fl_elements values;
  if (!to->named || !fl_elements_open(array, &values)) return;
  lua_pushvalue(to->L, KEY(to->base, field));
  push_values(to, &values, names, (int)lua_rawlen(to->L, names));
  lua_rawset(to->L, -3);
}

static void set_NAMES(struct pushing *to, enum fl_field field, const struct fl_slice *kept_cols) {
  struct fl_slice rest = to->omitted;
  if (kept_cols->length < 0 || rest.length < 0) return;
  lua_pushvalue(to->L, KEY(to->base, field));
  push_names(to->L, &rest);
  lua_rawset(to->L, -3);
}

static void push_change(struct pushing *to, const struct fl_change *change) {
  lua_createtable(to->L, 0, FL_FIRST_RARE + change->rare);
#define SET(name, kind, type, key) set_##kind(to, FL_FIELD_##name, &change->name);
  FL_CHANGE_USUAL_FIELDS(SET)
  if (change->rare == 0) return;
  push_rare_keys(to);
  prepare_names(to, &change->kept_cols);
  FL_CHANGE_RARE_FIELDS(SET)
#undef SET
}

/* Only when the whole batch stands in Lua does the reader move on: nothing is lost when memory runs
   out. */
int fl_push_changes(lua_State *L, int list, struct fl_reader *reader, int most, int64_t horizon) {
  struct fl_peek peek = {reader->chunk.stream, 0, reader->cursor.next};
  struct pushing to = {L, lua_gettop(L), {{NULL, 0}}, false, false, {NULL, -1}};
  struct fl_change change;
  int count = 0;
  push_keys(&to);
  while (count < most && fl_reader_peek(reader, &peek, &change)) {
    push_change(&to, &change);
    lua_rawseti(L, list, ++count);
  }
  if (peek.rows == 0 && reader->chunk.left > 0)
    return luaL_error(L, "forgelog: the server sent a log that cannot be decoded");
  fl_reader_deliver(reader, &peek, horizon);
  lua_settop(L, to.base);
  return count;
}
