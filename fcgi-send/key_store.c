/*
 * Swaps whole sets of keys under a lock that is held for a moment only: the file is read outside of
 * it, by the one thread whose turn it is, while the others go on with the old keys.
 */
#include "fcgi-send/key_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "shared/log.h"

#define CHECK_INTERVAL_MS 1000

struct key_store {
    const struct config *config; /* borrowed */
    pthread_mutex_t reading;     /* held by who reads the file; taken before `lock` */
    pthread_mutex_t lock;        /* for what follows */
    struct key_set *set;         /* ref */
    int64_t next_check_ms;
    struct stat seen; /* the file when it was last read; only while `reading` is held */
};

static enum err load_set(const struct config *config, struct key_set **out, struct problem *p)
{
    const struct auth_source from = {
        config->send_api_keys, config->send_api_keys_file, config->send_allow_anonymous};
    struct key_set *set = calloc(1, sizeof(*set));

    if (!set) {
        problem_set(p, ERR_NO_MEMORY, "", NULL);
        return ERR_NO_MEMORY;
    }
    enum err err = auth_keys_load(&set->keys, &from, p);
    if (err) {
        free(set);
        return err;
    }
    set->refs = 1;
    *out = set;
    return ERR_OK;
}

/* All zero where there is no such file. */
static struct stat look_at(const char *path)
{
    struct stat found;

    return path[0] && stat(path, &found) == 0 ? found : (struct stat){0};
}

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           is_same_time(a->st_mtim, b->st_mtim) && is_same_time(a->st_ctim, b->st_ctim);
}

enum err key_store_create(const struct config *config, struct key_store **out, struct problem *p)
{
    struct key_store *s = calloc(1, sizeof(*s));

    if (!s) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    s->config = config;
    s->seen = look_at(config->send_api_keys_file);
    enum err err = load_set(config, &s->set, p);
    if (err) {
        free(s);
        return err;
    }
    pthread_mutex_init(&s->reading, NULL);
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return ERR_OK;
}

void key_store_destroy(struct key_store *s)
{
    if (!s) {
        return;
    }
    key_set_unref(s->set);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->reading);
    free(s);
}

static void put_in_force(struct key_store *s, struct key_set *set)
{
    pthread_mutex_lock(&s->lock);
    struct key_set *before = s->set;
    s->set = set;
    pthread_mutex_unlock(&s->lock);
    key_set_unref(before);
}

/* `reading` is held. What is there is remembered before it is read, and even if it is bad: a change
 * meanwhile is seen the next time, and a complaint comes once. */
static void read_again(struct key_store *s, const struct stat *found)
{
    struct problem p;
    struct key_set *set;

    s->seen = *found;
    if (load_set(s->config, &set, &p)) {
        log_error("API keys not read again: the old ones stay", "option=%s reason=\"%s\"",
            p.field[0] ? p.field : "send.api_keys", p.msg);
        return;
    }
    log_info("API keys read again", "count=%zu", set->keys.count);
    put_in_force(s, set);
}

void key_store_reload(struct key_store *s)
{
    pthread_mutex_lock(&s->reading);
    struct stat found = look_at(s->config->send_api_keys_file);
    read_again(s, &found);
    pthread_mutex_unlock(&s->reading);
}

static void check_file(struct key_store *s)
{
    if (pthread_mutex_trylock(&s->reading)) {
        return; /* somebody reads it right now */
    }
    struct stat found = look_at(s->config->send_api_keys_file);
    if (!is_same_file(&found, &s->seen)) {
        read_again(s, &found);
    }
    pthread_mutex_unlock(&s->reading);
}

static bool take_turn(struct key_store *s, int64_t now_ms)
{
    pthread_mutex_lock(&s->lock);
    bool is_due = s->config->send_api_keys_file[0] && now_ms >= s->next_check_ms;
    if (is_due) {
        s->next_check_ms = now_ms + CHECK_INTERVAL_MS;
    }
    pthread_mutex_unlock(&s->lock);
    return is_due;
}

struct key_set *key_store_ref(struct key_store *s, int64_t now_ms)
{
    if (take_turn(s, now_ms)) {
        check_file(s);
    }
    pthread_mutex_lock(&s->lock);
    struct key_set *set = s->set;
    atomic_fetch_add(&set->refs, 1);
    pthread_mutex_unlock(&s->lock);
    return set;
}

void key_set_unref(struct key_set *set)
{
    if (atomic_fetch_sub(&set->refs, 1) == 1) {
        auth_keys_finish(&set->keys);
        free(set);
    }
}
