/* The userdata Reader: a place in the log, and the changes on their way from there. A reader keeps
   its connection alive; when that is closed, the reader is closed too. */
#include "lua_reader.h"

#include "compat.h"
#include "filter.h"
#include "lua_connection.h"
#include "lua_values.h"
#include "server.h"
#include "timeline.h"
#include "verify.h"

#include <string.h>

#define READER "forgelog.reader"

static struct fl_log_reader *check(lua_State *L) { return luaL_checkudata(L, 1, READER); }

static struct fl_log_reader *check_open(lua_State *L) {
  struct fl_log_reader *reader = check(L);
  luaL_argcheck(L, reader->log, 1, "closed");
  return reader;
}

/* ---- opening ---- */

/* A new userdata on top of the stack, closed, that refers to the connection at index 1. */
static struct fl_log_reader *new_reader(lua_State *L) {
  struct fl_log_reader *reader = lua_newuserdata(L, sizeof *reader);
  memset(reader, 0, sizeof *reader);
  luaL_getmetatable(L, READER);
  lua_setmetatable(L, -2);
  fl_anchor(L, 1);
  return reader;
}

/* What a field of the table at an index lists, as an array that lies in a userdata on top of the
   stack; its texts stay in the table. -1: there is no such list. */
static int list_of(lua_State *L, int at, const char *field, struct fl_slice **texts) {
  int i, count, list = lua_gettop(L) + 1;
  lua_getfield(L, at, field);
  if (!lua_istable(L, list)) return -1;
  count = (int)lua_rawlen(L, list);
  *texts = lua_newuserdata(L, (size_t)(count + 1) * sizeof **texts);
  for (i = 0; i < count; i++) {
    size_t length;
    lua_rawgeti(L, list, i + 1);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, at, "lists must be of texts");
    (*texts)[i].data = lua_tolstring(L, -1, &length);
    (*texts)[i].length = (int32_t)length;
    lua_pop(L, 1);
  }
  return count;
}

/* What the table at an index wants of the log: `tables`, `ops`, `columns`, `keys`. */
static bool want(lua_State *L, int at, struct fl_log_reader *reader) {
  const struct fl_pgconn *pg = &reader->log->pg;
  struct fl_bytes *filter = &reader->filter;
  struct fl_slice *texts;
  int count;
  if ((count = list_of(L, at, "tables", &texts)) >= 0 &&
      !fl_filter_texts(pg, filter, "table_name", texts, count))
    return false;
  if ((count = list_of(L, at, "ops", &texts)) >= 0 &&
      !fl_filter_texts(pg, filter, "op", texts, count))
    return false;
  if ((count = list_of(L, at, "columns", &texts)) >= 0 &&
      !fl_filter_columns(pg, filter, texts, count))
    return false;
  if ((count = list_of(L, at, "keys", &texts)) >= 0 && !fl_filter_keys(pg, filter, texts, count))
    return false;
  return filter->length == 0 || fl_bytes_append(filter, "", 1);
}

/* The same, in place of what it wanted before. A reader that does not know what it wants is closed,
   and nil and the error are pushed: libpq quotes no text that its encoding does not have. */
static bool want_or_close(lua_State *L, int at, struct fl_log_reader *reader) {
  struct fl_changelog *log = reader->log;
  fl_bytes_free(&reader->filter);
  if (want(L, at, reader)) return true;
  fl_pgconn_not_quoted(&log->pg);
  fl_log_reader_close(reader);
  lua_pushnil(L);
  fl_push_error(L, &log->pg.error);
  return false;
}

