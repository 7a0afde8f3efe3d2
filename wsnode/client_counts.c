/*
 * One counter per address in a hash table.
 */
#include "wsnode/client_counts.h"

#include <assert.h>
#include <stdlib.h>

#include "wsnode/hash.h"

struct client_count {
    UT_hash_handle hh;
    client_number client;
    int64_t sessions;
};

static struct client_count *find(const struct client_counts *t, client_number c)
{
    struct client_count *count;

    HASH_FIND(hh, t->counts, &c, sizeof(c), count);
    return count;
}

/* Borrowed; NULL: no memory. */
static struct client_count *create(struct client_counts *t, client_number c)
{
    struct client_count *count = calloc(1, sizeof(*count));

    if (!count) {
        return NULL;
    }
    count->client = c;
    HASH_ADD(hh, t->counts, client, sizeof(count->client), count);
    if (!hash_has(count, hh)) {
        free(count);
        return NULL;
    }
    return count;
}

void client_counts_init(struct client_counts *t, int64_t most)
{
    *t = (struct client_counts){.most = most};
}

void client_counts_finish(struct client_counts *t)
{
    assert(!t->counts);
}

bool client_counts_full(const struct client_counts *t, client_number c)
{
    const struct client_count *count = t->most > 0 ? find(t, c) : NULL;

    return count && count->sessions >= t->most;
}

void client_counts_add(struct client_counts *t, client_number c)
{
    if (t->most == 0) {
        return;
    }
    struct client_count *count = find(t, c);
    if (!count) {
        count = create(t, c);
    }
    if (count) {
        count->sessions++;
    }
}

void client_counts_remove(struct client_counts *t, client_number c)
{
    struct client_count *count = t->most > 0 ? find(t, c) : NULL;

    if (!count) {
        return;
    }
    count->sessions--;
    if (count->sessions == 0) {
        HASH_DELETE(hh, t->counts, count);
        free(count);
    }
}
