/* The PGconn state machine: connect, send, flush, receive, copy, notifications. */
#include "pgconn.h"

#include "conninfo.h"
#include "encoding.h"
#include "job.h"

#include <libpq-fe.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_ROOM 512 /* a row wider than what is left of its buffer comes in pieces */

static void ignore_notice(void *unused, const PGresult *notice) {
  (void)unused;
  (void)notice;
}

static void drop_result(struct fl_pgconn *pg) {
  PQclear(pg->result);
  pg->result = NULL;
}

void fl_pgconn_close(struct fl_pgconn *pg) {
  drop_result(pg);
  if (pg->conn) PQfinish(pg->conn);
  pg->conn = NULL;
  pg->copies = false;
  pg->copy = NULL;
  pg->choosing = false;
  pg->state = FL_PGCONN_CLOSED;
}

static enum fl_step wait_for(struct fl_pgconn *pg, const char *events) {
  pg->events = events;
  return events[0] == 'r' && events[1] == '\0' ? FL_STEP_READ : FL_STEP_WRITE;
}

/* Whether a line of that length ends as one does that says where in the server's source a message
   comes from, such as "auth.c:326". Its label is translated, so nothing can be told by that. */
static bool names_source(const char *line, size_t length) {
  size_t end = length;
  while (end > 0 && line[end - 1] >= '0' && line[end - 1] <= '9') end--;
  return end < length && end > 3 && line[end - 1] == ':' && strchr("chly", line[end - 2]) &&
         line[end - 3] == '.';
}

/* Ends a message before the line that says where it comes from, if it has one. */
static void drop_source(char *text) {
  char *line = strchr(text, '\n');
  while (line) {
    size_t length = strcspn(line + 1, "\n");
    if (names_source(line + 1, length)) {
      *line = '\0';
      return;
    }
    line = strchr(line + 1, '\n');
  }
}

/* While connecting, messages are verbose and carry the SQLSTATE: "FATAL:  28P01: password
   ...\nLOCATION: ...". */
static void connect_failed(struct fl_pgconn *pg) {
  char text[sizeof pg->error.message], sqlstate[6] = "", *at;
  snprintf(text, sizeof text, "%s", PQerrorMessage(pg->conn));
  drop_source(text);
  at = strstr(text, ":  ");
  if (at && strlen(at) > 9 && at[8] == ':' &&
      strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5) {
    memcpy(sqlstate, at + 3, 5);
    memmove(at + 1, at + 9, strlen(at + 9) + 1);
  }
  fl_fail_text(&pg->error, FL_ERR_CONNECT, sqlstate, text);
  fl_pgconn_close(pg);
}

static void server_refused(struct fl_pgconn *pg, const PGresult *result);

/* The last message before the end of the connection may say why it ended. libpq does not wait for
   more on a closed connection. */
static void hear_last_words(struct fl_pgconn *pg) {
  PGresult *last = pg->state == FL_PGCONN_IDLE ? NULL : PQgetResult(pg->conn);
  if (last && PQresultErrorField(last, PG_DIAG_SQLSTATE)) server_refused(pg, last);
  PQclear(last);
}

static enum fl_step lost(struct fl_pgconn *pg) {
  struct fl_error said = pg->error;
  fl_fail_text(&pg->error, pg->choosing ? FL_ERR_CONNECT : FL_ERR_LOST, said.sqlstate,
               said.kind ? said.message : PQerrorMessage(pg->conn));
  fl_pgconn_close(pg);
  return FL_STEP_FAILED;
}

static bool out_of_memory(struct fl_pgconn *pg) {
  fl_fail(&pg->error, FL_ERR_CONNECT, NULL, "out of memory");
  return false;
}

bool fl_pgconn_configure(struct fl_pgconn *pg, const char *conninfo) {
  bool known;
  fl_pgconn_close(pg);
  fl_clear(&pg->error);
  pg->conn = fl_conninfo_probe(conninfo, &pg->unset, &known);
  if (!pg->conn) return out_of_memory(pg);
  if (!known) connect_failed(pg);
  return known;
}

