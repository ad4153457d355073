/* Changes out of the bytes of COPY ... (FORMAT binary), as slices into the buffer they came in. */
#ifndef FORGELOG_CHANGE_H
#define FORGELOG_CHANGE_H

#include <stddef.h>
#include <stdint.h>

struct fl_slice {
  const char *data;
  int32_t length; /* -1: SQL NULL */
};

/* One row. A row without a table_name is the marker each read begins with: its seq tells what is gone. */
struct fl_change {
  int64_t seq;
  struct fl_slice table_name, op, row_id, changed_cols;
  int64_t created_at; /* microseconds since the Unix epoch */
};

struct fl_stream {
  const char *data;
  size_t length;
  size_t position; /* first byte not yet decoded */
};

enum fl_decode {
  FL_CHANGE_OK,    /* one change was decoded, the position is behind it */
  FL_CHANGE_SHORT, /* more bytes are needed; the position has not moved */
  FL_CHANGE_END,   /* the stream's end was read */
  FL_CHANGE_BAD    /* these bytes are no such stream; the position has not moved */
};

enum fl_decode fl_change_next(struct fl_stream *stream, struct fl_change *change);

/* The same where only the seq is wanted; not for a stream's first row. */
enum fl_decode fl_change_skip(struct fl_stream *stream, int64_t *seq);

#endif
