/* Chunks of rows between the statements that fetch them and the program that is handed them. */
#include "reader.h"

#include <stdlib.h>

/* What a socket takes without its reader: a statement asked ahead ends by itself, and holds no snapshot
   while the program works on the rows before it. */
#define CHUNK_BYTES (128 * 1024)
#define CHUNK_MOST 4096
#define CHUNK_LEAST 16
#define WIDTH_AT_FIRST 1024 /* a first chunk of 128 rows finds out how wide rows are */

static void empty(struct fl_chunk *chunk) {
  static const struct fl_stream none;
  chunk->bytes.length = 0;
  chunk->stream = none;
  chunk->asked = chunk->rows = chunk->left = 0;
}

void fl_reader_free(struct fl_reader *reader) {
  static const struct fl_bytes none;
  fl_cursor_free(&reader->cursor);
  empty(&reader->chunk);
  empty(&reader->following);
  free(reader->chunk.bytes.data);
  free(reader->following.bytes.data);
  free(reader->filter.data);
  reader->chunk.bytes = reader->following.bytes = reader->filter = none;
  reader->coming = FL_COMING_NOTHING;
}

void fl_reader_pass(struct fl_reader *reader, int64_t goal) {
  struct fl_cursor *cursor = &reader->cursor;
  if (cursor->back < cursor->next) cursor->next = cursor->back;
  if (cursor->next < cursor->base) cursor->next = cursor->base;
  cursor->back = INT64_MAX;
  cursor->goal = goal > cursor->next ? goal : cursor->next;
  reader->last_chunk = false;
  reader->abandoned |= reader->coming == FL_COMING_ASKED;
  reader->coming = FL_COMING_NOTHING;
  empty(&reader->chunk);
}

static int rows_to_ask(const struct fl_reader *reader, int most) {
  int rows = (int)(CHUNK_BYTES / (reader->width ? reader->width : WIDTH_AT_FIRST));
  if (rows > CHUNK_MOST) rows = CHUNK_MOST;
  if (rows < CHUNK_LEAST) rows = CHUNK_LEAST;
  return most > 0 && most < rows ? most : rows;
}

int64_t fl_reader_ask(struct fl_reader *reader, int most) {
  empty(&reader->following);
  reader->following.asked = rows_to_ask(reader, most);
  reader->coming = FL_COMING_ASKED;
  reader->abandoned = false;
  return reader->chunk.left > 0 ? reader->chunk.last : reader->cursor.next;
}

void fl_reader_lose(struct fl_reader *reader) {
  reader->abandoned = false;
  empty(&reader->following);
  reader->coming = FL_COMING_NOTHING;
}

/* Reads the marker row that each statement begins with. */
static bool read_marker(struct fl_chunk *chunk, int64_t *gone) {
  struct fl_change marker;
  chunk->stream.data = chunk->bytes.data;
  chunk->stream.length = chunk->bytes.length;
  chunk->stream.position = 0;
  if (fl_change_next(&chunk->stream, &marker) != FL_CHANGE_OK || marker.table_name.length >= 0) return false;
  *gone = marker.seq;
  return true;
}

const char *fl_reader_arrive(struct fl_reader *reader, int64_t *gone) {
  struct fl_chunk *chunk = &reader->following;
  struct fl_stream skim;
  int64_t seq;
  enum fl_decode got;
  reader->coming = FL_COMING_NOTHING;
  if (!read_marker(chunk, gone)) return "the server sent no log of changes";
  skim = chunk->stream;
  chunk->last = INT64_MIN;
  while ((got = fl_change_skip(&skim, &seq)) == FL_CHANGE_OK) {
    if (seq <= chunk->last) return "the server sent changes out of order";
    chunk->last = seq;
    chunk->rows++;
  }
  if (got != FL_CHANGE_END) return "the server sent a log that cannot be decoded";
  chunk->left = chunk->rows;
  if (chunk->rows > 0) reader->width = chunk->bytes.length / (size_t)chunk->rows;
  reader->narrow = reader->width < CHUNK_BYTES / CHUNK_LEAST;
  reader->coming = FL_COMING_HERE;
  return NULL;
}

/* The following chunk becomes the one that is handed out; the buffers change places. */
static void turn(struct fl_reader *reader) {
  struct fl_chunk spent = reader->chunk;
  reader->chunk = reader->following;
  reader->following = spent;
  empty(&reader->following);
  reader->coming = FL_COMING_NOTHING;
  reader->last_chunk = reader->chunk.rows < reader->chunk.asked;
}

enum fl_rows fl_reader_rows(struct fl_reader *reader) {
  struct fl_cursor *cursor = &reader->cursor;
  if (reader->chunk.left == 0 && reader->coming == FL_COMING_HERE) turn(reader);
  if (reader->chunk.left > 0) return FL_ROWS_HERE;
  if (!reader->last_chunk || reader->coming == FL_COMING_ASKED) return FL_ROWS_WANTED;
  if (cursor->goal > cursor->next) cursor->next = cursor->goal;
  return FL_ROWS_OVER;
}

bool fl_reader_look(const struct fl_reader *reader, struct fl_look *look, struct fl_change *change) {
  while (fl_change_next(&look->stream, change) == FL_CHANGE_OK) {
    look->rows++;
    look->last = change->seq;
    if (!fl_cursor_has(&reader->cursor, change->seq)) return true;
  }
  return false;
}

/* Without memory for its ranges a reader forgets them: handed out again is better than not at all. */
static void remember(struct fl_reader *reader, size_t end) {
  struct fl_stream *stream = &reader->chunk.stream;
  struct fl_change change;
  while (stream->position < end && fl_change_next(stream, &change) == FL_CHANGE_OK)
    if (!fl_cursor_hand(&reader->cursor, change.seq)) reader->cursor.count = 0;
}

void fl_reader_hand(struct fl_reader *reader, const struct fl_look *look, int64_t settled) {
  if (reader->remembers) remember(reader, look->stream.position);
  reader->chunk.stream = look->stream;
  reader->chunk.left -= look->rows;
  reader->cursor.next = look->last;
  if (reader->remembers) fl_cursor_settle(&reader->cursor, settled);
}
