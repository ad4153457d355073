/* Changes decoded from the bytes of COPY ... (FORMAT binary), as slices of the buffer they came
   in. */
#ifndef FORGELOG_CHANGE_H
#define FORGELOG_CHANGE_H

#include <stddef.h>
#include <stdint.h>

/* The columns of the log that make up a change, in the order in which they are read:
   FIELD(name, kind, SQL type). What each kind means in C, the decoder says in change.c and the
   table that Lua sees says in lua_values.c. The struct, the decoder, the keys of that table, the
   statement that reads the log, and what the Lua side knows of the columns are all made from this
   list. */
#define FL_CHANGE_FIELDS(FIELD) \
  FIELD(seq, BIGINT, "int8") \
  FL_CHANGE_FIELDS_AFTER_SEQ(FIELD)
#define FL_CHANGE_FIELDS_AFTER_SEQ(FIELD) \
  FIELD(table_name, REPEATED, "text") \
  FIELD(op, REPEATED, "text") \
  FIELD(row_id, TEXT, "text") \
  FIELD(changed_cols, REPEATED, "text") \
  FIELD(created_at, TIME, "timestamptz")

#define FL_CHANGE_INDEX(name, kind, type) FL_FIELD_##name,
enum fl_field { FL_CHANGE_FIELDS(FL_CHANGE_INDEX) FL_FIELDS };

struct fl_slice {
  const char *data;
  int32_t length; /* -1: SQL NULL */
};

#define FL_CHANGE_BIGINT int64_t
#define FL_CHANGE_TEXT struct fl_slice
#define FL_CHANGE_REPEATED struct fl_slice /* often the same text as in the row before */
#define FL_CHANGE_TIME int64_t             /* microseconds since the Unix epoch */
#define FL_CHANGE_MEMBER(name, kind, type) FL_CHANGE_##kind name;

/* One row. Each read begins with a marker, a row without a table_name, whose seq is trimmed_to. */
struct fl_change {
  FL_CHANGE_FIELDS(FL_CHANGE_MEMBER)
};

struct fl_stream {
  const char *data;
  size_t length;
  size_t position; /* first byte not yet decoded */
};

enum fl_decode {
  FL_CHANGE_OK,    /* one change was decoded, and the position is behind it */
  FL_CHANGE_SHORT, /* more bytes are needed; the position has not moved */
  FL_CHANGE_END,   /* the end of the stream was read */
  FL_CHANGE_BAD    /* these bytes are not such a stream; the position has not moved */
};

enum fl_decode fl_change_next(struct fl_stream *stream, struct fl_change *change);

/* The same where only the seq is wanted. It cannot read the first row of a stream. */
enum fl_decode fl_change_skip(struct fl_stream *stream, int64_t *seq);

#endif
