/* The log of changes as operations over a connection: begun, then stepped. */
#ifndef FORGELOG_CHANGELOG_H
#define FORGELOG_CHANGELOG_H

#include "history.h"
#include "horizon.h"
#include "pgconn.h"
#include "prepared.h"
#include "reader.h"
#include "standby.h"
#include "statements.h"

/* An identifier of 63 bytes, in quotes, of which each byte may be a quote that is doubled, or a
   letter of three bytes in UTF-8: in a server's encoding such as WIN874 it has one. */
#define FL_NAME_SIZE 256

struct fl_changelog;

/* Whether the rows that a reader's position names are in the log of this server. */
enum fl_verdict {
  FL_VERDICT_NONE,    /* it names none, or nobody has asked on this connection */
  FL_VERDICT_THERE,   /* all are there, or were deleted here after they had been: nothing is lost */
  FL_VERDICT_MISSING, /* one is not, or is another one */
  FL_VERDICT_TRIMMED, /* some were deleted, and it is not known whether they were the same */
  FL_VERDICT_LATER    /* some are missing on a server in recovery, where they may still arrive */
};

/* A reader of a log, with what its statements need. Any number of them may read one log side by
   side. */
struct fl_log_reader {
  struct fl_reader reader;
  uint32_t log_oid;           /* of the log table that it reads */
  enum fl_verdict verdict;    /* on what its position names */
  bool strict;                /* it takes each failover for a gap */
  bool beside;                /* what it delivers is worked on while it reads */
  bool asks_gone;             /* its statement under way also brings what was deleted */
  bool has_all;               /* the server, a standby, has all that the reader had: see server.h */
  bool was_here;              /* it had so before it was promoted */
  bool elsewhere;             /* it had something when it came to this server */
  uint64_t entered;           /* the mark that was passed last by then: see proof.h */
  int64_t brought;            /* the highest seq that it had when it came to this server */
  struct fl_ranges excused;   /* deleted before a reader from the beginning had its first look */
  struct fl_ranges parted;    /* deleted before this server's history left that of its position */
  struct fl_bytes filter;     /* SQL condition on its rows, terminated; empty: all changes */
  struct fl_changelog *log;   /* NULL: closed, or its connection is gone */
  struct fl_log_reader *next; /* of the same connection */
};

enum fl_operation {
  FL_OP_NONE,     /* nothing was begun, or its outcome was taken in */
  FL_OP_QUERY,    /* a statement of which no more than its rows is wanted */
  FL_OP_STATEMENT /* one of ours, whose answer is interpreted here */
};

/* The log table as it was located last. */
struct fl_catalog {
  char schema[FL_NAME_SIZE]; /* quoted where SQL needs it */
  uint32_t sequence;         /* that gives the seqs; 0: there is none */
  int64_t increment, cache;  /* of that sequence */
  bool standby;              /* the server is in recovery */
  bool repeatable;           /* snapshots outlive a statement */
  bool subscriber;           /* another server's changes are applied to the log */
  bool pooled;               /* another server process than libpq was told: a pooler gives it */
  bool has_timeline;         /* this server tells its timeline, and tells it to this role */
  bool has_lsn;              /* and how much WAL it has written */
  bool has_receiver;         /* and, of a standby, what it receives */
  bool has_timelines;        /* the state says which timelines came before it */
  uint64_t columns;          /* the fields that it has columns for, as bits by enum fl_field */
};

/* Whether this connection asks for no timeline, since its server raises where it is asked. */
enum fl_without { FL_NOT_TRIED, FL_NO, FL_TRYING, FL_YES };

/* What a statement that may be prepared was sent with, so that it can be sent again. */
struct fl_call {
  char name[FL_PREPARED_NAME];
  char numbers[4][24]; /* its parameters but for the list of xids: after, until, horizon, base */
  int count;
  struct fl_bytes *rows; /* where they go, as of a COPY in binary; NULL: it does not read */
};

struct fl_changelog {
  struct fl_pgconn pg;
  enum fl_operation operation;
  enum fl_statement statement;   /* of FL_OP_STATEMENT */
  enum fl_way way;               /* how it was sent */
  struct fl_call call;
  struct fl_log_reader *reading; /* whose rows it reads; NULL: nobody wants them any more */
  struct fl_log_reader *readers; /* all that are open */
  struct fl_catalog catalog;
  struct fl_history history;
  struct fl_horizon horizon;
  struct fl_sight sight; /* of the latest tick; its base is the horizon as it was before */
  struct fl_standby standby; /* what the horizon of a hot standby rests on */
  int conflicts;             /* of its statements with what it replays, one after another */
  bool fresh;                /* it has not said yet what kind of server it is connected to */
  char server[40];           /* which one answered last behind a pooler; empty: none was asked */
  /* The xids of the writers that the last tick found open, "{7,9}"; on a standby what the reader
     had above its base, "{[7,9]}". */
  struct fl_bytes under_way;
  struct fl_gap gap; /* of an error of kind gap */
  char *conninfo;
  enum fl_without without_timeline;
  bool doubted; /* the last tick has failed as if another log was located by now */
  struct fl_prepared prepared;
  char *name; /* how to find the log: an SQL name, with or without its schema */
  struct fl_bytes sql, option; /* a statement; an option of the connection, as asked last */
};

/* Whether the log tells which transaction wrote a change. */
bool fl_knows_writers(const struct fl_changelog *log);

/* Sets what to connect to; false: out of memory. */
bool fl_changelog_setup(struct fl_changelog *log, const char *conninfo, const char *name);

/* Begins to connect. false: it has failed already, see log->pg.error; so for all that begin. */
bool fl_changelog_connect(struct fl_changelog *log, const struct fl_place_of_server *place);

/* Begins any statement. */
bool fl_changelog_query(struct fl_changelog *log, const char *sql, int count,
                        const char *const *values);

/* Begins one of the statements that need no reader. */
bool fl_changelog_begin(struct fl_changelog *log, enum fl_statement statement);

/* One step of what was begun. */
enum fl_step fl_changelog_step(struct fl_changelog *log);

/* Whether the log can give everything after a cursor. `differs`: rows that were delivered before it
   are not in the log, or are others there. */
struct fl_gap fl_changelog_gap(const struct fl_changelog *log, const struct fl_cursor *cursor,
                               bool differs);

void fl_changelog_close(struct fl_changelog *log);

/* ---- readers ---- */

/* Begins to read from the reader's cursor on, which the caller has set. */
void fl_log_reader_open(struct fl_log_reader *reader, struct fl_changelog *log);

/* Starts a scan, of a live reader over all that is visible, of another up to the horizon. Returns
   whether there is anything to read, or to find gone. */
bool fl_log_reader_seek(struct fl_log_reader *reader);

/* Whether the next chunk can be asked for while the program works on this one. */
bool fl_log_reader_can_prefetch(const struct fl_log_reader *reader);

/* Begins to read the next chunk, of at most `most` rows (0: as many as are good). */
bool fl_log_reader_fetch(struct fl_log_reader *reader, int most);

/* Begins to ask whether the rows that its position names are there. */
bool fl_log_reader_verify(struct fl_log_reader *reader);

void fl_log_reader_close(struct fl_log_reader *reader);

#endif
