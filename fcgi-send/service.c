/*
 * Sets up what requests are served with. Nothing here connects yet.
 */
#include "fcgi-send/service.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum err service_init(struct service *s, const struct config *config, struct problem *p)
{
    *s = (struct service){.config = config, .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

    if (s->stop_fd < 0) {
        return problem_set(p, ERR_INTERNAL, "", "eventfd: %s", strerror(errno));
    }
    enum err err = key_store_create(config, &s->keys, p);
    if (err) {
        close(s->stop_fd);
        return err;
    }
    s->nodes = node_pool_create(config);
    if (!s->nodes) {
        key_store_destroy(s->keys);
        close(s->stop_fd);
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    return ERR_OK;
}

void service_finish(struct service *s)
{
    node_pool_destroy(s->nodes);
    key_store_destroy(s->keys);
    close(s->stop_fd);
}

enum err worker_init(struct worker *w, struct service *s, struct problem *p)
{
    enum err err;

    *w = (struct worker){.service = s};
    err = redis_sync_create(s->config, &w->redis, p);
    if (err) {
        return err;
    }
    w->forwarder = forwarder_create(s->config, s->stop_fd);
    if (!w->forwarder) {
        redis_sync_destroy(w->redis);
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    return ERR_OK;
}

void worker_finish(struct worker *w)
{
    forwarder_destroy(w->forwarder);
    redis_sync_destroy(w->redis);
}
