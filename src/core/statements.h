/* The SQL statements whose answers C interprets, and the words that SQL texts share. */
#ifndef FORGELOG_STATEMENTS_H
#define FORGELOG_STATEMENTS_H

#include "bytes.h"

#include <stdint.h>

/* Between `after` and `until` of a statement that reads a few rows there are at most as many
   seqs. */
#define FL_FEW 256
#define FL_FEW_TEXT "256"

/* The state is one row, which each deletion writes anew. Beside a snapshot that is held, its older
   versions stay on the disk, but the newest one is the last one in the index. */
#define FL_NEWEST_STATE " ORDER BY one DESC LIMIT 1"

enum fl_statement {
  FL_STATEMENT_LOCATE, /* finds the log, and learns about its server */
  FL_STATEMENT_SEQS,   /* trimmed_to, the smallest and the largest seq */
  FL_STATEMENT_TICK,   /* one observation for the horizon */
  FL_STATEMENT_SIGHT,  /* what a proof needs, without anything for the horizon */
  FL_STATEMENT_READ,   /* a chunk of rows for a reader */
  /* Added to it: what was deleted above the reader's base, what it does not want above that. */
  FL_STATEMENT_READ_GONE = FL_STATEMENT_READ + 1,
  FL_STATEMENT_READ_PASSED = FL_STATEMENT_READ + 2,
  FL_STATEMENT_READ_ALL = FL_STATEMENT_READ + 3,
  /* The same four for a reader that begins at its base with each statement: see server.h. */
  FL_STATEMENT_NEW = FL_STATEMENT_READ + 4,
  /* A few rows, after $1 until $2, without those above the horizon $4 that the xids under way, $3,
     have written; and what of them the reader does not want above its base, $5. */
  FL_STATEMENT_FEW = FL_STATEMENT_READ + 8,
  FL_STATEMENT_FEW_PASSED = FL_STATEMENT_READ + 9,
  FL_STATEMENT_VERIFY = FL_STATEMENT_READ + 10 /* looks for the rows that a reader names */
};

/* The columns of the answers. */
enum {
  FL_LOCATE_OID,
  FL_LOCATE_SCHEMA,
  FL_LOCATE_INCREMENT,
  FL_LOCATE_CACHE,
  FL_LOCATE_SEQUENCE,
  FL_LOCATE_LAST_GIVEN,
  FL_LOCATE_STANDBY,
  FL_LOCATE_MAY_TIMELINE,
  FL_LOCATE_REPEATABLE,
  FL_LOCATE_HAS_STATE,
  FL_LOCATE_COLUMNS, /* the set of the fields that it has columns for, as bits by enum fl_field */
  FL_LOCATE_EXACT,
  FL_LOCATE_HIDDEN,
  FL_LOCATE_SUBSCRIBER,
  FL_LOCATE_MAY_LSN,
  FL_LOCATE_MAY_RECEIVER,
  FL_LOCATE_HAS_TIMELINES,
  FL_LOCATE_BACKEND
};
enum {
  FL_SEQS_TRIMMED_TO,
  FL_SEQS_SMALLEST,
  FL_SEQS_LARGEST,
  FL_SEQS_LAST_GIVEN,
  FL_SEQS_EMPTY_TO,
  FL_SEQS_DELETED,
  FL_SEQS_TIMELINE
};
enum {
  FL_TICK_OID,
  FL_TICK_LARGEST,
  FL_TICK_STANDBY,
  FL_TICK_LAST_GIVEN,
  FL_TICK_TRIMMED_TO, /* and behind a space empty_to, where the state tells */
  FL_TICK_TIMELINE,
  FL_TICK_FLUSHED, /* up to where the WAL is on disk */
  FL_TICK_LARGEST_AT, /* microseconds since 2000 of its created_at; NULL: it is no row */
  FL_TICK_SYNCHRONOUS, /* whether who commits waits for a standby */
  FL_TICK_SERVER, /* which one answered; NULL: the connection is to one */
  FL_TICK_WRITERS,
  FL_TICK_SNAPSHOT /* of a standby */
};
enum { FL_SIGHT_NEWEST, FL_SIGHT_NEWEST_AT, FL_SIGHT_LAST_GIVEN, FL_SIGHT_SYNCHRONOUS };
enum {
  FL_VERIFY_ROWS, /* how many of them are there */
  FL_VERIFY_SUM,  /* over those: see fl_named_row */
  FL_VERIFY_STANDBY,
  FL_VERIFY_DELETED,   /* how many were deleted */
  FL_VERIFY_DELETED_ON, /* the highest timeline on which anything was; NULL: it is not kept */
  FL_VERIFY_TOP,        /* what the highest of them adds to the sum; NULL: it is not there */
  FL_VERIFY_GONE        /* what was deleted above the place where they begin: "{[3,5)}" */
};

/* Which server answers, and since which start of it. */
#define FL_THIS_SERVER "extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text"

struct fl_word {
  const char *name, *text;
};

/* Words that stand for the same text in every SQL statement, those in files too; the last has no
   name. */
extern const struct fl_word fl_common_words[];

/* The name under which a statement is begun from Lua; -1 where there is none. */
int fl_statement_named(const char *name);

/* Appends what the statement that reads selects in a log that has these columns: NULL for the
   others. False: out of memory. */
bool fl_statement_columns(uint64_t columns, struct fl_bytes *out);

/* Appends a statement with every @word@ replaced: by `words` (the last has no name), else by a
   common word, whose text may hold words itself. False: out of memory, or `unknown` names a word
   that nobody knows (it is not terminated: see `length`). */
bool fl_statement_fill(enum fl_statement statement, const struct fl_word *words,
                       struct fl_bytes *out, const char **unknown, int *length);

#endif
