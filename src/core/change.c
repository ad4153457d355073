/* The decoder of binary COPY rows: no I/O, no allocation, nothing read past the bytes it was
   given. */
#include "change.h"

#include <stdbool.h>
#include <string.h>

#define HEADER_LENGTH 19 /* signature of 11 bytes, 4 of flags, 4 of the extension's length */

static const char signature[11] = {'P',  'G',        'C',  'O',  'P', 'Y',
                                   '\n', (char)0xff, '\r', '\n', '\0'};

/* A window on the stream. The stream only moves to where it begins once a whole row was read. */
struct window {
  const char *at, *end;
};

static uint32_t uint16_at(const char *bytes) {
  const unsigned char *at = (const unsigned char *)bytes;
  return (uint32_t)at[0] << 8 | at[1];
}

static int64_t int64_at(const char *bytes) {
  return (int64_t)((uint64_t)fl_uint32_at(bytes) << 32 | fl_uint32_at(bytes + 4));
}

static enum fl_decode skip_header(struct window *in) {
  uint32_t extension;
  size_t have = (size_t)(in->end - in->at);
  if (memcmp(in->at, signature, have < sizeof signature ? have : sizeof signature) != 0)
    return FL_CHANGE_BAD;
  if (have < HEADER_LENGTH) return FL_CHANGE_SHORT;
  extension = fl_uint32_at(in->at + 15);
  if (extension > INT32_MAX) return FL_CHANGE_BAD;
  if (have - HEADER_LENGTH < extension) return FL_CHANGE_SHORT;
  in->at += HEADER_LENGTH + extension;
  return FL_CHANGE_OK;
}

static inline enum fl_decode next_field(struct window *in, struct fl_slice *field) {
  if (in->end - in->at < 4) return FL_CHANGE_SHORT;
  field->length = (int32_t)fl_uint32_at(in->at);
  field->data = in->at + 4;
  if (field->length < -1) return FL_CHANGE_BAD;
  if (field->length > in->end - field->data) return FL_CHANGE_SHORT;
  in->at = field->data + (field->length > 0 ? field->length : 0);
  return FL_CHANGE_OK;
}

/* One function for each kind of field in FL_CHANGE_FIELDS. */

static enum fl_decode next_TEXT(struct window *in, struct fl_slice *field) {
  return next_field(in, field);
}

static enum fl_decode next_REPEATED(struct window *in, struct fl_slice *field) {
  return next_field(in, field);
}

static enum fl_decode next_BIGINT(struct window *in, int64_t *value) {
  struct fl_slice field;
  enum fl_decode got = next_field(in, &field);
  *value = 0;
  if (got != FL_CHANGE_OK || field.length == -1) return got;
  if (field.length != 8) return FL_CHANGE_BAD;
  *value = int64_at(field.data);
  return FL_CHANGE_OK;
}

static enum fl_decode next_NUMBER(struct window *in, int64_t *value) {
  return next_BIGINT(in, value);
}

static enum fl_decode next_SMALL(struct window *in, int64_t *value) {
  struct fl_slice field;
  enum fl_decode got = next_field(in, &field);
  *value = 0;
  if (got != FL_CHANGE_OK || field.length == -1) return got;
  if (field.length != 2) return FL_CHANGE_BAD;
  *value = (int16_t)uint16_at(field.data);
  return FL_CHANGE_OK;
}

/* The largest values stand for 'infinity', and stay as large as they are. */
static enum fl_decode next_TIME(struct window *in, int64_t *value) {
  struct fl_slice field;
  enum fl_decode got = next_field(in, &field);
  *value = FL_NO_TIME;
  if (got != FL_CHANGE_OK || field.length == -1) return got;
  if (field.length != 8) return FL_CHANGE_BAD;
  *value = int64_at(field.data);
  if (*value <= INT64_MAX - FL_EPOCH_MICROSECONDS) *value += FL_EPOCH_MICROSECONDS;
  return FL_CHANGE_OK;
}

/* The array and its names are looked into only where somebody wants the values. */
static enum fl_decode next_VALUES(struct window *in, struct fl_slice *field) {
  return next_field(in, field);
}

static enum fl_decode next_NAMES(struct window *in, struct fl_slice *field) {
  return next_field(in, field);
}

/* What a field of each kind is where it is NULL, and whether it is that. */
static const struct fl_slice null = {NULL, -1};
#define NULL_REPEATED null
#define NULL_VALUES null
#define NULL_NAMES null
#define NULL_SMALL 0
#define IS_NULL_REPEATED(value) ((value).length < 0)
#define IS_NULL_VALUES(value) ((value).length < 0)
#define IS_NULL_NAMES(value) ((value).length < 0)
#define IS_NULL_SMALL(value) ((value) == 0)

