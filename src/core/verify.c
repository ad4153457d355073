/* Asking a server whether the rows that a position names are in its log, and what the answer
   means. */
#include "verify.h"

#include "refusals.h"
#include "result.h"
#include "server.h"
#include "timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool add(struct fl_bytes *text, const char *before, int64_t first, const char *between,
                int64_t last, const char *after) {
  char part[120];
  snprintf(part, sizeof part, "%s%" PRId64 "%s%" PRId64 "%s", before, first, between, last, after);
  return fl_bytes_add(text, part);
}

bool fl_verify_words(const struct fl_changelog *log, struct fl_verify_words *words) {
  struct fl_named named;
  size_t i;
  memset(words, 0, sizeof *words);
  if (!log->reading || !fl_proof_name(&log->reading->reader.proof, &named)) named.count = 0;
  if (!fl_bytes_add(&words->rows, "false") || !fl_bytes_add(&words->set, "{")) return false;
  for (i = 0; i < named.count; i++)
    if (!add(&words->rows, " OR l.seq BETWEEN ", named.ranges[i].first, " AND ",
             named.ranges[i].last, "") ||
        !add(&words->set, i ? ",[" : "[", named.ranges[i].first, ",", named.ranges[i].last, "]"))
      return false;
  return fl_bytes_append(&words->rows, "", 1) && fl_bytes_append(&words->set, "}", 2);
}

void fl_verify_free(struct fl_verify_words *words) {
  fl_bytes_free(&words->rows);
  fl_bytes_free(&words->set);
}

/* Who names no rows lacks none; what it names later it has had from this server. */
bool fl_verify_wanted(struct fl_log_reader *reading) {
  struct fl_named named;
  if (reading->verdict == FL_VERDICT_NONE && !fl_proof_name(&reading->reader.proof, &named))
    reading->verdict = FL_VERDICT_THERE;
  return reading->verdict == FL_VERDICT_NONE || reading->verdict == FL_VERDICT_LATER;
}

/* Whether the rows that were deleted here were deleted before the server left the first timeline,
   of which there is but one: the state names all timelines on which something was deleted, but for
   that (1: none is named). Its number tells no later one apart from another of the same number. */
static bool deleted_before(const struct fl_changelog *log, uint32_t from) {
  return from == 1 && log->history.timeline > 1 &&
         fl_result_number(&log->pg, FL_VERIFY_DELETED_ON, -1) == 1;
}

/* That as many rows are there with the same sum shows that they are the same rows: others of these
   seqs were written later, so that each would add more to the sum. Where some were deleted, they
   are taken for the same ones if that was on their own timeline. */
static enum fl_verdict judge(const struct fl_changelog *log, const struct fl_named *named,
                             bool here_deleted) {
  const struct fl_pgconn *pg = &log->pg;
  int64_t here = fl_result_number(pg, FL_VERIFY_ROWS, 0);
  int64_t deleted = fl_result_number(pg, FL_VERIFY_DELETED, 0);
  uint64_t sum = strtoull(fl_result_text(pg, FL_VERIFY_SUM), NULL, 10);
  const char *top = fl_result_text(pg, FL_VERIFY_TOP);
  if (top && strtoull(top, NULL, 10) != named->top) return FL_VERDICT_MISSING;
  if (here == named->rows) return sum == named->sum ? FL_VERDICT_THERE : FL_VERDICT_MISSING;
  if (here + deleted < named->rows) return FL_VERDICT_MISSING;
  return here_deleted ? FL_VERDICT_THERE : FL_VERDICT_TRIMMED;
}

/* The server may be another one with a timeline of the same number, which was promoted beside the
   one before, or restored: then it may give anew what is above the rows, and what is known of who
   writes is of the other one. Where it is not known that the rows are of this timeline, it may also
   have filled what was empty on the other one. */
static void doubt_rest(struct fl_changelog *log, struct fl_log_reader *reading,
                       const struct fl_named *named) {
  struct fl_reader *reader = &reading->reader;
  bool filled = fl_proof_elder(&reader->proof) && reader->proof.looks > 0;
  fl_reader_clip(reader, &reading->parted);
  reader->handled.lsn = 0;
  if (!reader->live) return;
  if (filled || log->horizon.high_water > fl_named_highest(named)) fl_server_forget(log);
  if (filled) reader->cursor.rescan_from = reader->cursor.base;
}

/* On a server in recovery what is missing may still arrive, until nothing can any more. */
static bool may_arrive(const struct fl_changelog *log, const struct fl_named *named) {
  return fl_result_true(&log->pg, FL_VERIFY_STANDBY) &&
         (log->horizon.seq < fl_named_highest(named));
}

bool fl_verify_end(struct fl_changelog *log) {
  struct fl_log_reader *reading = log->reading;
  struct fl_named named;
  bool same, here_deleted;
  if (!reading || !fl_proof_name(&reading->reader.proof, &named)) return true;
  same = !fl_timeline_differs(reading);
  here_deleted = same || deleted_before(log, reading->reader.cursor.timeline);
  if (!fl_history_note_ranges(&reading->parted,
                              here_deleted ? fl_result_text(&log->pg, FL_VERIFY_GONE) : NULL))
    return fl_changelog_no_memory(log);
  reading->verdict = judge(log, &named, here_deleted);
  if (reading->verdict == FL_VERDICT_MISSING && may_arrive(log, &named))
    reading->verdict = FL_VERDICT_LATER;
  if (reading->verdict == FL_VERDICT_THERE && same) doubt_rest(log, reading, &named);
  return true;
}

const char *fl_verdict_name(enum fl_verdict verdict) {
  static const char *const names[] = {NULL, "there", "missing", "trimmed", "later"};
  return names[verdict];
}
