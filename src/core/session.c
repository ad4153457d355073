/* The PGconn state machine: connect, send, flush, receive, copy, notifications. The only user of libpq. */
#include "session.h"

#include "result.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Type oids of the catalog's bootstrap data; they never change. */
enum { BOOL = 16, INT8 = 20, INT2 = 21, INT4 = 23, OID = 26, FLOAT4 = 700, FLOAT8 = 701 };

bool fl_bytes_append(struct fl_bytes *bytes, const char *data, size_t length) {
  if (length > bytes->room - bytes->length) {
    size_t room = bytes->room ? bytes->room : 1024;
    char *grown;
    while (room - bytes->length < length) room *= 2;
    grown = realloc(bytes->data, room);
    if (!grown) return false;
    bytes->data = grown;
    bytes->room = room;
  }
  memcpy(bytes->data + bytes->length, data, length);
  bytes->length += length;
  return true;
}

static void ignore_notice(void *unused, const PGresult *notice) {
  (void)unused;
  (void)notice;
}

static void drop_result(struct fl_session *session) {
  PQclear(session->result);
  session->result = NULL;
}

void fl_session_close(struct fl_session *session) {
  drop_result(session);
  if (session->conn) PQfinish(session->conn);
  session->conn = NULL;
  session->copy = NULL;
  session->state = FL_SESSION_CLOSED;
}

static enum fl_step wait_for(struct fl_session *session, const char *events) {
  session->events = events;
  return events[0] == 'r' && events[1] == '\0' ? FL_READ : FL_WRITE;
}

/* While connecting, messages are verbose and carry the SQLSTATE: "FATAL:  28P01: password ...\nLOCATION: ...". */
static void connect_failed(struct fl_session *session) {
  char text[sizeof session->error.message], sqlstate[6] = "", *at;
  snprintf(text, sizeof text, "%s", PQerrorMessage(session->conn));
  at = strstr(text, "LOCATION:");
  if (at) *at = '\0';
  at = strstr(text, ":  ");
  if (at && strlen(at) > 9 && at[8] == ':' && strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5) {
    memcpy(sqlstate, at + 3, 5);
    memmove(at + 1, at + 9, strlen(at + 9) + 1);
  }
  fl_fail_text(&session->error, FL_CONNECT, sqlstate, text);
  fl_session_close(session);
}

static void server_refused(struct fl_session *session, const PGresult *result);

/* What arrived before the end of the connection may say why; libpq does not wait for more on a closed one. */
static void hear_last_words(struct fl_session *session) {
  PGresult *last = session->state == FL_SESSION_IDLE ? NULL : PQgetResult(session->conn);
  if (last && PQresultErrorField(last, PG_DIAG_SQLSTATE)) server_refused(session, last);
  PQclear(last);
}

static enum fl_step lost(struct fl_session *session) {
  struct fl_error said = session->error;
  fl_fail_text(&session->error, FL_LOST, said.sqlstate, said.kind ? said.message : PQerrorMessage(session->conn));
  fl_session_close(session);
  return FL_FAILED;
}

static bool out_of_memory(struct fl_session *session) {
  fl_fail(&session->error, FL_CONNECT, NULL, "out of memory");
  return false;
}

bool fl_session_connect(struct fl_session *session, const char *conninfo) {
  const char *const keywords[] = {"dbname", "fallback_application_name", NULL};
  const char *const values[] = {conninfo, "forgelog", NULL};
  fl_session_close(session);
  fl_clear(&session->error);
  session->conn = PQconnectStartParams(keywords, values, 1);
  if (!session->conn) return out_of_memory(session);
  if (PQstatus(session->conn) == CONNECTION_BAD) {
    connect_failed(session);
    return false;
  }
  PQsetNoticeReceiver(session->conn, ignore_notice, NULL);
  PQsetErrorVerbosity(session->conn, PQERRORS_VERBOSE);
  session->state = FL_SESSION_CONNECTING;
  session->events = "w";
  return true;
}

/* Whether the socket is ready for what the connection attempt waits for, or is none any more. */
static bool ready(const struct fl_session *session) {
  struct pollfd waited = {PQsocket(session->conn), 0, 0};
  if (waited.fd < 0) return true;
  waited.events = session->events[0] == 'r' ? POLLIN : POLLOUT;
  return poll(&waited, 1, 0) > 0;
}

