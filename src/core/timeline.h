/* The timeline that a server is on: how it is asked, and how readers go from one to the next. */
#ifndef FORGELOG_TIMELINE_H
#define FORGELOG_TIMELINE_H

#include "changelog.h"

#define FL_TIMELINE_SIZE (FL_NAME_SIZE + 1400)

/* Writes the SQL that asks for it, as fl_history_note_timeline takes it in. */
void fl_timeline_print(const struct fl_changelog *log, char text[FL_TIMELINE_SIZE]);

/* The SQL that asks how much WAL the server has written, and how much of it is on disk. */
const char *fl_timeline_lsn(const struct fl_changelog *log);
const char *fl_timeline_flushed(const struct fl_changelog *log);

/* Whether a reader comes from another timeline. */
bool fl_timeline_differs(const struct fl_log_reader *reading);

/* Has such a reader go on here, where nothing is lost by that. Otherwise its next statement ends in
   a gap. */
void fl_timeline_change(struct fl_log_reader *reading);

/* All that a reader was delivered had been worked on when the server had written its WAL up to
   `lsn`; 0: it is not known. */
void fl_timeline_note_handled(struct fl_log_reader *reading, uint64_t lsn);

/* The same for the statement that brought its next rows. */
void fl_timeline_note_read(struct fl_log_reader *reading);

/* A reader begins behind the position that was set. */
void fl_timeline_open(struct fl_log_reader *reading);

/* Takes in what a tick says of the WAL, and what the proofs of readers need of it; the latter alone
   of a statement that asks for no more. */
void fl_timeline_note_tick(struct fl_changelog *log);
bool fl_timeline_note_sight(struct fl_changelog *log);

/* What the latest of these saw, for the proof of a reader. */
struct fl_sight fl_timeline_sight(const struct fl_log_reader *reading);

#endif
