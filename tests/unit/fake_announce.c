#include "tests/unit/fake_announce.h"

struct fake_announce fake_announce;

void announce_opened(struct node *n, const struct session *s)
{
    (void)n;
    (void)s;
    fake_announce.opened++;
}

void announce_again(struct node *n, const struct session *s)
{
    (void)n;
    (void)s;
    fake_announce.again++;
}

bool announce_is_behind(const struct node *n, const struct session *s)
{
    (void)n;
    (void)s;
    return fake_announce.is_behind;
}

void announce_closed(struct node *n, const struct session *s, enum events_end end, int code)
{
    (void)n;
    (void)s;
    fake_announce.closed++;
    fake_announce.end = end;
    fake_announce.code = code;
}
