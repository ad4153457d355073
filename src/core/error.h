/* What can go wrong, in fixed memory: reporting a failure never needs an allocation. */
#ifndef FORGELOG_ERROR_H
#define FORGELOG_ERROR_H

#include <stdbool.h>

enum fl_kind {
  FL_NONE,    /* nothing went wrong */
  FL_CONNECT, /* no connection could be made */
  FL_LOST,    /* the connection went away */
  FL_TIMEOUT, /* an operation took longer than its caller allowed */
  FL_QUERY,   /* the server refused a statement */
  FL_GAP,     /* the log cannot give everything after a position */
  FL_SCHEMA,  /* the database is not set up as the promise needs it */
  FL_CLOSED   /* the handle was closed by its owner */
};

struct fl_error {
  enum fl_kind kind;
  bool retryable;
  char sqlstate[6];
  char message[1024];
};

/* Sets the error; `sqlstate` may be NULL. Whether it is worth trying again follows from both. */
void fl_fail(struct fl_error *error, enum fl_kind kind, const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same from a text that is not a format, without its trailing line ends. */
void fl_fail_text(struct fl_error *error, enum fl_kind kind, const char *sqlstate, const char *text);

void fl_clear(struct fl_error *error);

/* The kind's name as Lua sees it, and back (FL_NONE for a name that is none). */
const char *fl_kind_name(enum fl_kind kind);
enum fl_kind fl_kind_named(const char *name);

#endif
