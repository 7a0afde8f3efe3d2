/*
 * GET /sessions?userId=&limit=: the node's sessions, for operators.
 */
#include <string.h>

#include "shared/clock.h"
#include "shared/parse.h"
#include "wsnode/internal_http.h"
#include "wsnode/session.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 10000
/* A session takes at most some 600 bytes: its key, escaped. */
#define ANSWER_BYTES_MAX ((size_t)LIMIT_MAX * 4096)

struct listing {
    struct buf body;
    int64_t now_ms;
    uint64_t limit;
    uint64_t listed;
};

static void list_one(struct session *s, void *arg)
{
    struct listing *l = arg;
    struct address address;
    char key[ADDRESS_KEY_BYTES];
    char client[CLIENT_TEXT_BYTES];

    if (l->listed == l->limit) {
        return;
    }
    session_table_address(s, &address);
    (void)address_format_key(&address, key);
    buf_addf(&l->body, "%s{\"sessionId\":\"%s\",\"key\":", l->listed > 0 ? "," : "", s->id);
    buf_add_json_string(&l->body, key, strlen(key));
    buf_addf(&l->body,
        ",\"client\":\"%s\",\"state\":\"%s\",\"since\":%lld,\"idleMs\":%lld,\"queueBytes\":%zu}",
        client_text(s->client, client), session_state_text(s->state), (long long)s->since_ms,
        (long long)session_idle_ms(s, l->now_ms), s->outbox.bytes);
    l->listed++;
}

static enum err read_limit(struct internal_request *r, uint64_t *limit, struct problem *p)
{
    char text[16];

    enum err err = internal_query(r, "limit", text, sizeof(text), p);
    if (err) {
        return err;
    }
    *limit = LIMIT_DEFAULT;
    if (*text && (parse_u64(slice_of(text), LIMIT_MAX, limit) || *limit == 0)) {
        return problem_set(
            p, ERR_BAD_QUERY, "limit", "limit is not a number from 1 to %d", LIMIT_MAX);
    }
    return ERR_OK;
}

void internal_sessions(struct internal_request *r)
{
    struct listing l = {.now_ms = clock_mono_ms()};
    char user_id[ADDRESS_PART_BYTES_MAX + 1];
    struct problem p;

    if (internal_query(r, "userId", user_id, sizeof(user_id), &p) || read_limit(r, &l.limit, &p)) {
        internal_fail(r, &p);
        return;
    }
    buf_init(&l.body, ANSWER_BYTES_MAX);
    buf_addf(&l.body,
        "{\"code\":0,\"msg\":\"ok\",\"data\":{\"node\":\"%s\",\"count\":%lld,\"sessions\":[",
        r->node->id, (long long)r->node->table.count);
    if (*user_id) {
        session_table_each_of_user(&r->node->table, user_id, list_one, &l);
    } else {
        session_table_each(&r->node->table, list_one, &l);
    }
    buf_add_str(&l.body, "]}}");
    internal_answer(r, 200, NULL, (struct slice){buf_str(&l.body), l.body.len});
    buf_finish(&l.body);
}
