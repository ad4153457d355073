/* Writers, ticks and readers by chance: whatever the order of events, each reader is handed every
   committed change once, and a drain nothing that is not settled. The database is played: see
   world.h. */
#include "horizon.h"
#include "reader.h"
#include "named.h"
#include "stream.h"
#include "tap.h"
#include "world.h"

#include <string.h>

#define CONNECTIONS 3

/* A connection with its feed and its drain, as the core keeps them. */
struct connection {
  struct fl_horizon horizon;
  struct fl_reader feed, drain;
  int64_t drained, naive;
  unsigned char fed[MOST_SEQS + 1], given[MOST_SEQS + 1], seen[MOST_SEQS + 1];
};

static struct connection connections[CONNECTIONS];
/* ---- readers ---- */

/* What one statement sees: all that is visible when it begins. */
static void fetch(struct fl_reader *reader, int most) {
  int64_t seq = fl_reader_request(reader, most), goal = reader->cursor.until;
  struct fl_bytes *out = &reader->prefetched.bytes;
  int rows = 0;
  did.reads++;
  put_header(out, 0);
  put_marker(out, world.trimmed);
  while (++seq <= goal && seq <= world.last && rows < reader->prefetched.limit) {
    if (!world.visible[seq]) continue;
    put_int16(out, FL_FIELDS);
    put_number(out, seq);
    put_text(out, "t");
    put_text(out, "INSERT");
    put_text(out, NULL);
    put_text(out, NULL);
    put_number(out, 0);
    put_nulls(out, FL_FIELDS - FL_FIELD_created_at - 1);
    rows++;
  }
  put_end(out);
}

static bool arrived(struct fl_reader *reader) {
  int64_t trimmed_to;
  struct fl_ranges deleted = {NULL, 0, 0};
  const char *wrong = NULL;
  if (reader->prefetch == FL_PREFETCH_ABANDONED) {
    fl_reader_drop_request(reader);
    did.abandoned++;
  } else
    wrong = fl_reader_receive(reader, &trimmed_to, &deleted);
  return !wrong || note("%s", wrong);
}

static bool under_way(const struct fl_reader *reader) {
  return reader->prefetch == FL_PREFETCH_IN_FLIGHT || reader->prefetch == FL_PREFETCH_ABANDONED;
}

/* Before a connection begins another statement, the one under way has to end. */
static bool ready(struct connection *connection) {
  return (!under_way(&connection->feed) || arrived(&connection->feed)) &&
         (!under_way(&connection->drain) || arrived(&connection->drain));
}

static bool tick(struct connection *connection) {
  struct fl_horizon *horizon = &connection->horizon;
  int64_t top;
  if (!ready(connection)) return false;
  top = world.top;
  did.ticks++;
  meanwhile(3);
  fl_horizon_begin(horizon);
  read_locks(horizon);
  meanwhile(3);
  fl_horizon_end(horizon, top);
  if (horizon->gone_low < connection->feed.cursor.rescan_from)
    connection->feed.cursor.rescan_from = horizon->gone_low;
  did.held += horizon->seq < horizon->high_water;
  return truly_settled(horizon->seq);
}

/* Hands out some of what is here. */
static bool deliver(struct connection *connection, struct fl_reader *reader, unsigned char *marks) {
  struct fl_peek peek = peek_at(reader);
  struct fl_change change;
  int64_t most = 1 + pick(&world.seed, 30);
  while (most-- > 0 && fl_reader_peek(reader, &peek, &change)) {
    if (!world.committed[change.seq])
      return note("seq %lld was never committed", (long long)change.seq);
    if (marks[change.seq]++) return note("seq %lld twice", (long long)change.seq);
    did.delivered++;
    if (reader == &connection->feed) continue;
    if (change.seq > connection->horizon.seq)
      return note("seq %lld is not settled", (long long)change.seq);
    if (change.seq <= connection->drained)
      return note("seq %lld is out of order", (long long)change.seq);
    connection->drained = change.seq;
  }
  fl_reader_deliver(reader, &peek, connection->horizon.seq);
  return true;
}

/* Perhaps asks for the next chunk while this one is being handed out; time goes by until it is
   here. */
static bool ask_ahead(struct connection *connection, struct fl_reader *reader) {
  if (!ready(connection)) return false;
  if (reader->last_chunk || reader->prefetch != FL_PREFETCH_NONE || !one_in(2)) return true;
  fetch(reader, 0);
  meanwhile(4);
  if (one_in(6)) fl_reader_drop_request(reader); /* the statement was cancelled */
  return one_in(3) || !under_way(reader) || arrived(reader);
}

