/* The writers that a tick found, out of its text. */
#ifndef FORGELOG_WRITERS_H
#define FORGELOG_WRITERS_H

#include "changelog.h"

/* Begins a look of the horizon with the text of a tick: "7/132u 9/5e|775,776", the writers and the
   xids under way; NULL: there are none. False: out of memory. */
bool fl_observe_writers(struct fl_changelog *log, const char *writers);

#endif
