/*
 * From outcomes to counters and to the pool's memory of which nodes fail.
 */
#include "fcgi-send/outcome.h"

#include "fcgi-send/stats.h"

enum delivery_status outcome_note(struct worker *w, const char *boot, enum forward_outcome outcome)
{
    struct node_pool *nodes = w->service->nodes;

    send_stat_add(forwards, 1);
    switch (outcome) {
    case FORWARD_ANSWERED:
        node_pool_forgive(nodes, boot);
        break;
    case FORWARD_REFUSED:
        send_stat_add(forwards_refused, 1);
        node_pool_avoid(nodes, boot);
        return DELIVERY_GONE;
    case FORWARD_WRONG_BOOT:
        send_stat_add(forwards_wrong_boot, 1);
        return DELIVERY_GONE;
    case FORWARD_BUSY:
        send_stat_add(forwards_busy, 1);
        node_pool_avoid(nodes, boot);
        break;
    case FORWARD_DECLINED:
        send_stat_add(forwards_declined, 1);
        node_pool_forgive(nodes, boot);
        break;
    case FORWARD_FAILED:
        send_stat_add(forwards_failed, 1);
        node_pool_avoid(nodes, boot);
        break;
    }
    return DELIVERY_UNREACHABLE;
}
