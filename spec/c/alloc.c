/* Every allocation failed in turn: the n-th alone, and all from the n-th on, for n = 1, 2, 3 ...
   until none is left to fail. Each time the operation must end well or with an error, never with
   less than there is, and leave the log usable or closed; and when the Lua state is closed, every
   block must be free again.

   Two kinds of allocations, each in rounds of its own: those of Lua, through the allocator given to
   lua_newstate, and those of malloc, calloc, realloc and strdup as the core and libpq (and libc for
   them) call them: this program defines these functions, in front of libc's. What the operations
   are stands in alloc.lua. */
#define _GNU_SOURCE
#include "tap.h"

#include <dlfcn.h>
#include <errno.h>
#include <lauxlib.h>
#include <libpq-fe.h>
#include <limits.h>
#include <lua.h>
#include <lualib.h>
#include <stddef.h>
#include <string.h>

int luaopen_forgelog_core(lua_State *L);

/* What runs before a sanitizer is ready cannot be watched by it. */
#define EARLY __attribute__((no_sanitize_address))

/* ---- failing in turn ---- */

struct layer {
  const char *name;
  bool armed;
  bool forever; /* fails all from the n-th on */
  long n, calls, failed;
  long live; /* blocks not yet free */
};

static struct layer lua_layer = {"Lua", false, false, 0, 0, 0, 0};
static struct layer c_layer = {"malloc", false, false, 0, 0, 0, 0};

EARLY static bool fails(struct layer *layer) {
  if (!layer->armed) return false;
  layer->calls++;
  if (layer->calls != layer->n && !(layer->forever && layer->calls > layer->n)) return false;
  layer->failed++;
  errno = ENOMEM;
  return true;
}

/* ---- libc's functions, and ours in front of them ---- */

static struct {
  void *(*malloc)(size_t);
  void *(*calloc)(size_t, size_t);
  void *(*realloc)(void *, size_t);
  void (*free)(void *);
} real;

/* For what dlsym itself needs while it looks for them. */
static char early[16384] __attribute__((aligned(16)));
static size_t early_used;

EARLY static bool is_early(const void *block) {
  return (const char *)block >= early && (const char *)block < early + sizeof early;
}

EARLY static void *early_block(size_t size) {
  void *block = early + early_used;
  early_used += (size + 15) & ~(size_t)15;
  if (early_used > sizeof early) abort();
  return block;
}

EARLY static bool find_real(void) {
  static bool finding;
  if (real.free) return true;
  if (finding) return false;
  finding = true;
  real.malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
  real.calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
  real.realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
  real.free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
  return true;
}

/* Blocks of ours that are not yet free, so that what others allocated in other ways is not counted.
   Kept inverted: a leak checker shall not take this table for an owner. */
#define SLOTS (1u << 17)
#define EMPTY ((uintptr_t)0)
#define DEAD ((uintptr_t)1)
static uintptr_t blocks[SLOTS];

