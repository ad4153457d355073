/* The decoder of binary COPY rows: no I/O, no allocation, nothing read past the bytes it was
   given. */
#include "change.h"

#include <stdbool.h>
#include <string.h>

#define HEADER_LENGTH 19 /* signature of 11 bytes, 4 of flags, 4 of the extension's length */
#define EPOCH_MICROSECONDS \
  INT64_C(946684800000000) /* 2000-01-01, where PostgreSQL's time begins \ */

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

/* Written in the form that compilers turn into a single load. */
static uint32_t uint32_at(const char *bytes) {
  const unsigned char *at = (const unsigned char *)bytes;
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t int64_at(const char *bytes) {
  return (int64_t)((uint64_t)uint32_at(bytes) << 32 | uint32_at(bytes + 4));
}

static enum fl_decode skip_header(struct window *in) {
  uint32_t extension;
  size_t have = (size_t)(in->end - in->at);
  if (memcmp(in->at, signature, have < sizeof signature ? have : sizeof signature) != 0)
    return FL_CHANGE_BAD;
  if (have < HEADER_LENGTH) return FL_CHANGE_SHORT;
  extension = uint32_at(in->at + 15);
  if (extension > INT32_MAX) return FL_CHANGE_BAD;
  if (have - HEADER_LENGTH < extension) return FL_CHANGE_SHORT;
  in->at += HEADER_LENGTH + extension;
  return FL_CHANGE_OK;
}

static enum fl_decode next_field(struct window *in, struct fl_slice *field) {
  if (in->end - in->at < 4) return FL_CHANGE_SHORT;
  field->length = (int32_t)uint32_at(in->at);
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

/* The largest values stand for 'infinity', and stay as large as they are. */
static enum fl_decode next_TIME(struct window *in, int64_t *value) {
  enum fl_decode got = next_BIGINT(in, value);
  if (got == FL_CHANGE_OK && *value <= INT64_MAX - EPOCH_MICROSECONDS) *value += EPOCH_MICROSECONDS;
  return got;
}

static enum fl_decode next_row(struct window *in, struct fl_change *change) {
  enum fl_decode got = FL_CHANGE_OK;
#define NEXT(name, kind, type) \
  if (got == FL_CHANGE_OK) got = next_##kind(in, &change->name);
  FL_CHANGE_FIELDS(NEXT)
#undef NEXT
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

/* Whether a field of that kind has a fixed length in the stream. */
#define FIXED_BIGINT true
#define FIXED_TIME true
#define FIXED_TEXT false
#define FIXED_REPEATED false
#define FIXED(name, kind, type) FIXED_##kind,
static const bool fixed[FL_FIELDS] = {FL_CHANGE_FIELDS(FIXED)};

enum fl_decode fl_change_skip(struct fl_stream *stream, int64_t *seq) {
  const char *at = stream->data + stream->position, *const end = stream->data + stream->length;
  struct fl_change change;
  int field;
  /* Anything but a whole row with a seq is left to the careful decoder, to say what it is. */
  if (end - at < 2 + 4 + 8 || uint16_at(at) != FL_FIELDS || uint32_at(at + 2) != 8) {
    enum fl_decode got = fl_change_next(stream, &change);
    *seq = change.seq;
    return got;
  }
  *seq = int64_at(at + 6);
  for (at += 14, field = 1; field < FL_FIELDS; field++) {
    int32_t length;
    if (end - at < 4) return FL_CHANGE_SHORT;
    length = (int32_t)uint32_at(at);
    at += 4;
    if (length < -1) return FL_CHANGE_BAD;
    if (length > end - at) return FL_CHANGE_SHORT;
    if (fixed[field] && length != 8 && length != -1) return FL_CHANGE_BAD;
    at += length > 0 ? length : 0;
  }
  stream->position = (size_t)(at - stream->data);
  return FL_CHANGE_OK;
}
