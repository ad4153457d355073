/* A buffer of bytes that grows: for SQL texts and for the rows of a COPY. */
#include "bytes.h"

#include <stdlib.h>
#include <string.h>

bool fl_bytes_reserve(struct fl_bytes *bytes, size_t length) {
  size_t room = bytes->room ? bytes->room : 1024;
  char *grown;
  if (length <= bytes->room - bytes->length) return true;
  while (room - bytes->length < length) room *= 2;
  grown = realloc(bytes->data, room);
  if (!grown) return false;
  bytes->data = grown;
  bytes->room = room;
  return true;
}

bool fl_bytes_append(struct fl_bytes *bytes, const char *data, size_t length) {
  if (!fl_bytes_reserve(bytes, length)) return false;
  memcpy(bytes->data + bytes->length, data, length);
  bytes->length += length;
  return true;
}

bool fl_bytes_add(struct fl_bytes *bytes, const char *text) {
  return fl_bytes_append(bytes, text, strlen(text));
}

void fl_bytes_free(struct fl_bytes *bytes) {
  static const struct fl_bytes none;
  free(bytes->data);
  *bytes = none;
}
