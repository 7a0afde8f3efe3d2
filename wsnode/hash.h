/*
 * uthash as we use it: a table that cannot grow leaves the element out instead of ending the
 * process. After an addition ask hash_has(); `handle` is the UT_hash_handle's name in the element.
 *
 * Clients choose what many tables are looked up by (topics, users): hashed with a key of this
 * process, nobody can choose names that all fall into one place.
 */
#ifndef WSNODE_HASH_H
#define WSNODE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(bytes, len, out) ((out) = (unsigned)hash_of((bytes), (len)))
#include <uthash.h>

#define hash_has(element, handle) ((element)->handle.tbl != NULL)

struct hash_key {
    uint64_t k0;
    uint64_t k1;
};

/* SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012). */
uint64_t hash_with(struct hash_key key, const void *bytes, size_t len);
/* With the key of this process, which is drawn when first needed. */
uint64_t hash_of(const void *bytes, size_t len);

#endif
