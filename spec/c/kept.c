/* Arrays as the server may send them, and as it never would; lists of names with quotes. */
#include "kept.h"

#include "stream.h"
#include "tap.h"

/* Exactly these bytes and no room behind them, so that reading further is seen. */
static struct fl_slice exact_copy(const struct fl_bytes *bytes) {
  struct fl_slice copy = {malloc(bytes->length + 1), (int32_t)bytes->length};
  char *data = realloc((char *)copy.data, bytes->length ? bytes->length : 1);
  if (!data) abort();
  memcpy(data, bytes->data, bytes->length);
  copy.data = data;
  return copy;
}

/* The elements with a bar behind each, "-" for NULL; "none" where it cannot be opened. */
static const char *read_array(const struct fl_bytes *bytes) {
  static char text[300];
  struct fl_slice array = exact_copy(bytes), element;
  struct fl_elements elements;
  size_t length = 0;
  text[0] = '\0';
  if (!fl_elements_open(&array, &elements)) strcpy(text, "none");
  while (fl_elements_next(&elements, &element) && length < 200)
    length += (size_t)sprintf(text + length, "%.*s|", element.length < 0 ? 1 : element.length,
                              element.length < 0 ? "-" : element.data);
  free((char *)array.data);
  return text;
}

static void put_head(struct fl_bytes *out, uint32_t dimensions) {
  out->length = 0;
  put_int32(out, dimensions);
  put_int32(out, 1);
  put_int32(out, 25);
}

static void put_dimension(struct fl_bytes *out, uint32_t count, uint32_t bound) {
  put_int32(out, count);
  put_int32(out, bound);
}

static void put_three(struct fl_bytes *out, uint32_t bound) {
  put_head(out, 1);
  put_dimension(out, 3, bound);
  put_text(out, "ann");
  put_text(out, NULL);
  put_text(out, "");
}

static void is(const struct fl_bytes *bytes, const char *want, const char *name) {
  const char *got = read_array(bytes);
  ok(strcmp(got, want) == 0, "%s", name);
  if (strcmp(got, want) != 0) note("%s, not %s", got, want);
}

static void test_arrays(void) {
  struct fl_bytes out = {NULL, 0, 0};
  put_three(&out, 1);
  is(&out, "ann|-||", "a text, NULL and an empty text");
  put_three(&out, 0);
  is(&out, "ann|-||", "the lower bound does not matter");
  put_three(&out, 0x80000000u);
  is(&out, "ann|-||", "nor where it is -2^31");
  put_head(&out, 0);
  is(&out, "", "an empty array has no elements");
  put_head(&out, 1);
  put_dimension(&out, 0, 1);
  is(&out, "", "nor has one of no length");
  put_head(&out, 2);
  put_dimension(&out, 1, 1);
  put_dimension(&out, 1, 1);
  put_text(&out, "ann");
  is(&out, "none", "an array of two dimensions is none");
  fl_bytes_free(&out);
}

static void test_hostile_arrays(void) {
  static const uint32_t counts[] = {0, 2, 4, 0x7fffffff, 0x80000000u, 0xffffffffu};
  static const uint32_t lengths[] = {4, 0x7fffffff, 0x80000000u, 0xfffffffeu};
  struct fl_bytes out = {NULL, 0, 0};
  size_t i;
  put_three(&out, 1);
  for (i = out.length; i-- > 0;) {
    out.length = i;
    is(&out, "none", "an array that breaks off");
  }
  for (i = 0; i < sizeof counts / sizeof *counts; i++) {
    put_three(&out, 1);
    out.length = 12;
    put_dimension(&out, counts[i], 1);
    put_text(&out, "ann");
    put_text(&out, NULL);
    put_text(&out, "");
    is(&out, "none", "a count that is not that of the elements");
  }
  for (i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    put_head(&out, 1);
    put_dimension(&out, 1, 1);
    put_int32(&out, lengths[i]);
    put(&out, "ann", 3);
    is(&out, "none", "an element that is longer than what is there, or shorter than nothing");
  }
  put_head(&out, 0);
  put(&out, "x", 1);
  is(&out, "none", "an empty array with something behind it");
  put_head(&out, 0xffffffffu);
  is(&out, "none", "2^32 - 1 dimensions");
  fl_bytes_free(&out);
}

/* The names of a list with a bar behind each. */
static const char *read_names(const char *list) {
  static char text[300];
  struct fl_bytes bytes = {(char *)list, strlen(list), 0};
  struct fl_slice copy = exact_copy(&bytes), rest = copy, name, piece;
  text[0] = '\0';
  while (fl_names_next(&rest, &name)) {
    while (fl_name_piece(&name, &piece)) strncat(text, piece.data, (size_t)piece.length);
    strcat(text, "|");
  }
  free((char *)copy.data);
  return text;
}

static void test_names(void) {
  static const struct {
    const char *list, *names;
  } lists[] = {{"name", "name|"},
               {"name,b", "name|b|"},
               {"name,avatar,,avatar", "name|avatar||avatar|"},
               {"\"a,b\",c", "a,b|c|"},
               {"\"a\"\"b\"", "a\"b|"},
               {"\"\"\"a\"\"\",\"\"\"\"", "\"a\"|\"|"},
               {"\"a\"\",\"\"b\",c", "a\",\"b|c|"},
               {"", "|"},
               {"a,", "a||"},
               {",", "||"},
               {"\"a\"\"\"\"\",b", "a\"\"|b|"},
               {"\"never closed, and more", "\"ever closed, and more|"}};
  size_t i;
  for (i = 0; i < sizeof lists / sizeof *lists; i++) {
    bool same = strcmp(read_names(lists[i].list), lists[i].names) == 0;
    ok(same, "the names in <%s>", lists[i].list);
    if (!same) note("<%s>", read_names(lists[i].list));
  }
}

int main(void) {
  test_arrays();
  test_hostile_arrays();
  test_names();
  return tap_end();
}
