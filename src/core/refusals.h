/* Why a log, or its server, cannot be read without loss: errors, each with a code of its own. */
#ifndef FORGELOG_REFUSALS_H
#define FORGELOG_REFUSALS_H

#include "changelog.h"

/* Sets the error of the connection; always false. */
bool fl_changelog_fail(struct fl_changelog *log, enum fl_error_kind kind, const char *code,
                       const char *message);

/* Says that memory has run out; always false. */
bool fl_changelog_no_memory(struct fl_changelog *log);

/* What the rule of the horizon rests on; false: the error says what is missing. */
bool fl_can_tick(struct fl_changelog *log);

/* `hidden`: the name of a table of which this role may not see all rows; NULL: there is none. */
bool fl_sees_all(struct fl_changelog *log, const char *hidden);

/* Whether the state has its row. */
bool fl_knows_trimmed_to(struct fl_changelog *log);

/* Whether the sequence is not behind the seqs in the log. */
bool fl_sequence_leads(struct fl_changelog *log);

/* A statement has come to this step. Where it failed since it named what is not there any more, the
   log may have been made anew since it was located: then the error says that another try may help,
   unless no tick has ended well since the last such try. */
void fl_may_be_another(struct fl_changelog *log, enum fl_step step);

#endif
