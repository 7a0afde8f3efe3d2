/*
 * The public listener: accepts by itself, because libwebsockets' own listener spins when
 * descriptors run out and gives every silent connection one of its places for headers. Bounded per
 * turn of the loop.
 */
#ifndef WSNODE_ACCEPT_H
#define WSNODE_ACCEPT_H

#include "wsnode/node.h"

struct acceptor;

/*
 * Raises RLIMIT_NOFILE for max_sessions, handshakes and the rest, and lowers what may be held where
 * that fails. listen_fd is owned from here on. Before libwebsockets' context: its tables have the
 * size of the limit.
 */
enum err acceptor_create(struct node *n, int listen_fd) MUST_CHECK; /* n->acceptor */
enum err acceptor_start(struct node *n) MUST_CHECK;
int64_t acceptor_unfinished_count(const struct node *n); /* handshakes that are not done */
/* The hook's answer about one of them: arrivals_after_hook(). */
struct hook_answer;
void acceptor_after_hook(struct node *n, uint64_t arrival, const struct hook_answer *answer);
/* No new connections, but those that wait in the backlog are taken first, in turns of the loop. */
void acceptor_drain(struct node *n);
bool acceptor_is_open(const struct node *n); /* there is a listening socket: it accepts */
/* No new connections, at once: those that wait in the backlog are answered (n->refusing: 503). */
void acceptor_stop(struct node *n);
void acceptor_close(struct node *n); /* its handles; acceptor_destroy() once the loop has run out */
void acceptor_destroy(struct node *n);
void acceptor_on_tick(struct node *n, int64_t now_ms);

#endif
