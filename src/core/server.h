/* Which server answers, primary or hot standby, and what follows for log and readers where that is
   another than before, or was promoted. */
#ifndef FORGELOG_SERVER_H
#define FORGELOG_SERVER_H

#include "changelog.h"

/* Nothing of what was known of the horizon holds any more. */
void fl_server_forget(struct fl_changelog *log);

/* A connection is about to be made, nobody knows to which server. */
void fl_server_connect(struct fl_changelog *log);

/* What a statement says of the server. On a standby, and behind one, the horizon begins anew with
   each connection: another standby may have replayed less, and a primary may have writers that no
   standby has shown. */
void fl_server_note(struct fl_changelog *log, bool standby);

/* The timeline of the server is known: readers that have been on it all the time are on it, also
   since it was promoted, or its primary was replaced; but not strict ones, whose programs may have
   read rows elsewhere. */
void fl_server_note_timeline(struct fl_changelog *log);

/* The end of a tick on a standby; false: see the error. */
bool fl_server_tick(struct fl_changelog *log);

/* A reader comes to this server. */
void fl_server_enter(struct fl_log_reader *reading);

/* Before a scan. On a standby, once all is settled that a reader had when it came, the server has
   all that it had: then what it has at any time is part of what the server has replayed. */
void fl_server_note_scan(struct fl_log_reader *reading);
bool fl_server_has_all(const struct fl_log_reader *reading);

/* Whether it may lack what the work on that has read or written, since some of it was done while
   another server was read. A mark that was read here, and passed, shows that it does not. */
bool fl_server_lacks_work(const struct fl_log_reader *reading);

/* Whether each statement of a reader begins at its base, and leaves out what it had above that. On
   a standby nobody knows who has ended since the last statement; and what one snapshot shows is
   handed out in order, so that the changes of one row are. */
bool fl_server_looks_anew(const struct fl_log_reader *reading);

/* Writes down, for such a statement, what the reader had above its base; false: out of memory. */
bool fl_server_note_delivered(struct fl_log_reader *reading);

/* Begins a statement anew that a standby has cancelled since it conflicts with what is replayed;
   false: it has failed for another reason, or too often. */
bool fl_server_try_again(struct fl_changelog *log);

/* Whether the server that has brought a chunk of rows is known to have replayed as much as the one
   that has said up to where they are settled. */
bool fl_server_keeps_up(struct fl_changelog *log, const struct fl_log_reader *reading);

#endif
