/* What a plain script needs of its process: waiting, the clock, a file saved safely; and what a
   command needs: signals and the terminal; and which process it is. */
#include "lua_process.h"

#include "atomic_file.h"
#include "compat.h"
#include "job.h"
#include "lua_values.h"
#include "process_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static volatile sig_atomic_t caught;

/* core.poll(fd, events, seconds): false when the time is over; a signal ends it as readiness
   does. */
static int core_poll(lua_State *L) {
  const char *events = luaL_optstring(L, 2, "");
  struct pollfd waited = {(int)luaL_optinteger(L, 1, -1), 0, 0};
  double milliseconds = luaL_optnumber(L, 3, -0.001) * 1000;
  int ready;
  if (strchr(events, 'r')) waited.events |= POLLIN;
  if (strchr(events, 'w')) waited.events |= POLLOUT;
  if (!(milliseconds < 2147483647.0)) milliseconds = 2147483647.0;
  ready = poll(&waited, waited.fd >= 0, milliseconds < 0 ? -1 : (int)ceil(milliseconds));
  lua_pushboolean(L, ready > 0 || (ready < 0 && errno == EINTR));
  return 1;
}

/* core.save(path, text): replaces the content of the file, safe on disk before anybody sees it.
   true; or false and what is wrong. */
static int core_save(lua_State *L) {
  const char *path = fl_check_text(L, 1), *wrong = fl_atomic_write(path, fl_check_text(L, 2));
  lua_pushboolean(L, !wrong);
  lua_pushstring(L, wrong);
  return 2;
}

/* core.now(): seconds of a clock that never goes back. */
static int core_now(lua_State *L) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
  return 1;
}

static void note_signal(int signal) { caught = signal; }

static void ignore_signal(int signal) { (void)signal; }

/* A signal that the caller has set to be ignored, as nohup does, stays ignored. */
static void handle_signal(int signal, void (*handler)(int), int flags) {
  struct sigaction action;
  if (sigaction(signal, NULL, &action) != 0 || action.sa_handler == SIG_IGN) return;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, NULL);
}

/* core.catch_signals(): INT, TERM and HUP are noted, once each, so that a second one ends the
   program. Writing to a closed pipe becomes an error of the write. These are handlers rather than
   SIG_IGN, which programs started from here would inherit. */
static int core_catch_signals(lua_State *L) {
  (void)L;
  fl_stay_loaded();
  handle_signal(SIGINT, note_signal, (int)SA_RESETHAND);
  handle_signal(SIGTERM, note_signal, (int)SA_RESETHAND);
  handle_signal(SIGHUP, note_signal, (int)SA_RESETHAND);
  handle_signal(SIGPIPE, ignore_signal, 0);
  return 0;
}

/* core.caught(): the number of the signal noted last, or nil. */
static int core_caught(lua_State *L) {
  if (!caught) return 0;
  lua_pushinteger(L, caught);
  return 1;
}

/* core.process(): a text without a blank that names this process, for core.lives; nil where the
   system does not tell enough. */
static int core_process(lua_State *L) {
  char identity[FL_IDENTITY_SIZE];
  lua_pushstring(L, fl_process_identity(identity) ? identity : NULL);
  return 1;
}

/* core.lives(identity): whether the process of that name lives; nil where that cannot be known: it
   is of another machine or container, of another start of this one, or the text is no such name. */
static int core_lives(lua_State *L) {
  size_t length;
  const char *identity = luaL_checklstring(L, 1, &length);
  enum fl_life life = strlen(identity) == length ? fl_process_lives(identity) : FL_LIFE_UNKNOWN;
  if (life == FL_LIFE_UNKNOWN)
    lua_pushnil(L);
  else
    lua_pushboolean(L, life == FL_LIFE_LIVES);
  return 1;
}

/* core.run(command): runs a shell command to its end: its exit status; or nil and the signal that
   ended it; or nil, nil and why it could not be run. Unlike os.execute it does not keep SIGINT from
   this program, which notes it as it does any other time. */
static int core_run(lua_State *L) {
  char shell[] = "sh", flag[] = "-c", *words[] = {shell, flag, (char *)fl_check_text(L, 1), NULL};
  int status, wrong;
  pid_t child;
  wrong = posix_spawn(&child, "/bin/sh", NULL, NULL, words, environ);
  while (!wrong && waitpid(child, &status, 0) < 0)
    if (errno != EINTR) wrong = errno;
  if (wrong) {
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushstring(L, strerror(wrong));
    return 3;
  }
  if (WIFEXITED(status)) {
    lua_pushinteger(L, WEXITSTATUS(status));
    return 1;
  }
  lua_pushnil(L);
  lua_pushinteger(L, WTERMSIG(status));
  return 2;
}

/* Writes into a locked file who has it; where the disk has no room for that it is locked too. */
static void sign(int fd) {
  if (ftruncate(fd, 0) == 0) dprintf(fd, "%ld\n", (long)getpid());
}

/* Opens a file to be locked; one of another user, who has left it there, is only read. A link may
   lead to any file. */
static int open_lock(const char *path, bool *own) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  *own = fd >= 0;
  return fd < 0 && errno == EACCES ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : fd;
}

static bool is_regular(int fd) {
  struct stat about;
  if (fstat(fd, &about) != 0) return false;
  errno = EINVAL;
  return S_ISREG(about.st_mode);
}

/* core.lock(path): locks a file, which is made where it is missing, until this process ends, and
   writes its process id into it: true; false where another process has it; nil, why it cannot be
   locked, and whether it is there at least (the file system knows no locks). */
static int core_lock(lua_State *L) {
  bool own, there;
  int fd = open_lock(fl_check_text(L, 1), &own), why;
  there = fd >= 0 && is_regular(fd);
  if (there && flock(fd, LOCK_EX | LOCK_NB) == 0) {
    if (own) sign(fd);
    lua_pushboolean(L, 1);
    return 1;
  }
  why = errno;
  if (fd >= 0) close(fd);
  if (there && why == EWOULDBLOCK) {
    lua_pushboolean(L, 0);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, strerror(why));
  lua_pushboolean(L, there);
  return 3;
}

/* core.terminal(fd): columns and rows of the terminal (0 where it does not say); nil where fd is
   none. */
static int core_terminal(lua_State *L) {
  struct winsize size = {0, 0, 0, 0};
  int fd = (int)luaL_checkinteger(L, 1);
  if (!isatty(fd)) return 0;
  (void)ioctl(fd, TIOCGWINSZ, &size);
  lua_pushinteger(L, size.ws_col);
  lua_pushinteger(L, size.ws_row);
  return 2;
}

const luaL_Reg fl_process_functions[] = {{"poll", core_poll},
                                         {"now", core_now},
                                         {"save", core_save},
                                         {"catch_signals", core_catch_signals},
                                         {"caught", core_caught},
                                         {"process", core_process},
                                         {"lives", core_lives},
                                         {"run", core_run},
                                         {"lock", core_lock},
                                         {"terminal", core_terminal},
                                         {NULL, NULL}};