bool fl_pgconn_connect(struct fl_pgconn *pg, const char *conninfo,
                       const struct fl_place_of_server *place) {
  fl_pgconn_close(pg);
  fl_clear(&pg->error);
  pg->conn = fl_conninfo_start(conninfo, place, pg->unset);
  if (!pg->conn) return out_of_memory(pg);
  if (PQstatus(pg->conn) == CONNECTION_BAD) {
    connect_failed(pg);
    return false;
  }
  PQsetNoticeReceiver(pg->conn, ignore_notice, NULL);
  PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE);
  pg->state = FL_PGCONN_CONNECTING;
  pg->events = "w";
  return true;
}

/* Whether the socket is ready for what the connection attempt waits for, or is none any more. */
static bool ready(const struct fl_pgconn *pg) {
  struct pollfd waited = {PQsocket(pg->conn), 0, 0};
  if (waited.fd < 0) return true;
  waited.events = pg->events[0] == 'r' ? POLLIN : POLLOUT;
  return poll(&waited, 1, 0) > 0;
}

static enum fl_step refuse_encoding(struct fl_pgconn *pg, const char *client) {
  fl_fail(&pg->error, FL_ERR_SCHEMA, NULL,
          "in client_encoding %s no text can be quoted safely; use UTF8, or name none", client);
  fl_pgconn_close(pg);
  return FL_STEP_FAILED;
}

/* Where nobody has named another encoding, or that does not count, a new connection asks for the
   one that is best. Where the server cannot convert to it, the encoding stays as it was. */
static enum fl_step choose_encoding(struct fl_pgconn *pg) {
  const char *client = PQparameterStatus(pg->conn, "client_encoding");
  const char *wanted = fl_encoding_wanted(PQparameterStatus(pg->conn, "server_encoding"));
  char sql[40];
  if (!client || strcmp(client, wanted) == 0) return FL_STEP_DONE;
  if (!pg->own_encoding && fl_conninfo_names_encoding(pg->conn))
    return fl_encoding_is_unsafe(client) ? refuse_encoding(pg, client) : FL_STEP_DONE;
  snprintf(sql, sizeof sql, "SET client_encoding TO '%s'", wanted);
  pg->choosing = fl_pgconn_send(pg, sql, 0, NULL, NULL);
  return pg->choosing ? fl_pgconn_step(pg) : FL_STEP_FAILED;
}

/* PQconnectPoll must not be called before the socket is ready: it would take a connection that is
   still under way for made, and wait inside libpq, or give up hosts that it has not tried yet. A
   step that comes early goes on waiting. */
static enum fl_step step_connect(struct fl_pgconn *pg) {
  if (!ready(pg)) return wait_for(pg, pg->events);
  switch (PQconnectPoll(pg->conn)) {
    case PGRES_POLLING_READING: return wait_for(pg, "r");
    case PGRES_POLLING_WRITING: return wait_for(pg, "w");
    case PGRES_POLLING_OK: break;
    default: connect_failed(pg); return FL_STEP_FAILED;
  }
  PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
  if (PQsetnonblocking(pg->conn, 1) != 0) return lost(pg);
  pg->state = FL_PGCONN_IDLE;
  return choose_encoding(pg);
}

static void begin(struct fl_pgconn *pg, bool copies, struct fl_bytes *rows) {
  drop_result(pg);
  fl_clear(&pg->error);
  pg->in_block = fl_pgconn_in_transaction(pg);
  pg->copies = copies;
  pg->copy = rows;
}

/* Where sending failed, stepping finds out whether the server said why. */
static bool begun(struct fl_pgconn *pg, int sent) {
  pg->state = FL_PGCONN_FLUSHING;
  if (sent) return true;
  fl_fail_text(&pg->error, FL_ERR_QUERY, NULL, PQerrorMessage(pg->conn));
  if (PQstatus(pg->conn) == CONNECTION_BAD)
    lost(pg);
  else
    pg->state = FL_PGCONN_IDLE;
  return false;
}

bool fl_pgconn_send(struct fl_pgconn *pg, const char *sql, int count, const char *const *values,
                    struct fl_bytes *copy) {
  begin(pg, copy != NULL, copy);
  if (count == 0) return begun(pg, PQsendQuery(pg->conn, sql));
  return begun(pg, PQsendQueryParams(pg->conn, sql, count, NULL, values, NULL, NULL, 0));
}

