/* The reading of arrays and of lists of names: no I/O, no allocation, nothing read past the bytes
   it was given. */
#include "kept.h"

#include <string.h>

#define HEAD_LENGTH 12 /* dimensions, flags, type of the elements */
#define DIMENSION_LENGTH 8

bool fl_elements_next(struct fl_elements *elements, struct fl_slice *element) {
  if (elements->end - elements->at < 4) return false;
  element->length = (int32_t)fl_uint32_at(elements->at);
  element->data = elements->at + 4;
  if (element->length < -1 || element->length > elements->end - element->data) return false;
  elements->at = element->data + (element->length > 0 ? element->length : 0);
  return true;
}

bool fl_elements_open(const struct fl_slice *array, struct fl_elements *elements) {
  struct fl_elements all;
  struct fl_slice element;
  uint32_t count, left, dimensions;
  elements->at = elements->end = NULL;
  if (array->length < HEAD_LENGTH) return false;
  all.at = array->data + HEAD_LENGTH;
  all.end = array->data + array->length;
  dimensions = fl_uint32_at(array->data);
  if (dimensions == 0) return array->length == HEAD_LENGTH;
  if (dimensions != 1 || all.end - all.at < DIMENSION_LENGTH) return false;
  count = fl_uint32_at(all.at); /* the bound that follows does not matter: elements have names */
  all.at += DIMENSION_LENGTH;
  *elements = all;
  for (left = count; left > 0 && fl_elements_next(&all, &element); left--) continue;
  if (left == 0 && all.at == all.end) return true;
  elements->at = elements->end = NULL;
  return false;
}

/* Where an element of the list ends: at a comma outside of quotes. */
static const char *element_end(const char *at, const char *end) {
  bool quoted = false;
  for (; at < end && (quoted || *at != ','); at++)
    if (*at == '"') quoted = !quoted;
  return at;
}

static void strip_quotes(struct fl_slice *name) {
  if (name->length < 2 || name->data[0] != '"' || name->data[name->length - 1] != '"') return;
  name->data++;
  name->length -= 2;
}

bool fl_names_next(struct fl_slice *rest, struct fl_slice *name) {
  const char *end = rest->data + (rest->length > 0 ? rest->length : 0), *stop;
  if (rest->length < 0) return false;
  stop = element_end(rest->data, end);
  name->data = rest->data;
  name->length = (int32_t)(stop - rest->data);
  rest->length = stop == end ? -1 : (int32_t)(end - stop - 1);
  rest->data = stop == end ? end : stop + 1;
  strip_quotes(name);
  return true;
}

/* Of a doubled quote the first ends a piece, and the second is left out. */
bool fl_name_piece(struct fl_slice *name, struct fl_slice *piece) {
  const char *quote, *end = name->data + (name->length > 0 ? name->length : 0);
  if (name->length <= 0) return false;
  quote = memchr(name->data, '"', (size_t)name->length);
  piece->data = name->data;
  piece->length = quote ? (int32_t)(quote + 1 - name->data) : name->length;
  name->data = quote && quote + 1 < end ? quote + 2 : end;
  name->length = (int32_t)(end - name->data);
  return true;
}
