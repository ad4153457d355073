/* One connection as a state machine over libpq: begun, then stepped; it never waits. */
#ifndef FORGELOG_SESSION_H
#define FORGELOG_SESSION_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

struct pg_conn;
struct pg_result;

enum fl_step {
  FL_READ,  /* step again when the socket can be read */
  FL_WRITE, /* step again when the socket can be written, or read: see fl_session_events */
  FL_DONE,  /* what was begun has ended well */
  FL_FAILED /* it has ended in the session's error */
};

enum fl_session_state {
  FL_SESSION_CLOSED,     /* waits for nothing: there is no connection */
  FL_SESSION_CONNECTING, /* waits for libpq to make the connection */
  FL_SESSION_IDLE,       /* waits for a statement */
  FL_SESSION_FLUSHING,   /* waits for the socket to take the statement */
  FL_SESSION_RECEIVING,  /* waits for a result */
  FL_SESSION_COPYING     /* waits for rows of a COPY */
};

struct fl_bytes {
  char *data;
  size_t length, room;
};

struct fl_session {
  enum fl_session_state state;
  const char *events;       /* what the socket is waited on for: "r", "w", "rw" */
  struct pg_conn *conn;
  struct pg_result *result; /* of the last statement, until the next one */
  struct fl_bytes *copy;    /* where the rows of a COPY go; NULL: no COPY is expected */
  struct fl_error error;    /* of what was begun last */
};

/* Begins to connect. false: it has failed already, see the error. */
bool fl_session_connect(struct fl_session *session, const char *conninfo);

/* Begins a statement. Without parameters it may be several, separated by semicolons. */
bool fl_session_send(struct fl_session *session, const char *sql, int count, const char *const *values,
                     struct fl_bytes *copy);

/* One step of what was begun; a spurious one does no harm. */
enum fl_step fl_session_step(struct fl_session *session);

/* The socket, or -1; it may change while connecting. */
int fl_session_fd(const struct fl_session *session);

/* Takes in what has arrived while idle: 1 notified, 0 not, -1 lost. */
int fl_session_notified(struct fl_session *session);

/* Appends to a growing buffer; false: out of memory, nothing changed. */
bool fl_bytes_append(struct fl_bytes *bytes, const char *data, size_t length);

void fl_session_close(struct fl_session *session);

#endif
