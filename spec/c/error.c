/* Failures as data: which are worth trying again, and that no message is too long. */
#include "error.h"

#include "tap.h"

#include <string.h>

static const struct {
  enum fl_error_kind kind;
  const char *sqlstate;
  bool retryable;
} cases[] = {
    {FL_ERR_CONNECT, NULL, true},     /* nobody answers */
    {FL_ERR_CONNECT, "57P03", true},  /* the server starts */
    {FL_ERR_CONNECT, "53300", true},  /* too many connections */
    {FL_ERR_CONNECT, "28P01", false}, /* a wrong password */
    {FL_ERR_CONNECT, "3D000", false}, /* no such database */
    {FL_ERR_LOST, NULL, true},
    {FL_ERR_TIMEOUT, NULL, true},
    {FL_ERR_QUERY, "40001", true},  /* a serialization failure */
    {FL_ERR_QUERY, "40P01", true},  /* a deadlock */
    {FL_ERR_QUERY, "55P03", true},  /* a lock that is not available */
    {FL_ERR_QUERY, "55000", false}, /* an object that is in no state for it */
    {FL_ERR_QUERY, "57014", true},  /* cancelled */
    {FL_ERR_QUERY, "23505", false}, /* a key that is there already */
    {FL_ERR_QUERY, "42601", false}, /* a syntax error */
    {FL_ERR_QUERY, NULL, false},
    {FL_ERR_GAP, NULL, false},
    {FL_ERR_SCHEMA, "42P01", false},
    {FL_ERR_CLOSED, NULL, false},
};

static void test_retryable(void) {
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fl_error error;
    fl_fail(&error, cases[i].kind, cases[i].sqlstate, "number %d", 7);
    ok(error.retryable == cases[i].retryable && strcmp(error.message, "number 7") == 0 &&
           strcmp(error.sqlstate, cases[i].sqlstate ? cases[i].sqlstate : "") == 0,
       "%s %s is %sworth another try", fl_kind_name(cases[i].kind),
       cases[i].sqlstate ? cases[i].sqlstate : "without a code", cases[i].retryable ? "" : "not ");
  }
}

static void test_kinds(void) {
  int kind, wrong = 0;
  for (kind = FL_ERR_CONNECT; kind <= FL_ERR_CLOSED; kind++)
    wrong += fl_kind_named(fl_kind_name((enum fl_error_kind)kind)) != (enum fl_error_kind)kind;
  ok(wrong == 0, "each kind has a name of its own");
  ok(fl_kind_named("none") == FL_ERR_NONE && fl_kind_named("nonsense") == FL_ERR_NONE,
     "any other name is none");
}

static void test_messages(void) {
  struct fl_error error;
  char text[3000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  fl_fail_text(&error, FL_ERR_QUERY, "1234567", text);
  ok(strlen(error.message) == sizeof error.message - 1 && strlen(error.sqlstate) == 5,
     "what is too long is cut off");
  fl_fail_text(&error, FL_ERR_QUERY, NULL, "100% lost %s\r\n\n ");
  ok(strcmp(error.message, "100% lost %s") == 0, "a text is no format, and loses its line ends");
  fl_fail_text(&error, FL_ERR_QUERY, NULL, "\n");
  ok(error.message[0] == '\0', "also where it is nothing else");
  error.code = error.remedy = "install";
  fl_clear(&error);
  ok(error.kind == FL_ERR_NONE && !error.retryable && !error.code && !error.remedy &&
         error.message[0] == '\0',
     "cleared, it is none");
}

int main(void) {
  test_retryable();
  test_kinds();
  test_messages();
  return tap_end();
}
