/* What can go wrong, in fixed memory: reporting a failure never needs an allocation. */
#ifndef FORGELOG_ERROR_H
#define FORGELOG_ERROR_H

#include <stdbool.h>

enum fl_error_kind {
  FL_ERR_NONE,    /* nothing went wrong */
  FL_ERR_CONNECT, /* no connection could be made */
  FL_ERR_LOST,    /* the connection went away */
  FL_ERR_TIMEOUT, /* an operation took longer than its caller allowed */
  FL_ERR_QUERY,   /* the server refused a statement */
  FL_ERR_GAP,     /* the log cannot give everything after a position */
  FL_ERR_SCHEMA,  /* the database is not set up as the promise needs it */
  FL_ERR_CLOSED   /* the connection was closed by its owner */
};

struct fl_error {
  enum fl_error_kind kind;
  bool retryable;
  const char *code;   /* which one of its kind, for decisions; NULL: the kind says it all */
  const char *remedy; /* the method of a log that mends it, such as "install", or NULL */
  char sqlstate[6];
  char message[1024];
};

/* Sets the error; `sqlstate` may be NULL. Both decide whether it is worth trying again. */
void fl_fail(struct fl_error *error, enum fl_error_kind kind, const char *sqlstate,
             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same from a text that is not a format, without its trailing line ends. */
void fl_fail_text(struct fl_error *error, enum fl_error_kind kind, const char *sqlstate,
                  const char *text);

void fl_clear(struct fl_error *error);

/* The kind's name as Lua sees it, and back (FL_ERR_NONE for any other name). */
const char *fl_kind_name(enum fl_error_kind kind);
enum fl_error_kind fl_kind_named(const char *name);

#endif
