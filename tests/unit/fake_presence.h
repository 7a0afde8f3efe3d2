/*
 * A registry that only notes what sessions want of it; the answers are the test's to give.
 * Implements what sessions call of wsnode/presence.h.
 */
#ifndef TESTS_UNIT_FAKE_PRESENCE_H
#define TESTS_UNIT_FAKE_PRESENCE_H

#include "wsnode/presence.h"

struct fake_presence {
    int opens;
    int refreshes;
    int fetches;
    int acks;
    int closes;
    int hints;
    int topics_changes;
    int topic_fetches;
    char fetched_topic[ADDRESS_PART_BYTES_MAX + 1]; /* the last one */
    uint32_t fetched_number;                        /* of its subscription */
    int membership_fetches;
    char last_id[MESSAGE_ID_BYTES];  /* of the last open */
    struct message_id fetched_after; /* of the last fetch */
    bool fetched_filtered;
    struct message_id acked; /* of the last ack */
    enum hint hint;          /* the last one */
    char hinted[SESSION_ID_BYTES];

    /* For models that answer by themselves, later; NULL: nobody. */
    void (*on_open)(struct session *s, const char *last_id);
    void (*on_fetch)(struct session *s);
    void (*on_ack)(struct session *s);
};
extern struct fake_presence fake_presence; /* set it to {0} before each test */

#endif
