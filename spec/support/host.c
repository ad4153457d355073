/* A small Lua interpreter (script and arguments, or -e): Debian packages LuaJIT without one, and
   sanitizers want one of their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

static int traceback(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (message == NULL) {
    if (!luaL_callmeta(L, 1, "__tostring")) return 1;
    message = lua_tostring(L, -1);
  }
  lua_getglobal(L, "debug");
  lua_getfield(L, -1, "traceback");
  lua_pushstring(L, message);
  lua_pushinteger(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

static void set_arg(lua_State *L, int argc, char **argv, int script) {
  int i;
  lua_createtable(L, argc, 1);
  for (i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

static int run(lua_State *L, int argc, char **argv) {
  int code = argc > 2 && strcmp(argv[1], "-e") == 0;
  int script = code ? 2 : 1, i, status;
  luaL_openlibs(L);
  set_arg(L, argc, argv, script);
  lua_pushcfunction(L, traceback);
  status = code ? luaL_loadstring(L, argv[2]) : luaL_loadfile(L, argv[1]);
  for (i = script + 1; status == 0 && i < argc; i++) lua_pushstring(L, argv[i]);
  if (status == 0) status = lua_pcall(L, argc - script - 1, 0, 1);
  if (status != 0) {
    const char *message = lua_tostring(L, -1);
    fprintf(stderr, "%s: %s\n", argv[0], message ? message : "(error object is not a string)");
  }
  return status;
}

int main(int argc, char **argv) {
  lua_State *L;
  int status;
  if (argc < 2) {
    fprintf(stderr, "usage: %s script [argument]... | -e code [argument]...\n", argv[0]);
    return 2;
  }
  L = luaL_newstate();
  if (L == NULL) return 2;
  status = run(L, argc, argv);
  lua_close(L);
  return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