bool fl_pgconn_prepare(struct fl_pgconn *pg, const char *name, const char *sql) {
  begin(pg, false, NULL);
  return begun(pg, PQsendPrepare(pg->conn, name, sql, 0, NULL));
}

bool fl_pgconn_select(struct fl_pgconn *pg, const char *name, const char *sql, int count,
                      const char *const *values, struct fl_bytes *rows) {
  begin(pg, false, rows);
  return begun(pg, name ? PQsendQueryPrepared(pg->conn, name, count, values, NULL, NULL, 1)
                        : PQsendQueryParams(pg->conn, sql, count, NULL, values, NULL, NULL, 1));
}

bool fl_pgconn_execute(struct fl_pgconn *pg, const char *name, int count,
                       const char *const *values) {
  begin(pg, false, NULL);
  return begun(pg, PQsendQueryPrepared(pg->conn, name, count, values, NULL, NULL, 0));
}

static void append_part(char *message, size_t size, const char *label, const char *part) {
  size_t length = strlen(message);
  if (part) snprintf(message + length, size - length, "%s%s", label, part);
}

static void append_encoding(const struct fl_pgconn *pg, char *text, size_t size,
                            const char *sqlstate) {
  const char *client = PQparameterStatus(pg->conn, "client_encoding");
  const char *server = PQparameterStatus(pg->conn, "server_encoding");
  const char *hint = fl_encoding_hint(sqlstate, server, client);
  if (!hint) return;
  append_part(text, size, "; hint: the connection's client_encoding is ", client);
  append_part(text, size, "; ", hint);
}

/* Whether a statement failed because the server is a hot standby; behind a pooler that may not be
   known. */
static bool only_reads(const struct fl_pgconn *pg, const char *sqlstate) {
  const char *standby = PQparameterStatus(pg->conn, "in_hot_standby");
  return sqlstate && strcmp(sqlstate, "25006") == 0 && standby && strcmp(standby, "on") == 0;
}

