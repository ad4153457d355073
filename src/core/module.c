/* The Lua module forgelog.core: its table of functions and constants. */
#include "compat.h"
#include "lua_connection.h"
#include "lua_job.h"
#include "lua_process.h"
#include "lua_positions.h"
#include "lua_reader.h"
#include "lua_values.h"

static const luaL_Reg functions[] = {{"connection", fl_core_connection},
                                     {"error", fl_core_error},
                                     {"lookup", fl_core_lookup},
                                     {"number_text", fl_core_number_text},
                                     {"parse_number", fl_core_parse_number},
                                     {"parse_position", fl_core_parse_position},
                                     {"position_text", fl_core_position_text},
                                     {"place", fl_core_place},
                                     {"stirred", fl_core_stirred},
                                     {"without", fl_core_without},
                                     {"naming", fl_core_naming},
                                     {"common", fl_core_common},
                                     {"hash", fl_core_hash},
                                     {NULL, NULL}};

/* core.words: the words that stand for the same text in every SQL statement. */
static void push_words(lua_State *L) {
  const struct fl_word *word;
  lua_newtable(L);
  for (word = fl_common_words; word->name; word++) {
    lua_pushstring(L, word->text);
    lua_setfield(L, -2, word->name);
  }
}

int luaopen_forgelog_core(lua_State *L);

int luaopen_forgelog_core(lua_State *L) {
  fl_setup_errors(L);
  fl_setup_connections(L);
  fl_setup_jobs(L);
  fl_setup_readers(L);
  fl_setup_positions(L);
  lua_newtable(L);
  fl_setfuncs(L, functions);
  fl_setfuncs(L, fl_process_functions);
  push_words(L);
  lua_setfield(L, -2, "words");
  fl_push_fields(L); /* core.fields: the fields of a change, in their order */
  lua_setfield(L, -2, "fields");
  lua_pushnumber(L, (lua_Number)FL_EXACT); /* the largest integer that this Lua holds exactly */
  lua_setfield(L, -2, "max_integer");
  return 1;
}
