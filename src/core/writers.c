/* The writers that a tick found, out of its text. */
#include "writers.h"

#include "refusals.h"

#include <stdlib.h>
#include <string.h>

/* One writer out of the text of a tick, such as "7/132u" or "-1/5p". */
static bool add_writer(struct fl_changelog *log, const char *text, char **end) {
  int32_t backend = (int32_t)strtol(text, end, 10);
  uint32_t local = (uint32_t)strtoul(*end + 1, end, 10);
  bool prepared = **end == 'p';
  if (prepared) (*end)++;
  if (!fl_horizon_writer(&log->horizon, backend, local, prepared)) return false;
  if (**end != 'u' && **end != 'e') return true; /* it has no xid yet, or its lock on it is gone */
  fl_horizon_xid(&log->horizon, **end == 'u');
  (*end)++;
  return true;
}

static bool note_under_way(struct fl_changelog *log, const char *xids) {
  log->under_way.length = 0;
  return fl_bytes_add(&log->under_way, "{") && fl_bytes_add(&log->under_way, xids) &&
         fl_bytes_append(&log->under_way, "}", 2);
}

bool fl_observe_writers(struct fl_changelog *log, const char *writers) {
  const char *bar = writers ? strchr(writers, '|') : NULL;
  char *end;
  fl_horizon_begin(&log->horizon);
  if (!note_under_way(log, bar ? bar + 1 : "")) return fl_changelog_no_memory(log);
  for (; bar && writers < bar; writers = *end == ' ' ? end + 1 : end)
    if (!add_writer(log, writers, &end)) return fl_changelog_no_memory(log);
  return true;
}
