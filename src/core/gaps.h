/* Whether a reader, or a saved position, has had all that is gone from the log. */
#ifndef FORGELOG_GAPS_H
#define FORGELOG_GAPS_H

#include "changelog.h"

/* The seq up to which nothing can be missing that the reader wants, for a statement that reads
   after a seq. */
int64_t fl_base_of(const struct fl_log_reader *reading, int64_t after);

/* Whether there is no gap between where the reader's statement began and what it brought. False:
   an error of kind gap. */
bool fl_joins(struct fl_changelog *log, struct fl_log_reader *reading);

/* Whether the answer does not say which of what was deleted lies above the reader's base. */
bool fl_leaves_open(const struct fl_changelog *log, const struct fl_log_reader *reading);

/* Takes in the smallest seq of the log, where its state does not say up to where it is empty; and
   what a tick says of that state. */
void fl_note_smallest(struct fl_changelog *log, int64_t smallest);
void fl_note_emptiness(struct fl_changelog *log, const char *state);

#endif
