/* The texts of the log's own statements. */
#ifndef FORGELOG_TEXTS_H
#define FORGELOG_TEXTS_H

#include "changelog.h"

/* Writes a statement into log->sql; for a chunk of rows it is that of log->reading, after a seq.
   False: the error of the connection says why. */
bool fl_changelog_text(struct fl_changelog *log, enum fl_statement statement, int64_t after);

#endif
