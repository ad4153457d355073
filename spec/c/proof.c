/* The rows that a position names, by chance: writers with several seqs, prepared ones and
   rollbacks, a reader with looks and passes, whose work commits something itself, and at any place
   of the WAL another history begins. Whoever finds its rows there has lost nothing; nothing that is
   new is taken for old; and what the work has committed is there too, or that is done again. */
#include "change.h"
#include "reader.h"

#include "tap.h"

#include <string.h>

#define SEQS 400
#define EVENTS 2000
#define WRITERS 5

enum event_kind { GIVE, COMMIT, ABORT, PREPARE };
struct event {
  enum event_kind kind;
  int writer; /* its number of all */
  int64_t seq;
};

/* One history: what was written, and what follows from it. */
struct history {
  struct event wal[EVENTS];
  size_t count;
  int64_t given, era;
  int open[WRITERS], writers;
  int of[SEQS + 1];            /* who has a seq; 0: nobody */
  int64_t written_at[SEQS + 1];
  char fate[EVENTS];           /* of each writer: o(pen), p(repared), c(ommitted), a(borted) */
};

static uint64_t seed;
static struct {
  long runs, cuts, there, followed, missing, unnamed, given_again, prepared;
  long lost, confused, false_gaps, redone, undone;
} did;

static void apply(struct history *history, struct event event) {
  history->wal[history->count++] = event;
  if (event.kind == GIVE) {
    history->given = event.seq;
    history->of[event.seq] = event.writer;
    history->written_at[event.seq] = 1000000 * history->era + (int64_t)history->count;
    history->fate[event.writer] = 'o';
    if (event.writer > history->writers) history->writers = event.writer;
  } else {
    history->fate[event.writer] = "ocap"[event.kind];
  }
}

static bool is_open(const struct history *history, int writer) {
  return history->fate[writer] == 'o' || history->fate[writer] == 'p';
}

static bool visible(const struct history *history, int64_t seq) {
  return history->of[seq] && history->fate[history->of[seq]] == 'c';
}

/* Something happens to one of the writers. */
static void happen(struct history *history) {
  int *writer = &history->open[pick(&seed, WRITERS)];
  struct event event = {GIVE, 0, 0};
  if (history->count >= EVENTS - 2) return;
  if (!*writer) {
    *writer = history->writers + 1;
  } else if (pick(&seed, 3) == 0) {
    event.kind = history->fate[*writer] == 'p' || pick(&seed, 8)
                     ? (pick(&seed, 4) ? COMMIT : ABORT) : PREPARE;
  } else if (history->fate[*writer] == 'p') {
    return;
  }
  event.writer = *writer;
  if (event.kind == GIVE && history->given >= SEQS) return;
  if (event.kind == GIVE) event.seq = history->given + 1;
  apply(history, event);
  if (event.kind == COMMIT || event.kind == ABORT) *writer = 0;
}

/* Nothing can appear up to here. */
static int64_t horizon(const struct history *history) {
  int64_t seq;
  for (seq = 1; seq <= history->given; seq++)
    if (is_open(history, history->of[seq])) return seq - 1;
  return history->given;
}

static int64_t newest(const struct history *history) {
  int64_t seq = history->given;
  while (seq > 0 && !visible(history, seq)) seq--;
  return seq;
}

/* The other history, up to a place: who was open there is gone, who was prepared is not. */
static void part(const struct history *from, size_t count, struct history *to) {
  size_t i;
  int writer, at = 0;
  memset(to, 0, sizeof *to);
  for (i = 0; i < count; i++) apply(to, from->wal[i]);
  for (i = 0; i <= SEQS; i++)
    if (to->of[i]) to->written_at[i] = from->written_at[i];
  to->era = from->era + 1;
  for (writer = 1; writer <= to->writers; writer++) {
    if (to->fate[writer] == 'o') to->fate[writer] = 'a';
    if (to->fate[writer] == 'p' && at < WRITERS) to->open[at++] = writer;
  }
  to->writers = from->writers; /* the next ones have other numbers */
  did.prepared += at;
}

