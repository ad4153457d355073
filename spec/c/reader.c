/* The reader between the chunks that statements fetch and the program that is handed their rows. */
#include "reader.h"

#include "samples.h"
#include "tap.h"

static struct fl_ranges deleted;

/* A reader that has asked for a chunk and got these bytes, in two parts. */
static const char *arrive(struct fl_reader *reader, const char *data, size_t length, size_t split) {
  int64_t trimmed_to = -1;
  fl_reader_request(reader, 0);
  put(&reader->prefetched.bytes, data, split);
  put(&reader->prefetched.bytes, data + split, length - split);
  return fl_reader_receive(reader, &trimmed_to, &deleted);
}

/* Hands out what is there, in looks of `most`; how many rows were as the sample says. */
static int deliver(struct fl_reader *reader, const struct sample *sample, int most) {
  struct fl_change change;
  int row = 1; /* behind the marker */
  while (fl_reader_rows(reader) == FL_ROWS_HERE) {
    struct fl_peek peek = peek_at(reader);
    int count = 0;
    for (; count < most && fl_reader_peek(reader, &peek, &change); count++, row++)
      if (row >= sample->count || !same_change(&change, &sample->rows[row])) return -1;
    fl_reader_deliver(reader, &peek, 0);
    if (reader->cursor.next != sample->rows[row - 1].seq) return -1;
  }
  return row - 1;
}

static void test_reader_splits(void) {
  const struct sample *sample = &samples[2];
  size_t split, length = sample->bytes.length;
  struct fl_reader reader;
  bool whole = true, parts = true;
  memset(&reader, 0, sizeof reader);
  for (split = 0; split <= length; split++) {
    fl_reader_scan(&reader, 100);
    reader.cursor.next = 0;
    if (split < length && !arrive(&reader, sample->bytes.data, split, split / 2))
      parts = note("the first %zu bytes pass for a whole chunk", split);
    if (arrive(&reader, sample->bytes.data, length, split) ||
        deliver(&reader, sample, 1 + (int)(split % 4)) != 3)
      whole = note("split at %zu", split);
  }
  ok(parts, "a chunk that breaks off anywhere is refused");
  ok(whole, "after that it is asked for again, arrives in two parts, and is handed out in order");
  fl_reader_free(&reader);
}

static void test_reader_refuses(void) {
  static const char *const text[] = {"t", "INSERT", NULL, NULL};
  static const int64_t orders[][3] = {{2, 1, 0}, {1, 1, 0}, {INT64_MAX, INT64_MIN, 0}};
  struct fl_reader reader;
  size_t i;
  memset(&reader, 0, sizeof reader);
  for (i = 0; i < sizeof orders / sizeof *orders; i++) {
    struct sample sample;
    memset(&sample, 0, sizeof sample);
    put_header(&sample.bytes, 0);
    add_marker(&sample, 0);
    add_change(&sample, orders[i][0], text, 0);
    add_change(&sample, orders[i][1], text, 0);
    put_end(&sample.bytes);
    fl_reader_scan(&reader, 100);
    ok(arrive(&reader, sample.bytes.data, sample.bytes.length, 0) != NULL &&
           reader.prefetch == FL_PREFETCH_NONE,
       "seq %lld behind %lld is refused", (long long)orders[i][1], (long long)orders[i][0]);
    free(sample.bytes.data);
  }
  ok(arrive(&reader, samples[0].bytes.data, samples[0].bytes.length, 0) != NULL,
     "a chunk without its marker is refused");
  fl_reader_free(&reader);
}

/* A value much longer than a chunk, and a chunk asked ahead while the one before it is handed
   out. */
static void test_reader_ahead(void) {
  static const char *text[] = {"t", "INSERT", NULL, NULL};
  const size_t length = 3 << 20;
  char *large = malloc(length + 1);
  struct sample first, second;
  struct fl_reader reader;
  struct fl_peek peek;
  struct fl_change change;
  int64_t trimmed_to, after;
  memset(large, 'y', length);
  large[length] = '\0';
  memset(&reader, 0, sizeof reader);
  memset(&first, 0, sizeof first);
  memset(&second, 0, sizeof second);
  put_header(&first.bytes, 0);
  add_marker(&first, 0);
  add_change(&first, 1, text, 0);
  text[2] = large;
  add_change(&first, 4, text, 0);
  put_end(&first.bytes);
  put_header(&second.bytes, 0);
  add_marker(&second, 0);
  text[2] = NULL;
  add_change(&second, 7, text, 0);
  put_end(&second.bytes);
  fl_reader_scan(&reader, 9);
  fl_reader_request(&reader, 2);
  put(&reader.prefetched.bytes, first.bytes.data, first.bytes.length);
  ok(!fl_reader_receive(&reader, &trimmed_to, &deleted) && fl_reader_rows(&reader) == FL_ROWS_HERE,
     "a value of 3 MiB arrives");
  peek = peek_at(&reader);
  fl_reader_peek(&reader, &peek, &change);
  fl_reader_deliver(&reader, &peek, 0);
  after = fl_reader_request(&reader, 2);
  put(&reader.prefetched.bytes, second.bytes.data, second.bytes.length);
  ok(after == 4 && !fl_reader_receive(&reader, &trimmed_to, &deleted),
     "the next chunk is asked for behind this one");
  peek = peek_at(&reader);
  ok(fl_reader_peek(&reader, &peek, &change) && same_change(&change, &first.rows[2]),
     "this one is handed out first");
  fl_reader_deliver(&reader, &peek, 0);
  ok(fl_reader_rows(&reader) == FL_ROWS_HERE && deliver(&reader, &second, 5) == 1, "then the next");
  ok(fl_reader_rows(&reader) == FL_ROWS_OVER && reader.cursor.next == 9,
     "a chunk with fewer rows than asked for is the last");
  fl_reader_free(&reader);
  free(first.bytes.data);
  free(second.bytes.data);
  free(large);
}

/* Somebody opens the reader anew while a statement of the one before is under way. */
static void test_reader_abandoned(void) {
  struct fl_reader reader;
  memset(&reader, 0, sizeof reader);
  fl_reader_scan(&reader, 100);
  fl_reader_request(&reader, 0);
  ok(reader.prefetch != FL_PREFETCH_ABANDONED, "a statement under way is the reader's");
  fl_reader_scan(&reader, 50);
  ok(reader.prefetch == FL_PREFETCH_ABANDONED && fl_reader_rows(&reader) == FL_ROWS_WANTED,
     "until another pass begins");
  fl_reader_scan(&reader, 60);
  ok(reader.prefetch == FL_PREFETCH_ABANDONED, "or two");
  fl_reader_drop_request(&reader);
  ok(reader.prefetch != FL_PREFETCH_ABANDONED && fl_reader_rows(&reader) == FL_ROWS_WANTED,
     "it is dropped, and asked for again");
  fl_reader_request(&reader, 0);
  put(&reader.prefetched.bytes, samples[2].bytes.data, samples[2].bytes.length);
  ok(reader.prefetch != FL_PREFETCH_ABANDONED &&
         !fl_reader_receive(&reader, &(int64_t){0}, &deleted) &&
         deliver(&reader, &samples[2], 2) == 3,
     "which is the reader's again");
  fl_reader_scan(&reader, 70);
  ok(reader.prefetch != FL_PREFETCH_ABANDONED, "a pass with nothing under way abandons nothing");
  fl_reader_free(&reader);
}

int main(void) {
  make_samples();
  test_reader_splits();
  test_reader_refuses();
  test_reader_ahead();
  test_reader_abandoned();
  free_samples();
  return tap_end();
}
