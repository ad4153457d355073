/* The decoder of binary COPY rows: every split of valid streams, and millions of mutated ones. */
#include "kept.h"
#include "reader.h"
#include "samples.h"
#include "tap.h"

/* ---- reading them ---- */

/* Exactly these bytes and no room behind them, so that reading further is seen. */
static char *exact_copy(const char *data, size_t length) {
  char *copy = malloc(length);
  if (!copy && length > 0) abort();
  if (length > 0) memcpy(copy, data, length);
  return copy;
}

static int rows_within(const struct sample *sample, size_t length) {
  int rows = 0;
  while (rows < sample->count && sample->ends[rows] <= length) rows++;
  return rows;
}

/* Decodes what is there, from row `from`; false unless it is what the sample says and stops where
   it should. */
static bool decode_as(const struct sample *sample, struct fl_stream *stream, int *from) {
  struct fl_change change;
  enum fl_decode got;
  size_t before = stream->position;
  while ((got = fl_change_next(stream, &change)) == FL_CHANGE_OK) {
    if (*from >= sample->count) return note("%s: more rows than there are", sample->name);
    if (!same_change(&change, &sample->rows[*from]))
      return note("%s: row %d differs", sample->name, *from);
    before = sample->ends[(*from)++];
    if (stream->position != before) return note("%s: row %d ends elsewhere", sample->name, *from);
  }
  if (*from != rows_within(sample, stream->length))
    return note("%s: %d rows of %zu bytes", sample->name, *from, stream->length);
  if (stream->length == sample->bytes.length)
    return got == FL_CHANGE_END && stream->position == stream->length;
  return got == FL_CHANGE_SHORT && stream->position == before;
}

static bool decodes_split(const struct sample *sample, size_t split) {
  struct fl_stream stream = {exact_copy(sample->bytes.data, split), split, 0};
  int rows = 0;
  bool fine = decode_as(sample, &stream, &rows);
  free((char *)stream.data);
  stream.data = exact_copy(sample->bytes.data, stream.length = sample->bytes.length);
  if (split < stream.length) fine = fine && decode_as(sample, &stream, &rows);
  free((char *)stream.data);
  return fine || note("%s: split at %zu", sample->name, split);
}

static bool decodes_in_steps(const struct sample *sample, size_t step) {
  struct fl_stream stream = {NULL, 0, 0};
  int rows = 0;
  bool fine = true;
  while (fine && stream.length < sample->bytes.length) {
    size_t length =
        stream.length + step < sample->bytes.length ? stream.length + step : sample->bytes.length;
    stream.data = exact_copy(sample->bytes.data, stream.length = length);
    fine = decode_as(sample, &stream, &rows);
    free((char *)stream.data);
  }
  return fine && rows == sample->count;
}

static void test_splits(void) {
  int i;
  for (i = 0; i < sample_count; i++) {
    const struct sample *sample = &samples[i];
    size_t split;
    bool fine = true;
    for (split = 0; fine && split <= sample->bytes.length; split++)
      fine = decodes_split(sample, split);
    ok(fine, "%s: every split of %zu bytes", sample->name, sample->bytes.length);
    fine = true;
    for (split = 1; fine && split <= 64; split += 1 + split / 3)
      fine = decodes_in_steps(sample, split);
    ok(fine, "%s: in steps of 1 to 64 bytes", sample->name);
  }
}

/* ---- bytes that are no such stream ---- */

struct wrong {
  const char *name;
  int place; /* index into the places of the sample "texts and NULLs" */
  int length;
  uint32_t value;
  enum fl_decode answer;
};

/* Places: 0 the extension's length; then of each row the fields, seq, table_name, op, row_id,
   changed_cols, created_at, txid, context, old_values, new_values, kept_cols, key_cols. */
