/* The limit of a drain, for bench/drain.lua alone: the changes that bench.fill writes into a log,
   made from memory as the same Lua tables. There is no server, no libpq and nothing to decode. */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

/* Upvalues of the iterator: where it stands, the keys, and the texts that repeat from change to
   change. A drain, too, has those ready as Lua strings. */
enum upvalue {
  PLACE = 1,
  SEQ,
  TABLE_NAME,
  OP,
  ROW_ID,
  CHANGED_COLS,
  CREATED_AT,
  TXID,
  ACCOUNTS,
  INSERT,
  UPDATE,
  ABALANCE
};

static const char *const texts[] = {
    "seq",  "table_name",       "op",     "row_id", "changed_cols", "created_at",
    "txid", "pgbench_accounts", "INSERT", "UPDATE", "abalance"};

#define FIRST_TIME 1764000000000000.0 /* microseconds: some moment of 2025 */

struct place {
  lua_Integer seq, last;
  char digits[24]; /* the seq as text, from `first` on */
  size_t first;
};

/* Counts in the text, which costs next to nothing beside printing the number. */
static void count_on(struct place *at) {
  size_t digit = sizeof at->digits - 1;
  at->seq++;
  while (digit >= at->first && at->digits[digit] == '9') at->digits[digit--] = '0';
  if (digit < at->first) at->digits[at->first = digit] = '0';
  at->digits[digit]++;
}

#define UPVALUE(which) lua_pushvalue(L, lua_upvalueindex(which))
#define SET(key, push) (UPVALUE(key), (push), lua_rawset(L, -3))

/* The fairest measure of what the tables themselves cost: each is made when the loop wants it, and
   handed to it by the cheapest iterator that Lua has, a C function without a batch behind it. */
static int next_change(lua_State *L) {
  struct place *at = lua_touserdata(L, lua_upvalueindex(PLACE));
  int inserted;
  if (at->seq == at->last) return 0;
  count_on(at);
  inserted = at->seq % 4 == 0;
  lua_createtable(L, 0, TXID - PLACE);
  SET(SEQ, lua_pushinteger(L, at->seq));
  SET(TABLE_NAME, UPVALUE(ACCOUNTS));
  SET(OP, UPVALUE(inserted ? INSERT : UPDATE));
  SET(ROW_ID, lua_pushlstring(L, at->digits + at->first, sizeof at->digits - at->first));
  if (!inserted) SET(CHANGED_COLS, UPVALUE(ABALANCE));
  SET(CREATED_AT, lua_pushnumber(L, (FIRST_TIME + (lua_Number)at->seq) / 1e6));
  SET(TXID, lua_pushinteger(L, 735));
  return 1;
}

/* limit(count): an iterator over so many changes. */
static int limit(lua_State *L) {
  lua_Integer last = luaL_checkinteger(L, 1);
  struct place *at = lua_newuserdata(L, sizeof *at);
  size_t i;
  memset(at, 0, sizeof *at);
  at->last = last;
  at->first = sizeof at->digits;
  for (i = 0; i < sizeof texts / sizeof *texts; i++) lua_pushstring(L, texts[i]);
  lua_pushcclosure(L, next_change, ABALANCE);
  return 1;
}

int luaopen_limit(lua_State *L);

int luaopen_limit(lua_State *L) {
  lua_pushcfunction(L, limit);
  return 1;
}
