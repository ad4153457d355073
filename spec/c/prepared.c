/* Which texts are prepared on a connection. */
#include "prepared.h"

#include "tap.h"

#include <stdio.h>
#include <string.h>

static void test_ways(void) {
  struct fl_prepared prepared;
  char name[FL_PREPARED_NAME] = "", other[FL_PREPARED_NAME] = "";
  fl_prepared_reset(&prepared);
  ok(fl_prepared_way(&prepared, "SELECT 1", name) == FL_WAY_PLAIN, "a text is sent as it is");
  ok(fl_prepared_way(&prepared, "SELECT 1", name) == FL_WAY_PREPARE, "the second time prepared");
  ok(fl_prepared_way(&prepared, "SELECT 1", name) == FL_WAY_PREPARE, "again, where that failed");
  fl_prepared_ready(&prepared, "SELECT 1");
  ok(fl_prepared_way(&prepared, "SELECT 1", name) == FL_WAY_EXECUTE, "then executed");
  ok(fl_prepared_way(&prepared, "SELECT 2", other) == FL_WAY_PLAIN, "but no other text");
  ok(strncmp(name, "forgelog_", 9) == 0 && strcmp(name, other) != 0, "each has a name of its own");
  prepared.refused = true;
  ok(fl_prepared_way(&prepared, "SELECT 1", name) == FL_WAY_PLAIN, "unless it was refused");
  fl_prepared_reset(&prepared);
  ok(fl_prepared_way(&prepared, "SELECT 1", other) == FL_WAY_PLAIN &&
         fl_prepared_way(&prepared, "SELECT 1", other) == FL_WAY_PREPARE,
     "a new connection begins anew");
  ok(strcmp(name, other) == 0, "under the same name");
}

static void test_room(void) {
  struct fl_prepared prepared;
  char name[FL_PREPARED_NAME], text[20];
  int i, prepares = 0;
  fl_prepared_reset(&prepared);
  for (i = 0; i < 2 * FL_PREPARED_MOST; i++) {
    sprintf(text, "SELECT %d", i);
    fl_prepared_way(&prepared, text, name);
    prepares += fl_prepared_way(&prepared, text, name) == FL_WAY_PREPARE;
  }
  ok(prepares == FL_PREPARED_MOST, "no more than %d texts are prepared", FL_PREPARED_MOST);
}

int main(void) {
  test_ways();
  test_room();
  return tap_end();
}
