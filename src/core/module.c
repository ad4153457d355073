/* The face of the core to Lua: one userdata; arguments checked, changes and errors turned into tables. */
#include "compat.h"
#include "host.h"
#include "log.h"
#include "push.h"
#include "result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDLE "forgelog.core"

static const char *const slot_names[] = {"drain", "feed", NULL};

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

/* core.error(kind, message [, sqlstate]): the same table for failures found in Lua. */
static int core_error(lua_State *L) {
  struct fl_error error;
  fl_fail_text(&error, fl_kind_named(luaL_checkstring(L, 1)), luaL_optstring(L, 3, NULL), luaL_checkstring(L, 2));
  fl_push_error(L, &error);
  return 1;
}

/* ---- the handle ---- */

static struct fl_log *check_handle(lua_State *L) { return luaL_checkudata(L, 1, HANDLE); }

/* core.new(conninfo, name): closed; connect() begins to open it. */
static int core_new(lua_State *L) {
  const char *conninfo = fl_check_text(L, 1), *name = fl_check_text(L, 2);
  struct fl_log *log = lua_newuserdata(L, sizeof *log);
  memset(log, 0, sizeof *log);
  log->smallest = log->largest = -1;
  log->session.events = "r";
  luaL_getmetatable(L, HANDLE);
  lua_setmetatable(L, -2);
  if (!fl_log_setup(log, conninfo, name)) return luaL_error(L, "forgelog: out of memory");
  return 1;
}

static int handle_close(lua_State *L) {
  fl_log_close(check_handle(L));
  return 0;
}

static int handle_tostring(lua_State *L) {
  lua_pushfstring(L, "forgelog.core: %p", (void *)check_handle(L));
  return 1;
}

static int handle_connect(lua_State *L) {
  struct fl_log *log = check_handle(L);
  luaL_argcheck(L, log->conninfo, 1, "closed");
  lua_pushboolean(L, fl_log_connect(log));
  return 1;
}

/* disconnect(): drops the connection; cursors and horizon stay for the next one. */
static int handle_disconnect(lua_State *L) {
  fl_session_close(&check_handle(L)->session);
  return 0;
}

static void push_float(lua_State *L, double number) {
  char text[40];
  if (number != number)
    lua_pushliteral(L, "NaN");
  else if (isinf(number))
    lua_pushstring(L, number > 0 ? "Infinity" : "-Infinity");
  else {
    snprintf(text, sizeof text, "%.17g", number);
    lua_pushstring(L, text);
  }
}

static void push_number(lua_State *L, int index) {
  char text[24];
  lua_Number number = lua_tonumber(L, index);
  if (number != number || isinf(number) || fabs(number) > 9.0e18 || !lua_isinteger(L, index)) {
    push_float(L, number);
    return;
  }
  snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(L, index));
  lua_pushstring(L, text);
}

/* The parameter at `index` as libpq takes it, anchored in its own place on the stack. */
static const char *parameter(lua_State *L, int index) {
  switch (lua_type(L, index)) {
    case LUA_TNIL: return NULL;
    case LUA_TBOOLEAN: return lua_toboolean(L, index) ? "t" : "f";
    case LUA_TSTRING: return fl_check_text(L, index);
    case LUA_TNUMBER:
      push_number(L, index);
      lua_replace(L, index);
      return lua_tostring(L, index);
    default: luaL_argerror(L, index, "nil, boolean, number or string expected"); return NULL;
  }
}

static const char *const *parameters(lua_State *L, int first, int *count) {
  const char **values;
  int i;
  *count = lua_gettop(L) - first + 1;
  if (*count < 0) *count = 0;
  values = lua_newuserdata(L, (size_t)(*count + 1) * sizeof *values);
  for (i = 0; i < *count; i++) values[i] = parameter(L, first + i);
  return values;
}

/* query(sql, ...): begins the user's statement. */
static int handle_query(lua_State *L) {
  struct fl_log *log = check_handle(L);
  const char *sql = fl_check_text(L, 2);
  int count;
  const char *const *values = parameters(L, 3, &count);
  lua_pushboolean(L, fl_log_query(log, sql, count, values));
  return 1;
}

/* begin(name, ...): begins one of the log's own operations. */
static int handle_begin(lua_State *L) {
  struct fl_log *log = check_handle(L);
  const char *name = fl_check_text(L, 2);
  int count;
  const char *const *values = parameters(L, 3, &count);
  lua_pushboolean(L, fl_log_begin(log, name, count, values));
  return 1;
}

