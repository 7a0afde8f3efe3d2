/*
 * The loop of one worker: libuv's, with libwebsockets' context on it. Everything else gets libuv's
 * loop from here and adds its own handles.
 */
#ifndef WSNODE_LOOP_H
#define WSNODE_LOOP_H

#include "wsnode/node.h"

struct uv_loop_s;
struct lws_context;

enum err loop_create(struct node *n) MUST_CHECK; /* n->loop */
struct uv_loop_s *loop_uv(struct loop *l);
struct lws_context *loop_lws(struct loop *l);

/* Starts ticks, ends of turns and signals (node_on_tick, node_on_turn_end, node_on_signal) and runs
 * until loop_stop(). */
enum err loop_run(struct node *n) MUST_CHECK;
void loop_stop(struct loop *l);
/* wanted: node_on_turn() comes once per turn of the loop, which does not sleep meanwhile. */
void loop_want_turns(struct node *n, bool wanted);
bool loop_is_ending(const struct loop *l); /* loop_destroy() ends the connections now */

/*
 * Ends all connections, runs until every handle is closed (all owners must have closed theirs), and
 * frees. libwebsockets' callbacks come in the meantime.
 */
void loop_destroy(struct node *n);

/* node_run.c: SIGTERM or SIGUSR2 (drain), SIGINT or SIGQUIT (end at once), SIGHUP (certificates)
 * came. */
void node_on_signal(struct node *n, int signal);

#endif
