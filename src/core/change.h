/* Changes decoded from the bytes of COPY ... (FORMAT binary), as slices of the buffer they came
   in. */
#ifndef FORGELOG_CHANGE_H
#define FORGELOG_CHANGE_H

#include <stddef.h>
#include <stdint.h>

/* The columns of the log that make up a change, in the order in which they are read:
   FIELD(column, kind, SQL type, key in Lua). What each kind means in C, the decoder says in
   change.c and the table that Lua sees says in lua_values.c. The struct, the decoder, the keys of
   that table, the statement that reads the log, and what the Lua side knows of the columns are all
   made from this list. */
#define FL_CHANGE_FIELDS(FIELD) \
  FL_CHANGE_USUAL_FIELDS(FIELD) \
  FL_CHANGE_RARE_FIELDS(FIELD)
#define FL_CHANGE_FIELDS_AFTER_SEQ(FIELD) \
  FL_CHANGE_USUAL_FIELDS_AFTER_SEQ(FIELD) \
  FL_CHANGE_RARE_FIELDS(FIELD)
#define FL_CHANGE_FIELDS_AFTER_OP(FIELD) \
  FL_CHANGE_FIRST_FIELDS_AFTER_OP(FIELD) \
  FL_CHANGE_LATER_USUAL_FIELDS(FIELD) \
  FL_CHANGE_RARE_FIELDS(FIELD)
#define FL_CHANGE_USUAL_FIELDS(FIELD) \
  FIELD(seq, BIGINT, "int8", seq) \
  FL_CHANGE_USUAL_FIELDS_AFTER_SEQ(FIELD)
#define FL_CHANGE_USUAL_FIELDS_AFTER_SEQ(FIELD) \
  FL_CHANGE_FIRST_FIELDS_AFTER_SEQ(FIELD) \
  FL_CHANGE_LATER_USUAL_FIELDS(FIELD)
#define FL_CHANGE_LATER_USUAL_FIELDS(FIELD) FIELD(txid, NUMBER, "int8", txid)
/* Those of the first edition. */
#define FL_CHANGE_FIRST_FIELDS_AFTER_SEQ(FIELD) \
  FIELD(table_name, REPEATED, "text", table_name) \
  FIELD(op, REPEATED, "text", op) \
  FL_CHANGE_FIRST_FIELDS_AFTER_OP(FIELD)
#define FL_CHANGE_FIRST_FIELDS_AFTER_OP(FIELD) \
  FIELD(row_id, TEXT, "text", row_id) \
  FIELD(changed_cols, REPEATED, "text", changed_cols) \
  FIELD(created_at, TIME, "timestamptz", created_at)
/* In most logs these are all NULL in most rows. */
#define FL_CHANGE_RARE_FIELDS(FIELD) \
  FIELD(context, REPEATED, "text", context) \
  FIELD(old_values, VALUES, "text[]", old) \
  FIELD(new_values, VALUES, "text[]", new) \
  FIELD(kept_cols, NAMES, "text", omitted) \
  FIELD(key_cols, SMALL, "int2", key_cols)

#define FL_CHANGE_INDEX(name, kind, type, key) FL_FIELD_##name,
enum fl_field { FL_CHANGE_FIELDS(FL_CHANGE_INDEX) FL_FIELDS };

/* Without the columns before this one a table is no log; those from it on may be missing. */
#define FL_FIRST_OPTIONAL FL_FIELD_row_id
#define FL_FIRST_RARE FL_FIELD_context

struct fl_slice {
  const char *data;
  int32_t length; /* -1: SQL NULL */
};

/* Written in the form that compilers turn into a single load. */
static inline uint32_t fl_uint32_at(const char *bytes) {
  const unsigned char *at = (const unsigned char *)bytes;
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

#define FL_CHANGE_BIGINT int64_t
#define FL_CHANGE_NUMBER int64_t /* 0: SQL NULL */
#define FL_CHANGE_SMALL int64_t  /* the same of two bytes */
#define FL_CHANGE_TEXT struct fl_slice
#define FL_CHANGE_REPEATED struct fl_slice /* often the same text as in the row before */
#define FL_CHANGE_TIME int64_t             /* microseconds since the Unix epoch */
#define FL_CHANGE_VALUES struct fl_slice   /* the bytes of an array, to be read with kept.h */
#define FL_CHANGE_NAMES struct fl_slice    /* the names for such arrays, likewise */
#define FL_CHANGE_MEMBER(name, kind, type, key) FL_CHANGE_##kind name;

#define FL_NO_TIME INT64_MIN /* SQL NULL; no timestamp is as early */
#define FL_EPOCH_MICROSECONDS INT64_C(946684800000000) /* 2000-01-01, where PostgreSQL's begin */

/* One row. Each read begins with a marker, a row without a table_name, whose seq is trimmed_to. */
struct fl_change {
  FL_CHANGE_FIELDS(FL_CHANGE_MEMBER)
  int rare; /* how many of the rare fields are not NULL */
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