static int handle_step(lua_State *L) {
  static const char *const steps[] = {"read", "write", "done", "failed"};
  lua_pushstring(L, steps[fl_log_step(check_handle(L))]);
  return 1;
}

/* error(): of what was begun last; a gap adds its reason and the seq up to which changes are gone. */
static int handle_error(lua_State *L) {
  struct fl_log *log = check_handle(L);
  fl_push_error(L, &log->session.error);
  if (log->session.error.kind != FL_GAP) return 1;
  lua_pushstring(L, log->gap_reason);
  lua_setfield(L, -2, "reason");
  fl_pushinteger(L, log->gap_upto);
  lua_setfield(L, -2, "upto");
  return 1;
}

/* ---- rows of a statement ---- */

/* rows(): the rows of the last statement, and how many it wrote where it tells. */
static int handle_rows(lua_State *L) {
  const struct fl_session *session = &check_handle(L)->session;
  struct fl_shape shape = fl_result_shape(session);
  int row;
  lua_createtable(L, shape.rows, 0);
  for (row = 0; row < shape.rows; row++) {
    fl_push_row(L, session, row, shape.columns);
    lua_rawseti(L, -2, row + 1);
  }
  if (shape.affected[0] == '\0') return 1;
  fl_pushinteger(L, strtoll(shape.affected, NULL, 10));
  return 2;
}

/* ---- readers ---- */

static struct fl_reader *check_reader(lua_State *L, struct fl_log *log) {
  return &log->readers[luaL_checkoption(L, 2, NULL, slot_names)];
}

static bool quote_names(lua_State *L, struct fl_log *log, struct fl_bytes *filter, int index) {
  int i, count = (int)lua_rawlen(L, index);
  for (i = 1; i <= count; i++) {
    const char *before = i > 1 ? ", " : " AND table_name IN (", *name;
    size_t length;
    lua_rawgeti(L, index, i);
    name = lua_tolstring(L, -1, &length);
    if (!fl_bytes_append(filter, before, strlen(before))) return false;
    if (!fl_session_quote(&log->session, name, length, filter)) return false;
    lua_pop(L, 1);
  }
  return count == 0 ? fl_bytes_append(filter, " AND false", 10) : fl_bytes_append(filter, ")", 1);
}

static void set_filter(lua_State *L, struct fl_log *log, struct fl_reader *reader, int index) {
  reader->filter.length = 0;
  if (lua_istable(L, index) && !quote_names(L, log, &reader->filter, index)) luaL_error(L, "forgelog: out of memory");
}

/* open(slot, position, tables): a reader's place after a position; its generation, or nil and what is wrong. */
static int handle_open(lua_State *L) {
  struct fl_log *log = check_handle(L);
  struct fl_reader *reader = check_reader(L, log);
  const char *wrong = fl_cursor_parse(&reader->cursor, fl_check_text(L, 3));
  reader->generation++; /* on failure too: whoever had the slot has lost its place */
  if (wrong) {
    lua_pushnil(L);
    lua_pushstring(L, wrong);
    return 2;
  }
  set_filter(L, log, reader, 4);
  reader->oid = log->place.oid;
  reader->beginning = reader->cursor.base == 0 && reader->cursor.timeline == 0;
  reader->remembers = reader == &log->readers[FL_SLOT_FEED];
  if (!reader->cursor.timeline) reader->cursor.timeline = log->place.timeline;
  fl_reader_pass(reader, reader->cursor.next);
  lua_pushinteger(L, (lua_Integer)reader->generation);
  return 1;
}

/* pass(slot, from): starts a pass; a drain ends at the horizon, a feed at all that is visible. Returns whether
   there is anything to read, or to find gone. */
static int handle_pass(lua_State *L) {
  struct fl_log *log = check_handle(L);
  struct fl_reader *reader = check_reader(L, log);
  int64_t from = lua_isnoneornil(L, 3) ? 0 : fl_checkint64(L, 3);
  if (from > reader->cursor.next) reader->cursor.next = from;
  fl_reader_pass(reader, reader->remembers ? log->horizon.top : log->horizon.settled);
  lua_pushboolean(L, reader->cursor.goal > reader->cursor.next || log->gone > reader->cursor.next ||
                         reader->oid != log->place.oid || log->horizon.top < reader->cursor.next);
  return 1;
}