/* PQconnectPoll must not be called before the socket is ready: it would take a connection that is still under way for made,
   and wait inside libpq, or give up hosts that it has not tried yet. A step that comes early goes on waiting. */
static enum fl_step step_connect(struct fl_session *session) {
  if (!ready(session)) return wait_for(session, session->events);
  switch (PQconnectPoll(session->conn)) {
    case PGRES_POLLING_READING: return wait_for(session, "r");
    case PGRES_POLLING_WRITING: return wait_for(session, "w");
    case PGRES_POLLING_OK: break;
    default: connect_failed(session); return FL_FAILED;
  }
  PQsetErrorVerbosity(session->conn, PQERRORS_DEFAULT);
  if (PQsetnonblocking(session->conn, 1) != 0) return lost(session);
  session->state = FL_SESSION_IDLE;
  return FL_DONE;
}

bool fl_session_send(struct fl_session *session, const char *sql, int count, const char *const *values,
                     struct fl_bytes *copy) {
  int sent;
  drop_result(session);
  fl_clear(&session->error);
  session->copy = copy;
  if (count == 0)
    sent = PQsendQuery(session->conn, sql);
  else
    sent = PQsendQueryParams(session->conn, sql, count, NULL, values, NULL, NULL, 0);
  session->state = FL_SESSION_FLUSHING; /* on failure too: stepping finds out whether the server said why */
  if (sent) return true;
  fl_fail_text(&session->error, FL_QUERY, NULL, PQerrorMessage(session->conn));
  if (PQstatus(session->conn) == CONNECTION_BAD)
    lost(session);
  else
    session->state = FL_SESSION_IDLE;
  return false;
}

static void append_part(char *message, size_t size, const char *label, const char *part) {
  size_t length = strlen(message);
  if (part) snprintf(message + length, size - length, "%s%s", label, part);
}

/* The first error counts: what follows it in the same string of statements follows from it. */
static void server_refused(struct fl_session *session, const PGresult *result) {
  char text[sizeof session->error.message];
  const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (session->error.kind != FL_NONE) return;
  snprintf(text, sizeof text, "%s", primary ? primary : PQresultErrorMessage(result));
  append_part(text, sizeof text, "; ", PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL));
  append_part(text, sizeof text, "; hint: ", PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
  fl_fail_text(&session->error, FL_QUERY, PQresultErrorField(result, PG_DIAG_SQLSTATE), text);
}

static void refuse_copy(struct fl_session *session, const char *direction) {
  if (session->error.kind == FL_NONE)
    fl_fail(&session->error, FL_QUERY, NULL, "COPY %s the client is not possible here; use SELECT or INSERT",
            direction);
}

/* Takes one result of the statement; the last one that is no error stays. */
static void take(struct fl_session *session) {
  switch (PQresultStatus(session->result)) {
    case PGRES_COPY_OUT:
      if (!session->copy) refuse_copy(session, "to");
      session->state = FL_SESSION_COPYING;
      break;
    case PGRES_COPY_IN:
    case PGRES_COPY_BOTH:
      refuse_copy(session, "from");
      PQputCopyEnd(session->conn, "COPY from the client is not possible here");
      break;
    case PGRES_FATAL_ERROR:
    case PGRES_BAD_RESPONSE: server_refused(session, session->result); break;
    default: break;
  }
}

static enum fl_step finish(struct fl_session *session) {
  if (PQstatus(session->conn) == CONNECTION_BAD) return lost(session);
  if (PQtransactionStatus(session->conn) == PQTRANS_ACTIVE) { /* no end: libpq had no memory for a result */
    fl_fail(&session->error, FL_QUERY, "53200", "out of memory while receiving a result");
    return lost(session);
  }
  session->state = FL_SESSION_IDLE;
  session->copy = NULL;
  return session->error.kind == FL_NONE ? FL_DONE : FL_FAILED;
}

/* Moves one row of a COPY. 1: moved; 0: none has arrived; -1: the COPY is over. */
static int move_copy_row(struct fl_session *session) {
  char *row = NULL;
  int length = PQgetCopyData(session->conn, &row, 1);
  if (length == 0) return 0;
  if (length < 0) return -1;
  if (session->copy && session->error.kind == FL_NONE && !fl_bytes_append(session->copy, row, (size_t)length))
    fl_fail(&session->error, FL_QUERY, "53200", "out of memory while reading changes");
  PQfreemem(row);
  return 1;
}

