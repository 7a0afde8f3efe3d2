/*
 * Keyed hashing of what clients choose.
 */
#include "wsnode/hash.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "shared/id.h"

#define WORD_BYTES 8

struct state {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
};

static uint64_t turned_left(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void mix(struct state *s, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = turned_left(s->v1, 13) ^ s->v0;
        s->v3 = turned_left(s->v3, 16) ^ s->v2;
        s->v0 = turned_left(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = turned_left(s->v1, 17) ^ s->v2;
        s->v3 = turned_left(s->v3, 21) ^ s->v0;
        s->v2 = turned_left(s->v2, 32);
    }
}

static void take(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s, 2);
    s->v0 ^= word;
}

uint64_t hash_with(struct hash_key key, const void *bytes, size_t len)
{
    struct state s = {key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
        key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573};
    const unsigned char *at = bytes;
    uint64_t last = (uint64_t)len << 56;
    uint64_t word;

    for (; len >= WORD_BYTES; at += WORD_BYTES, len -= WORD_BYTES) {
        memcpy(&word, at, WORD_BYTES);
        take(&s, le64toh(word));
    }
    for (size_t i = 0; i < len; i++) {
        last |= (uint64_t)at[i] << 8 * i;
    }
    take(&s, last);
    s.v2 ^= 0xff;
    mix(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t hash_of(const void *bytes, size_t len)
{
    /* Of the process, because uthash hands nothing on that could say whose table it is. */
    static struct hash_key key;
    static bool has_key;

    if (!has_key) {
        id_random_bytes(&key, sizeof(key));
        has_key = true;
    }
    return hash_with(key, bytes, len);
}
