/* Asking a server whether the rows that a position names are in its log. */
#ifndef FORGELOG_VERIFY_H
#define FORGELOG_VERIFY_H

#include "changelog.h"

/* Room for which rows a statement asks for, as SQL. */
struct fl_verify_words {
  struct fl_bytes rows, set; /* a condition on the log's rows; the text of an int8multirange */
};

/* Writes them; false: out of memory. The rows are those that the log's present reader names. */
bool fl_verify_words(const struct fl_changelog *log, struct fl_verify_words *words);
void fl_verify_free(struct fl_verify_words *words);

/* Whether the reader's next statement has to wait for this one. */
bool fl_verify_wanted(struct fl_log_reader *reading);

/* Takes in the answer; false: it failed. */
bool fl_verify_end(struct fl_changelog *log);

/* The verdict as Lua sees it; NULL: there is none. */
const char *fl_verdict_name(enum fl_verdict verdict);

#endif
