/* The bytes of COPY ... (FORMAT binary), made by hand, and a peek at what a reader made of them. */
#ifndef FORGELOG_STREAM_H
#define FORGELOG_STREAM_H

#include "reader.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline void put(struct fl_bytes *out, const void *data, size_t length) {
  if (length > 0 && !fl_bytes_append(out, data, length)) abort();
}

static inline void put_int16(struct fl_bytes *out, unsigned value) {
  unsigned char bytes[2] = {(unsigned char)(value >> 8), (unsigned char)value};
  put(out, bytes, sizeof bytes);
}

static inline void put_int32(struct fl_bytes *out, uint32_t value) {
  put_int16(out, value >> 16);
  put_int16(out, value & 0xffff);
}

static inline void put_int64(struct fl_bytes *out, int64_t value) {
  put_int32(out, (uint32_t)((uint64_t)value >> 32));
  put_int32(out, (uint32_t)value);
}

static inline void put_number(struct fl_bytes *out, int64_t value) {
  put_int32(out, 8);
  put_int64(out, value);
}

static inline void put_text(struct fl_bytes *out, const char *text) {
  put_int32(out, text ? (uint32_t)strlen(text) : UINT32_MAX);
  if (text) put(out, text, strlen(text));
}

static inline void put_header(struct fl_bytes *out, size_t extension) {
  put(out, "PGCOPY\n\377\r\n\0", 11);
  put_int32(out, 0);
  put_int32(out, (uint32_t)extension);
  while (extension-- > 0) put(out, "e", 1);
}

static inline void put_nulls(struct fl_bytes *out, int count) {
  while (count-- > 0) put_text(out, NULL);
}

/* The row each read begins with. */
static inline void put_marker(struct fl_bytes *out, int64_t trimmed_to) {
  put_int16(out, FL_FIELDS);
  put_number(out, trimmed_to);
  put_nulls(out, FL_FIELDS - 1);
}

static inline void put_end(struct fl_bytes *out) { put_int16(out, 0xffff); }

static inline struct fl_peek peek_at(const struct fl_reader *reader) {
  struct fl_peek peek = {reader->chunk.stream, 0, reader->cursor.next};
  return peek;
}

#endif
