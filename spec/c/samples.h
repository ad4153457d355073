/* Valid streams of COPY ... (FORMAT binary), and what they say. */
#ifndef FORGELOG_SAMPLES_H
#define FORGELOG_SAMPLES_H

#include "change.h"
#include "stream.h"

#define MOST_ROWS 8
#define MOST_PLACES 64
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

static struct sample samples[8];
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

static inline void add_change(struct sample *sample, int64_t seq, const char *const text[4],
                              int64_t created_at) {
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
  sample->ends[sample->count++] = sample->bytes.length;
}

static inline void add_marker(struct sample *sample, int64_t trimmed_to) {
  put_marker(&sample->bytes, trimmed_to);
  sample->rows[sample->count].seq = trimmed_to;
  sample->rows[sample->count].table_name = sample->rows[sample->count].op = slice(NULL);
  sample->rows[sample->count].row_id = sample->rows[sample->count].changed_cols = slice(NULL);
  sample->rows[sample->count].created_at = EPOCH;
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
         same_text(&a->row_id, &b->row_id) && same_text(&a->changed_cols, &b->changed_cols);
}

static inline void free_samples(void) {
  while (sample_count > 0) free(samples[--sample_count].bytes.data);
}

#endif
