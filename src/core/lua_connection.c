/* The userdata Connection: arguments checked, operations begun and stepped, answers turned into
   tables. */
#include "lua_connection.h"

#include "compat.h"
#include "conninfo.h"
#include "lua_job.h"
#include "lua_reader.h"
#include "lua_values.h"
#include "number.h"

#include <stdio.h>
#include <string.h>

#define CONNECTION "forgelog.connection"

struct fl_changelog *fl_check_connection(lua_State *L, int index) {
  return luaL_checkudata(L, index, CONNECTION);
}

static struct fl_changelog *check(lua_State *L) { return fl_check_connection(L, 1); }

/* ---- opening and closing ---- */

int fl_core_connection(lua_State *L) {
  const char *conninfo = fl_check_text(L, 1), *name = fl_check_text(L, 2);
  bool own_encoding = lua_toboolean(L, 3); /* before the userdata has that place */
  struct fl_changelog *log = lua_newuserdata(L, sizeof *log);
  memset(log, 0, sizeof *log);
  log->pg.events = "r";
  luaL_getmetatable(L, CONNECTION);
  lua_setmetatable(L, -2);
  if (!fl_changelog_setup(log, conninfo, name)) return luaL_error(L, "forgelog: out of memory");
  log->pg.own_encoding = own_encoding;
  return 1;
}

static int connection_close(lua_State *L) {
  fl_changelog_close(check(L));
  return 0;
}

static int connection_tostring(lua_State *L) {
  lua_pushfstring(L, "forgelog.core: %p", (void *)check(L));
  return 1;
}

static struct fl_changelog *check_open(lua_State *L) {
  struct fl_changelog *log = check(L);
  luaL_argcheck(L, log->conninfo, 1, "closed");
  return log;
}

/* configure(): closes the connection, and finds out what option() tells then; false: conninfo or
   service cannot be read, see error(). */
static int connection_configure(lua_State *L) {
  struct fl_changelog *log = check_open(L);
  lua_pushboolean(L, fl_pgconn_configure(&log->pg, log->conninfo));
  return 1;
}

static const char *optional_text(lua_State *L, int index) {
  return lua_isnoneornil(L, index) ? NULL : fl_check_text(L, index);
}

/* connect([host, hostaddr, port, target_session_attrs]): begins to connect, there where a port is
   given; false: it has failed already, see error(). So for all that begin. */
static int connection_connect(lua_State *L) {
  struct fl_changelog *log = check_open(L);
  const struct fl_place_of_server place = {optional_text(L, 2), optional_text(L, 3),
                                           optional_text(L, 4), optional_text(L, 5)};
  lua_pushboolean(L, fl_changelog_connect(log, &place));
  return 1;
}

/* cancel(): the job that asks the server to cancel the statement under way; nil: it cannot be
   asked. */
static int connection_cancel(lua_State *L) {
  fl_push_cancel(L, &check(L)->pg);
  return 1;
}

/* disconnect(): drops the connection; readers and the horizon stay for the next one. */
static int connection_disconnect(lua_State *L) {
  fl_pgconn_close(&check(L)->pg);
  return 0;
}

/* ---- statements ---- */

#if LUA_VERSION_NUM >= 503
#define IS_INTEGER(L, index) lua_isinteger(L, index)
#else
#define IS_INTEGER(L, index) 0 /* a Lua without integers has doubles */
#endif

static void push_number(lua_State *L, int index) {
  char text[FL_NUMBER_ROOM];
  if (IS_INTEGER(L, index))
    snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(L, index));
  else
    fl_number_text(text, lua_tonumber(L, index));
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

/* query(sql, ...): begins any statement. */
static int connection_query(lua_State *L) {
  struct fl_changelog *log = check(L);
  const char *sql = fl_check_text(L, 2);
  int count;
  const char *const *values = parameters(L, 3, &count);
  lua_pushboolean(L, fl_changelog_query(log, sql, count, values));
  return 1;
}

