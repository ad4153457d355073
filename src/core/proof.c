/* Which rows prove that all that was handed out is there. */
#include "proof.h"

#include "change.h"

#include <string.h>

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

void fl_proof_begin(struct fl_proof *proof, int64_t floor, const struct fl_named *named) {
  memset(proof, 0, sizeof *proof);
  proof->floor = floor;
  if (!named) {
    proof->younger.too_many = true; /* all that was ever handed out */
    return;
  }
  proof->any = proof->begun = true;
  proof->elder = named->elder;
  proof->younger = *named;
  proof->low = named->low;
  proof->younger_alone = proof->alone = named->proves != FL_PROVES_ALL;
}

/* What was read before the look whose mark was passed is proven, also where it comes later. */
void fl_proof_add(struct fl_proof *proof, uint64_t looks, int64_t seq, int64_t created_at) {
  proof->any = true;
  if (!proof->waited) proof->early = true;
  if (proof->proven > looks || fl_named_has(&proof->older, seq)) return;
  fl_named_add(&proof->younger, seq, created_at);
}

static bool crowded(const struct fl_named *named) {
  return named->too_many || named->count > FL_NAMED_RANGES / 8;
}

bool fl_proof_crowded(const struct fl_proof *proof) {
  return !proof->blind && (crowded(&proof->older) || crowded(&proof->younger));
}

static void forget(struct fl_named *named) {
  named->low = named->rows = 0;
  named->sum = named->top = 0;
  named->count = 0;
  named->too_many = false;
}

/* The newest row is above the mark. */
static void prove_older(struct fl_proof *proof, const struct fl_sight *sight) {
  forget(&proof->newest);
  fl_named_add(&proof->newest, sight->newest, sight->newest_at);
  forget(&proof->older);
  proof->low = proof->base;
  proof->begun = true;
  proof->elder = false; /* the mark was read on this timeline */
  proof->waiting = false;
  proof->proven = proof->marked;
  if (proof->waits && sight->synchronous) proof->waited = true;
}

/* What was handed out by now waits for a row above this mark. */
static void wait_for(struct fl_proof *proof, const struct fl_sight *sight) {
  proof->older = proof->younger;
  proof->older_alone = proof->younger_alone;
  forget(&proof->younger);
  proof->younger_alone = !sight->synchronous;
  proof->waits = sight->synchronous;
  proof->mark = sight->given;
  proof->marked = proof->looks;
  proof->base = larger(sight->base, proof->floor);
  proof->waiting = true;
}

void fl_proof_look(struct fl_proof *proof, const struct fl_sight *sight) {
  if (!sight->synchronous) {
    proof->younger_alone = true;
    proof->waited = false;
  }
  proof->alone = !sight->synchronous;
  proof->looks++;
  proof->blind = sight->given < 0;
  if (proof->blind) return;
  if (proof->waiting && sight->newest > proof->mark && sight->newest_at != FL_NO_TIME)
    prove_older(proof, sight);
  if (!proof->waiting) wait_for(proof, sight);
  proof->early = !proof->waited;
}

/* The newest row is handed out too, where it is wanted. */
static bool has_newest(const struct fl_proof *proof) {
  int64_t seq = proof->newest.count ? proof->newest.ranges[0].first : 0;
  return seq == 0 || fl_named_has(&proof->older, seq) || fl_named_has(&proof->younger, seq);
}

void fl_proof_leave(struct fl_proof *proof) {
  if (proof->early) proof->younger_alone = true;
  proof->waited = false;
  if (!proof->waiting) return;
  fl_named_join(&proof->younger, &proof->older);
  if (proof->older_alone) proof->younger_alone = true;
  forget(&proof->older);
  proof->older_alone = proof->waiting = false;
}

bool fl_proof_elder(const struct fl_proof *proof) {
  bool too_many = proof->older.too_many || proof->younger.too_many;
  return proof->begun && !proof->blind && !too_many && proof->elder;
}

void fl_proof_give_up(struct fl_proof *proof) { proof->younger.too_many = true; }

void fl_proof_clip(struct fl_proof *proof, int64_t base) {
  if (proof->floor > base) proof->floor = base;
  if (proof->base > base) proof->base = base;
  if (proof->low > base) proof->low = base;
}

bool fl_proof_name(const struct fl_proof *proof, struct fl_named *named) {
  if (!proof->begun || proof->older.too_many || proof->younger.too_many) return false;
  *named = proof->older;
  fl_named_join(named, &proof->younger);
  if (!has_newest(proof)) fl_named_join(named, &proof->newest);
  named->low = proof->low;
  named->elder = proof->elder;
  named->proves = proof->alone || proof->older_alone || proof->younger_alone || proof->early
                      ? FL_PROVES_AT_REST
                      : FL_PROVES_ALL;
  return !named->too_many && named->rows > 0 && fl_named_highest(named) < INT64_MAX / 2;
}
