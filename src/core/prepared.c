/* Which statements to prepare on a connection: a text that is seen for the second time. */
#include "prepared.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

/* FNV-1a. */
static uint64_t hash_of(const char *text) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  return hash;
}

static int find(const struct fl_prepared *prepared, uint64_t hash) {
  int i;
  for (i = 0; i < prepared->count; i++)
    if (prepared->texts[i].hash == hash) return i;
  return -1;
}

void fl_prepared_reset(struct fl_prepared *prepared) {
  static const struct fl_prepared none;
  *prepared = none;
}

/* Where there is no room for another text, it stays one: what is prepared stays on the server for
   as long as the connection. */
enum fl_way fl_prepared_way(struct fl_prepared *prepared, const char *text,
                            char name[FL_PREPARED_NAME]) {
  uint64_t hash = hash_of(text);
  int at = find(prepared, hash);
  if (prepared->refused) return FL_WAY_PLAIN;
  snprintf(name, FL_PREPARED_NAME, "forgelog_%016" PRIx64, hash);
  if (at >= 0) return prepared->texts[at].ready ? FL_WAY_EXECUTE : FL_WAY_PREPARE;
  if (prepared->count < FL_PREPARED_MOST) {
    prepared->texts[prepared->count].hash = hash;
    prepared->texts[prepared->count++].ready = false;
  }
  return FL_WAY_PLAIN;
}

void fl_prepared_ready(struct fl_prepared *prepared, const char *text) {
  int at = find(prepared, hash_of(text));
  if (at >= 0) prepared->texts[at].ready = true;
}
