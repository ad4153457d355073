/* Valid streams of COPY ... (FORMAT binary), and what they say. */
#ifndef FORGELOG_SAMPLES_H
#define FORGELOG_SAMPLES_H

#include "change.h"
#include "stream.h"

#define MOST_ROWS 8
#define MOST_PLACES 128
#define EPOCH INT64_C(946684800000000)

/* A valid stream and what it says. */
struct sample {
  const char *name;
  struct fl_bytes bytes;
  struct fl_change rows[MOST_ROWS];
  size_t ends[MOST_ROWS]; /* of each row in the bytes */
  int count;
  size_t places[MOST_PLACES]; /* of what counts or measures: fields of a row, bytes of a field */
  int placed;
};

static struct sample samples[10];
static int sample_count;

static inline struct fl_slice slice(const char *text) {
  struct fl_slice made = {text, text ? (int32_t)strlen(text) : -1};
  return made;
}

static inline void place(struct sample *sample) {
  sample->places[sample->placed++] = sample->bytes.length;
}

static inline void add_text(struct sample *sample, const char *text) {
  place(sample);
  put_text(&sample->bytes, text);
}

/* What only a log of the second edition has. */
struct more {
  int64_t txid;
  const char *context;
  const char *const *old_values, *const *new_values; /* the last is "" */
  const char *kept_cols;
  int key_cols;
};

static inline void add_number(struct sample *sample, int64_t number, int width) {
  place(sample);
  if (number == 0)
    put_text(&sample->bytes, NULL);
  else if (width == 8)
    put_number(&sample->bytes, number);
  else {
    put_int32(&sample->bytes, 2);
    put_int16(&sample->bytes, (unsigned)number);
  }
}

static inline void put_values(struct fl_bytes *out, const char *const *texts) {
  uint32_t count = 0;
  while (!texts[count] || texts[count][0]) count++;
  put_int32(out, 1);
  put_int32(out, 1);
  put_int32(out, 25);
  put_int32(out, count);
  put_int32(out, 1);
  for (; count > 0; count--) put_text(out, *texts++);
}

static inline void add_values(struct sample *sample, const char *const *texts,
                              struct fl_slice *made) {
  static char room[8][200];
  static int used;
  struct fl_bytes array = {NULL, 0, 0};
  place(sample);
  *made = slice(NULL);
  if (!texts) {
    put_text(&sample->bytes, NULL);
    return;
  }
  put_values(&array, texts);
  memcpy(room[used], array.data, array.length);
  made->data = room[used++];
  made->length = (int32_t)array.length;
  put_int32(&sample->bytes, (uint32_t)array.length);
  put(&sample->bytes, array.data, array.length);
  fl_bytes_free(&array);
}

static inline void add_more(struct sample *sample, const struct more *more) {
  struct fl_change *change = &sample->rows[sample->count];
  add_number(sample, change->txid = more->txid, 8);
  add_text(sample, more->context);
  change->context = slice(more->context);
  add_values(sample, more->old_values, &change->old_values);
  add_values(sample, more->new_values, &change->new_values);
  add_text(sample, more->kept_cols);
  change->kept_cols = slice(more->kept_cols);
  add_number(sample, change->key_cols = more->key_cols, 2);
  change->rare = !!more->context + !!more->old_values + !!more->new_values + !!more->kept_cols +
                 (more->key_cols != 0);
}

static inline void add_full(struct sample *sample, int64_t seq, const char *const text[4],
                            int64_t created_at, const struct more *more) {
  struct fl_change *change = &sample->rows[sample->count];
  int column;
  place(sample);
  put_int16(&sample->bytes, FL_FIELDS);
  place(sample);
  put_number(&sample->bytes, seq);
  for (column = 0; column < 4; column++) add_text(sample, text[column]);
  place(sample);
  put_number(&sample->bytes, created_at);
  change->seq = seq;
  change->table_name = slice(text[0]);
  change->op = slice(text[1]);
  change->row_id = slice(text[2]);
  change->changed_cols = slice(text[3]);
  change->created_at = created_at == INT64_MAX ? INT64_MAX : created_at + EPOCH;
  add_more(sample, more);
  sample->ends[sample->count++] = sample->bytes.length;
}

static inline void add_change(struct sample *sample, int64_t seq, const char *const text[4],
                              int64_t created_at) {
  static const struct more nothing;
  add_full(sample, seq, text, created_at, &nothing);
}