static const struct wrong wrongs[] = {
    {"an extension of 2^31", 0, 4, 0x80000000u, FL_CHANGE_BAD},
    {"an extension of 2^32 - 1", 0, 4, UINT32_MAX, FL_CHANGE_BAD},
    {"an extension of 2^31 - 1", 0, 4, INT32_MAX, FL_CHANGE_SHORT},
    {"no fields", 1, 2, 0, FL_CHANGE_BAD},
    {"one field too few", 1, 2, FL_FIELDS - 1, FL_CHANGE_BAD},
    {"one field too many", 1, 2, FL_FIELDS + 1, FL_CHANGE_BAD},
    {"-2 fields", 1, 2, 0xfffe, FL_CHANGE_BAD},
    {"a seq of 4 bytes", 2, 4, 4, FL_CHANGE_BAD},
    {"a seq of no bytes", 2, 4, 0, FL_CHANGE_BAD},
    {"a seq of 2^31 - 1 bytes", 2, 4, INT32_MAX, FL_CHANGE_SHORT},
    {"a table_name of -2 bytes", 3, 4, UINT32_MAX - 1, FL_CHANGE_BAD},
    {"a table_name of -2^31 bytes", 3, 4, 0x80000000u, FL_CHANGE_BAD},
    {"a table_name of 2^31 - 1 bytes", 3, 4, INT32_MAX, FL_CHANGE_SHORT},
    {"a created_at of 9 bytes", 7, 4, 9, FL_CHANGE_BAD},
    {"a txid of 4 bytes", 8, 4, 4, FL_CHANGE_BAD},
    {"a context of -2 bytes", 9, 4, UINT32_MAX - 1, FL_CHANGE_BAD},
    {"old_values of -2^31 bytes", 10, 4, 0x80000000u, FL_CHANGE_BAD},
    {"new_values of 2^31 - 1 bytes", 11, 4, INT32_MAX, FL_CHANGE_SHORT},
    {"a key_cols of 8 bytes", 13, 4, 8, FL_CHANGE_BAD},
};

static void test_wrong(void) {
  const struct sample *sample = &samples[2];
  size_t i;
  for (i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
    const struct wrong *wrong = &wrongs[i];
    char *copy = exact_copy(sample->bytes.data, sample->bytes.length);
    struct fl_stream stream = {copy, sample->bytes.length, 0};
    struct fl_change change;
    enum fl_decode got;
    int byte, rows = 0;
    size_t before = 0;
    for (byte = 0; byte < wrong->length; byte++)
      copy[sample->places[wrong->place] + (size_t)byte] =
          (char)(wrong->value >> 8 * (wrong->length - 1 - byte));
    while ((got = fl_change_next(&stream, &change)) == FL_CHANGE_OK) {
      before = stream.position;
      rows++;
    }
    ok(got == wrong->answer && stream.position == before && rows == (wrong->place > 0),
       "%s: %s, and the position stays", wrong->name,
       wrong->answer == FL_CHANGE_BAD ? "refused" : "short");
    free(copy);
  }
}

static void test_signature(void) {
  const struct sample *sample = &samples[2];
  bool fine = true;
  size_t byte, length;
  for (byte = 0; byte < 11; byte++)
    for (length = 0; length <= 19; length++) {
      char *copy = exact_copy(sample->bytes.data, length);
      struct fl_stream stream = {copy, length, 0};
      struct fl_change change;
      if (byte < length) copy[byte] ^= 0x20;
      if (fl_change_next(&stream, &change) != (byte < length ? FL_CHANGE_BAD : FL_CHANGE_SHORT) ||
          stream.position != 0)
        fine = note("byte %zu of %zu", byte, length);
      free(copy);
    }
  ok(fine, "a signature with any byte wrong is refused as soon as that byte is there");
}

/* ---- mutated streams ---- */

struct outcome {
  enum fl_decode last;
  size_t position;
  uint64_t hash; /* of all that was decoded */
  long rows;
};

static void hash_number(struct outcome *outcome, uint64_t number) {
  outcome->hash = (outcome->hash ^ number) * UINT64_C(0x100000001b3);
}

/* Reads all bytes of a slice; false where it is not within the stream. */
static bool hash_slice(struct outcome *outcome, const struct fl_stream *stream,
                       const struct fl_slice *text) {
  int32_t i;
  hash_number(outcome, (uint32_t)text->length);
  if (text->length == -1) return true;
  if (text->length < -1 || text->data < stream->data) return false;
  if (text->length > stream->data + stream->length - text->data) return false;
  for (i = 0; i < text->length; i++) hash_number(outcome, (unsigned char)text->data[i]);
  return true;
}

