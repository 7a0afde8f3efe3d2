/* Replies of Redis from the bytes of its protocol (RESP 2), so that a test can make any. */
#ifndef TESTS_UNIT_RESP_H
#define TESTS_UNIT_RESP_H

#include <hiredis/hiredis.h>

/* Bytes that are no whole reply fail the test. The caller's: freeReplyObject(). */
redisReply *reply_of(const char *bytes);

#endif