EARLY static size_t slot_of(const void *block) {
  return ((uintptr_t)block >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 47;
}

EARLY static void *enter(void *block) {
  size_t slot = slot_of(block);
  if (!block) return NULL;
  while (blocks[slot] != EMPTY && blocks[slot] != DEAD) slot = (slot + 1) % SLOTS;
  blocks[slot] = ~(uintptr_t)block;
  c_layer.live++;
  return block;
}

EARLY static void leave(const void *block) {
  size_t slot = slot_of(block);
  while (blocks[slot] != EMPTY && blocks[slot] != ~(uintptr_t)block) slot = (slot + 1) % SLOTS;
  if (blocks[slot] == EMPTY) return;
  blocks[slot] = blocks[(slot + 1) % SLOTS] == EMPTY ? EMPTY : DEAD;
  c_layer.live--;
}

EARLY void *malloc(size_t size) {
  if (!find_real()) return early_block(size);
  return fails(&c_layer) ? NULL : enter(real.malloc(size));
}

EARLY void *calloc(size_t count, size_t size) {
  if (!find_real()) return early_block(count * size);
  return fails(&c_layer) ? NULL : enter(real.calloc(count, size));
}

EARLY void free(void *block) {
  if (!block || is_early(block) || !find_real()) return;
  leave(block);
  real.free(block);
}

EARLY void *realloc(void *block, size_t size) {
  void *grown;
  if (!find_real()) return early_block(size);
  if (fails(&c_layer)) return NULL;
  if (is_early(block)) {
    grown = memcpy(enter(real.malloc(size)), block, size < 1024 ? size : 1024);
    return grown;
  }
  if (block) leave(block);
  grown = real.realloc(block, size);
  return enter(grown ? grown : block);
}

/* libc's own calls malloc as well, but a sanitizer's does not. */
EARLY char *strdup(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = malloc(size);
  return copy ? memcpy(copy, text, size) : NULL;
}

/* Lua takes for granted that a block can be made smaller. */
static void *lua_blocks(void *unused, void *block, size_t old, size_t size) {
  (void)unused;
  if (size == 0) {
    lua_layer.live -= block != NULL;
    real.free(block);
    return NULL;
  }
  if ((!block || size > old) && fails(&lua_layer)) return NULL;
  lua_layer.live += block == NULL;
  return real.realloc(block, size);
}

/* ---- one time ---- */

static lua_State *new_state(void) {
  lua_State *L = lua_newstate(lua_blocks, NULL);
  const char *root = getenv("FORGELOG_ROOT");
  if (!L) return NULL;
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_pushfstring(L, "%s/src/?.lua;%s/src/?/init.lua", root ? root : ".", root ? root : ".");
  lua_setfield(L, -2, "path");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_forgelog_core);
  lua_setfield(L, -2, "forgelog.core");
  lua_pop(L, 2);
  lua_pushfstring(L, "%s/spec/c/alloc.lua", root ? root : ".");
  if (luaL_loadfile(L, lua_tostring(L, 1)) || lua_pcall(L, 0, 1, 0)) {
    note("%s", lua_tostring(L, -1));
    exit(1);
  }
  lua_replace(L, 1);
  return L;
}

static void arm(struct layer *layer, long n, bool forever) {
  layer->n = n;
  layer->forever = forever;
  layer->calls = layer->failed = 0;
  layer->armed = true;
}

static void push_function(lua_State *L, const char *scenario, const char *name) {
  lua_getfield(L, 1, scenario);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
}

static const char *text_of(lua_State *L) {
  if (luaL_callmeta(L, -1, "__tostring")) return lua_tostring(L, -1);
  return lua_isstring(L, -1) ? lua_tostring(L, -1) : luaL_typename(L, -1);
}

static bool ended_well;

/* Prepares, runs with the n-th allocation failing, checks. The complaint, or NULL. */
static const char *run_in(lua_State *L, const char *scenario, struct layer *layer, long n,
                          bool forever) {
  static char complaint[512];
  int ended;
  push_function(L, scenario, "check");
  push_function(L, scenario, "prepare");
  lua_pushstring(L, layer->name);
  if (lua_pcall(L, 1, 1, 0) == 0) {
    push_function(L, scenario, "run");
    lua_pushvalue(L, -2);
    arm(layer, n, forever);
    ended = lua_pcall(L, 1, LUA_MULTRET, 0) == 0;
    layer->armed = false;
    lua_pushboolean(L, ended);
    lua_insert(L, 4); /* check(context, ended, result ...) */
    if (lua_pcall(L, lua_gettop(L) - 2, 2, 0) == 0) {
      ended_well = lua_toboolean(L, -1);
      lua_pop(L, 1);
      if (lua_isnil(L, -1)) return NULL;
    }
  }
  snprintf(complaint, sizeof complaint, "%s", text_of(L));
  return complaint;
}

/* The same in a Lua state of its own, after which nothing may be left. */
static bool once(const char *scenario, struct layer *layer, long n, bool forever) {
  long c_before = c_layer.live, lua_before = lua_layer.live;
  lua_State *L = new_state();
  const char *complaint;
  complaint = run_in(L, scenario, layer, n, forever);
  lua_close(L);
  if (complaint)
    return note("%s, %s %s %ld: %s", scenario, layer->name, forever ? "from" : "number", n,
                complaint);
  if (c_layer.live == c_before && lua_layer.live == lua_before) return true;
  return note("%s, %s %s %ld: %ld blocks of malloc and %ld of Lua are left", scenario, layer->name,
              forever ? "from" : "number", n, c_layer.live - c_before, lua_layer.live - lua_before);
}

/* ---- all in turn ---- */

