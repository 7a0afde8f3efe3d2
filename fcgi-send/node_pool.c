/*
 * The threads' common memory of the nodes. A thread that finds the table due loads it through its
 * own connection, without holding the lock; the others go on with what there is.
 */
#include "fcgi-send/node_pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi-send/pipeline.h"
#include "shared/clock.h"

/* Loaded again after the half of what it may be old, so that it is rarely too old to be used. */
#define TABLE_AGE_MAX_MS 1000
#define TABLE_DUE_MS 500
/* Nodes that fail at the same time; with more, the first ones are asked again early. */
#define AVOIDED_MAX 64

struct avoided {
    char boot[BOOT_ID_BYTES];
    int64_t until_ms;
};

struct node_pool {
    const struct config *config;  /* borrowed */
    pthread_mutex_t mutex;        /* guards what follows */
    char (*alive)[BOOT_ID_BYTES]; /* owned; sorted */
    size_t alive_count;
    int64_t loaded_ms; /* monotonic, when Redis was asked */
    int64_t due_ms;
    bool loading;
    struct avoided avoided[AVOIDED_MAX];
    size_t next_avoided;
};

struct node_pool *node_pool_create(const struct config *config)
{
    struct node_pool *pool = calloc(1, sizeof(*pool));

    if (pool) {
        pool->config = config;
        pool->loaded_ms = -TABLE_AGE_MAX_MS;
        pthread_mutex_init(&pool->mutex, NULL);
    }
    return pool;
}

void node_pool_destroy(struct node_pool *pool)
{
    if (pool) {
        pthread_mutex_destroy(&pool->mutex);
        free(pool->alive);
        free(pool);
    }
}

static enum err list_nodes(
    struct redis_sync *redis, const char *prefix, struct node_info **out, size_t *count)
{
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, 1);

    if (err) {
        return err;
    }
    nodes_list_command(pipeline_add(&pipeline), prefix);
    err = pipeline_run(&pipeline, redis, true);
    if (!err) {
        err = nodes_list_decode(pipeline.replies[0], out, count);
    }
    pipeline_finish(&pipeline);
    return err;
}

/* The leases lie in other slots than the list, so they are asked for one by one, in one go. */
static enum err apply_leases(
    struct redis_sync *redis, const char *prefix, struct node_info *nodes, size_t count)
{
    struct pipeline pipeline;
    enum err err = pipeline_init(&pipeline, count);

    if (err) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        nodes_get_lease_command(pipeline_add(&pipeline), prefix, nodes[i].node_id);
    }
    err = pipeline_run(&pipeline, redis, true);
    for (size_t i = 0; !err && i < count; i++) {
        nodes_apply_lease(pipeline.replies[i], &nodes[i]);
    }
    pipeline_finish(&pipeline);
    return err;
}

enum err nodes_load(
    struct redis_sync *redis, const char *prefix, struct node_info **out, size_t *count)
{
    struct node_info *nodes;
    size_t found;
    enum err err = list_nodes(redis, prefix, &nodes, &found);

    if (err) {
        return err;
    }
    err = apply_leases(redis, prefix, nodes, found);
    if (err) {
        free(nodes);
        return err;
    }
    *out = nodes;
    *count = found;
    return ERR_OK;
}

static int compare_boots(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The boots of the nodes that are alive, sorted; NULL: no memory. */
static char (*sort_alive(const struct node_info *nodes, size_t count, size_t *found))[BOOT_ID_BYTES]
{
    char(*boots)[BOOT_ID_BYTES] = calloc(count + 1, sizeof(*boots));

    *found = 0;
    for (size_t i = 0; boots && i < count; i++) {
        if (strcmp(nodes[i].state, "dead") != 0) {
            memcpy(boots[(*found)++], nodes[i].boot, BOOT_ID_BYTES);
        }
    }
    if (boots) {
        qsort(boots, *found, sizeof(*boots), compare_boots);
    }
    return boots;
}

/* true: the caller is the one that loads the table now. */
static bool take_turn(struct node_pool *pool, int64_t now_ms)
{
    pthread_mutex_lock(&pool->mutex);
    bool is_due = !pool->loading && now_ms >= pool->due_ms;
    if (is_due) {
        pool->loading = true;
        pool->due_ms = now_ms + TABLE_DUE_MS;
    }
    pthread_mutex_unlock(&pool->mutex);
    return is_due;
}

void node_pool_refresh(struct node_pool *pool, struct redis_sync *redis)
{
    int64_t now_ms = clock_mono_ms();
    char(*alive)[BOOT_ID_BYTES] = NULL;
    struct node_info *nodes = NULL;
    size_t count = 0;

    if (!take_turn(pool, now_ms)) {
        return;
    }
    if (!nodes_load(redis, pool->config->redis_prefix, &nodes, &count)) {
        alive = sort_alive(nodes, count, &count);
        free(nodes);
    }
    pthread_mutex_lock(&pool->mutex);
    pool->loading = false;
    if (alive) {
        free(pool->alive);
        pool->alive = alive;
        pool->alive_count = count;
        pool->loaded_ms = now_ms;
    }
    pthread_mutex_unlock(&pool->mutex);
}

bool node_pool_knows_alive(struct node_pool *pool, const char *boot)
{
    int64_t now_ms = clock_mono_ms();

    pthread_mutex_lock(&pool->mutex);
    bool is_fresh = now_ms - pool->loaded_ms < TABLE_AGE_MAX_MS;
    bool found = is_fresh && pool->alive_count > 0 &&
                 bsearch(boot, pool->alive, pool->alive_count, sizeof(*pool->alive), compare_boots);
    pthread_mutex_unlock(&pool->mutex);
    return found;
}

static struct avoided *find_avoided(struct node_pool *pool, const char *boot)
{
    for (size_t i = 0; i < AVOIDED_MAX; i++) {
        if (strcmp(pool->avoided[i].boot, boot) == 0) {
            return &pool->avoided[i];
        }
    }
    return NULL;
}

void node_pool_avoid(struct node_pool *pool, const char *boot)
{
    int64_t until_ms = clock_mono_ms() + pool->config->send_node_retry_ms;

    pthread_mutex_lock(&pool->mutex);
    struct avoided *a = find_avoided(pool, boot);
    if (!a) {
        a = &pool->avoided[pool->next_avoided];
        pool->next_avoided = (pool->next_avoided + 1) % AVOIDED_MAX;
        snprintf(a->boot, sizeof(a->boot), "%s", boot);
    }
    a->until_ms = until_ms;
    pthread_mutex_unlock(&pool->mutex);
}

/* Once the time is over, one thread tries; the others wait for what it finds out. */
bool node_pool_is_avoided(struct node_pool *pool, const char *boot)
{
    int64_t now_ms = clock_mono_ms();

    pthread_mutex_lock(&pool->mutex);
    struct avoided *a = find_avoided(pool, boot);
    bool is_avoided = a && a->until_ms > now_ms;
    if (a && !is_avoided) {
        a->until_ms = now_ms + pool->config->send_node_retry_ms;
    }
    pthread_mutex_unlock(&pool->mutex);
    return is_avoided;
}

void node_pool_forgive(struct node_pool *pool, const char *boot)
{
    pthread_mutex_lock(&pool->mutex);
    struct avoided *a = find_avoided(pool, boot);
    if (a) {
        a->boot[0] = '\0';
    }
    pthread_mutex_unlock(&pool->mutex);
}
