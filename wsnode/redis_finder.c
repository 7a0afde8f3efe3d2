/*
 * One job at a time. While it runs, the thread alone touches job_*, and the loop everything else.
 */
#include "wsnode/redis_finder.h"

#include <stdlib.h>
#include <uv.h>

#include "shared/backoff.h"
#include "shared/clock.h"
#include "shared/log.h"

struct redis_finder {
    const struct config *config; /* borrowed */
    const struct redis_url *url; /* borrowed */
    struct uv_loop_s *loop;      /* borrowed */
    void (*on_found)(void *arg);
    void *arg;
    struct redis_topology topology;
    struct backoff backoff;
    bool running;
    bool stopped;
    uv_work_t job;
    struct redis_topology job_topology;
    struct problem job_problem;
    enum err job_err;
};

struct redis_finder *redis_finder_create(const struct config *config, const struct redis_url *url,
    struct uv_loop_s *loop, void (*on_found)(void *arg), void *arg)
{
    struct redis_finder *f = calloc(1, sizeof(*f));

    if (f) {
        f->config = config;
        f->url = url;
        f->loop = loop;
        f->on_found = on_found;
        f->arg = arg;
        f->job.data = f;
    }
    return f;
}

void redis_finder_stop(struct redis_finder *f)
{
    f->stopped = true;
    if (f->running) {
        (void)uv_cancel((uv_req_t *)&f->job); /* what runs already ends by its deadlines */
    }
}

void redis_finder_destroy(struct redis_finder *f)
{
    free(f);
}

static void find(uv_work_t *job)
{
    struct redis_finder *f = job->data;

    f->job_err = redis_topology_discover(f->config, f->url, &f->job_topology, &f->job_problem);
}

static void after_failure(struct redis_finder *f)
{
    char url[REDIS_URL_TEXT_BYTES];

    redis_url_describe(f->url, url, sizeof(url));
    log_limited(LOG_WARN, "redis not found", "url=%s why=\"%s\"", url, f->job_problem.msg);
    backoff_fail(
        &f->backoff, clock_mono_ms(), f->config->redis_retry_min_ms, f->config->redis_retry_max_ms);
}

static void after_job(uv_work_t *job, int status)
{
    struct redis_finder *f = job->data;

    f->running = false;
    if (f->stopped || status < 0) {
        return;
    }
    if (f->job_err) {
        after_failure(f);
        return;
    }
    f->topology = f->job_topology;
    backoff_reset(&f->backoff);
    f->on_found(f->arg);
}

void redis_finder_ask(struct redis_finder *f, int64_t now_ms)
{
    if (f->running || f->stopped || now_ms < f->backoff.due_ms) {
        return;
    }
    f->job_topology = f->topology;
    f->running = uv_queue_work(f->loop, &f->job, find, after_job) == 0;
}

const struct redis_topology *redis_finder_topology(const struct redis_finder *f)
{
    return &f->topology;
}