/* Only the first error counts: later statements of the same text failed because of it. */
static void server_refused(struct fl_pgconn *pg, const PGresult *result) {
  char text[sizeof pg->error.message];
  const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  bool standby = only_reads(pg, sqlstate);
  if (pg->error.kind != FL_ERR_NONE) return;
  snprintf(text, sizeof text, "%s", primary ? primary : PQresultErrorMessage(result));
  append_part(text, sizeof text, "; ", PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
  append_part(text, sizeof text, "; hint: ", PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
  append_encoding(pg, text, sizeof text, sqlstate);
  if (standby) append_part(text, sizeof text, "; ", FL_NEEDS_PRIMARY);
  fl_fail_text(&pg->error, FL_ERR_QUERY, sqlstate, text);
  if (standby) pg->error.code = "standby";
}

static void refuse_copy(struct fl_pgconn *pg, const char *direction) {
  if (pg->error.kind == FL_ERR_NONE)
    fl_fail(&pg->error, FL_ERR_QUERY, NULL,
            "COPY %s the client is not possible here; use SELECT or INSERT", direction);
}

static bool append_number(struct fl_bytes *out, uint32_t number, int bytes) {
  char text[4];
  int i;
  for (i = 0; i < bytes; i++) text[i] = (char)(number >> 8 * (bytes - 1 - i));
  return fl_bytes_append(out, text, (size_t)bytes);
}

static bool append_field(struct fl_bytes *out, const PGresult *result, int row, int column) {
  int length = PQgetlength(result, row, column);
  if (PQgetisnull(result, row, column)) return append_number(out, UINT32_MAX, 4);
  return append_number(out, (uint32_t)length, 4) &&
         fl_bytes_append(out, PQgetvalue(result, row, column), (size_t)length);
}

/* The rows of a SELECT in binary, as COPY would have sent them. */
static bool append_rows(struct fl_bytes *out, const PGresult *result) {
  static const char header[19] = "PGCOPY\n\377\r\n";
  int row, column, columns = PQnfields(result);
  if (!fl_bytes_append(out, header, sizeof header)) return false;
  for (row = 0; row < PQntuples(result); row++) {
    if (!append_number(out, (uint32_t)columns, 2)) return false;
    for (column = 0; column < columns; column++)
      if (!append_field(out, result, row, column)) return false;
  }
  return append_number(out, 0xffff, 2);
}

static void accept_rows(struct fl_pgconn *pg) {
  if (pg->copies || !pg->copy || append_rows(pg->copy, pg->result)) return;
  fl_fail(&pg->error, FL_ERR_QUERY, "53200", "out of memory while reading changes");
}

/* Takes in one result of the statement. */
static void accept_result(struct fl_pgconn *pg) {
  switch (PQresultStatus(pg->result)) {
    case PGRES_COPY_OUT:
      if (!pg->copies) refuse_copy(pg, "to");
      pg->state = FL_PGCONN_COPYING;
      break;
    case PGRES_COPY_IN:
    case PGRES_COPY_BOTH:
      refuse_copy(pg, "from");
      PQputCopyEnd(pg->conn, "COPY from the client is not possible here");
      break;
    case PGRES_TUPLES_OK: accept_rows(pg); break;
    case PGRES_FATAL_ERROR:
    case PGRES_BAD_RESPONSE: server_refused(pg, pg->result); break;
    default: break;
  }
}

static enum fl_step finish(struct fl_pgconn *pg) {
  if (PQstatus(pg->conn) == CONNECTION_BAD) return lost(pg);
  if (PQtransactionStatus(pg->conn) ==
      PQTRANS_ACTIVE) { /* no end: libpq had no memory for a result */
    fl_fail(&pg->error, FL_ERR_QUERY, "53200", "out of memory while receiving a result");
    return lost(pg);
  }
  if (pg->choosing) fl_clear(&pg->error);
  pg->state = FL_PGCONN_IDLE;
  pg->choosing = pg->copies = false;
  pg->copy = NULL;
  return pg->error.kind == FL_ERR_NONE ? FL_STEP_DONE : FL_STEP_FAILED;
}

static int room_in(const struct fl_bytes *bytes) {
  size_t room = bytes->room - bytes->length;
  return room < INT_MAX ? (int)room : INT_MAX;
}

/* Moves bytes of a COPY, of one row at most. Returns how many; 0: no whole row has arrived; -1: the
   COPY is over. PQgetlineAsync copies into a buffer of ours, where PQgetCopyData would allocate
   each row. */
static int move_copy(struct fl_pgconn *pg) {
  struct fl_bytes *copy = pg->error.kind == FL_ERR_NONE ? pg->copy : NULL;
  char unwanted[COPY_ROOM];
  int moved;
  if (copy && !fl_bytes_reserve(copy, COPY_ROOM)) {
    fl_fail(&pg->error, FL_ERR_QUERY, "53200", "out of memory while reading changes");
    copy = NULL;
  }
  if (!copy) return PQgetlineAsync(pg->conn, unwanted, COPY_ROOM);
  moved = PQgetlineAsync(pg->conn, copy->data + copy->length, room_in(copy));
  if (moved > 0) copy->length += (size_t)moved;
  return moved;
}

static enum fl_step step_receive(struct fl_pgconn *pg) {
  for (;;) {
    if (pg->state == FL_PGCONN_COPYING) {
      int moved;
      while ((moved = move_copy(pg)) > 0) continue;
      if (moved == 0) return wait_for(pg, "r");
      pg->state = FL_PGCONN_RECEIVING;
    }
    /* Asked twice: libpq mistakes its own failed allocation for bytes that have not come. */
    if (PQisBusy(pg->conn) && PQisBusy(pg->conn)) return wait_for(pg, "r");
    {
      PGresult *next = PQgetResult(pg->conn);
      if (!next) return finish(pg);
      drop_result(pg);
      pg->result = next;
    }
    accept_result(pg);
  }
}

static enum fl_step step_flush(struct fl_pgconn *pg) {
  int left = PQflush(pg->conn);
  if (left < 0) return lost(pg);
  if (left > 0) return wait_for(pg, "rw");
  pg->state = FL_PGCONN_RECEIVING;
  return step_receive(pg);
}

enum fl_step fl_pgconn_step(struct fl_pgconn *pg) {
  switch (pg->state) {
    case FL_PGCONN_CLOSED: return FL_STEP_FAILED;
    case FL_PGCONN_CONNECTING: return step_connect(pg);
    case FL_PGCONN_IDLE: return pg->error.kind == FL_ERR_NONE ? FL_STEP_DONE : FL_STEP_FAILED;
    default: break;
  }
  if (!PQconsumeInput(pg->conn)) {
    hear_last_words(pg);
    return lost(pg);
  }
  return pg->state == FL_PGCONN_FLUSHING ? step_flush(pg) : step_receive(pg);
}

int fl_pgconn_fd(const struct fl_pgconn *pg) { return pg->conn ? PQsocket(pg->conn) : -1; }

int fl_pgconn_notified(struct fl_pgconn *pg) {
  PGnotify *notification;
  int seen = 0;
  if (!pg->conn) return -1;
  if (pg->state == FL_PGCONN_IDLE && !PQconsumeInput(pg->conn)) {
    fl_clear(&pg->error);
    lost(pg);
    return -1;
  }
  while ((notification = PQnotifies(pg->conn)) != NULL) {
    seen |= notification->be_pid != PQbackendPID(pg->conn); /* its own ring wakes nobody */
    PQfreemem(notification);
  }
  return seen;
}

bool fl_pgconn_option(const struct fl_pgconn *pg, const char *keyword, struct fl_bytes *value) {
  return !pg->conn || fl_conninfo_option(pg->conn, keyword, value);
}

/* ---- cancelling ---- */

struct cancelling {
  struct fl_job job;
  PGcancel *cancel;
};

static void ask_to_cancel(struct fl_job *job) {
  char wrong[256];
  (void)PQcancel(((struct cancelling *)job)->cancel, wrong, (int)sizeof wrong);
}

static void release_cancelling(struct fl_job *job) {
  PQfreeCancel(((struct cancelling *)job)->cancel);
  free(job);
}

struct fl_job *fl_pgconn_cancel(const struct fl_pgconn *pg) {
  struct cancelling *cancelling = pg->conn ? calloc(1, sizeof *cancelling) : NULL;
  if (!cancelling) return NULL;
  cancelling->job.work = ask_to_cancel;
  cancelling->job.release = release_cancelling;
  cancelling->cancel = PQgetCancel(pg->conn);
  if (!cancelling->cancel) {
    free(cancelling);
    return NULL;
  }
  return fl_job_start(&cancelling->job) ? &cancelling->job : NULL;
}

/* libpq does not tell one from the other. */
void fl_pgconn_not_quoted(struct fl_pgconn *pg) {
  char text[sizeof pg->error.message] = "a text with bytes that are no character, or no memory";
  append_encoding(pg, text, sizeof text, "22021");
  fl_fail_text(&pg->error, FL_ERR_QUERY, "22021", text);
}

bool fl_pgconn_quote(const struct fl_pgconn *pg, const char *text, size_t length,
                     struct fl_bytes *out) {
  char *literal = PQescapeLiteral(pg->conn, text, length);
  bool done = literal && fl_bytes_append(out, literal, strlen(literal));
  PQfreemem(literal);
  return done;
}

bool fl_pgconn_in_transaction(const struct fl_pgconn *pg) {
  switch (pg->conn ? PQtransactionStatus(pg->conn) : PQTRANS_IDLE) {
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR: return true;
    case PQTRANS_ACTIVE: return pg->in_block;
    default: return false;
  }
}

int fl_pgconn_backend(const struct fl_pgconn *pg) { return pg->conn ? PQbackendPID(pg->conn) : 0; }

int fl_pgconn_rows(const struct fl_pgconn *pg) { return PQntuples(pg->result); }

int fl_pgconn_columns(const struct fl_pgconn *pg) { return PQnfields(pg->result); }

const char *fl_pgconn_column(const struct fl_pgconn *pg, int column, unsigned *type_oid) {
  *type_oid = PQftype(pg->result, column);
  return PQfname(pg->result, column);
}

const char *fl_pgconn_affected(const struct fl_pgconn *pg) {
  return pg->result ? PQcmdTuples(pg->result) : "";
}

const char *fl_pgconn_value(const struct fl_pgconn *pg, int row, int column, size_t *length) {
  *length = 0;
  if (!pg->result || row >= fl_pgconn_rows(pg) || column >= fl_pgconn_columns(pg)) return NULL;
  if (PQgetisnull(pg->result, row, column)) return NULL;
  *length = (size_t)PQgetlength(pg->result, row, column);
  return PQgetvalue(pg->result, row, column);
}