/* One pass, which may be given up anywhere, and in which somebody may tick. */
static bool pass(struct connection *connection, struct fl_reader *reader, int64_t goal,
                 unsigned char *marks, bool whole) {
  fl_reader_scan(reader, goal);
  for (;;) {
    switch (fl_reader_rows(reader)) {
      case FL_ROWS_OVER: return true;
      case FL_ROWS_HERE:
        if (!ask_ahead(connection, reader) || !deliver(connection, reader, marks)) return false;
        break;
      case FL_ROWS_WANTED:
        if (!under_way(reader)) {
          if (!ready(connection)) return false;
          fetch(reader, one_in(2) ? 1 + (int)pick(&world.seed, 40) : 0);
        }
        meanwhile(4);
        if (!whole && one_in(25)) return true; /* given up with the statement under way */
        if (!arrived(reader)) return false;
    }
    meanwhile(2);
    if (!whole && one_in(25)) return true;
    if (one_in(15) && !tick(connection)) return false;
  }
}

static bool follow(struct connection *connection, bool whole) {
  return pass(connection, &connection->feed, connection->horizon.high_water, connection->fed,
              whole);
}

/* A drain after the last seq that it has given. */
static bool drain(struct connection *connection, bool whole) {
  char since[24];
  snprintf(since, sizeof since, "%lld", (long long)connection->drained);
  if (fl_cursor_parse(&connection->drain.cursor, since)) return note("%s is no position", since);
  return pass(connection, &connection->drain, connection->horizon.seq, connection->given, whole);
}

/* WHERE seq > the last one: what everybody writes first. */
static void read_naively(struct connection *connection) {
  int64_t seq = connection->naive;
  while (++seq <= world.top) {
    connection->seen[seq] += world.visible[seq];
    if (world.visible[seq]) connection->naive = seq;
  }
}

/* The program ends and is started again with the position it has saved. */
static bool restart(struct connection *connection) {
  char saved[FL_POSITION_SIZE];
  const char *wrong;
  fl_cursor_settle(&connection->feed.cursor, connection->horizon.seq);
  fl_cursor_print(&connection->feed.cursor, saved);
  if (connection->feed.cursor.count > FL_RANGES_SAVED)
    return true; /* not yet: it would be handed some twice */
  fl_reader_free(&connection->feed);
  fl_reader_free(&connection->drain);
  fl_horizon_free(&connection->horizon);
  wrong = fl_cursor_parse(&connection->feed.cursor, saved);
  did.restarts++;
  return !wrong || note("%s: %s", saved, wrong);
}

/* Retention takes what everybody has had, sometimes all there is. */
static void trim(void) {
  int64_t upto = world.last, seq;
  int i;
  for (i = 0; i < CONNECTIONS; i++) {
    if (connections[i].feed.cursor.base < upto) upto = connections[i].feed.cursor.base;
    if (connections[i].drained < upto) upto = connections[i].drained;
    if (connections[i].naive < upto) upto = connections[i].naive;
  }
  if (one_in(2)) upto -= pick(&world.seed, 200);
  for (seq = world.trimmed + 1; seq <= upto; seq++)
    if (world.visible[seq]) {
      world.visible[seq] = false;
      world.trimmed = seq;
      did.trimmed++;
    }
  set_top();
  did.emptied += world.top == 0;
}

/* Everybody commits and goes, and nobody comes; then everything is settled. */
static void come_to_rest(void) {
  int i;
  world.quiet = true;
  for (i = 0; i < BACKENDS; i++) {
    if (world.backends[i].phase == OPEN) leave(&world.backends[i], true);
    world.backends[i].lock = UNLOCKED;
    world.backends[i].phase = IDLE;
  }
  for (i = 0; i < PREPARED; i++) {
    if (world.prepared[i].phase == OPEN) leave(&world.prepared[i], true);
    world.prepared[i].lock = UNLOCKED;
    world.prepared[i].phase = IDLE;
  }
}

static bool catch_up(struct connection *connection) {
  if (!tick(connection) || !follow(connection, true) || !drain(connection, true)) return false;
  read_naively(connection);
  return connection->horizon.seq == connection->horizon.high_water ||
         note("nobody writes, but not all is settled");
}

/* A quiet hour: all readers have had everything, and retention may take it all. */
static bool rest(void) {
  int i;
  bool fine = true;
  come_to_rest();
  for (i = 0; i < CONNECTIONS; i++) fine = fine && catch_up(&connections[i]);
  trim();
  world.quiet = false;
  return fine;
}

/* The server is started again: only what was prepared is still there, under other names. Each
   connection is made anew, and knows what it knew. */
