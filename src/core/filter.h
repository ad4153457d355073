/* Which changes a reader wants, as an SQL condition on the rows of the log. */
#ifndef FORGELOG_FILTER_H
#define FORGELOG_FILTER_H

#include "bytes.h"
#include "change.h"
#include "pgconn.h"

/* Appends " AND COLUMN IN (...)", which no row fulfils where no text is given. False: out of
   memory; so for all of them. */
bool fl_filter_texts(const struct fl_pgconn *pg, struct fl_bytes *filter, const char *column,
                     const struct fl_slice *texts, int count);

/* Appends a condition that leaves out an UPDATE unless its changed_cols names one of these
   columns. */
bool fl_filter_columns(const struct fl_pgconn *pg, struct fl_bytes *filter,
                       const struct fl_slice *names, int count);

/* Appends a condition that leaves out changes of other rows than those with these primary keys, as
   row_id has them. What concerns all rows of a table stays. */
bool fl_filter_keys(const struct fl_pgconn *pg, struct fl_bytes *filter,
                    const struct fl_slice *keys, int count);

#endif
