/* The userdata Job: something that runs on a thread of its own, and the descriptor by which its end
   is waited for. */
#include "lua_job.h"

#include "compat.h"
#include "lookup.h"
#include "lua_values.h"
#include "pgconn.h"

#define JOB "forgelog.job"

struct handle {
  struct fl_job *job; /* NULL: it was left */
  struct fl_lookup *lookup;
};

static struct handle *check(lua_State *L) { return luaL_checkudata(L, 1, JOB); }

static struct handle *check_open(lua_State *L) {
  struct handle *handle = check(L);
  luaL_argcheck(L, handle->job, 1, "closed");
  return handle;
}

static struct handle *push_handle(lua_State *L) {
  struct handle *handle = lua_newuserdata(L, sizeof *handle);
  handle->job = NULL;
  handle->lookup = NULL;
  luaL_getmetatable(L, JOB);
  lua_setmetatable(L, -2);
  return handle;
}

/* nil where no thread is to be had. */
int fl_core_lookup(lua_State *L) {
  const char *host = fl_check_text(L, 1);
  struct handle *handle = push_handle(L);
  handle->lookup = fl_lookup_start(host);
  if (handle->lookup)
    handle->job = fl_lookup_job(handle->lookup);
  else
    lua_pushnil(L);
  return 1;
}

void fl_push_cancel(lua_State *L, const struct fl_pgconn *pg) {
  struct handle *handle = push_handle(L);
  handle->job = fl_pgconn_cancel(pg);
  if (!handle->job) lua_pushnil(L);
}

static int job_close(lua_State *L) {
  struct handle *handle = check(L);
  if (handle->job) fl_job_leave(handle->job);
  handle->job = NULL;
  return 0;
}

static int job_pollfd(lua_State *L) {
  lua_pushinteger(L, check_open(L)->job->ready);
  return 1;
}

static int job_done(lua_State *L) {
  lua_pushboolean(L, fl_job_done(check_open(L)->job));
  return 1;
}

/* addresses(), of a lookup that is done: a list; or nil and why there is none. */
static int job_addresses(lua_State *L) {
  struct handle *handle = check_open(L);
  char text[128];
  int i;
  luaL_argcheck(L, handle->lookup && fl_job_done(handle->job), 1, "a lookup that is done expected");
  if (fl_lookup_wrong(handle->lookup)) {
    lua_pushnil(L);
    lua_pushstring(L, fl_lookup_wrong(handle->lookup));
    return 2;
  }
  lua_newtable(L);
  for (i = 0; fl_lookup_address(handle->lookup, i, text, sizeof text); i++) {
    lua_pushstring(L, text);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static const luaL_Reg methods[] = {{"pollfd", job_pollfd},
                                   {"done", job_done},
                                   {"addresses", job_addresses},
                                   {"close", job_close},
                                   {"__gc", job_close},
                                   {"__close", job_close},
                                   {NULL, NULL}};

void fl_setup_jobs(lua_State *L) {
  luaL_newmetatable(L, JOB);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  fl_setfuncs(L, methods);
  lua_pop(L, 1);
}