/* Whether the table at index 3 takes each failover for a gap. */
static bool is_strict(lua_State *L) {
  const char *failover = NULL;
  if (lua_istable(L, 3)) {
    lua_getfield(L, 3, "failover");
    failover = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  return failover && strcmp(failover, "gap") == 0;
}

/* connection:reader(position, filter, live): a reader after a position, of what the table `filter`
   wants: lists `tables`, `ops`, `columns` and `keys` (nil: all); its `failover` may be "gap". A
   live one also delivers what is above the horizon, unless `live` is the text "settled". Or nil and
   what is wrong with the position; or nil and an error, where a text cannot be asked for. */
int fl_connection_reader(lua_State *L) {
  struct fl_changelog *log = fl_check_connection(L, 1);
  const char *position = fl_check_text(L, 2), *wrong;
  struct fl_log_reader *reader;
  lua_settop(L, 4);
  luaL_argcheck(L, log->conninfo, 1, "closed");
  reader = new_reader(L);
  wrong = fl_cursor_parse(&reader->reader.cursor, position);
  if (wrong) {
    lua_pushnil(L);
    lua_pushstring(L, wrong);
    return 2;
  }
  reader->reader.live = lua_toboolean(L, 4);
  reader->reader.settled = lua_type(L, 4) == LUA_TSTRING;
  reader->strict = is_strict(L);
  fl_log_reader_open(reader, log);
  if (lua_istable(L, 3) && !want_or_close(L, 3, reader)) return 2;
  lua_settop(L, 5);
  return 1;
}

/* want(filter): from now on it wants what the table says. What it was delivered stays so, and all
   else above its base is looked through again. true; or nil and an error, and it is closed. */
static int reader_want(lua_State *L) {
  struct fl_log_reader *reader = check_open(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  if (!want_or_close(L, 2, reader)) return 2;
  fl_reader_rewind(&reader->reader);
  lua_pushboolean(L, 1);
  return 1;
}

static int reader_close(lua_State *L) {
  fl_log_reader_close(check(L));
  return 0;
}

/* ---- reading ---- */

/* seek([seq]): starts a scan, not before that seq; a live reader scans all that is visible, another
   one up to the horizon, and so does one of what is settled. Returns whether there is anything to
   read, or to find gone. */
static int reader_seek(lua_State *L) {
  struct fl_log_reader *reader = check_open(L);
  struct fl_cursor *cursor = &reader->reader.cursor;
  int64_t from = lua_isnoneornil(L, 2) ? 0 : fl_checkint64(L, 2);
  if (from > cursor->next) cursor->next = from;
  lua_pushboolean(L, fl_log_reader_seek(reader));
  return 1;
}

/* fetch([most]): begins to read the next chunk on the connection; false: it has failed already, see
   the connection's error(). */
static int reader_fetch(lua_State *L) {
  struct fl_log_reader *reader = check_open(L);
  lua_pushboolean(L, fl_log_reader_fetch(reader, (int)luaL_optinteger(L, 2, 0)));
  return 1;
}

/* Takes in what has come of the chunk that was asked for ahead, so that its bytes do not have to
   wait until the last row of this one is delivered. */
static void keep_receiving(const struct fl_log_reader *reader) {
  if (reader->reader.prefetch == FL_PREFETCH_IN_FLIGHT && reader->reader.chunk.left > 0 &&
      reader->log->reading == reader)
    fl_changelog_step(reader->log);
}

static int push_lack(lua_State *L, enum fl_rows rows) {
  lua_pushnil(L);
  lua_pushstring(L, rows == FL_ROWS_WANTED ? "wanted" : "over");
  return 2;
}

/* here(): true where rows are here; or nil and "wanted" (fetch) or "over" (the scan). */
static int reader_here(lua_State *L) {
  enum fl_rows rows = fl_reader_rows(&check_open(L)->reader);
  if (rows != FL_ROWS_HERE) return push_lack(L, rows);
  lua_pushboolean(L, 1);
  return 1;
}

/* pop(most, [into]): changes that are here, in that table or in a new one, and how many (none,
   where all were delivered before); or nil and "wanted" (fetch) or "over" (the scan). */
static int reader_pop(lua_State *L) {
  struct fl_log_reader *log_reader = check_open(L);
  struct fl_reader *reader = &log_reader->reader;
  int most = (int)luaL_checkinteger(L, 2);
  enum fl_rows rows;
  lua_settop(L, 3);
  keep_receiving(log_reader);
  rows = fl_reader_rows(reader);
  if (rows == FL_ROWS_HERE) {
    if (most > reader->chunk.left) most = reader->chunk.left;
    if (!lua_istable(L, 3)) {
      lua_createtable(L, most, 0);
      lua_replace(L, 3);
    }
    lua_pushinteger(L, fl_push_changes(L, 3, reader, most, log_reader->log->horizon.seq));
    return 2;
  }
  return push_lack(L, rows);
}

/* pending(): whether the statement that the connection is busy with is of this reader. */
static int reader_pending(lua_State *L) {
  const struct fl_log_reader *reader = check_open(L);
  const struct fl_changelog *log = reader->log;
  lua_pushboolean(L, log->operation == FL_OP_STATEMENT && log->statement == FL_STATEMENT_READ &&
                         log->reading == reader);
  return 1;
}

/* can_prefetch(): whether the next chunk can be asked for while the program works on this one. One
   that is here already has its turn first. */
static int reader_can_prefetch(lua_State *L) {
  struct fl_log_reader *reader = check_open(L);
  fl_reader_rows(&reader->reader);
  lua_pushboolean(L, fl_log_reader_can_prefetch(reader));
  return 1;
}

/* reached(): the seq up to which all that is visible was delivered. */
static int reader_reached(lua_State *L) {
  fl_push_seq(L, check(L)->reader.cursor.next);
  return 1;
}

int64_t *fl_check_seqs(lua_State *L, size_t *count) {
  int64_t *seqs;
  size_t i;
  luaL_checktype(L, 2, LUA_TTABLE);
  *count = lua_rawlen(L, 2);
  seqs = lua_newuserdata(L, (*count + 1) * sizeof *seqs);
  for (i = 0; i < *count; i++) {
    lua_rawgeti(L, 2, (int)i + 1);
    luaL_argcheck(L, fl_whole(L, -1, &seqs[i]), 2, "seqs must be whole numbers");
    lua_pop(L, 1);
  }
  return seqs;
}

/* handled([open]): all that was popped had been worked on when the latest tick was begun, but for
   what has these seqs, a list in any order. */
static int reader_handled(lua_State *L) {
  struct fl_log_reader *reading = check_open(L);
  struct fl_reader *reader = &reading->reader;
  size_t count = 0;
  int64_t *open = lua_isnoneornil(L, 2) ? NULL : fl_check_seqs(L, &count);
  uint64_t lsn = reading->log->history.lsn;
  struct fl_sight sight;
  if (fl_timeline_differs(reading) || !fl_server_has_all(reading)) return 0;
  fl_timeline_note_handled(reading, lsn);
  if (count > 0) {
    lsn = reader->handled.lsn;
    if (!fl_cursor_take_out(&reader->handled, open, count)) lsn = 0;
    reader->handled.lsn = lsn;
    reader->delivered = true;
  }
  sight = fl_timeline_sight(reading);
  fl_reader_note_look(reader, &sight);
  return 0;
}

/* commit_work(): the work on what it delivers commits together with its position, in the WAL of
   which the log is. */
static int reader_commit_work(lua_State *L) {
  check(L)->reader.commits = true;
  return 0;
}

/* crowded(): whether its position has so many rows to name that the statement "sight" is worth its
   time in the middle of a scan. */
static int reader_crowded(lua_State *L) {
  lua_pushboolean(L, fl_proof_crowded(&check_open(L)->reader.proof));
  return 1;
}

/* prove(): "sight" was asked, since when nothing was popped. */
static int reader_prove(lua_State *L) {
  struct fl_log_reader *reading = check_open(L);
  struct fl_sight sight = fl_timeline_sight(reading);
  if (!fl_timeline_differs(reading) && fl_server_has_all(reading))
    fl_reader_prove(&reading->reader, &sight);
  return 0;
}

/* doubtful(): whether it is not known if the server has the rows that its position names. */
static int reader_doubtful(lua_State *L) {
  lua_pushboolean(L, fl_verify_wanted(check_open(L)));
  return 1;
}

/* verify(): begins to ask for them; false: it has failed already, see the connection's error(). */
static int reader_verify(lua_State *L) {
  lua_pushboolean(L, fl_log_reader_verify(check_open(L)));
  return 1;
}

/* verdict(): what was found: "there", "missing", "trimmed" (not to be compared any more) or "later"
   (missing on a server in recovery, which may not have them yet); nil: nobody has asked. */
static int reader_verdict(lua_State *L) {
  lua_pushstring(L, fl_verdict_name(check(L)->verdict));
  return 1;
}

/* gap(): as the connection's gap(), for where it is, once its rows have been asked for. */
static int reader_gap(lua_State *L) {
  struct fl_log_reader *reader = check_open(L);
  fl_timeline_change(reader);
  return fl_push_gap(L, fl_changelog_gap(reader->log, &reader->reader.cursor,
                                         reader->verdict == FL_VERDICT_MISSING));
}

/* work_beside(): from now on what it delivers is worked on while it reads. */
static int reader_work_beside(lua_State *L) {
  check(L)->beside = true;
  return 0;
}

/* position([at_rest]): the reader's place as text. `at_rest`: nothing will be worked on before it
   is replaced, so that it may say what it rests on, where that is known. */
static int reader_position(lua_State *L) {
  struct fl_log_reader *reader = check(L);
  struct fl_cursor *cursor = &reader->reader.cursor;
  bool at_rest = lua_toboolean(L, 2) && !reader->reader.delivered;
  struct fl_named named;
  char *text;
  bool names;
  if (reader->log) fl_reader_settle(&reader->reader, reader->log->horizon.seq);
  names = fl_reader_name(&reader->reader, at_rest, &named);
  text = lua_newuserdata(
      L, FL_POSITION_ROOM(cursor->count) + (names ? FL_NAMED_ROOM(named.count) : 0));
  cursor->lsn = at_rest && cursor->timeline ? reader->reader.handled.lsn : 0;
  cursor->named = names ? &named : NULL;
  fl_cursor_print(cursor, text);
  cursor->lsn = 0;
  cursor->named = NULL;
  lua_pushstring(L, text);
  return 1;
}

static const luaL_Reg methods[] = {{"seek", reader_seek},
                                   {"fetch", reader_fetch},
                                   {"here", reader_here},
                                   {"pop", reader_pop},
                                   {"pending", reader_pending},
                                   {"can_prefetch", reader_can_prefetch},
                                   {"reached", reader_reached},
                                   {"handled", reader_handled},
                                   {"work_beside", reader_work_beside},
                                   {"commit_work", reader_commit_work},
                                   {"crowded", reader_crowded},
                                   {"prove", reader_prove},
                                   {"doubtful", reader_doubtful},
                                   {"verify", reader_verify},
                                   {"verdict", reader_verdict},
                                   {"gap", reader_gap},
                                   {"position", reader_position},
                                   {"want", reader_want},
                                   {"close", reader_close},
                                   {"__gc", reader_close},
                                   {"__close", reader_close},
                                   {NULL, NULL}};

void fl_setup_readers(lua_State *L) {
  luaL_newmetatable(L, READER);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  fl_setfuncs(L, methods);
  lua_pop(L, 1);
}
