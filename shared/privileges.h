/*
 * As whom a program runs: found by name, and changed to once what needs root is done.
 */
#ifndef SHARED_PRIVILEGES_H
#define SHARED_PRIVILEGES_H

#include <sys/types.h>

#include "shared/err.h"

#define IDENTITY_NAME_BYTES 64

struct identity {
    char user[IDENTITY_NAME_BYTES];
    uid_t uid;
    gid_t gid;
};

/* text: "user" (with its own group) or "user:group", by name. ERR_BAD_VALUE, with p->field = option
 * and words that go behind its name: no such user, no such group. */
enum err identity_find(
    const char *text, const char *option, struct identity *out, struct problem *p) MUST_CHECK;

/*
 * Root becomes this user for ever, with its groups and no others; core dumps stay possible. Who is
 * not root stays what it is. With "" nothing is changed, but root is warned of. Before any thread
 * is started. As identity_find(), and ERR_INTERNAL.
 */
enum err privileges_drop(const char *text, const char *option, struct problem *p) MUST_CHECK;

/* No program that this one starts gets more rights than it has (prctl(2), PR_SET_NO_NEW_PRIVS). */
void privileges_forbid_new(void);

#endif