/* read(slot, most): begins to fetch the next chunk. */
static int handle_read(lua_State *L) {
  struct fl_log *log = check_handle(L);
  struct fl_reader *reader = check_reader(L, log);
  lua_pushboolean(L, fl_log_read(log, (enum fl_slot)(reader - log->readers), (int)luaL_optinteger(L, 3, 0)));
  return 1;
}

/* Takes in what has come of the chunk asked ahead, so that its bytes do not wait for the last row of this one. */
static void keep_receiving(struct fl_log *log, const struct fl_reader *reader) {
  if (reader->coming == FL_COMING_ASKED && reader->chunk.left > 0) fl_log_step(log);
}

/* take(slot, generation, most): changes that are here and how many (perhaps none, if all were handed out
   before), or nil and "wanted" (read), "over" (the pass) or "stale" (somebody else opened this slot). */
static int handle_take(lua_State *L) {
  static const char *const states[] = {"here", "wanted", "over"};
  struct fl_log *log = check_handle(L);
  struct fl_reader *reader = check_reader(L, log);
  bool stale = luaL_checkinteger(L, 3) != (lua_Integer)reader->generation;
  int most = (int)luaL_checkinteger(L, 4);
  enum fl_rows rows;
  if (!stale) {
    keep_receiving(log, reader);
    rows = fl_reader_rows(reader);
    if (rows == FL_ROWS_HERE) {
      if (most > reader->chunk.left) most = reader->chunk.left;
      lua_pushinteger(L, fl_push_changes(L, reader, most, log->horizon.settled));
      return 2;
    }
  }
  lua_pushnil(L);
  lua_pushstring(L, stale ? "stale" : states[rows]);
  return 2;
}

/* ahead(slot): whether a next chunk follows that nobody has asked for yet, and that ends without being read. */
static int handle_ahead(lua_State *L) {
  struct fl_log *log = check_handle(L);
  const struct fl_reader *reader = check_reader(L, log);
  lua_pushboolean(L, reader->narrow && !reader->last_chunk && reader->coming == FL_COMING_NOTHING &&
                         log->session.state == FL_SESSION_IDLE);
  return 1;
}

/* position(slot): the reader's place as text. */
static int handle_position(lua_State *L) {
  struct fl_log *log = check_handle(L);
  struct fl_reader *reader = check_reader(L, log);
  char *text;
  fl_cursor_settle(&reader->cursor, log->horizon.settled);
  text = lua_newuserdata(L, FL_POSITION_ROOM(reader->cursor.count));
  fl_cursor_print(&reader->cursor, text);
  lua_pushstring(L, text);
  return 1;
}

/* gap(position), after "look" and "seqs": false, or the reason and up to where; nil and what is wrong with it. */
static int handle_gap(lua_State *L) {
  struct fl_log *log = check_handle(L);
  struct fl_cursor cursor;
  const char *reason, *wrong;
  int64_t upto;
  memset(&cursor, 0, sizeof cursor);
  wrong = fl_cursor_parse(&cursor, fl_check_text(L, 2));
  reason = wrong ? NULL : fl_log_gap(log, &cursor, &upto);
  fl_cursor_free(&cursor);
  if (wrong) {
    lua_pushnil(L);
    lua_pushstring(L, wrong);
    return 2;
  }
  if (!reason) return lua_pushboolean(L, 0), 1;
  lua_pushstring(L, reason);
  fl_push_seq(L, upto);
  return 2;
}

/* core.position(text): nil, or what is wrong with it. */
static int core_position(lua_State *L) {
  struct fl_cursor cursor;
  const char *wrong;
  memset(&cursor, 0, sizeof cursor);
  wrong = fl_cursor_parse(&cursor, fl_check_text(L, 1));
  fl_cursor_free(&cursor);
  lua_pushstring(L, wrong);
  return 1;
}

/* ---- what is known ---- */

static void set_number(lua_State *L, const char *key, int64_t value) {
  if (value < 0) return;
  fl_push_seq(L, value);
  lua_setfield(L, -2, key);
}

