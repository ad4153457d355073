/* Failures as data: kind, SQLSTATE, message, and whether trying again can help. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {"none",  "connect", "lost",   "timeout",
                                         "query", "gap",     "schema", "closed"};

static bool in_class(const char *sqlstate, const char *class) {
  return strncmp(sqlstate, class, 2) == 0;
}

/* A refused login or database stays refused; any other failure to connect is worth another try. */
static bool connect_retryable(const char *sqlstate) {
  return !in_class(sqlstate, "28") && !in_class(sqlstate, "3D");
}

/* Conflicts, lack of resources, cancellation and shutdown pass with time, and so does
   lock_not_available (55P03). */
static bool query_retryable(const char *sqlstate) {
  return in_class(sqlstate, "40") || in_class(sqlstate, "53") || in_class(sqlstate, "57") ||
         in_class(sqlstate, "08") || strcmp(sqlstate, "55P03") == 0;
}

static bool retryable(enum fl_error_kind kind, const char *sqlstate) {
  switch (kind) {
    case FL_ERR_CONNECT: return connect_retryable(sqlstate);
    case FL_ERR_QUERY: return query_retryable(sqlstate);
    case FL_ERR_LOST:
    case FL_ERR_TIMEOUT: return true;
    default: return false;
  }
}

static void classify(struct fl_error *error, enum fl_error_kind kind, const char *sqlstate) {
  error->kind = kind;
  snprintf(error->sqlstate, sizeof error->sqlstate, "%s", sqlstate ? sqlstate : "");
  error->retryable = retryable(kind, error->sqlstate);
  error->code = error->remedy = NULL;
}

void fl_fail(struct fl_error *error, enum fl_error_kind kind, const char *sqlstate,
             const char *format, ...) {
  va_list args;
  classify(error, kind, sqlstate);
  va_start(args, format);
  vsnprintf(error->message, sizeof error->message, format, args);
  va_end(args);
}

void fl_fail_text(struct fl_error *error, enum fl_error_kind kind, const char *sqlstate,
                  const char *text) {
  size_t length;
  classify(error, kind, sqlstate);
  snprintf(error->message, sizeof error->message, "%s", text);
  length = strlen(error->message);
  while (length > 0 && strchr("\r\n ", error->message[length - 1])) error->message[--length] = '\0';
}

void fl_clear(struct fl_error *error) {
  classify(error, FL_ERR_NONE, NULL);
  error->message[0] = '\0';
}

const char *fl_kind_name(enum fl_error_kind kind) { return kind_names[kind]; }

enum fl_error_kind fl_kind_named(const char *name) {
  int kind;
  for (kind = FL_ERR_CONNECT; kind <= FL_ERR_CLOSED; kind++)
    if (strcmp(kind_names[kind], name) == 0) return (enum fl_error_kind)kind;
  return FL_ERR_NONE;
}
