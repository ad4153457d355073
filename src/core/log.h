/* The log of changes as operations over a session: begun, then stepped. */
#ifndef FORGELOG_LOG_H
#define FORGELOG_LOG_H

#include "horizon.h"
#include "reader.h"
#include "session.h"

#define FL_NAME_SIZE 160 /* an identifier of 63 bytes, quoted and doubled */

enum fl_operation {
  FL_OP_NONE,  /* nothing was begun, or its outcome was taken */
  FL_OP_QUERY, /* the user's statement, or one that needs no more than its rows */
  FL_OP_LOOK,  /* find the log and learn about its server */
  FL_OP_SEQS,  /* what is gone, the smallest and the largest seq */
  FL_OP_TICK,  /* one observation for the horizon */
  FL_OP_READ   /* a chunk of rows for a reader */
};

enum fl_slot { FL_SLOT_DRAIN, FL_SLOT_FEED, FL_SLOTS };

/* The log as the last look found it. */
struct fl_place {
  uint32_t oid, sequence, timeline;
  char schema[FL_NAME_SIZE];     /* quoted where needed */
  int64_t last;                  /* highest seq ever given; -1: not allowed to know */
  int64_t increment, cache;      /* of the sequence; 0: there is none */
  bool exact;                    /* trims leave their mark: install has made the state table */
  bool standby, repeatable;      /* in recovery; snapshots outlive a statement */
};

struct fl_log {
  struct fl_session session;
  enum fl_operation operation;
  enum fl_slot reading;
  struct fl_place place;
  struct fl_horizon horizon;
  struct fl_reader readers[FL_SLOTS];
  int64_t gone, smallest, largest; /* as last seen; smallest and largest -1: the log is empty */
  const char *gap_reason;          /* of an error of kind gap */
  int64_t gap_upto;
  char *conninfo;
  char *name;                      /* how to find the log: an SQL name, with or without its schema */
  struct fl_bytes sql;
};

/* Sets what to connect to; false: out of memory. */
bool fl_log_setup(struct fl_log *log, const char *conninfo, const char *name);

/* Begins to connect. false: failed already, see log->session.error; so for all that begin. */
bool fl_log_connect(struct fl_log *log);

/* Begins the user's statement. */
bool fl_log_query(struct fl_log *log, const char *sql, int count, const char *const *values);

/* Begins an operation of the log's own by its name: see the table in log.c. */
bool fl_log_begin(struct fl_log *log, const char *name, int count, const char *const *values);

/* Begins to read the next chunk of a reader, at most `most` rows (0: as many as are good). */
bool fl_log_read(struct fl_log *log, enum fl_slot slot, int most);

/* One step of what was begun. */
enum fl_step fl_log_step(struct fl_log *log);

/* Why the log cannot give everything after a cursor, or NULL; and up to where changes are gone. */
const char *fl_log_gap(const struct fl_log *log, const struct fl_cursor *cursor, int64_t *upto);

void fl_log_close(struct fl_log *log);

#endif