/* known(): what the last operations found out about log, server and horizon. */
static int handle_known(lua_State *L) {
  const struct fl_log *log = check_handle(L);
  lua_createtable(L, 0, 12);
  set_number(L, "smallest", log->smallest);
  set_number(L, "largest", log->largest);
  set_number(L, "gone", log->gone);
  set_number(L, "horizon", log->horizon.settled);
  set_number(L, "top", log->horizon.top);
  set_number(L, "tick", (int64_t)log->horizon.ticks);
  set_number(L, "writers", (int64_t)log->horizon.open.count);
  set_number(L, "timeline", log->place.timeline);
  set_number(L, "last", log->place.last);
  set_number(L, "handed", log->readers[FL_SLOT_FEED].cursor.next);
  set_number(L, "backend", fl_session_backend(&log->session));
  lua_pushstring(L, log->place.schema);
  lua_setfield(L, -2, "schema");
  lua_pushboolean(L, log->place.standby);
  lua_setfield(L, -2, "standby");
  lua_pushboolean(L, log->place.exact);
  lua_setfield(L, -2, "exact");
  return 1;
}

/* awaited(tick, upto): how many writers first seen since that tick may still commit a seq up to there. */
static int handle_awaited(lua_State *L) {
  const struct fl_log *log = check_handle(L);
  uint64_t tick = (uint64_t)fl_checkint64(L, 2);
  lua_pushinteger(L, (lua_Integer)fl_horizon_awaited(&log->horizon, tick, fl_checkint64(L, 3)));
  return 1;
}

/* state(): "closed", "connecting", "idle" or "busy". */
static int handle_state(lua_State *L) {
  static const char *const states[] = {"closed", "connecting", "idle", "busy", "busy", "busy"};
  lua_pushstring(L, states[check_handle(L)->session.state]);
  return 1;
}

/* option(keyword): what libpq made of it, from conninfo, service and environment; nil where it is not set. */
static int handle_option(lua_State *L) {
  char value[256];
  struct fl_log *log = check_handle(L);
  const char *keyword = fl_check_text(L, 2);
  luaL_argcheck(L, !strstr(keyword, "password"), 2, "passwords are not told");
  lua_pushstring(L, fl_session_option(&log->session, keyword, value, sizeof value) ? value : NULL);
  return 1;
}

/* notified(): takes in what has arrived while idle: whether there was a notification; nil: the connection is lost. */
static int handle_notified(lua_State *L) {
  int seen = fl_session_notified(&check_handle(L)->session);
  if (seen < 0)
    lua_pushnil(L);
  else
    lua_pushboolean(L, seen);
  return 1;
}

static int handle_transaction(lua_State *L) {
  lua_pushboolean(L, fl_session_in_transaction(&check_handle(L)->session));
  return 1;
}

static int handle_pollfd(lua_State *L) {
  lua_pushinteger(L, fl_session_fd(&check_handle(L)->session));
  return 1;
}

static int handle_events(lua_State *L) {
  const struct fl_session *session = &check_handle(L)->session;
  lua_pushstring(L, session->state == FL_SESSION_IDLE ? "r" : session->events);
  return 1;
}

static const luaL_Reg handle_methods[] = {
    {"connect", handle_connect},   {"disconnect", handle_disconnect}, {"query", handle_query},
    {"begin", handle_begin},       {"step", handle_step},             {"error", handle_error},
    {"rows", handle_rows},         {"open", handle_open},             {"pass", handle_pass},
    {"read", handle_read},         {"take", handle_take},             {"ahead", handle_ahead},
    {"position", handle_position}, {"gap", handle_gap},               {"known", handle_known},
    {"awaited", handle_awaited},   {"state", handle_state},           {"option", handle_option},
    {"notified", handle_notified}, {"in_transaction", handle_transaction},
    {"pollfd", handle_pollfd},     {"events", handle_events},         {"close", handle_close},
    {"__gc", handle_close},        {"__close", handle_close},         {"__tostring", handle_tostring},
    {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"new", core_new}, {"error", core_error}, {"position", core_position}, {NULL, NULL}};

int luaopen_forgelog_core(lua_State *L);

int luaopen_forgelog_core(lua_State *L) {
  luaL_newmetatable(L, HANDLE);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  fl_setfuncs(L, handle_methods);
  luaL_newmetatable(L, FL_ERROR);
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_newtable(L);
  fl_setfuncs(L, functions);
  fl_setfuncs(L, fl_host_functions);
  lua_pushnumber(L, (lua_Number)FL_EXACT);
  lua_setfield(L, -2, "exact");
  return 1;
}
