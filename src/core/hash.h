/* A hash of texts that is the same on every machine and in every version: what decides by it, such
   as who works on a key, must decide alike everywhere. */
#ifndef FORGELOG_HASH_H
#define FORGELOG_HASH_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a of 64 bits over the bytes, mixed by the finalizer of MurmurHash3 (fmix64), of which the
   lower 32 bits. This must never change. */
uint32_t fl_hash(const char *text, size_t length);

#endif
