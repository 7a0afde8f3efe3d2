#include "tests/unit/fake_upstream.h"

#include <stdio.h>

struct fake_upstream fake_upstream;

#define COPY(to, from) snprintf(to, sizeof(to), "%.*s", (int)(from).len, (from).at ? (from).at : "")

enum err upstream_take(struct node *n, struct session *s, const struct format_event *event)
{
    (void)n;
    (void)s;
    if (fake_upstream.err) {
        return fake_upstream.err;
    }
    fake_upstream.taken++;
    fake_upstream.is_json = event->is_json;
    COPY(fake_upstream.to, event->to);
    COPY(fake_upstream.ref, event->ref);
    COPY(fake_upstream.text, event->text);
    return ERR_OK;
}
