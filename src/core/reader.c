/* Chunks of rows between the statements that fetch them and the program that they are delivered
   to. */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

/* What a socket takes in while nobody reads it: a Unix socket on Linux 176 KiB, but not 192. So a
   statement that was asked for ahead ends, and holds no snapshot while the program works on the
   rows before it. Each statement costs the server about as much as 300 rows. */
#define CHUNK_BYTES (160 * 1024)
#define CHUNK_MOST 4096
#define CHUNK_LEAST 16
#define FIRST_WIDTH 1024 /* a first chunk of 160 rows finds out how wide rows are */

static void empty(struct fl_chunk *chunk) {
  static const struct fl_stream none;
  chunk->bytes.length = 0;
  chunk->stream = none;
  chunk->limit = chunk->rows = chunk->left = 0;
}

void fl_reader_free(struct fl_reader *reader) {
  fl_cursor_free(&reader->cursor);
  fl_cursor_free(&reader->handled);
  fl_cursor_free(&reader->sure);
  fl_cursor_free(&reader->marked);
  empty(&reader->chunk);
  empty(&reader->prefetched);
  fl_bytes_free(&reader->chunk.bytes);
  fl_bytes_free(&reader->prefetched.bytes);
  reader->prefetch = FL_PREFETCH_NONE;
}

void fl_reader_note_handled(struct fl_reader *reader, uint64_t lsn) {
  fl_cursor_free(&reader->handled);
  if (!fl_cursor_copy(&reader->handled, &reader->cursor)) lsn = 0;
  reader->handled.lsn = lsn;
  reader->cursor.lsn = 0;
  reader->delivered = false;
}

/* ---- what proves that all was delivered is there ---- */

/* Without memory for a place more comes again. */
void fl_reader_prove(struct fl_reader *reader, const struct fl_sight *sight) {
  struct fl_proof *proof = &reader->proof;
  uint64_t proven = proof->proven, marked = proof->marked;
  fl_proof_look(proof, sight);
  if (proof->proven != proven) {
    struct fl_cursor spent = reader->sure;
    reader->sure = reader->marked;
    reader->marked = spent;
  }
  if (proof->marked == marked) return;
  fl_cursor_free(&reader->marked);
  fl_cursor_copy(&reader->marked, &reader->handled);
}

void fl_reader_note_look(struct fl_reader *reader, const struct fl_sight *sight) {
  reader->over = false;
  fl_reader_prove(reader, sight);
}

static void be_over(struct fl_reader *reader) { reader->over = reader->known = true; }

void fl_reader_note_scan(struct fl_reader *reader, bool whole) {
  reader->whole = whole;
  if (whole && reader->cursor.until == reader->cursor.next) be_over(reader);
}

/* Of what was worked on elsewhere, a position at rest names the rows of which it is not known that
   the work was committed before one of them was written. */
static bool begin_sure(struct fl_reader *reader, const struct fl_named *named) {
  struct fl_cursor *sure = &reader->sure;
  fl_cursor_free(sure);
  if (!fl_cursor_copy(sure, &reader->cursor)) return false;
  if (!named || named->proves == FL_PROVES_ALL) return true;
  sure->count = 0;
  if (named->low < sure->base) sure->base = sure->next = named->low;
  return true;
}

/* What was read by work that was done elsewhere, is found only by the first scan, unless the
   position says that it is proven. */
bool fl_reader_begin(struct fl_reader *reader) {
  struct fl_named *named = reader->cursor.named;
  bool complete = begin_sure(reader, named);
  fl_proof_begin(&reader->proof, reader->cursor.base, named);
  reader->over = reader->known = named && named->proves != FL_PROVES_NO_WORK;
  free(named);
  reader->cursor.named = NULL;
  return complete;
}

bool fl_reader_name(const struct fl_reader *reader, bool at_rest, struct fl_named *named) {
  if (!fl_proof_name(&reader->proof, named)) return false;
  if (named->proves == FL_PROVES_ALL) return true;
  if (reader->sure.base < named->low) named->low = reader->sure.base;
  if (!(at_rest && !reader->delivered && reader->over)) named->proves = FL_PROVES_NO_WORK;
  return true;
}

/* Where the work may have seen, or written, what no standby had, it is done again from where that
   is proven. NULL: work of before this reader may have been given what this one was not. */
static const struct fl_cursor *proven_place(const struct fl_reader *reader,
                                            const struct fl_named *named) {
  if (named->proves == FL_PROVES_ALL || reader->commits) return &reader->cursor;
  return reader->known ? &reader->sure : NULL;
}

