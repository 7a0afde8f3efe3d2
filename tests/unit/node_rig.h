/*
 * A node on fake sockets and a fake registry, and what tests of sessions say often, in a few words.
 *
 * Messages are numbers here: message 5 has the id 5-0 and the payload {"json":5}; a page or a
 * forward is made of numbers. Every session is at pc:home:u1.
 */
#ifndef TESTS_UNIT_NODE_RIG_H
#define TESTS_UNIT_NODE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/fake_announce.h"
#include "tests/unit/fake_attendance.h"
#include "tests/unit/fake_presence.h"
#include "tests/unit/fake_socket.h"
#include "tests/unit/fake_upstream.h"
#include "wsnode/deliver.h"
#include "wsnode/session.h"

#define RIG_SOCKETS_MAX 16

struct rig {
    struct config config;
    struct node node;
    int64_t now_ms;
    struct socket sockets[RIG_SOCKETS_MAX];
    int socket_count;
    /* What deliver_on_done() brought last. */
    int done_count;
    uint64_t done_number;
    struct envelope_answer done; /* owned */
    bool wants_turns;            /* loop_want_turns() */
};
extern struct rig rig;

/* For cmocka_unit_test_setup_teardown(). What sessions are left at the end is closed. */
int rig_start(void **state);
int rig_stop(void **state);

struct message_id message_number(int number);
struct slice payload_of(int number); /* borrowed; for numbers up to 999 */

/* A session that is still OPENING, on a socket of the rig's, or of one's own. */
struct session *rig_connect(const struct format *format, const char *last_id);
struct session *rig_connect_to(
    struct socket *socket, const struct format *format, const struct address *address);
struct session *rig_connect_on(
    struct socket *socket, const struct format *format, const char *last_id);
/* Answers of the registry. `numbers` end with 0; `position` is where the inbox ends. */
void rig_open(struct session *s, const int *numbers, int position);
void rig_open_more(struct session *s, const int *numbers, int position); /* there are more pages */
void rig_fetch(struct session *s, const int *numbers, int last, bool more);
void rig_refresh(struct session *s, int position);
/* Connected and LIVE behind message `position`; its frames are read. */
struct session *rig_live(const struct format *format, int position);

enum delivery_status rig_forward(struct session *s, int number, int previous);
enum delivery_status rig_forward_volatile(struct session *s, const char *payload);
void rig_text(struct session *s, const char *frame);
void rig_writable(struct session *s, int takes); /* unblocks the socket first */
void rig_pass(int64_t ms);                       /* and tick */
void rig_turn(void);                             /* of the loop */

void rig_discard_frames(struct session *s);
#define NONE                                                                                       \
    (const int[])                                                                                  \
    {                                                                                              \
        0                                                                                          \
    }
#define NUMBERS(...)                                                                               \
    (const int[])                                                                                  \
    {                                                                                              \
        __VA_ARGS__, 0                                                                             \
    }
#define assert_frame(s, text) assert_string_equal(fake_socket_take((s)->socket), text)
#define assert_no_frame(s) assert_null(fake_socket_take((s)->socket))
#define assert_id(id, number) assert_int_equal(message_id_compare(id, message_number(number)), 0)

#endif
