/* The rows of a connection's last statement, by type. */
#ifndef FORGELOG_RESULT_H
#define FORGELOG_RESULT_H

#include "pgconn.h"

#include <stdint.h>

enum fl_type { FL_TYPE_TEXT, FL_TYPE_INTEGER, FL_TYPE_FLOAT, FL_TYPE_NUMERIC, FL_TYPE_BOOLEAN };

struct fl_column {
  const char *name;
  enum fl_type type;
};

struct fl_column fl_result_column(const struct fl_pgconn *pg, int column);

/* How many rows the statement wrote; -1 where the command does not say. */
int64_t fl_result_affected(const struct fl_pgconn *pg);

/* Values of the first row. NULL, `otherwise` or false where it is NULL, or where there is no
   row. */
const char *fl_result_text(const struct fl_pgconn *pg, int column);
int64_t fl_result_number(const struct fl_pgconn *pg, int column, int64_t otherwise);
uint64_t fl_result_lsn(const struct fl_pgconn *pg, int column); /* 0 where it is NULL */
bool fl_result_true(const struct fl_pgconn *pg, int column);

#endif