/* ---- the reader ---- */

struct reader {
  struct fl_reader is;
  int64_t settled;
  bool synchronous;        /* whoever commits waits for a standby */
  size_t worked[SEQS + 1]; /* how long the WAL was when the work on a change had committed */
};

/* The work on what was handed out ends at any time before the next look, but for some of it. How
   much goes on. */
static size_t end_work(struct reader *reader, const struct history *history, bool some,
                       int64_t open[SEQS]) {
  size_t count = 0;
  int64_t seq;
  for (seq = 1; seq <= SEQS; seq++) {
    if (reader->worked[seq] != SIZE_MAX) continue;
    if (some && pick(&seed, 4) == 0)
      open[count++] = seq;
    else
      reader->worked[seq] = history->count;
  }
  return count;
}

static void look(struct reader *reader, const struct history *history) {
  const struct fl_cursor *cursor = &reader->is.cursor;
  int64_t base = cursor->base < reader->settled ? cursor->base : reader->settled;
  int64_t top = newest(history);
  struct fl_sight sight = {top, top ? history->written_at[top] : FL_NO_TIME, history->given, base,
                           reader->synchronous};
  int64_t open[SEQS];
  size_t count = end_work(reader, history, true, open);
  fl_reader_note_handled(&reader->is, 0);
  fl_cursor_take_out(&reader->is.handled, open, count);
  fl_reader_note_look(&reader->is, &sight);
  reader->settled = horizon(history);
}

/* Hands out what is visible, of every third row nothing. */
static void pass(struct reader *reader, const struct history *history, int64_t until) {
  struct fl_cursor *cursor = &reader->is.cursor;
  int64_t seq;
  for (seq = cursor->base + 1; seq <= until; seq++) {
    if (!visible(history, seq) || fl_cursor_has(cursor, seq)) continue;
    if (seq % 3) {
      fl_proof_add(&reader->is.proof, reader->is.proof.looks, seq, history->written_at[seq]);
      reader->worked[seq] = SIZE_MAX;
    }
    fl_cursor_deliver(cursor, seq);
  }
  cursor->next = cursor->until = until;
  fl_cursor_settle(cursor, reader->settled);
  fl_reader_note_scan(&reader->is, true);
}

static bool names_are_in(const struct fl_named *named, const struct history *history) {
  uint64_t sum = 0;
  int64_t seq, rows = 0;
  for (seq = 1; seq <= history->given; seq++)
    if (visible(history, seq) && fl_named_has(named, seq)) {
      sum += fl_named_row(seq, history->written_at[seq]);
      rows++;
    }
  return rows == named->rows && sum == named->sum;
}

/* Where the rows are there: all that was handed out is, and of what the place has behind it nothing
   new appears. */
static void go_on(const struct reader *reader, const struct fl_cursor *place,
                  const struct history *before, size_t count, struct history *there) {
  int64_t seq, given = there->given;
  int i;
  for (seq = 1; seq <= before->given; seq++) {
    bool had = seq % 3 && visible(before, seq) && fl_cursor_has(&reader->is.cursor, seq);
    bool again = had && !fl_cursor_has(place, seq);
    if (had && !(visible(there, seq) && there->written_at[seq] == before->written_at[seq]))
      did.lost++;
    did.redone += again;
    if (had && !again && reader->worked[seq] > count && !reader->synchronous) did.undone++;
  }
  for (i = 0; i < 300; i++) happen(there);
  for (seq = 1; seq <= there->given; seq++) {
    bool was = visible(before, seq) && before->written_at[seq] == there->written_at[seq];
    if (!was && seq % 3 && visible(there, seq) && fl_cursor_has(place, seq)) did.confused++;
  }
  did.given_again += there->given > given && given < before->given;
}

