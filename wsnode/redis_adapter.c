/*
 * Tells libuv what hiredis waits for, and hiredis what libuv saw, errors included: hiredis finds
 * out by itself what is wrong when it reads or writes.
 */
#include "wsnode/redis_adapter.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <uv.h>

struct adapter {
    uv_poll_t poll;
    redisAsyncContext *context; /* borrowed; NULL once hiredis has let go */
    int events;                 /* what is polled for */
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct adapter *a = poll->data;

    if (status < 0) {
        /* libuv has stopped polling: whoever waits shall try, and see the error. */
        events = a->events;
        a->events = 0;
    }
    if ((events & UV_READABLE) && a->context) {
        redisAsyncHandleRead(a->context);
    }
    if ((events & UV_WRITABLE) && a->context) {
        redisAsyncHandleWrite(a->context);
    }
}

static void set_events(struct adapter *a, int events)
{
    /* Each start is a system call, and hiredis asks for the same again and again. */
    if (a->events == events) {
        return;
    }
    a->events = events;
    if (events == 0) {
        (void)uv_poll_stop(&a->poll);
    } else {
        (void)uv_poll_start(&a->poll, events, on_poll); /* fails for closing handles only */
    }
}

static void add_read(void *data)
{
    struct adapter *a = data;

    set_events(a, a->events | UV_READABLE);
}

static void del_read(void *data)
{
    struct adapter *a = data;

    set_events(a, a->events & ~UV_READABLE);
}

static void add_write(void *data)
{
    struct adapter *a = data;

    set_events(a, a->events | UV_WRITABLE);
}

static void del_write(void *data)
{
    struct adapter *a = data;

    set_events(a, a->events & ~UV_WRITABLE);
}

static void cleanup(void *data)
{
    struct adapter *a = data;

    a->context = NULL;
    uv_close((uv_handle_t *)&a->poll, on_closed);
}

enum err redis_adapter_attach(struct redisAsyncContext *context, struct uv_loop_s *loop)
{
    struct adapter *a = calloc(1, sizeof(*a));

    if (!a) {
        return ERR_NO_MEMORY;
    }
    if (uv_poll_init(loop, &a->poll, context->c.fd) < 0) {
        free(a);
        return ERR_INTERNAL;
    }
    a->poll.data = a;
    a->context = context;
    context->ev.data = a;
    context->ev.addRead = add_read;
    context->ev.delRead = del_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = cleanup;
    return ERR_OK;
}