#define MOST 1000000 /* allocations of one scenario */

static const struct scenario {
  const char *name;
  long steps; /* how many of its allocations fail in turn at scale 1, about */
} scenarios[] = {{"connect", 25}, {"query", 25}, {"drain", 25}, {"ranges", 25},
                 {"tick", 25},    {"trim", 25},  {"sets", 25},  {"look", 3},
                 {"doctor", 3},   {"rows", 3},   {"feed", 3},   {"file", 3},
                 {"table", 3},    {"outside", 3}, {"watch", 3}, {"install", 3}};

/* How many allocations there are where none fails. */
static long allocations(const char *scenario, struct layer *layer) {
  once(scenario, layer, LONG_MAX, false);
  return layer->calls;
}

/* Each n where the scale is large enough; else every so many-th. */
static void in_turn(const struct scenario *scenario, struct layer *layer, bool forever) {
  const char *name = scenario->name;
  long n = 0, times = 0, complaints = 0, all = allocations(name, layer);
  long stride = all / scaled(scenario->steps);
  do {
    n += stride < 1 ? 1 : stride;
    complaints += !once(name, layer, n, forever);
    times++;
  } while (layer->failed > 0 && n < MOST && complaints < 3);
  ok(complaints == 0 && times > 2 && layer->failed == 0 && ended_well,
     "%s: %ld of %ld allocations of %s failed, %s", name, times - 1, all, layer->name,
     forever ? "with all that follow" : "each alone");
}

static bool prepare_log(void) {
  PGconn *conn = PQconnectdb("");
  PGresult *result = PQexec(
      conn,
      "SET client_min_messages = warning; DROP SCHEMA IF EXISTS alloc_spec CASCADE; CREATE SCHEMA "
      "alloc_spec;"
      "CREATE TABLE alloc_spec.forge_change_log (seq bigserial PRIMARY KEY, table_name text NOT "
      "NULL, op text NOT NULL,"
      " row_id text, changed_cols text, created_at timestamptz NOT NULL DEFAULT clock_timestamp());"
      "CREATE TABLE alloc_spec.forge_change_log_state"
      " (one boolean PRIMARY KEY DEFAULT true CHECK (one), trimmed_to bigint NOT NULL, version int "
      "NOT NULL);"
      "INSERT INTO alloc_spec.forge_change_log_state (trimmed_to, version) VALUES (0, 1);"
      "INSERT INTO alloc_spec.forge_change_log (table_name, op, row_id) SELECT 't', 'INSERT', 'r' "
      "|| g % 4"
      " FROM generate_series(1, 140) g; ALTER DATABASE postgres SET search_path = alloc_spec");
  bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
  if (!done) note("%s", PQerrorMessage(conn));
  PQclear(result);
  PQfinish(conn);
  return done;
}

/* Whether our malloc is the one that is called: valgrind puts its own in front unless told
   otherwise. */
static bool intercepts(void) {
  void *(*volatile allocate)(size_t) = malloc;
  long before = c_layer.live;
  void *block = allocate(10);
  bool seen = c_layer.live == before + 1;
  free(block);
  return seen;
}

static void all_of(struct layer *layer, const char *only, bool possible, const char *why) {
  size_t i;
  for (i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
    if (only && strcmp(only, scenarios[i].name) != 0 && strcmp(only, layer->name) != 0)
      continue;
    else if (possible) {
      in_turn(&scenarios[i], layer, false);
      in_turn(&scenarios[i], layer, true);
    } else
      printf("ok %d # SKIP %s: %s\n", ++tap_tests, scenarios[i].name, why);
}

/* With the name of a scenario, or of a kind of allocations, as argument: only that one. */
int main(int argc, char **argv) {
  const char *only = argc > 1 ? argv[1] : NULL;
  lua_State *L;
  bool own_lua;
  find_real();
  if (!ok(prepare_log(), "a log to work on")) return tap_end();
  L = lua_newstate(lua_blocks, NULL);
  own_lua = L != NULL;
  if (L) {
    lua_close(L);
    once("connect", &c_layer, LONG_MAX, false); /* libraries keep some of what they need first */
  }
  all_of(&lua_layer, only, own_lua, "this Lua takes no allocator but its own");
  all_of(&c_layer, only, intercepts() && own_lua, "malloc is somebody else's here");
  return tap_end();
}
