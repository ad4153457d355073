/* A buffer of bytes that grows. */
#ifndef FORGELOG_BYTES_H
#define FORGELOG_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct fl_bytes {
  char *data;
  size_t length, room;
};

/* Makes room for that many bytes more; false: out of memory, and nothing has changed. */
bool fl_bytes_reserve(struct fl_bytes *bytes, size_t length);

/* Appends bytes; false: out of memory, and nothing has changed. */
bool fl_bytes_append(struct fl_bytes *bytes, const char *data, size_t length);

/* Appends a text without its final zero byte; false as above. */
bool fl_bytes_add(struct fl_bytes *bytes, const char *text);

void fl_bytes_free(struct fl_bytes *bytes);

#endif
