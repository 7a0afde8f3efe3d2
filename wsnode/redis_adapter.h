/*
 * hiredis' asynchronous connection on libuv. hiredis brings an adapter of its own, but that
 * swallows errors: a refused or reset connection raises no callback at all (0.14).
 */
#ifndef WSNODE_REDIS_ADAPTER_H
#define WSNODE_REDIS_ADAPTER_H

#include "shared/err.h"

struct redisAsyncContext;
struct uv_loop_s;

/* Before any callback or command is set on the context, which owns the adapter from then on. */
enum err redis_adapter_attach(struct redisAsyncContext *context, struct uv_loop_s *loop) MUST_CHECK;

#endif
