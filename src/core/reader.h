/* One reader of the log: its cursor, and the chunks of rows on their way to it. Neither SQL nor
   libpq. */
#ifndef FORGELOG_READER_H
#define FORGELOG_READER_H

#include "bytes.h"
#include "change.h"
#include "cursor.h"
#include "proof.h"

/* The rows of one statement. */
struct fl_chunk {
  struct fl_bytes bytes;
  struct fl_stream stream;
  int64_t last;   /* highest seq in it */
  uint64_t lsn;   /* the WAL written when its rows were read; 0: not known */
  uint64_t looks; /* taken for the proof when they were */
  int limit;      /* rows asked for; fewer rows mean that the scan ends here */
  int rows, left; /* rows that came; of them not yet delivered */
};

/* Rows looked at before they are delivered, from chunk.stream and cursor.next on. Until
   fl_reader_deliver takes it, a peek changes nothing. */
struct fl_peek {
  struct fl_stream stream;
  int rows;     /* looked at */
  int64_t last; /* seq of the last of them */
};

enum fl_prefetch {
  FL_PREFETCH_NONE,      /* no statement of this reader is under way */
  FL_PREFETCH_IN_FLIGHT, /* its statement is under way */
  FL_PREFETCH_ABANDONED, /* the same, but for a place that the reader has left meanwhile */
  FL_PREFETCH_READY      /* the rows are here, and wait for those before them to be delivered */
};

struct fl_reader {
  struct fl_cursor cursor;
  struct fl_cursor handled; /* where it was when all that was delivered had been worked on */
  bool delivered;           /* something was delivered since */
  struct fl_proof proof;    /* of all that was delivered */
  /* Where it was, but for what was being worked on then, at the look whose mark was passed, and at
     the one whose mark waits for that. Whatever the work on `sure` has read and written had been
     committed before that mark was read, and so is proven by a row above it. */
  struct fl_cursor sure, marked;
  bool over;  /* all that the latest look saw was delivered */
  bool known; /* so was all that work of before this reader can have been given */
  bool whole; /* its scan goes over all that the latest look saw */
  bool live; /* delivers changes above the horizon too, and so remembers them as ranges */
  bool holds;   /* its base waits for a row of this server's timeline: see fl_reader_settle */
  bool commits; /* the work commits with its position, in the WAL of which the log is: so work that
                   a failover has taken back is not behind its position, and rows that show that
                   what was delivered is there show all that is wanted */
  bool settled; /* a live one that waits until changes are settled all the same */
  bool
      from_start; /* wants whatever the log holds: nothing before its first change counts as gone */
  bool begun;      /* it has had a first look */
  bool last_chunk; /* no chunk follows in this scan */
  enum fl_prefetch prefetch;
  struct fl_chunk chunk, prefetched;
  size_t row_width; /* bytes of a row in the latest chunk; 0: not known yet */
};

enum fl_rows {
  FL_ROWS_HERE,   /* rows wait to be delivered */
  FL_ROWS_WANTED, /* a statement has to fetch more, or to end */
  FL_ROWS_OVER    /* this scan has reached its end */
};

/* Starts a scan over everything visible up to `until` that was not delivered yet. */
void fl_reader_scan(struct fl_reader *reader, int64_t until);

/* The next scan begins at the base again, and passes over what was delivered above that. */
void fl_reader_rewind(struct fl_reader *reader);

/* Prepares for a statement of at most `most` rows (0: no limit). Returns the seq after which it
   reads. */
int64_t fl_reader_request(struct fl_reader *reader, int most);

/* Takes in what the statement brought. NULL, or what is wrong with it. Changes up to `trimmed_to`
   are gone, all of them or those in `deleted`, as far as the statement asked for them. */
const char *fl_reader_receive(struct fl_reader *reader, int64_t *trimmed_to,
                              struct fl_ranges *deleted);

/* The statement failed, or is not wanted any more: it has to be sent again. */
void fl_reader_drop_request(struct fl_reader *reader);

/* Whether rows are here. */
enum fl_rows fl_reader_rows(struct fl_reader *reader);

/* Whether the next chunk can be asked for while the program works on this one. Rows must be narrow
   enough for the chunk to find room in the socket, so that its statement ends without being
   read. */
bool fl_reader_can_prefetch(const struct fl_reader *reader);

/* The next change that was not delivered before; false: none is left in the chunk. */
bool fl_reader_peek(const struct fl_reader *reader, struct fl_peek *peek, struct fl_change *change);

/* Everything looked at so far counts as delivered. */
void fl_reader_deliver(struct fl_reader *reader, const struct fl_peek *peek, int64_t horizon);

/* All that was delivered has been worked on, by the time at which the server had written its WAL up
   to `lsn` (0: not known). Whatever the work can have seen by then is part of that. */
void fl_reader_note_handled(struct fl_reader *reader, uint64_t lsn);

/* A look was taken, of which a scan is to follow. */
void fl_reader_note_look(struct fl_reader *reader, const struct fl_sight *sight);

/* A look was taken in the middle of a scan, since when nothing was delivered. */
void fl_reader_prove(struct fl_reader *reader, const struct fl_sight *sight);

/* Goes to a place, of which it is known that the server has these rows; NULL: it names none. */
void fl_reader_go_to(struct fl_reader *reader, struct fl_cursor place,
                     const struct fl_named *named);

/* Lifts the base up to where everything is settled and delivered. It stays where it began as long
   as it names only rows of before: what was found to be empty above it may be filled on another
   server that has these, and whose timeline has the same number. Where it would have to remember
   too much for that, it names nothing and goes on. */
void fl_reader_settle(struct fl_reader *reader, int64_t horizon);

/* A scan begins, which is over at once where there is nothing. Without `whole` it is not known what
   the look saw. */
void fl_reader_note_scan(struct fl_reader *reader, bool whole);

/* Begins behind a cursor that was set; what it names is verified before anything is read. */
bool fl_reader_begin(struct fl_reader *reader);

/* The rows that its position names; false: none. `at_rest`: nothing will be worked on before the
   position is replaced. */
bool fl_reader_name(const struct fl_reader *reader, bool at_rest, struct fl_named *named);

/* Goes on in another history, which has all the rows of its proof; false: it cannot. `deleted` are
   seqs that were deleted before the histories parted. */
bool fl_reader_retreat(struct fl_reader *reader, const struct fl_ranges *deleted);

/* Goes on in a history whose timeline has the same number, and which has all those rows. */
void fl_reader_clip(struct fl_reader *reader, const struct fl_ranges *deleted);

void fl_reader_free(struct fl_reader *reader);

#endif
