/*
 * Events that are only counted. Implements what sessions call of wsnode/announce.h.
 */
#ifndef TESTS_UNIT_FAKE_ANNOUNCE_H
#define TESTS_UNIT_FAKE_ANNOUNCE_H

#include "wsnode/announce.h"

struct fake_announce {
    int opened;
    int again;
    int closed;
    bool is_behind;
    /* Of the last one closed. */
    enum events_end end;
    int code;
};
extern struct fake_announce fake_announce; /* set it to {0} before each test */

#endif