/* The same of each value in an array, and of each name. */
static bool hash_kept(struct outcome *outcome, const struct fl_stream *stream,
                      const struct fl_change *change) {
  const struct fl_slice *arrays[] = {&change->old_values, &change->new_values};
  struct fl_slice value, rest = change->kept_cols, piece;
  struct fl_elements elements;
  int i;
  for (i = 0; i < 2; i++)
    if (fl_elements_open(arrays[i], &elements))
      while (fl_elements_next(&elements, &value))
        if (!hash_slice(outcome, stream, &value)) return false;
  while (fl_names_next(&rest, &value))
    while (fl_name_piece(&value, &piece))
      if (!hash_slice(outcome, stream, &piece)) return false;
  return true;
}

/* Decodes on in a stream; false where it reads outside or does not move on. */
static bool decode_on(struct fl_stream *stream, struct outcome *outcome) {
  struct fl_change change;
  for (;;) {
    size_t before = stream->position;
    outcome->last = fl_change_next(stream, &change);
    outcome->position = stream->position;
    if (stream->position > stream->length) return note("the position is outside");
    if (outcome->last == FL_CHANGE_END) return stream->position == before + 2 || before == 0;
    if (outcome->last != FL_CHANGE_OK)
      return stream->position == before || note("the position has moved");
    if (stream->position < before + 2 + 4 * FL_FIELDS)
      return note("a row of %zu bytes", stream->position - before);
    outcome->rows++;
    hash_number(outcome, (uint64_t)change.seq);
    hash_number(outcome, (uint64_t)change.created_at);
    hash_number(outcome, (uint64_t)change.txid);
    hash_number(outcome, (uint64_t)change.key_cols);
    if (!hash_slice(outcome, stream, &change.table_name) ||
        !hash_slice(outcome, stream, &change.op) || !hash_slice(outcome, stream, &change.row_id) ||
        !hash_slice(outcome, stream, &change.changed_cols) ||
        !hash_slice(outcome, stream, &change.context) || !hash_kept(outcome, stream, &change))
      return note("a slice is outside");
  }
}

static bool decode_whole(const struct fl_bytes *bytes, struct outcome *outcome) {
  struct fl_stream stream = {exact_copy(bytes->data, bytes->length), bytes->length, 0};
  bool fine = decode_on(&stream, outcome);
  free((char *)stream.data);
  return fine;
}

static bool decode_in_two(const struct fl_bytes *bytes, size_t split, struct outcome *outcome) {
  struct fl_stream stream = {exact_copy(bytes->data, split), split, 0};
  bool fine = decode_on(&stream, outcome);
  free((char *)stream.data);
  if (!fine || outcome->last != FL_CHANGE_SHORT) return fine;
  stream.data = exact_copy(bytes->data, stream.length = bytes->length);
  fine = decode_on(&stream, outcome);
  free((char *)stream.data);
  return fine;
}

static void overwrite(struct fl_bytes *bytes, size_t at, uint32_t value) {
  size_t i;
  for (i = 0; i < 4 && at + i < bytes->length; i++)
    bytes->data[at + i] = (char)(value >> (24 - 8 * i));
}

static uint32_t odd_length(uint64_t *seed) {
  static const uint32_t values[] = {0,          1,          8,          7,          9,
                                    0xff,       0xffff,     0x10000,    0x7fffffff, 0x7ffffffe,
                                    0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0x00ffffff,
                                    0x06000000, 0x00060000, 0xffff0000, 0x7fff0000, 0x40000000};
  if (pick(seed, 3) == 0) return (uint32_t)pick(seed, 300);
  return values[pick(seed, sizeof values / sizeof *values)];
}

