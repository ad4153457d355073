/* What each C spec needs: TAP output, a generator of chance that repeats itself, and the scale of
   the loads. */
#ifndef FORGELOG_TAP_H
#define FORGELOG_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int tap_tests, tap_failures;

/* A line for the reader, who sees it also where the program dies later. */
__attribute__((format(printf, 1, 2))) static inline bool note(const char *format, ...) {
  va_list args;
  fputs("# ", stdout);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
  fflush(stdout);
  return false;
}

__attribute__((format(printf, 2, 3))) static inline bool ok(bool passed, const char *format, ...) {
  va_list args;
  printf("%sok %d - ", passed ? "" : "not ", ++tap_tests);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
  fflush(stdout);
  tap_failures += !passed;
  return passed;
}

static inline int tap_end(void) {
  printf("1..%d\n", tap_tests);
  return tap_failures > 0;
}

/* A load, made smaller or larger by FORGELOG_SCALE. */
static inline long scaled(long load) {
  const char *text = getenv("FORGELOG_SCALE");
  double scale = text ? atof(text) : 1;
  return scale > 0 && load * scale >= 1 ? (long)(load * scale) : 1;
}

/* xorshift64: the same numbers from the same seed everywhere. */
static inline uint64_t chance(uint64_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

/* A number from 0 to below - 1. */
static inline int64_t pick(uint64_t *seed, int64_t below) {
  return (int64_t)(chance(seed) >> 11) % below;
}

#endif
