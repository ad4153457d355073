/* Failures as data: kind, SQLSTATE, message, and whether trying again can help. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {"none", "connect", "lost",   "timeout",
                                         "query", "gap",     "schema", "closed"};

static bool in_class(const char *sqlstate, const char *class) {
  return strncmp(sqlstate, class, 2) == 0;
}

/* A login or a database that is refused stays refused; the rest of connecting is worth another try. */
static bool connect_retryable(const char *sqlstate) {
  return !in_class(sqlstate, "28") && !in_class(sqlstate, "3D");
}

/* Conflicts, lack of resources, cancellation and shutdown pass; 55P03 is lock_not_available. */
static bool query_retryable(const char *sqlstate) {
  return in_class(sqlstate, "40") || in_class(sqlstate, "53") || in_class(sqlstate, "57") ||
         in_class(sqlstate, "08") || strcmp(sqlstate, "55P03") == 0;
}

static bool retryable(enum fl_kind kind, const char *sqlstate) {
  switch (kind) {
    case FL_CONNECT: return connect_retryable(sqlstate);
    case FL_QUERY: return query_retryable(sqlstate);
    case FL_LOST:
    case FL_TIMEOUT: return true;
    default: return false;
  }
}

static void classify(struct fl_error *error, enum fl_kind kind, const char *sqlstate) {
  error->kind = kind;
  snprintf(error->sqlstate, sizeof error->sqlstate, "%s", sqlstate ? sqlstate : "");
  error->retryable = retryable(kind, error->sqlstate);
}

void fl_fail(struct fl_error *error, enum fl_kind kind, const char *sqlstate, const char *format, ...) {
  va_list args;
  classify(error, kind, sqlstate);
  va_start(args, format);
  vsnprintf(error->message, sizeof error->message, format, args);
  va_end(args);
}

void fl_fail_text(struct fl_error *error, enum fl_kind kind, const char *sqlstate, const char *text) {
  size_t length;
  classify(error, kind, sqlstate);
  snprintf(error->message, sizeof error->message, "%s", text);
  length = strlen(error->message);
  while (length > 0 && strchr("\r\n ", error->message[length - 1])) error->message[--length] = '\0';
}

void fl_clear(struct fl_error *error) {
  classify(error, FL_NONE, NULL);
  error->message[0] = '\0';
}

const char *fl_kind_name(enum fl_kind kind) { return kind_names[kind]; }

enum fl_kind fl_kind_named(const char *name) {
  int kind;
  for (kind = FL_CONNECT; kind <= FL_CLOSED; kind++)
    if (strcmp(kind_names[kind], name) == 0) return (enum fl_kind)kind;
  return FL_NONE;
}