static enum fl_step step_receive(struct fl_session *session) {
  for (;;) {
    if (session->state == FL_SESSION_COPYING) {
      int moved;
      while ((moved = move_copy_row(session)) > 0) continue;
      if (moved == 0) return wait_for(session, "r");
      session->state = FL_SESSION_RECEIVING;
    }
    /* asked twice, since libpq takes a failed allocation of its own for bytes that have not come */
    if (PQisBusy(session->conn) && PQisBusy(session->conn)) return wait_for(session, "r");
    {
      PGresult *next = PQgetResult(session->conn);
      if (!next) return finish(session);
      drop_result(session);
      session->result = next;
    }
    take(session);
  }
}

static enum fl_step step_flush(struct fl_session *session) {
  int left = PQflush(session->conn);
  if (left < 0) return lost(session);
  if (left > 0) return wait_for(session, "rw");
  session->state = FL_SESSION_RECEIVING;
  return step_receive(session);
}

enum fl_step fl_session_step(struct fl_session *session) {
  switch (session->state) {
    case FL_SESSION_CLOSED: return FL_FAILED;
    case FL_SESSION_CONNECTING: return step_connect(session);
    case FL_SESSION_IDLE: return session->error.kind == FL_NONE ? FL_DONE : FL_FAILED;
    default: break;
  }
  if (!PQconsumeInput(session->conn)) {
    hear_last_words(session);
    return lost(session);
  }
  return session->state == FL_SESSION_FLUSHING ? step_flush(session) : step_receive(session);
}

int fl_session_fd(const struct fl_session *session) { return session->conn ? PQsocket(session->conn) : -1; }

int fl_session_notified(struct fl_session *session) {
  PGnotify *notification;
  int seen = 0;
  if (!session->conn) return -1;
  if (session->state == FL_SESSION_IDLE && !PQconsumeInput(session->conn)) {
    fl_clear(&session->error);
    lost(session);
    return -1;
  }
  while ((notification = PQnotifies(session->conn)) != NULL) {
    seen |= notification->be_pid != PQbackendPID(session->conn); /* its own ring wakes nobody */
    PQfreemem(notification);
  }
  return seen;
}

struct fl_shape fl_result_shape(const struct fl_session *session) {
  struct fl_shape shape = {PQntuples(session->result), PQnfields(session->result), ""};
  if (session->result) shape.affected = PQcmdTuples(session->result);
  return shape;
}

const char *fl_result_name(const struct fl_session *session, int column) { return PQfname(session->result, column); }

enum fl_type fl_result_type(const struct fl_session *session, int column) {
  switch (PQftype(session->result, column)) {
    case INT2:
    case INT4:
    case INT8:
    case OID: return FL_TYPE_INTEGER;
    case FLOAT4:
    case FLOAT8: return FL_TYPE_FLOAT;
    case BOOL: return FL_TYPE_BOOLEAN;
    default: return FL_TYPE_TEXT;
  }
}

const char *fl_result_value(const struct fl_session *session, int row, int column, size_t *length) {
  *length = 0;
  if (!session->result || row >= PQntuples(session->result) || column >= PQnfields(session->result)) return NULL;
  if (PQgetisnull(session->result, row, column)) return NULL;
  *length = (size_t)PQgetlength(session->result, row, column);
  return PQgetvalue(session->result, row, column);
}

bool fl_session_option(const struct fl_session *session, const char *keyword, char *value, size_t size) {
  PQconninfoOption *options = session->conn ? PQconninfo(session->conn) : NULL, *option;
  bool found = false;
  for (option = options; option && option->keyword; option++)
    if (strcmp(option->keyword, keyword) == 0 && option->val && option->val[0]) {
      snprintf(value, size, "%s", option->val);
      found = true;
    }
  PQconninfoFree(options);
  return found;
}

bool fl_session_quote(const struct fl_session *session, const char *text, size_t length, struct fl_bytes *out) {
  char *literal = PQescapeLiteral(session->conn, text, length);
  bool done = literal && fl_bytes_append(out, literal, strlen(literal));
  PQfreemem(literal);
  return done;
}

bool fl_session_in_transaction(const struct fl_session *session) {
  return session->conn && PQtransactionStatus(session->conn) != PQTRANS_IDLE;
}

int fl_session_backend(const struct fl_session *session) {
  return session->conn ? PQbackendPID(session->conn) : 0;
}