void fl_reader_go_to(struct fl_reader *reader, struct fl_cursor place,
                     const struct fl_named *named) {
  fl_cursor_free(&reader->cursor);
  reader->cursor = place;
  reader->cursor.named = named ? malloc(sizeof *named) : NULL;
  if (reader->cursor.named) *reader->cursor.named = *named;
  fl_reader_begin(reader);
}

bool fl_reader_retreat(struct fl_reader *reader, const struct fl_ranges *deleted) {
  struct fl_named named;
  struct fl_cursor place;
  const struct fl_cursor *from;
  if (!fl_proof_name(&reader->proof, &named) || !(from = proven_place(reader, &named)))
    return false;
  if (!fl_cursor_copy(&place, from) ||
      !fl_named_retreat(&named, &place, &reader->cursor, &reader->sure, deleted)) {
    fl_cursor_free(&place);
    return false;
  }
  fl_reader_go_to(reader, place, &named);
  return true;
}

void fl_reader_clip(struct fl_reader *reader, const struct fl_ranges *deleted) {
  struct fl_named named;
  if (!fl_proof_name(&reader->proof, &named)) return;
  fl_named_clip(&named, &reader->cursor, deleted);
  fl_named_clip(&named, &reader->handled, deleted);
  fl_named_clip(&named, &reader->sure, deleted);
  fl_named_clip(&named, &reader->marked, deleted);
  fl_proof_clip(&reader->proof, reader->cursor.base);
}

void fl_reader_settle(struct fl_reader *reader, int64_t horizon) {
  int64_t floor = reader->proof.floor;
  bool waits = reader->live && reader->holds && fl_proof_elder(&reader->proof);
  if (waits && reader->cursor.count > FL_NAMED_RANGES) {
    fl_proof_give_up(&reader->proof);
    waits = false;
  }
  fl_cursor_settle(&reader->cursor, waits && floor < horizon ? floor : horizon);
}

static bool under_way(const struct fl_reader *reader) {
  return reader->prefetch == FL_PREFETCH_IN_FLIGHT || reader->prefetch == FL_PREFETCH_ABANDONED;
}

void fl_reader_scan(struct fl_reader *reader, int64_t until) {
  struct fl_cursor *cursor = &reader->cursor;
  if (cursor->rescan_from < cursor->next) cursor->next = cursor->rescan_from;
  if (cursor->next < cursor->base) cursor->next = cursor->base;
  cursor->rescan_from = INT64_MAX;
  cursor->until = until > cursor->next ? until : cursor->next;
  reader->last_chunk = false;
  reader->prefetch = under_way(reader) ? FL_PREFETCH_ABANDONED : FL_PREFETCH_NONE;
  empty(&reader->chunk);
}

void fl_reader_rewind(struct fl_reader *reader) {
  reader->cursor.rescan_from = reader->cursor.base;
  reader->over = reader->known = false;
  fl_reader_scan(reader, 0);
}

static int rows_to_ask(const struct fl_reader *reader, int most) {
  int rows = (int)(CHUNK_BYTES / (reader->row_width ? reader->row_width : FIRST_WIDTH));
  if (rows > CHUNK_MOST) rows = CHUNK_MOST;
  if (rows < CHUNK_LEAST) rows = CHUNK_LEAST;
  return most > 0 && most < rows ? most : rows;
}

int64_t fl_reader_request(struct fl_reader *reader, int most) {
  empty(&reader->prefetched);
  reader->prefetched.limit = rows_to_ask(reader, most);
  reader->prefetch = FL_PREFETCH_IN_FLIGHT;
  return reader->chunk.left > 0 ? reader->chunk.last : reader->cursor.next;
}

void fl_reader_drop_request(struct fl_reader *reader) {
  empty(&reader->prefetched);
  reader->prefetch = FL_PREFETCH_NONE;
}

/* A row without a table is a marker: its seq is a fact about the log. */
static bool read_marker(struct fl_stream *stream, struct fl_change *marker) {
  struct fl_stream next = *stream;
  if (fl_change_next(&next, marker) != FL_CHANGE_OK || marker->table_name.length >= 0) return false;
  *stream = next;
  return true;
}

/* After the first marker each pair is a range: with an op, of changes that the reader does not
   want, and has passed; without one, of changes that were deleted. */
static const char *read_ranges(struct fl_reader *reader, struct fl_stream *stream,
                               struct fl_ranges *deleted) {
  struct fl_change first, last;
  deleted->count = 0;
  while (read_marker(stream, &first)) {
    if (!read_marker(stream, &last)) return "the server sent half a range";
    if (first.op.length >= 0) {
      if (!fl_cursor_deliver_range(&reader->cursor, first.seq, last.seq)) return "out of memory";
    } else if (!fl_ranges_append(deleted, first.seq, last.seq)) {
      return "out of memory";
    }
  }
  return NULL;
}

