/* What a session knows: the rows of its last statement, and facts about its connection. */
#ifndef FORGELOG_RESULT_H
#define FORGELOG_RESULT_H

#include "session.h"

enum fl_type { FL_TYPE_TEXT, FL_TYPE_INTEGER, FL_TYPE_FLOAT, FL_TYPE_BOOLEAN };

struct fl_shape {
  int rows, columns;
  const char *affected; /* rows written, as digits; empty where the command does not tell */
};

struct fl_shape fl_result_shape(const struct fl_session *session);
const char *fl_result_name(const struct fl_session *session, int column);
enum fl_type fl_result_type(const struct fl_session *session, int column);

/* The value as text with its length, NULL for SQL NULL and for what is not there. */
const char *fl_result_value(const struct fl_session *session, int row, int column, size_t *length);

/* An effective connection option such as "host", into `value`; false where it is not set. */
bool fl_session_option(const struct fl_session *session, const char *keyword, char *value, size_t size);

/* Appends the text as an SQL literal, as the connection's encoding needs it. */
bool fl_session_quote(const struct fl_session *session, const char *text, size_t length, struct fl_bytes *out);

/* Whether a transaction block is open. */
bool fl_session_in_transaction(const struct fl_session *session);

/* The server process as libpq was told; a pooler tells another. */
int fl_session_backend(const struct fl_session *session);

#endif
