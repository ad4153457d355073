/* The name of a process: BOOT:PIDS:TIMES:PID:STARTED. The first three say where a number means the
   same process: this start of the kernel, and its namespaces of process numbers and of times. Taken
   from /proc, as Linux has it; elsewhere nothing is known. Nothing is kept between two calls, so
   that it is right after a fork. */
#include "process_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE_SIZE 128

/* Reads the beginning of a small file; false: it cannot be read. */
static bool read_file(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length;
  if (fd < 0) return false;
  do length = read(fd, text, size - 1);
  while (length < 0 && errno == EINTR);
  close(fd);
  if (length <= 0) return false;
  text[length] = '\0';
  return true;
}

/* The number of a namespace; 0: this kernel has none. */
static unsigned long long namespace_of(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 ? (unsigned long long)status.st_ino : 0;
}

/* A program's name may hold blanks and parentheses, so its end is the last parenthesis. */
bool fl_process_stat_parse(struct fl_process_stat *stat, const char *text) {
  const char *name = strrchr(text, ')');
  return name && sscanf(text, "%lld (", &stat->pid) == 1 &&
         sscanf(name,
                ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lld %*s "
                "%llu",
                &stat->state, &stat->threads, &stat->started) == 3;
}

static bool read_stat(struct fl_process_stat *stat, const char *path) {
  char text[1024];
  return read_file(path, text, sizeof text) && fl_process_stat_parse(stat, text);
}

/* Where this process's number means this process, and what /proc says of it; false where /proc
   does not tell, or counts processes as another namespace does. */
static bool find_self(char place[PLACE_SIZE], struct fl_process_stat *self) {
  unsigned long long pids = namespace_of("/proc/self/ns/pid");
  char boot[40];
  if (!pids || !read_file("/proc/sys/kernel/random/boot_id", boot, sizeof boot)) return false;
  boot[strcspn(boot, "\n")] = '\0';
  if (!*boot || boot[strspn(boot, "0123456789abcdef-")] != '\0') return false;
  snprintf(place, PLACE_SIZE, "%s:%llu:%llu:", boot, pids, namespace_of("/proc/self/ns/time"));
  return read_stat(self, "/proc/self/stat") && self->pid == (long long)getpid();
}

bool fl_process_identity(char text[FL_IDENTITY_SIZE]) {
  struct fl_process_stat self;
  char place[PLACE_SIZE];
  if (!find_self(place, &self)) return false;
  snprintf(text, FL_IDENTITY_SIZE, "%s%lld:%llu", place, self.pid, self.started);
  return true;
}

/* Reads the two numbers behind the place: as they are written, and nothing else. */
static bool parse_numbers(const char *text, long long *pid, unsigned long long *started) {
  char again[64];
  if (sscanf(text, "%18lld:%18llu", pid, started) != 2) return false;
  snprintf(again, sizeof again, "%lld:%llu", *pid, *started);
  return strcmp(again, text) == 0 && *pid > 0 && *pid <= INT32_MAX;
}

/* One that has ended stays a zombie until its parent asks for it. A zombie that has threads is a
   program whose first thread has ended before the others. */
static bool has_ended(const struct fl_process_stat *stat) {
  return stat->state == 'X' || stat->state == 'x' || (stat->state == 'Z' && stat->threads <= 1);
}

/* /proc may hide the processes of other users, and files may have run out: only that no signal
   could be sent tells that there is none. */
static enum fl_life life_of(long long pid, unsigned long long started) {
  struct fl_process_stat found;
  char path[48];
  snprintf(path, sizeof path, "/proc/%lld/stat", pid);
  if (read_stat(&found, path))
    return found.started == started && !has_ended(&found) ? FL_LIFE_LIVES : FL_LIFE_GONE;
  return kill((pid_t)pid, 0) != 0 && errno == ESRCH ? FL_LIFE_GONE : FL_LIFE_UNKNOWN;
}

enum fl_life fl_process_lives(const char *identity) {
  struct fl_process_stat self;
  char place[PLACE_SIZE];
  unsigned long long started;
  long long pid;
  size_t length;
  if (!find_self(place, &self)) return FL_LIFE_UNKNOWN;
  length = strlen(place);
  if (strncmp(identity, place, length) != 0) return FL_LIFE_UNKNOWN;
  return parse_numbers(identity + length, &pid, &started) ? life_of(pid, started) : FL_LIFE_UNKNOWN;
}