/* Where the reader goes on, as itself or from its position as text. */
static struct fl_cursor place_of(const struct reader *reader, const struct fl_named *named) {
  static const struct fl_ranges none;
  struct fl_reader copy;
  struct fl_cursor place;
  memset(&copy, 0, sizeof copy);
  if (pick(&seed, 2)) {
    copy.proof = reader->is.proof;
    copy.known = true;
    fl_cursor_copy(&copy.cursor, &reader->is.cursor);
    fl_cursor_copy(&copy.sure, &reader->is.sure);
  } else {
    fl_cursor_copy(&copy.cursor, &reader->is.cursor);
    copy.cursor.named = malloc(sizeof *named);
    *copy.cursor.named = *named;
    fl_reader_begin(&copy);
  }
  fl_reader_retreat(&copy, &none);
  fl_cursor_copy(&place, &copy.cursor);
  fl_reader_free(&copy);
  return place;
}

/* The reader follows the other server from now on; there it begins to know who writes. */
static void follow(struct reader *reader, struct history *history, const struct history *there) {
  static const struct fl_ranges none;
  int64_t era = history->era + 1;
  *history = *there;
  history->era = era;
  fl_reader_retreat(&reader->is, &none);
  reader->settled = 0;
  did.followed++;
}

static void cut(struct reader *reader, struct history *history, size_t count) {
  static struct history there, later;
  struct fl_named named;
  struct fl_cursor place;
  bool whole = count == history->count;
  end_work(reader, history, false, NULL);
  if (!fl_reader_name(&reader->is, true, &named)) {
    did.unnamed++;
    return;
  }
  part(history, count, &there);
  did.cuts++;
  if (names_are_in(&named, &there)) {
    did.there++;
    later = there;
    place = place_of(reader, &named);
    go_on(reader, &place, history, count, &later);
    fl_cursor_free(&place);
    if (pick(&seed, 3) == 0) follow(reader, history, &there);
  } else {
    did.missing++;
    did.false_gaps += whole;
  }
}

static void run(void) {
  static struct history history;
  struct reader reader;
  int step;
  memset(&history, 0, sizeof history);
  memset(&reader, 0, sizeof reader);
  reader.is.cursor.rescan_from = INT64_MAX;
  reader.is.live = true;
  reader.synchronous = pick(&seed, 2);
  fl_reader_begin(&reader.is);
  for (step = 0; step < 60; step++) {
    int i, busy = (int)pick(&seed, 12);
    for (i = 0; i < busy; i++) happen(&history);
    look(&reader, &history);
    for (i = (int)pick(&seed, 4); i > 0; i--) happen(&history);
    pass(&reader, &history, newest(&history));
    if (pick(&seed, 6) == 0)
      cut(&reader, &history,
          pick(&seed, 4) ? history.count - (size_t)pick(&seed, (int64_t)history.count / 4 + 1)
                         : history.count);
  }
  fl_reader_free(&reader.is);
  did.runs++;
}

int main(void) {
  long runs = scaled(3000);
  const char *given = getenv("FORGELOG_SEED");
  seed = given ? strtoull(given, NULL, 10) : 20240607;
  while (did.runs < runs) run();
  note("%ld runs, %ld other histories: in %ld the rows were, in %ld not, %ld nameless",
       did.runs, did.cuts, did.there, did.missing, did.unnamed);
  note("%ld were followed; in %ld seqs were given again, and there were %ld prepared writers",
       did.followed, did.given_again, did.prepared);
  ok(did.there > runs / 2 && did.missing > runs / 2 && did.followed > runs / 4 &&
         did.given_again > runs / 4 && did.prepared > runs / 4,
     "histories of each kind were met");
  ok(did.lost == 0, "whose rows are there, has lost nothing (%ld changes)", did.lost);
  ok(did.confused == 0, "nothing new is taken for handed out (%ld changes)", did.confused);
  note("%ld changes came again, whose work may be lost", did.redone);
  ok(did.undone == 0 && did.redone > 0, "what the work has committed is there, or is done again"
     " (of %ld changes not)", did.undone);
  ok(did.false_gaps == 0, "a history that lost nothing has the rows (%ld had not)", did.false_gaps);
  return tap_end();
}