/* The first marker says in place of an op how much WAL was written. */
static uint64_t lsn_of(const struct fl_slice *text) {
  char copy[20] = "";
  if (text->length < 0 || (size_t)text->length >= sizeof copy) return 0;
  memcpy(copy, text->data, (size_t)text->length);
  return fl_lsn_parse(copy);
}

static const char *read_markers(struct fl_reader *reader, struct fl_stream *stream,
                                int64_t *trimmed_to, struct fl_ranges *deleted) {
  struct fl_chunk *chunk = &reader->prefetched;
  struct fl_change marker;
  stream->data = chunk->bytes.data;
  stream->length = chunk->bytes.length;
  stream->position = 0;
  if (!read_marker(stream, &marker)) return "the server sent no log of changes";
  *trimmed_to = marker.seq;
  chunk->lsn = lsn_of(&marker.op);
  return read_ranges(reader, stream, deleted);
}

const char *fl_reader_receive(struct fl_reader *reader, int64_t *trimmed_to,
                              struct fl_ranges *deleted) {
  struct fl_chunk *chunk = &reader->prefetched;
  const char *wrong = read_markers(reader, &chunk->stream, trimmed_to, deleted);
  struct fl_stream skim = chunk->stream;
  int64_t seq;
  enum fl_decode got;
  reader->prefetch = FL_PREFETCH_NONE;
  if (wrong) return wrong;
  chunk->last = INT64_MIN;
  while ((got = fl_change_skip(&skim, &seq)) == FL_CHANGE_OK) {
    if (seq <= chunk->last) return "the server sent changes out of order";
    chunk->last = seq;
    chunk->rows++;
  }
  if (got != FL_CHANGE_END) return "the server sent a log that cannot be decoded";
  chunk->left = chunk->rows;
  chunk->looks = reader->proof.looks;
  if (chunk->rows > 0) reader->row_width = chunk->bytes.length / (size_t)chunk->rows;
  reader->prefetch = FL_PREFETCH_READY;
  return NULL;
}

/* The prefetched chunk becomes the one that is delivered; the two swap their buffers. */
static void turn(struct fl_reader *reader) {
  struct fl_chunk spent = reader->chunk;
  reader->chunk = reader->prefetched;
  reader->prefetched = spent;
  empty(&reader->prefetched);
  reader->prefetch = FL_PREFETCH_NONE;
  reader->last_chunk = reader->chunk.rows < reader->chunk.limit;
}

enum fl_rows fl_reader_rows(struct fl_reader *reader) {
  struct fl_cursor *cursor = &reader->cursor;
  if (reader->chunk.left == 0 && reader->prefetch == FL_PREFETCH_READY) turn(reader);
  if (reader->chunk.left > 0) return FL_ROWS_HERE;
  if (!reader->last_chunk || under_way(reader)) return FL_ROWS_WANTED;
  if (cursor->until > cursor->next) cursor->next = cursor->until;
  if (reader->whole) be_over(reader);
  return FL_ROWS_OVER;
}

bool fl_reader_can_prefetch(const struct fl_reader *reader) {
  return reader->row_width > 0 && reader->row_width < CHUNK_BYTES / CHUNK_LEAST &&
         !reader->last_chunk && reader->prefetch == FL_PREFETCH_NONE;
}

bool fl_reader_peek(const struct fl_reader *reader, struct fl_peek *peek,
                    struct fl_change *change) {
  while (fl_change_next(&peek->stream, change) == FL_CHANGE_OK) {
    peek->rows++;
    peek->last = change->seq;
    if (!fl_cursor_has(&reader->cursor, change->seq)) return true;
  }
  return false;
}

/* Without memory for its ranges a reader forgets them: to deliver a change again is better than not
   to deliver it at all. */
static void remember(struct fl_reader *reader, size_t end) {
  struct fl_stream *stream = &reader->chunk.stream;
  struct fl_change change;
  while (stream->position < end && fl_change_next(stream, &change) == FL_CHANGE_OK) {
    if (!fl_cursor_has(&reader->cursor, change.seq))
      fl_proof_add(&reader->proof, reader->chunk.looks, change.seq, change.created_at);
    if (!fl_cursor_deliver(&reader->cursor, change.seq)) reader->cursor.count = 0;
  }
}

void fl_reader_deliver(struct fl_reader *reader, const struct fl_peek *peek, int64_t horizon) {
  if (reader->live)
    remember(reader, peek->stream.position);
  else
    fl_proof_give_up(&reader->proof); /* it keeps no account */
  reader->chunk.stream = peek->stream;
  reader->chunk.left -= peek->rows;
  reader->delivered = true;
  reader->cursor.next = peek->last;
  if (reader->live) fl_reader_settle(reader, horizon);
}
