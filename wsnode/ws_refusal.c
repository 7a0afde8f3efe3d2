/*
 * Writes the answer as HTTP, with the same JSON body that backends get.
 */
#include "wsnode/ws_refusal.h"

#include <sys/random.h>

#include "wsnode/http_answer.h"
#include "wsnode/stats.h"
#include "wsnode/wire.h"

#define ANSWER_BYTES_MAX 2048
/* Spread, so that those who are refused together do not come back together. */
#define RETRY_AFTER_MAX_S 5

static int choose_retry_after_s(void)
{
    unsigned char random = 0; /* no entropy: the shortest */

    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    return 1 + random % RETRY_AFTER_MAX_S;
}

static void count_refusal(enum err err)
{
    node_stat_add(refused, 1);
    node_stat_add(unauthorized, err_http_status(err) == 401 || err == ERR_TOKEN_ELSEWHERE);
    node_stat_add(limited_all, err == ERR_CONNECTS_LIMITED);
    node_stat_add(limited_address, err == ERR_ADDRESS_LIMITED);
    node_stat_add(limited_user, err == ERR_USER_LIMITED);
    node_stat_add(address_full, err == ERR_ADDRESS_FULL);
    node_stat_add(origin_refused, err == ERR_ORIGIN_REFUSED);
}

void refusal_send(struct wire *wire, const struct problem *p)
{
    struct buf body;
    struct buf answer;

    buf_init(&body, ANSWER_BYTES_MAX);
    buf_init(&answer, ANSWER_BYTES_MAX);
    http_answer_problem_body(p, &body);
    struct http_answer head = {.status = err_http_status(p->err),
        .retry_after_s = choose_retry_after_s(),
        .body = {buf_str(&body), body.len},
        .closes = true};
    head.allow = head.status == 405 ? "GET" : NULL;
    http_answer_encode(&head, &answer);
    if (buf_err(&answer) == ERR_OK) {
        /* The socket is new, so its buffer takes this; if not, the peer just sees the end. */
        (void)wire_write(wire, answer.bytes, answer.len);
    }
    wire_end_writing(wire);
    buf_finish(&answer);
    buf_finish(&body);
    count_refusal(p->err);
}
