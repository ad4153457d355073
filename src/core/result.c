/* The rows of a connection's last statement, by type. */
#include "result.h"

#include "cursor.h"

#include <stdlib.h>

/* Type oids of the catalog's bootstrap data; they never change. */
enum {
  BOOL = 16,
  INT8 = 20,
  INT2 = 21,
  INT4 = 23,
  OID = 26,
  FLOAT4 = 700,
  FLOAT8 = 701,
  NUMERIC = 1700
};

static enum fl_type type_of(unsigned oid) {
  switch (oid) {
    case INT2:
    case INT4:
    case INT8:
    case OID: return FL_TYPE_INTEGER;
    case FLOAT4:
    case FLOAT8: return FL_TYPE_FLOAT;
    case NUMERIC: return FL_TYPE_NUMERIC;
    case BOOL: return FL_TYPE_BOOLEAN;
    default: return FL_TYPE_TEXT;
  }
}

struct fl_column fl_result_column(const struct fl_pgconn *pg, int column) {
  unsigned oid;
  struct fl_column found = {fl_pgconn_column(pg, column, &oid), FL_TYPE_TEXT};
  found.type = type_of(oid);
  return found;
}

int64_t fl_result_affected(const struct fl_pgconn *pg) {
  const char *digits = fl_pgconn_affected(pg);
  return digits[0] ? strtoll(digits, NULL, 10) : -1;
}

const char *fl_result_text(const struct fl_pgconn *pg, int column) {
  size_t length;
  return fl_pgconn_value(pg, 0, column, &length);
}

int64_t fl_result_number(const struct fl_pgconn *pg, int column, int64_t otherwise) {
  const char *text = fl_result_text(pg, column);
  return text ? strtoll(text, NULL, 10) : otherwise;
}

uint64_t fl_result_lsn(const struct fl_pgconn *pg, int column) {
  const char *text = fl_result_text(pg, column);
  return text ? fl_lsn_parse(text) : 0;
}

bool fl_result_true(const struct fl_pgconn *pg, int column) {
  const char *text = fl_result_text(pg, column);
  return text && text[0] == 't';
}