static inline void add_marker(struct sample *sample, int64_t trimmed_to) {
  struct fl_change *marker = &sample->rows[sample->count];
  put_marker(&sample->bytes, trimmed_to);
  marker->seq = trimmed_to;
  marker->table_name = marker->op = marker->row_id = marker->changed_cols = slice(NULL);
  marker->context = marker->kept_cols = marker->old_values = marker->new_values = slice(NULL);
  marker->created_at = FL_NO_TIME;
  sample->ends[sample->count++] = sample->bytes.length;
}

static inline struct sample *add_sample(const char *name, size_t extension) {
  struct sample *sample = &samples[sample_count++];
  sample->name = name;
  put_header(&sample->bytes, extension);
  sample->places[sample->placed++] = 15;
  return sample;
}

static inline void make_samples(void) {
  static char longest[6000];
  static const char *const insert[] = {"orders", "INSERT", "1", NULL};
  static const char *const update[] = {"orders", "UPDATE", "[1, \"\xc3\xa4\"]", "price,vat"};
  static const char *const truncate[] = {"shop.\"Odd Name\"", "TRUNCATE", NULL, NULL};
  static const char *const empty[] = {"", "", "", ""};
  static const char *const wide[] = {"orders", "DELETE", longest, NULL};
  static const char *const old_values[] = {"ann", NULL, ""}, *const new_values[] = {"bob", ""};
  static const struct more whole = {INT64_MAX, "user 7", old_values, new_values, "name,b,,b", 2};
  static const struct more committed = {700, NULL, NULL, NULL, NULL, 0};
  static const struct more some = {1, NULL, NULL, new_values, "name", 0};
  struct sample *sample;
  memset(longest, 'x', sizeof longest - 1);

  put_end(&add_sample("a header and the end", 0)->bytes);

  sample = add_sample("a marker alone", 0);
  add_marker(sample, 17);
  put_end(&sample->bytes);

  sample = add_sample("texts and NULLs", 0);
  add_marker(sample, 0);
  add_change(sample, 1, insert, 820454400000000);
  add_change(sample, 2, update, 820454400000001);
  add_change(sample, 5, truncate, -1);
  put_end(&sample->bytes);

  sample = add_sample("empty texts", 0);
  add_marker(sample, 0);
  add_change(sample, 3, empty, 0);
  add_change(sample, 4, empty, 1);
  put_end(&sample->bytes);

  sample = add_sample("a header with an extension", 37);
  add_marker(sample, 2);
  add_change(sample, 8, insert, 1);
  put_end(&sample->bytes);

  sample = add_sample("the ends of the numbers", 0);
  add_marker(sample, INT64_MAX);
  add_change(sample, 1, insert, INT64_MIN);
  add_change(sample, INT64_MAX - 1, insert, INT64_MAX - EPOCH);
  add_change(sample, INT64_MAX, insert, INT64_MAX);
  put_end(&sample->bytes);

  sample = add_sample("all that a change can have", 0);
  add_marker(sample, 0);
  add_full(sample, 1, update, 1, &whole);
  add_full(sample, 2, insert, 1, &committed);
  add_full(sample, 3, update, 1, &whole);
  add_full(sample, 4, truncate, 1, &some);
  put_end(&sample->bytes);

  sample = add_sample("long values", 0);
  add_marker(sample, 0);
  add_change(sample, 1, wide, 1);
  add_change(sample, 2, insert, 1);
  add_change(sample, 3, wide, 1);
  put_end(&sample->bytes);
}

static inline bool same_text(const struct fl_slice *a, const struct fl_slice *b) {
  return a->length == b->length &&
         (a->length <= 0 || memcmp(a->data, b->data, (size_t)a->length) == 0);
}

static inline bool same_change(const struct fl_change *a, const struct fl_change *b) {
  return a->seq == b->seq && a->created_at == b->created_at &&
         same_text(&a->table_name, &b->table_name) && same_text(&a->op, &b->op) &&
         same_text(&a->row_id, &b->row_id) && same_text(&a->changed_cols, &b->changed_cols) &&
         a->txid == b->txid && same_text(&a->context, &b->context) &&
         same_text(&a->old_values, &b->old_values) && same_text(&a->new_values, &b->new_values) &&
         same_text(&a->kept_cols, &b->kept_cols) && a->key_cols == b->key_cols &&
         a->rare == b->rare;
}

static inline void free_samples(void) {
  while (sample_count > 0) free(samples[--sample_count].bytes.data);
}

#endif