/* begin(name): begins "locate", "seqs" or "tick". */
static int connection_begin(lua_State *L) {
  struct fl_changelog *log = check(L);
  int statement = fl_statement_named(fl_check_text(L, 2));
  luaL_argcheck(L, statement >= 0, 2, "there is no such operation");
  lua_pushboolean(L, fl_changelog_begin(log, (enum fl_statement)statement));
  return 1;
}

/* step(): what to wait for before the next step, "read" or "write"; or how it ended, "done" or
   "failed". */
static int connection_step(lua_State *L) {
  static const char *const steps[] = {"read", "write", "done", "failed"};
  lua_pushstring(L, steps[fl_changelog_step(check(L))]);
  return 1;
}

/* error(): of what was begun last; a gap adds its reason and the seq up to which changes are
   gone. */
static int connection_error(lua_State *L) {
  struct fl_changelog *log = check(L);
  fl_push_error(L, &log->pg.error);
  if (log->pg.error.kind != FL_ERR_GAP) return 1;
  lua_pushstring(L, fl_gap_name(log->gap.reason));
  lua_setfield(L, -2, "reason");
  fl_pushinteger(L, log->gap.upto);
  lua_setfield(L, -2, "upto");
  return 1;
}

/* rows(numeric): the rows of the last statement, numerics as numbers where told so, and how many it
   wrote where the command says so. */
static int connection_rows(lua_State *L) {
  const struct fl_pgconn *pg = &check(L)->pg;
  int64_t affected = fl_result_affected(pg);
  fl_push_rows(L, pg, lua_toboolean(L, 2));
  if (affected < 0) return 1;
  fl_pushinteger(L, affected);
  return 2;
}

/* ---- what is known ---- */

/* gap(position), after "locate" and "seqs": false, or the reason and up to where changes are gone;
   nil and what is wrong with the position. */
static int connection_gap(lua_State *L) {
  struct fl_changelog *log = check(L);
  const char *text = fl_check_text(L, 2), *wrong;
  struct fl_cursor cursor;
  struct fl_gap gap = {FL_GAP_NONE, 0};
  memset(&cursor, 0, sizeof cursor);
  wrong = fl_cursor_parse(&cursor, text);
  if (!wrong) gap = fl_changelog_gap(log, &cursor, false);
  fl_cursor_free(&cursor);
  if (wrong) {
    lua_pushnil(L);
    lua_pushstring(L, wrong);
    return 2;
  }
  return fl_push_gap(L, gap);
}

static const char *const fact_names[] = {
    "backend", "empty_to",   "exact",  "has_state", "high_water", "horizon", "largest",
    "last_given", "schema", "smallest", "standby", "ticks",      "timeline", "trimmed_to",
    "writers", NULL};
enum fact {
  BACKEND,
  EMPTY_TO,
  EXACT,
  HAS_STATE,
  HIGH_WATER,
  HORIZON,
  LARGEST,
  LAST_GIVEN,
  SCHEMA,
  SMALLEST,
  STANDBY,
  TICKS,
  TIMELINE,
  TRIMMED_TO,
  WRITERS
};

static int64_t number_of(const struct fl_changelog *log, enum fact fact) {
  switch (fact) {
    case BACKEND: return fl_pgconn_backend(&log->pg);
    case EMPTY_TO: return log->history.empty_to;
    case HIGH_WATER: return log->horizon.high_water;
    case HORIZON: return log->horizon.seq;
    case LARGEST: return log->history.largest;
    case LAST_GIVEN: return log->history.last_given;
    case SMALLEST: return log->history.smallest;
    case TICKS: return (int64_t)log->horizon.ticks;
    case TIMELINE: return log->history.timeline;
    case TRIMMED_TO: return log->history.trimmed_to;
    default: return (int64_t)log->horizon.open.count;
  }
}

/* fact(name): one thing that the operations so far have found out about log, server and horizon;
   nil where it is not known. */
