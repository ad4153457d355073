/* One reader of the log: its cursor, and the chunks of rows on their way to it. Neither SQL nor libpq. */
#ifndef FORGELOG_READER_H
#define FORGELOG_READER_H

#include "change.h"
#include "cursor.h"
#include "session.h"

/* The rows of one statement. */
struct fl_chunk {
  struct fl_bytes bytes;
  struct fl_stream stream;
  int64_t last;   /* highest seq in it */
  int asked;      /* rows asked for; fewer rows mean that the pass ends here */
  int rows, left; /* rows that came; of them not yet handed out */
};

/* A look at rows before they are handed out, from chunk.stream and cursor.next on: until then it changes nothing. */
struct fl_look {
  struct fl_stream stream;
  int rows;     /* looked at */
  int64_t last; /* seq of the last of them */
};

enum fl_coming {
  FL_COMING_NOTHING, /* nothing was asked for */
  FL_COMING_ASKED,   /* the statement is under way */
  FL_COMING_HERE     /* its rows wait for those before them */
};

struct fl_reader {
  struct fl_cursor cursor;
  uint32_t oid;          /* of the log table it reads: another one has other seqs */
  unsigned generation;   /* counts openings: whoever opened before has lost its place */
  bool beginning;        /* it asked for whatever there is: nothing before its first change counts as gone */
  bool remembers;        /* keeps ranges: it is handed changes above the horizon too */
  bool abandoned;        /* the statement under way was for a place that was left meanwhile */
  bool last_chunk;       /* no chunk follows in this pass */
  enum fl_coming coming;
  struct fl_chunk chunk, following;
  struct fl_bytes filter; /* SQL condition on table_name, "" for none */
  size_t width;          /* bytes of a row, as seen lately */
  bool narrow;           /* enough for a chunk asked ahead to find room in the socket */
};

enum fl_rows {
  FL_ROWS_HERE,   /* rows wait to be handed out */
  FL_ROWS_WANTED, /* a statement has to fetch more, or to end */
  FL_ROWS_OVER    /* this pass has reached its goal */
};

/* Starts a pass over everything visible up to goal that was not handed out. */
void fl_reader_pass(struct fl_reader *reader, int64_t goal);

/* Prepares for a statement of at most `most` rows (0: no limit): the seq after which it reads. */
int64_t fl_reader_ask(struct fl_reader *reader, int most);

/* Takes in what the statement brought. NULL, or what is wrong with it. `gone`: changes up to here are gone. */
const char *fl_reader_arrive(struct fl_reader *reader, int64_t *gone);

/* The statement failed: it has to be asked again. */
void fl_reader_lose(struct fl_reader *reader);

/* Whether rows are here. */
enum fl_rows fl_reader_rows(struct fl_reader *reader);

/* The next change that was not handed out before; false: none is left in the chunk. */
bool fl_reader_look(const struct fl_reader *reader, struct fl_look *look, struct fl_change *change);

/* Everything looked at so far is handed out. */
void fl_reader_hand(struct fl_reader *reader, const struct fl_look *look, int64_t settled);

void fl_reader_free(struct fl_reader *reader);

#endif