static void mutate(struct fl_bytes *bytes, const struct sample *sample, uint64_t *seed) {
  size_t at = bytes->length ? (size_t)pick(seed, (int64_t)bytes->length) : 0, length;
  if (bytes->length == 0) return;
  switch (pick(seed, 7)) {
    case 0: bytes->data[at] ^= (char)(1 << pick(seed, 8)); break;
    case 1: bytes->data[at] = (char)chance(seed); break;
    case 2: bytes->length = at; break;
    case 3: overwrite(bytes, at, odd_length(seed)); break;
    case 4: /* bytes go missing */
      length = (size_t)pick(seed, (int64_t)(bytes->length - at)) % 40;
      memmove(bytes->data + at, bytes->data + at + length, bytes->length - at - length);
      bytes->length -= length;
      break;
    default: overwrite(bytes, sample->places[pick(seed, sample->placed)], odd_length(seed)); break;
  }
}

/* The reader takes it or refuses it; what it takes, it hands out to the last row. */
static bool reader_holds(const struct fl_bytes *bytes, uint64_t *seed) {
  struct fl_reader reader;
  struct fl_bytes *into = &reader.prefetched.bytes;
  struct fl_change change;
  struct fl_ranges deleted = {NULL, 0, 0};
  int64_t trimmed_to;
  int rows = 0, left = 0;
  memset(&reader, 0, sizeof reader);
  reader.live = pick(seed, 2);
  fl_reader_scan(&reader, 1000);
  fl_reader_request(&reader, 0);
  into->data = exact_copy(bytes->data, bytes->length);
  into->length = into->room = bytes->length;
  if (!fl_reader_receive(&reader, &trimmed_to, &deleted)) left = reader.prefetched.left;
  while (left > 0 && fl_reader_rows(&reader) == FL_ROWS_HERE) {
    struct fl_peek peek = peek_at(&reader);
    int most = 1 + (int)pick(seed, 3);
    while (most-- > 0 && fl_reader_peek(&reader, &peek, &change)) continue;
    if (peek.rows == 0) break;
    rows += peek.rows;
    fl_reader_deliver(&reader, &peek, 3);
  }
  fl_ranges_free(&deleted);
  fl_reader_free(&reader);
  return rows == left || note("the reader took %d rows and handed out %d", left, rows);
}

static bool survives(struct fl_bytes *bytes, uint64_t *seed, long *outcomes) {
  struct outcome whole = {FL_CHANGE_BAD, 0, 0, 0}, two = whole;
  size_t split = (size_t)pick(seed, (int64_t)bytes->length + 1);
  if (!decode_whole(bytes, &whole) || !decode_in_two(bytes, split, &two)) return false;
  if (whole.last != two.last || whole.hash != two.hash || whole.position != two.position)
    return note("split at %zu of %zu it says something else", split, bytes->length);
  outcomes[whole.last]++;
  return pick(seed, 4) || reader_holds(bytes, seed);
}

static void test_mutations(long streams) {
  struct fl_bytes bytes = {NULL, 0, 0};
  uint64_t seed = 20250117;
  long i, outcomes[4] = {0, 0, 0, 0};
  bool fine = true;
  for (i = 0; fine && i < streams; i++) {
    uint64_t before = seed;
    const struct sample *sample =
        &samples[pick(&seed, sample_count - 1)]; /* but for the long one, for speed */
    int mutations = 1 + (int)pick(&seed, 4);
    bytes.length = 0;
    put(&bytes, sample->bytes.data, sample->bytes.length);
    while (mutations-- > 0) mutate(&bytes, sample, &seed);
    fine = survives(&bytes, &seed, outcomes) ||
           note("%s: stream %ld, seed %llu", sample->name, i, (unsigned long long)before);
  }
  free(bytes.data);
  ok(fine, "%ld mutated streams", i);
  note("%ld still ended, %ld short, %ld refused", outcomes[FL_CHANGE_END],
       outcomes[FL_CHANGE_SHORT], outcomes[FL_CHANGE_BAD]);
  ok(outcomes[FL_CHANGE_END] > 0 && outcomes[FL_CHANGE_SHORT] > 0 && outcomes[FL_CHANGE_BAD] > 0,
     "they ended in every way there is");
}

int main(void) {
  make_samples();
  test_splits();
  test_wrong();
  test_signature();
  test_mutations(scaled(3000000));
  free_samples();
  return tap_end();
}
