/* The hash of texts: what it has always been, and how evenly it spreads. */
#include "hash.h"

#include "tap.h"

#include <string.h>

static void test_vectors(void) {
  static const struct {
    const char *text;
    size_t length;
    uint32_t hash;
  } vectors[] = {{"", 0, UINT32_C(3130599718)},
                 {"a", 1, UINT32_C(2847854171)},
                 {"foobar", 6, UINT32_C(584148779)},
                 {"orders\00042", 9, UINT32_C(3649918103)},
                 {"orders\0", 7, UINT32_C(2303312909)},
                 {"\0", 1, UINT32_C(1884747259)},
                 {"\377\200\177", 3, UINT32_C(2858877335)},
                 {"Gr\303\274\303\237e", 7, UINT32_C(2337776894)}};
  size_t i;
  for (i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    uint32_t hash = fl_hash(vectors[i].text, vectors[i].length);
    ok(hash == vectors[i].hash, "a text of %zu bytes is %lu", vectors[i].length,
       (unsigned long)hash);
  }
}

/* Of keys that differ in a number only, none of n parts gets much more or less than its share: a
   share of 100,000 / n is off by some three times its square root among as many parts as this. */
static void test_spread(const char *name, size_t name_length, unsigned parts) {
  enum { KEYS = 100000, MOST = 1024 };
  static unsigned long counts[MOST];
  unsigned long i, share = KEYS / parts, least = KEYS, most = 0;
  char key[64];
  memset(counts, 0, sizeof counts);
  memcpy(key, name, name_length);
  for (i = 0; i < KEYS; i++) {
    int digits = sprintf(key + name_length, "%lu", i);
    counts[fl_hash(key, name_length + (size_t)digits) % parts]++;
  }
  for (i = 0; i < parts; i++) {
    if (counts[i] < least) least = counts[i];
    if (counts[i] > most) most = counts[i];
  }
  ok((most - share) * (most - share) < 25 * share && (share - least) * (share - least) < 25 * share,
     "%u parts of %s get %lu to %lu of %d keys", parts, name, least, most, KEYS);
}

int main(void) {
  static const unsigned parts[] = {2, 3, 4, 7, 8, 16, 64, 100, 256, 1000, 1024};
  size_t i;
  test_vectors();
  for (i = 0; i < sizeof parts / sizeof *parts; i++) {
    test_spread("orders", sizeof "orders", parts[i]);
    test_spread("t", 1, parts[i]);
  }
  return tap_end();
}
