/* Doubles as text and back: every double comes back as it was, whole ones in all their digits.
   Other locales are in spec/api/locale_spec.lua. */
#include "number.h"

#include "tap.h"

#include <math.h>
#include <string.h>

static const char *text_of(double number) {
  static char text[FL_NUMBER_ROOM];
  fl_number_text(text, number);
  return text;
}

static bool comes_back(double number) {
  double again;
  return fl_number_parse(text_of(number), &again) && memcmp(&again, &number, sizeof number) == 0;
}

static void test_texts(void) {
  static const struct {
    double number;
    const char *text;
  } known[] = {{19.99, "19.99"},         {0.1, "0.1"},
               {0.1 + 0.2, "0.30000000000000004"},
               {1.0 / 3, "0.3333333333333333"},
               {-2.5e-7, "-2.5e-07"},    {1e18, "1000000000000000000"},
               {-9.2e18, "-9200000000000000000"},
               {1e22, "10000000000000000000000"},
               {5, "5"},                 {0, "0"},
               {-0.0, "-0"},             {INFINITY, "Infinity"},
               {-INFINITY, "-Infinity"}, {NAN, "NaN"}};
  size_t i;
  for (i = 0; i < sizeof known / sizeof *known; i++)
    ok(strcmp(text_of(known[i].number), known[i].text) == 0, "%s", known[i].text);
}

/* Doubles of chance bits are of all sizes; those of chance decimals are what people write. */
static void test_round_trip(void) {
  uint64_t seed = 7;
  long i, wrong = 0, times = scaled(200000);
  for (i = 0; i < times; i++) {
    uint64_t bits = (uint64_t)pick(&seed, UINT32_MAX) << 32 | (uint64_t)pick(&seed, UINT32_MAX);
    double number;
    memcpy(&number, &bits, sizeof number);
    if (number == number) wrong += !comes_back(number);
    wrong += !comes_back((double)pick(&seed, 1000000000) / 100);
  }
  ok(wrong == 0, "%ld doubles come back as they were", 2 * times);
  ok(comes_back(1.7976931348623157e308) && comes_back(5e-324) && comes_back(-0.0),
     "so do the largest, the smallest and the negative zero");
}

static void test_fixed(void) {
  char text[FL_NUMBER_ROOM];
  fl_number_fixed(text, 1.75, 1);
  ok(strcmp(text, "1.8") == 0, "rounded to one place");
  fl_number_fixed(text, 1764021857.25, 6);
  ok(strcmp(text, "1764021857.250000") == 0, "filled up to six");
  fl_number_fixed(text, -1.7976931348623157e308, FL_NUMBER_MOST_PLACES);
  ok(strlen(text) == 1 + 309 + 1 + FL_NUMBER_MOST_PLACES, "the longest text has room");
}

static void test_parse(void) {
  static const char *const refused[] = {"",      ".",  "1,5", "0x10", "1.5.5", "1e",
                                        " 1", "1 ", "nan(1)", "text", "-"};
  double number;
  size_t i;
  for (i = 0; i < sizeof refused / sizeof *refused; i++)
    ok(!fl_number_parse(refused[i], &number), "\"%s\" is no number", refused[i]);
  ok(fl_number_parse("1.5e-7", &number) && number == 1.5e-7, "an exponent");
  ok(fl_number_parse("-Infinity", &number) && number == -INFINITY, "-Infinity");
  ok(fl_number_parse("NaN", &number) && isnan(number), "NaN");
}

int main(void) {
  test_texts();
  test_round_trip();
  test_fixed();
  test_parse();
  return tap_end();
}