static void restart_server(void) {
  int i;
  for (i = 0; i < BACKENDS; i++) {
    if (world.backends[i].phase == OPEN) leave(&world.backends[i], false);
    world.backends[i].phase = IDLE;
    world.backends[i].lock = UNLOCKED;
    world.backends[i].local = 0;
  }
  for (i = 0; i < PREPARED; i++) {
    struct writer *writer = &world.prepared[i];
    if (writer->phase == LEAVING) step_prepared(i);
    if (writer->phase == OPEN && writer->backend > 0)
      world.backends[writer->backend - 3].local = writer->local - 1;
    rename_prepared(writer); /* and its old name is soon given again */
  }
  for (i = 0; i < CONNECTIONS; i++) {
    fl_horizon_reconnected(&connections[i].horizon);
    fl_reader_drop_request(&connections[i].feed);
    fl_reader_drop_request(&connections[i].drain);
  }
  did.crashes++;
}

static bool act(void) {
  struct connection *connection = &connections[pick(&world.seed, CONNECTIONS)];
  switch (pick(&world.seed, 14)) {
    case 0:
    case 1:
    case 2: return tick(connection) && follow(connection, false);
    case 3: return tick(connection) && drain(connection, false);
    case 4: return drain(connection, false);
    case 5: return tick(connection);
    case 6: read_naively(connection); return true;
    case 7:
      if (one_in(6)) trim();
      return true;
    case 8: return !one_in(6) || restart(connection);
    case 10:
      if (one_in(50)) restart_server();
      return true;
    case 9: return !one_in(40) || rest();
    default: meanwhile(3 * world.pace); return true;
  }
}

/* ---- a run ---- */

static bool all_delivered(struct connection *connection) {
  int64_t seq;
  for (seq = 1; seq <= world.last; seq++) {
    if (connection->fed[seq] != world.committed[seq])
      return note("the feed was handed seq %lld %d times", (long long)seq, connection->fed[seq]);
    if (connection->given[seq] != world.committed[seq])
      return note("the drain gave seq %lld %d times", (long long)seq, connection->given[seq]);
    did.lost_naively += world.committed[seq] && !connection->seen[seq];
  }
  return true;
}

static void begin(uint64_t seed) {
  int i;
  memset(&world, 0, sizeof world);
  memset(connections, 0, sizeof connections);
  world.seed = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
  world.patient = (int)(seed % 3);
  world.keeps_names = seed % 5 > 1;
  for (i = 0; i < BACKENDS; i++) world.backends[i].backend = i + 3;
  world.pace = 1 + (int)(seed % 4) * 3;
  for (i = 0; i < CONNECTIONS; i++) {
    fl_cursor_parse(&connections[i].feed.cursor, "1:0");
    connections[i].feed.live = true;
  }
}

static bool run(uint64_t seed, int actions) {
  int i;
  bool fine = true;
  begin(seed);
  while (fine && actions-- > 0 && world.last < MOST_SEQS) {
    meanwhile(world.pace);
    fine = act();
  }
  come_to_rest();
  for (i = 0; i < CONNECTIONS; i++) {
    fine = fine && catch_up(&connections[i]) && all_delivered(&connections[i]);
    fl_reader_free(&connections[i].feed);
    fl_reader_free(&connections[i].drain);
    fl_horizon_free(&connections[i].horizon);
  }
  return fine;
}

int main(void) {
  long runs = scaled(100), number;
  bool fine = true;
  for (number = 1; fine && number <= runs; number++)
    fine = run((uint64_t)number, 1500) || note("seed %ld", number);
  ok(fine, "%ld runs of %d readers each: every committed change once to each feed and each drain",
     number - 1, CONNECTIONS);
  note("%ld steps of writers; %ld commits (%ld prepared), %ld rollbacks, %ld to a savepoint",
       did.steps, did.commits, did.prepares, did.rollbacks, did.savepoints);
  note(
      "%ld ticks, %ld of them held back; %ld statements, %ld changes handed out, %ld trimmed, log "
      "emptied %ld times, %ld restarts"
      " (%ld of the server), %ld statements abandoned",
      did.ticks, did.held, did.reads, did.delivered, did.trimmed, did.emptied,
      did.restarts + did.crashes, did.crashes, did.abandoned);
  ok(did.steps > 1000 * runs && did.prepares > 0 && did.rollbacks > 0 && did.savepoints > 0 &&
         did.held > 0 && did.delivered > 0 && did.trimmed > 0 && did.emptied > 0 &&
         did.restarts > 0 && did.crashes > 0 && did.abandoned > 0,
     "all of it happened");
  ok(did.lost_naively > 0, "a naive reader beside them lost %ld", did.lost_naively);
  return tap_end();
}
