/*
 * The queue of one session. It only counts and keeps order; when to write is session_write.c's
 * matter.
 */
#include "wsnode/outbox.h"

#include <stdlib.h>

void outbox_init(struct outbox *o)
{
    STAILQ_INIT(&o->items);
    o->bytes = 0;
}

void outbox_finish(struct outbox *o)
{
    struct outbox_item *item;

    while ((item = outbox_pop(o))) {
        outbox_item_destroy(item);
    }
}

bool outbox_is_empty(const struct outbox *o)
{
    return STAILQ_EMPTY(&o->items);
}

bool outbox_has_room(const struct outbox *o, size_t len, size_t max_bytes)
{
    if (outbox_is_empty(o)) {
        return true;
    }
    /* The first item may have been larger than the bound by itself. */
    return o->bytes <= max_bytes && len <= max_bytes - o->bytes;
}

enum err outbox_push(struct outbox *o, struct payload *payload, struct message_id id, uint64_t wait)
{
    struct outbox_item *item = malloc(sizeof(*item));

    if (!item) {
        return ERR_NO_MEMORY;
    }
    *item = (struct outbox_item){.payload = payload_ref(payload), .id = id, .wait = wait};
    STAILQ_INSERT_TAIL(&o->items, item, link);
    o->bytes += payload->len;
    return ERR_OK;
}

struct outbox_item *outbox_first(const struct outbox *o)
{
    return STAILQ_FIRST(&o->items);
}

struct outbox_item *outbox_pop(struct outbox *o)
{
    struct outbox_item *item = STAILQ_FIRST(&o->items);

    if (item) {
        STAILQ_REMOVE_HEAD(&o->items, link);
        o->bytes -= item->payload->len;
    }
    return item;
}

void outbox_append(struct outbox *o, struct outbox *from)
{
    STAILQ_CONCAT(&o->items, &from->items);
    o->bytes += from->bytes;
    from->bytes = 0;
}

void outbox_item_destroy(struct outbox_item *i)
{
    if (!i) {
        return;
    }
    payload_unref(i->payload);
    free(i);
}
