/*
 * Asks which topics the backend wants a session to be in.
 */
#include <stdlib.h>

#include "wsnode/presence_state.h"
#include "wsnode/session_subscribe.h"

static void after_memberships(
    struct node *n, enum err err, const struct redisReply *reply, void *arg)
{
    struct memberships memberships;
    struct session *s = presence_take_answer(n, arg);
    bool again = s && s->asks_topics_again;

    if (s) {
        s->asks_topics = s->asks_topics_again = false;
    }
    if (again) {
        presence_fetch_memberships(n, s);
    }
    if (!s || err || memberships_decode(reply, &memberships)) {
        return; /* the next refresh sees that the session is still behind */
    }
    session_take_memberships(n, s, &memberships);
    memberships_finish(&memberships);
}

void presence_fetch_memberships(struct node *n, struct session *s)
{
    struct address address;
    struct command c;

    s->asks_topics_again = s->asks_topics;
    struct request *r = s->asks_topics ? NULL : presence_request_create(s);
    if (!r) {
        return;
    }
    session_table_address(s, &address);
    command_init(&c);
    memberships_command(&c, n->config->redis_prefix, address.user_id);
    if (presence_run(n, &c, after_memberships, r)) {
        free(r);
    } else {
        s->asks_topics = true;
    }
}
