/* One connection to PostgreSQL as a state machine over libpq: begun, then stepped; it never
   waits. */
#ifndef FORGELOG_PGCONN_H
#define FORGELOG_PGCONN_H

#include "bytes.h"
#include "error.h"

struct fl_job;
struct fl_place_of_server;
struct pg_conn;
struct pg_result;

enum fl_step {
  FL_STEP_READ,  /* step again when the socket can be read */
  FL_STEP_WRITE, /* step again when the socket is ready for what `events` says */
  FL_STEP_DONE,  /* what was begun has ended well */
  FL_STEP_FAILED /* it has ended in the connection's error */
};

enum fl_pgconn_state {
  FL_PGCONN_CLOSED,     /* waits for nothing: there is no connection */
  FL_PGCONN_CONNECTING, /* waits for libpq to make the connection */
  FL_PGCONN_IDLE,       /* waits for a statement */
  FL_PGCONN_FLUSHING,   /* waits for the socket to take the statement */
  FL_PGCONN_RECEIVING,  /* waits for a result */
  FL_PGCONN_COPYING     /* waits for rows of a COPY */
};

struct fl_pgconn {
  enum fl_pgconn_state state;
  const char *events; /* what the socket is waited on for: "r", "w" or "rw" */
  struct pg_conn *conn;
  struct pg_result *result; /* of the last statement, until the next one */
  bool copies;              /* the statement is a COPY to the client */
  struct fl_bytes *copy;    /* where its rows go; NULL: nobody wants them any more */
  bool choosing;            /* the statement under way chooses the encoding of a new connection */
  bool own_encoding;        /* whatever encoding the user has named, the best one is spoken */
  bool in_block;            /* a transaction block was open when the statement began */
  unsigned unset;           /* which of our own settings nobody has set: bits by their place */
  struct fl_error error;    /* of what was begun last */
};

/* What to do where a server is a hot standby, and something writes. */
#define FL_NEEDS_PRIMARY \
  "this server is a hot standby, which can only be read: that needs the primary " \
  "(target_session_attrs=read-write finds it)"

/* Finds out what libpq makes of conninfo, service and environment, for fl_pgconn_option; it closes
   the connection. false: nothing, see the error. */
bool fl_pgconn_configure(struct fl_pgconn *pg, const char *conninfo);

/* Begins to connect. false: it has failed already, see the error. */
bool fl_pgconn_connect(struct fl_pgconn *pg, const char *conninfo,
                       const struct fl_place_of_server *place);

/* Begins to ask the server to cancel the statement under way; NULL: that cannot be begun. */
struct fl_job *fl_pgconn_cancel(const struct fl_pgconn *pg);

/* Begins a statement. Without parameters it may be several, separated by semicolons. */
bool fl_pgconn_send(struct fl_pgconn *pg, const char *sql, int count, const char *const *values,
                    struct fl_bytes *copy);

/* Begins to prepare a statement under a name. */
bool fl_pgconn_prepare(struct fl_pgconn *pg, const char *name, const char *sql);

/* Begins a statement with parameters whose rows are wanted as the bytes of a COPY in binary: one
   that was prepared under a name, or a text without one. */
bool fl_pgconn_select(struct fl_pgconn *pg, const char *name, const char *sql, int count,
                      const char *const *values, struct fl_bytes *rows);

/* The same for a prepared statement without parameters whose rows are wanted as text. */
bool fl_pgconn_execute(struct fl_pgconn *pg, const char *name, int count,
                       const char *const *values);

/* One step of what was begun; a step too many does no harm. */
enum fl_step fl_pgconn_step(struct fl_pgconn *pg);

/* The socket, or -1; it may change while connecting. */
int fl_pgconn_fd(const struct fl_pgconn *pg);

/* Takes in what has arrived while idle: 1 notified, 0 not, -1 the connection is lost. */
int fl_pgconn_notified(struct fl_pgconn *pg);

/* Appends an effective connection option such as "host", terminated; nothing where it is not set.
   false: out of memory. */
bool fl_pgconn_option(const struct fl_pgconn *pg, const char *keyword, struct fl_bytes *value);

/* Appends the text as an SQL literal, as the connection's encoding needs it. false: no memory, or
   bytes that are no character. */
bool fl_pgconn_quote(const struct fl_pgconn *pg, const char *text, size_t length,
                     struct fl_bytes *out);

/* Makes that the error. */
void fl_pgconn_not_quoted(struct fl_pgconn *pg);

/* Whether a transaction block is open; of a statement under way, whether one was when it began. */
bool fl_pgconn_in_transaction(const struct fl_pgconn *pg);

/* The pid of the server process that libpq was told; a pooler gives another one. */
int fl_pgconn_backend(const struct fl_pgconn *pg);

void fl_pgconn_close(struct fl_pgconn *pg);

/* ---- the last result, as the server sent it; see result.h for what it means ---- */

int fl_pgconn_rows(const struct fl_pgconn *pg);
int fl_pgconn_columns(const struct fl_pgconn *pg);
const char *fl_pgconn_column(const struct fl_pgconn *pg, int column, unsigned *type_oid);
const char *fl_pgconn_affected(const struct fl_pgconn *pg);
const char *fl_pgconn_value(const struct fl_pgconn *pg, int row, int column, size_t *length);

#endif