/* Rows in which all the rare fields are NULL, as most are, are seen to be so at one glance. */
#define RARE_NULLS (4 * (FL_FIELDS - FL_FIRST_RARE))

static bool at_nulls(const char *at, const char *end) {
  static const unsigned char lengths[RARE_NULLS] = {255, 255, 255, 255, 255, 255, 255,
                                                    255, 255, 255, 255, 255, 255, 255,
                                                    255, 255, 255, 255, 255, 255};
  return end - at >= RARE_NULLS && memcmp(at, lengths, RARE_NULLS) == 0;
}

static void set_nulls(struct fl_change *change) {
#define SET_NULL(name, kind, type, key) change->name = NULL_##kind;
  FL_CHANGE_RARE_FIELDS(SET_NULL)
#undef SET_NULL
}

static enum fl_decode next_row(struct window *in, struct fl_change *change) {
  enum fl_decode got = FL_CHANGE_OK;
#define NEXT(name, kind, type, key) \
  if (got == FL_CHANGE_OK) got = next_##kind(in, &change->name);
#define COUNT(name, kind, type, key) \
  if (!IS_NULL_##kind(change->name)) change->rare++;
  change->rare = 0;
  FL_CHANGE_USUAL_FIELDS(NEXT)
  if (got == FL_CHANGE_OK && at_nulls(in->at, in->end)) {
    in->at += RARE_NULLS;
    set_nulls(change);
    return got;
  }
  FL_CHANGE_RARE_FIELDS(NEXT)
  if (got == FL_CHANGE_OK) {
    FL_CHANGE_RARE_FIELDS(COUNT)
  }
#undef NEXT
#undef COUNT
  return got;
}

enum fl_decode fl_change_next(struct fl_stream *stream, struct fl_change *change) {
  struct window in = {stream->data + stream->position, stream->data + stream->length};
  enum fl_decode got = FL_CHANGE_OK;
  uint32_t fields;
  if (stream->length == 0) return FL_CHANGE_SHORT;
  if (stream->position == 0) got = skip_header(&in);
  if (got != FL_CHANGE_OK) return got;
  if (in.end - in.at < 2) return FL_CHANGE_SHORT;
  fields = uint16_at(in.at);
  in.at += 2;
  if (fields == 0xffff) {
    stream->position = (size_t)(in.at - stream->data);
    return FL_CHANGE_END;
  }
  if (fields != FL_FIELDS) return FL_CHANGE_BAD;
  got = next_row(&in, change);
  if (got == FL_CHANGE_OK) stream->position = (size_t)(in.at - stream->data);
  return got;
}

/* The length that a field of that kind has in the stream; 0: any. */
#define WIDTH_BIGINT 8
#define WIDTH_NUMBER 8
#define WIDTH_TIME 8
#define WIDTH_SMALL 2
#define WIDTH_TEXT 0
#define WIDTH_REPEATED 0
#define WIDTH_VALUES 0
#define WIDTH_NAMES 0
#define WIDTH(name, kind, type, key) WIDTH_##kind,
static const signed char widths[FL_FIELDS] = {FL_CHANGE_FIELDS(WIDTH)};

static inline enum fl_decode skip_field(const char **at, const char *end, int width) {
  int32_t length;
  if (end - *at < 4) return FL_CHANGE_SHORT;
  length = (int32_t)fl_uint32_at(*at);
  *at += 4;
  if (length < -1) return FL_CHANGE_BAD;
  if (length > end - *at) return FL_CHANGE_SHORT;
  if (width > 0 && length != width && length != -1) return FL_CHANGE_BAD;
  *at += length > 0 ? length : 0;
  return FL_CHANGE_OK;
}

enum fl_decode fl_change_skip(struct fl_stream *stream, int64_t *seq) {
  const char *at = stream->data + stream->position, *const end = stream->data + stream->length;
  struct fl_change change;
  int field;
  /* Anything but a whole row with a seq is left to the careful decoder, to say what it is. */
  if (end - at < 2 + 4 + 8 || uint16_at(at) != FL_FIELDS || fl_uint32_at(at + 2) != 8) {
    enum fl_decode got = fl_change_next(stream, &change);
    *seq = change.seq;
    return got;
  }
  *seq = int64_at(at + 6);
  for (at += 14, field = 1; field < FL_FIELDS; field++) {
    enum fl_decode got;
    if (field == FL_FIRST_RARE && at_nulls(at, end)) {
      at += RARE_NULLS;
      break;
    }
    got = skip_field(&at, end, widths[field]);
    if (got != FL_CHANGE_OK) return got;
  }
  stream->position = (size_t)(at - stream->data);
  return FL_CHANGE_OK;
}
