/* A buffer that grows: what is appended in pieces of any size comes back whole. */
#include "bytes.h"

#include "tap.h"

#include <string.h>

/* Pieces of chance sizes, against the same bytes counted. */
static void test_pieces(void) {
  struct fl_bytes bytes = {NULL, 0, 0};
  static char piece[5000];
  uint64_t seed = 42;
  size_t i, expected = 0, wrong = 0;
  bool all = true;
  long times = scaled(2000);
  for (i = 0; i < sizeof piece; i++) piece[i] = (char)(i % 251);
  for (i = 0; i < (size_t)times; i++) {
    size_t length = (size_t)pick(&seed, sizeof piece);
    size_t before = expected;
    all = all && fl_bytes_append(&bytes, piece, length);
    expected += length;
    wrong += bytes.length != expected || memcmp(bytes.data + before, piece, length) != 0;
  }
  ok(all && wrong == 0, "%ld pieces, %zu bytes: each stands where the one before ends", times,
     expected);
  ok(bytes.room >= bytes.length && bytes.room < 2 * bytes.length + 1024,
     "the room is at most twice what is in use");
  fl_bytes_free(&bytes);
  ok(!bytes.data && bytes.length == 0 && bytes.room == 0, "freed, it is as new");
  ok(fl_bytes_add(&bytes, "as ") && fl_bytes_add(&bytes, "") && fl_bytes_add(&bytes, "new") &&
         bytes.length == 6 && memcmp(bytes.data, "as new", 6) == 0,
     "texts go in without their final zero byte");
  fl_bytes_free(&bytes);
  fl_bytes_free(&bytes);
  ok(!bytes.data, "it can be freed twice");
}

/* More than the address space has: refused, with nothing lost. */
static void test_no_memory(void) {
  struct fl_bytes bytes = {NULL, 0, 0};
  bool kept = fl_bytes_add(&bytes, "kept");
  bool refused = !fl_bytes_append(&bytes, bytes.data, (size_t)1 << 60);
  ok(kept && refused && bytes.length == 4 && memcmp(bytes.data, "kept", 4) == 0,
     "where memory runs out, what was there stays");
  fl_bytes_free(&bytes);
}

int main(void) {
  test_pieces();
  test_no_memory();
  return tap_end();
}