static int connection_fact(lua_State *L) {
  const struct fl_changelog *log = check(L);
  enum fact fact = (enum fact)luaL_checkoption(L, 2, NULL, fact_names);
  int64_t number;
  switch (fact) {
    case SCHEMA: lua_pushstring(L, log->catalog.schema[0] ? log->catalog.schema : NULL); return 1;
    case STANDBY: lua_pushboolean(L, log->catalog.standby); return 1;
    case EXACT: lua_pushboolean(L, log->history.exact); return 1;
    case HAS_STATE: lua_pushboolean(L, log->history.has_state); return 1;
    default: break;
  }
  number = number_of(log, fact);
  if (number < 0)
    lua_pushnil(L);
  else
    fl_push_seq(L, number);
  return 1;
}

/* pending_writers(tick, upto): how many writers first seen since that tick may still commit a seq
   up to there; on a standby, which does not show them, whether any may, as 1 or 0. */
static int connection_pending_writers(lua_State *L) {
  const struct fl_changelog *log = check(L);
  uint64_t tick = (uint64_t)fl_checkint64(L, 2);
  int64_t upto = fl_checkint64(L, 3);
  size_t pending = log->catalog.standby ? log->horizon.seq < upto
                                        : fl_horizon_pending(&log->horizon, tick, upto);
  lua_pushinteger(L, (lua_Integer)pending);
  return 1;
}

/* state(): "closed", "connecting", "idle" or "busy". */
static int connection_state(lua_State *L) {
  static const char *const states[] = {"closed", "connecting", "idle", "busy", "busy", "busy"};
  lua_pushstring(L, states[check(L)->pg.state]);
  return 1;
}

/* option(keyword): what libpq made of it, from conninfo, service and environment; nil where it is
   not set. */
static int connection_option(lua_State *L) {
  struct fl_changelog *log = check(L);
  const char *keyword = fl_check_text(L, 2);
  luaL_argcheck(L, !strstr(keyword, "password"), 2, "passwords are not told");
  log->option.length = 0;
  if (!fl_pgconn_option(&log->pg, keyword, &log->option))
    return luaL_error(L, "forgelog: out of memory");
  lua_pushstring(L, log->option.length > 0 ? log->option.data : NULL);
  return 1;
}

/* notified(): takes in what has arrived while idle. Whether there was a notification; nil: the
   connection is lost. */
static int connection_notified(lua_State *L) {
  int seen = fl_pgconn_notified(&check(L)->pg);
  if (seen < 0)
    lua_pushnil(L);
  else
    lua_pushboolean(L, seen);
  return 1;
}

static int connection_in_transaction(lua_State *L) {
  lua_pushboolean(L, fl_pgconn_in_transaction(&check(L)->pg));
  return 1;
}

static int connection_pollfd(lua_State *L) {
  lua_pushinteger(L, fl_pgconn_fd(&check(L)->pg));
  return 1;
}

static int connection_events(lua_State *L) {
  const struct fl_pgconn *pg = &check(L)->pg;
  lua_pushstring(L, pg->state == FL_PGCONN_IDLE ? "r" : pg->events);
  return 1;
}

static const luaL_Reg methods[] = {{"configure", connection_configure},
                                   {"connect", connection_connect},
                                   {"cancel", connection_cancel},
                                   {"disconnect", connection_disconnect},
                                   {"query", connection_query},
                                   {"begin", connection_begin},
                                   {"step", connection_step},
                                   {"error", connection_error},
                                   {"rows", connection_rows},
                                   {"reader", fl_connection_reader},
                                   {"gap", connection_gap},
                                   {"fact", connection_fact},
                                   {"pending_writers", connection_pending_writers},
                                   {"state", connection_state},
                                   {"option", connection_option},
                                   {"notified", connection_notified},
                                   {"in_transaction", connection_in_transaction},
                                   {"pollfd", connection_pollfd},
                                   {"events", connection_events},
                                   {"close", connection_close},
                                   {"__gc", connection_close},
                                   {"__close", connection_close},
                                   {"__tostring", connection_tostring},
                                   {NULL, NULL}};

void fl_setup_connections(lua_State *L) {
  luaL_newmetatable(L, CONNECTION);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  fl_setfuncs(L, methods);
  lua_pop(L, 1);
}
