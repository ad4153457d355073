/* A hash of texts: FNV-1a, whose bits alone spread badly, and a finalizer that mends that. */
#include "hash.h"

static uint64_t fnv1a(const char *text, size_t length) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  size_t i;
  for (i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
  return hash;
}

static uint64_t fmix64(uint64_t hash) {
  hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
  hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
  return hash ^ hash >> 33;
}

uint32_t fl_hash(const char *text, size_t length) {
  return (uint32_t)(fmix64(fnv1a(text, length)) & UINT32_MAX);
}
