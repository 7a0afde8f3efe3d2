/*
 * A way upstream that only notes what it was given; what becomes of it is the test's to say.
 * Implements what sessions call of wsnode/upstream.h.
 */
#ifndef TESTS_UNIT_FAKE_UPSTREAM_H
#define TESTS_UNIT_FAKE_UPSTREAM_H

#include "wsnode/upstream.h"

struct fake_upstream {
    int taken;
    enum err err; /* what the next ones are answered with */
    /* Of the last one. */
    char to[256];
    char ref[256];
    char text[1024];
    bool is_json;
};
extern struct fake_upstream fake_upstream; /* set it to {0} before each test */

#endif
