/* The name of a process: what /proc says of one, and whether it lives, is a zombie, or is gone. */
#define _GNU_SOURCE
#include "process_identity.h"

#include "tap.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what /proc says ---- */

#define REST " 1 1 1 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 3 0 2301100 3133440 388"

static void test_parse(void) {
  static const struct {
    const char *text;
    char state; /* 0: it is refused */
  } cases[] = {{"7 (cat) R" REST, 'R'},
               {"7 (a) Z 1 (b) S" REST, 'S'},
               {"7 (Web Content) D" REST " 18446744073709551615", 'D'},
               {"7 ()) Z" REST, 'Z'},
               {"7 () S" REST, 'S'},
               {"7 (cat) R 1 1 1 0 -1", 0},
               {"7 (cat", 0},
               {"", 0},
               {"cat) R" REST, 0}};
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fl_process_stat stat = {0, 0, 0, 0};
    bool read = fl_process_stat_parse(&stat, cases[i].text);
    ok(cases[i].state ? read && stat.pid == 7 && stat.threads == 3 && stat.started == 2301100 &&
                            stat.state == cases[i].state
                      : !read,
       "'%s' is %s", cases[i].text, cases[i].state ? "read" : "refused");
  }
}

/* ---- processes ---- */

static void *wait_for_ever(void *unused) {
  (void)unused;
  for (;;) pause();
  return NULL;
}

static void be_child(int out, bool as_thread) {
  char identity[FL_IDENTITY_SIZE];
  pthread_t thread;
  if (!fl_process_identity(identity) || write(out, identity, sizeof identity) < 0 ||
      (as_thread && pthread_create(&thread, NULL, wait_for_ever, NULL) != 0))
    _exit(1);
  if (as_thread) pthread_exit(NULL);
  wait_for_ever(NULL);
}

/* Until its first thread has ended. */
static void wait_for_zombie(pid_t pid) {
  struct fl_process_stat stat = {0, 0, 0, 0};
  char path[32], text[1024];
  sprintf(path, "/proc/%d/stat", (int)pid);
  while (stat.state != 'Z') {
    FILE *file = fopen(path, "r");
    if (!file || !fgets(text, sizeof text, file) || !fl_process_stat_parse(&stat, text)) exit(1);
    fclose(file);
    usleep(1000);
  }
}

/* Starts a process that says its name and waits; as_thread: its first thread ends before. */
static pid_t start(char identity[FL_IDENTITY_SIZE], bool as_thread) {
  int ends[2];
  pid_t pid;
  if (pipe(ends) != 0 || (pid = fork()) < 0) exit(1);
  if (pid == 0) be_child(ends[1], as_thread);
  if (read(ends[0], identity, FL_IDENTITY_SIZE) != FL_IDENTITY_SIZE) exit(1);
  close(ends[0]);
  close(ends[1]);
  if (as_thread) wait_for_zombie(pid);
  return pid;
}

/* Waits until it is a zombie, and leaves it one. */
static void end(pid_t pid) {
  siginfo_t info;
  kill(pid, SIGKILL);
  waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
}

static void test_life(bool as_thread, const char *what) {
  char identity[FL_IDENTITY_SIZE];
  pid_t pid = start(identity, as_thread);
  ok(fl_process_lives(identity) == FL_LIFE_LIVES, "%s lives: %s", what, identity);
  end(pid);
  ok(fl_process_lives(identity) == FL_LIFE_GONE, "killed, a zombie is gone");
  waitpid(pid, NULL, 0);
  ok(fl_process_lives(identity) == FL_LIFE_GONE, "nor does anything live when it was waited for");
}

static void test_self(void) {
  char identity[FL_IDENTITY_SIZE], other[FL_IDENTITY_SIZE];
  char *started;
  pid_t pid;
  ok(fl_process_identity(identity) && !strchr(identity, ' '), "this process is %s", identity);
  ok(fl_process_lives(identity) == FL_LIFE_LIVES, "it lives");
  pid = start(other, false);
  ok(strcmp(identity, other) != 0, "a fork of it is another one");
  end(pid);
  waitpid(pid, NULL, 0);
  strcpy(other, identity);
  started = strrchr(other, ':') + 1;
  *started = *started == '1' ? '2' : '1';
  ok(fl_process_lives(other) == FL_LIFE_GONE, "of another start it is gone: %s", other);
}

/* ---- what cannot be known ---- */

static bool unknown(const char *identity) { return fl_process_lives(identity) == FL_LIFE_UNKNOWN; }

/* The name with one byte changed. */
static bool unknown_changed(const char *identity, size_t at, char byte) {
  char other[FL_IDENTITY_SIZE];
  strcpy(other, identity);
  other[at] = byte;
  return unknown(other);
}

static void test_unknown(void) {
  char identity[FL_IDENTITY_SIZE], other[FL_IDENTITY_SIZE + 8];
  const char *numbers;
  size_t i, place;
  bool fine = true;
  fl_process_identity(identity);
  numbers = strrchr(identity, ':');
  while (numbers[-1] != ':') numbers--;
  place = (size_t)(numbers - identity);
  for (i = 0; i < place; i++) fine &= unknown_changed(identity, i, identity[i] == '9' ? '8' : '9');
  ok(fine, "of another machine, start or namespace nothing is known");
  for (i = 0; i < place; i++) fine &= unknown_changed(identity, i, '\0');
  for (i = place; i < strlen(identity); i++) fine &= unknown_changed(identity, i, 'x');
  for (i = 0; i < 4; i++) {
    static const char *const wrong[] = {"0:5", "-1:5", "4294967297:5", "+7:5"};
    sprintf(other, "%.*s%s", (int)place, identity, wrong[i]);
    fine &= unknown(other) || note("%s", other);
  }
  sprintf(other, "%s ", identity);
  ok(fine && unknown(other) && unknown(""), "nor of what is no name");
}

int main(void) {
  char identity[FL_IDENTITY_SIZE];
  test_parse();
  if (!fl_process_identity(identity)) {
    printf("ok %d # SKIP this system does not name its processes\n", ++tap_tests);
    return tap_end();
  }
  test_self();
  test_life(false, "a process");
  test_life(true, "one whose first thread has ended");
  test_unknown();
  return tap_end();
}
